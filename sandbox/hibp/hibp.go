// Package hibp is the corner of the sandbox that plays Have I Been Pwned's
// range service (https://haveibeenpwned.com/API/v3#PwnedPasswords): GET
// /range/{five hexadecimal digits} lists the endings of the SHA-1 hashes of
// breached passwords. All but a few are made up; those few, and what is leaked
// by order, can be tried out.
package hibp

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"

	"flint/sandbox/world"
)

// known are passwords that were lost long ago.
func known() map[string]int {
	return map[string]int{
		"password": 52_372_426, "correct horse battery staple": 384, "breached by the sandbox": 1_984, "Summer-2024-Holiday": 17,
	}
}

// Breaches are the breached passwords of a seed. They are safe for several
// goroutines.
type Breaches struct {
	seed uint64

	mu   sync.Mutex
	seen map[string]int // SHA-1 in capital digits: how often
}

// New returns the breaches of a seed.
func New(seed uint64) *Breaches {
	b := &Breaches{seed: seed, seen: map[string]int{}}
	for password, n := range known() {
		b.Leak(password, n)
	}
	return b
}

// Leak lets a password be known from n breaches; 0 takes it back.
func (b *Breaches) Leak(password string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[digits([]byte(password))] = n
}

func digits(b []byte) string { return fmt.Sprintf("%X", sha1.Sum(b)) }

// Handler serves the ranges.
func (b *Breaches) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /range/{prefix}", func(w http.ResponseWriter, r *http.Request) {
		prefix := strings.ToUpper(r.PathValue("prefix"))
		if len(prefix) != 5 || strings.Trim(prefix, "0123456789ABCDEF") != "" {
			http.Error(w, "The hash prefix was not in a valid format", http.StatusBadRequest)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/plain")
		h.Set("Cache-Control", "public, max-age=2678400")
		_, _ = w.Write([]byte(b.lines(prefix, strings.EqualFold(r.Header.Get("Add-Padding"), "true"))))
	})
	return mux
}

// lines are those of a range, sorted, without a line break at the end, as the
// real ones are. Padding fills them up with endings that were seen 0 times.
func (b *Breaches) lines(prefix string, pad bool) string {
	dice := world.Rand(b.seed, "hibp", prefix)
	var lines []string
	for range 400 + dice.IntN(300) {
		lines = append(lines, fmt.Sprintf("%s:%d", ending(dice), 1+dice.IntN(40)))
	}
	b.mu.Lock()
	for hash, n := range b.seen {
		if n > 0 && hash[:5] == prefix {
			lines = append(lines, fmt.Sprintf("%s:%d", hash[5:], n))
		}
	}
	b.mu.Unlock()
	if pad { // by chance, not by the seed: it must differ from time to time
		for want := 800 + rand.IntN(200); len(lines) < want; {
			lines = append(lines, ending(rand.New(rand.NewPCG(rand.Uint64(), 0)))+":0")
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\r\n")
}

func ending(dice *rand.Rand) string {
	return digits(fmt.Appendf(nil, "%d", dice.Uint64()))[5:]
}

// Control takes orders: POST /control/hibp/leak {password, count}.
func (b *Breaches) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /control/hibp/leak", func(w http.ResponseWriter, r *http.Request) {
		var order struct {
			Password string `json:"password"`
			Count    *int   `json:"count"`
		}
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10))
		d.DisallowUnknownFields()
		if err := d.Decode(&order); err != nil || order.Password == "" || (order.Count != nil && *order.Count < 0) {
			http.Error(w, "expected {password, count}", http.StatusBadRequest)
			return
		}
		n := 1
		if order.Count != nil {
			n = *order.Count
		}
		b.Leak(order.Password, n)
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// Refuse answers with a status as the service does: without a body worth
// reading.
func Refuse(w http.ResponseWriter, status int) { http.Error(w, http.StatusText(status), status) }
