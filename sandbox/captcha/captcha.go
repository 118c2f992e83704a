// Package captcha is the corner of the sandbox that plays Cloudflare Turnstile
// and Google reCAPTCHA v3: the scripts that pages load, and siteverify, which
// servers ask. A token made here says in itself what it was made for, and is
// good once, for as long as the real ones are.
//
// The secret "score-0.3" (any number) lets reCAPTCHA's visitors look that human;
// every other secret that begins with "sandbox" is taken and gives 0.9.
package captcha

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed turnstile.js
var turnstile []byte

//go:embed recaptcha.js
var recaptcha []byte

// How long a token is good.
const (
	turnstileTTL = 300 * time.Second
	recaptchaTTL = 120 * time.Second
)

// maxUsed is how many used tokens are remembered.
const maxUsed = 100_000

// Token is what a page's script makes.
type Token struct {
	Kind   string `json:"kind"`
	Action string `json:"action"`
	Host   string `json:"host"`
	At     int64  `json:"at"` // Unix milliseconds
	Dice   string `json:"dice"`
}

// String returns the token as the script hands it on.
func (t Token) String() string {
	b, _ := json.Marshal(t) // strings and a number
	return base64.RawURLEncoding.EncodeToString(b)
}

// Service is both services at work. It is safe for several goroutines.
type Service struct {
	now func() time.Time

	mu   sync.Mutex
	used map[string]bool
}

// New returns a Service. now defaults to time.Now.
func New(now func() time.Time) *Service {
	if now == nil {
		now = time.Now
	}
	return &Service{now: now, used: map[string]bool{}}
}

// Handler serves the scripts and siteverify of both.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	script := func(text []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
			w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
			_, _ = w.Write(text)
		}
	}
	mux.HandleFunc("GET /turnstile/v0/api.js", script(turnstile))
	mux.HandleFunc("GET /recaptcha/api.js", script(recaptcha))
	mux.HandleFunc("POST /turnstile/v0/siteverify", func(w http.ResponseWriter, r *http.Request) { s.verify(w, r, "turnstile") })
	mux.HandleFunc("POST /recaptcha/api/siteverify", func(w http.ResponseWriter, r *http.Request) { s.verify(w, r, "recaptcha") })
	return mux
}

func (s *Service) verify(w http.ResponseWriter, r *http.Request, kind string) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	w.Header().Set("Content-Type", "application/json")
	answer := func(m map[string]any) { _ = json.NewEncoder(w).Encode(m) }
	refuse := func(code string) { answer(map[string]any{"success": false, "error-codes": []string{code}}) }
	if err := r.ParseForm(); err != nil {
		refuse("bad-request")
		return
	}
	secret, response := r.PostForm.Get("secret"), r.PostForm.Get("response")
	score, scored := score(secret)
	switch {
	case secret == "":
		refuse("missing-input-secret")
		return
	case !scored && !strings.HasPrefix(secret, "sandbox"):
		refuse("invalid-input-secret")
		return
	case response == "":
		refuse("missing-input-response")
		return
	}
	t, code := s.use(response, kind)
	if code != "" {
		refuse(code)
		return
	}
	m := map[string]any{
		"success": true, "hostname": t.Host, "action": t.Action, "error-codes": []string{},
		"challenge_ts": time.UnixMilli(t.At).UTC().Format(time.RFC3339),
	}
	if kind == "recaptcha" {
		m["score"] = score
	} else {
		m["cdata"] = ""
	}
	answer(m)
}

func score(secret string) (float64, bool) {
	text, ok := strings.CutPrefix(secret, "score-")
	n, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil {
		return 0.9, false
	}
	return n, true
}

// use reads a token and uses it up. code says why it isn't good.
func (s *Service) use(response, kind string) (t Token, code string) {
	b, err := base64.RawURLEncoding.DecodeString(response)
	if err != nil || json.Unmarshal(b, &t) != nil || t.Kind != kind {
		return t, "invalid-input-response"
	}
	ttl := turnstileTTL
	if kind == "recaptcha" {
		ttl = recaptchaTTL
	}
	age := s.now().Sub(time.UnixMilli(t.At))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used[response] || age > ttl || age < -time.Minute {
		return t, "timeout-or-duplicate"
	}
	if len(s.used) >= maxUsed {
		clear(s.used)
	}
	s.used[response] = true
	return t, ""
}

// Refuse answers with a status as the services do: without a body worth
// reading.
func Refuse(w http.ResponseWriter, status int) { http.Error(w, http.StatusText(status), status) }
