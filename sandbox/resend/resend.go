// Package resend is the corner of the sandbox that plays Resend's HTTP API for
// sending mail (https://resend.com/docs/api-reference/emails/send-email): POST
// /emails checks the key, the Idempotency-Key and the message as Resend does,
// and delivers into the sandbox's inbox. Attachments, copies, templates, batches
// and later sending aren't played: a message that asks for them is refused.
package resend

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"strings"
	"sync"
	"time"
	"unicode"

	"flint/sandbox/inbox"
)

// Key is the API key that the sandbox takes.
const Key = "re_sandbox_key"

// Limits of the API.
const (
	maxBody   = 1 << 20 // bytes; Resend itself takes 40 MB
	maxTo     = 50
	maxKey    = 256 // characters of an Idempotency-Key
	keepKeys  = 24 * time.Hour
	mostKeys  = 10_000
	maxHeader = 998 // bytes of a line
)

// API takes messages. It is safe for several goroutines.
type API struct {
	inbox *inbox.Inbox
	now   func() time.Time

	mu   sync.Mutex
	sent map[string]delivery // by Idempotency-Key
}

// delivery is what was done for an Idempotency-Key.
type delivery struct {
	id   string
	body [sha256.Size]byte
	at   time.Time
}

// New returns an API that delivers into an inbox.
func New(to *inbox.Inbox, now func() time.Time) *API {
	return &API{inbox: to, now: now, sent: map[string]delivery{}}
}

// Handler serves the API.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /emails", a.send)
	mux.HandleFunc("/emails", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "Method is not allowed for the requested path.")
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "not_found", "The requested endpoint does not exist.")
	})
	return mux
}

func (a *API) send(w http.ResponseWriter, r *http.Request) {
	key, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !bearer || key == "":
		refuse(w, http.StatusUnauthorized, "missing_api_key", "Missing API key in the authorization header.")
		return
	case key != Key:
		refuse(w, http.StatusForbidden, "invalid_api_key", "API key is invalid.")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, http.StatusUnprocessableEntity, "validation_error", "The message can't be read, or is too large for the sandbox.")
		return
	}
	m, wrong := parse(body)
	if wrong != nil {
		refuse(w, wrong.status, wrong.name, wrong.message)
		return
	}
	once, given := r.Header["Idempotency-Key"]
	if given && (len(once) != 1 || once[0] == "" || len(once[0]) > maxKey) {
		refuse(w, http.StatusBadRequest, "invalid_idempotency_key", "The key must be between 1-256 chars.")
		return
	}
	a.mu.Lock() // while it delivers, too: who comes with the same key at once gets the same answer
	defer a.mu.Unlock()
	sum := sha256.Sum256(body)
	if given {
		if before, known := a.sent[once[0]]; known && a.now().Sub(before.at) < keepKeys {
			if before.body != sum {
				refuse(w, http.StatusConflict, "invalid_idempotent_request", "Same idempotency key used with a different request payload.")
				return
			}
			answer(w, http.StatusOK, map[string]string{"id": before.id})
			return
		}
	}
	if err := a.inbox.Deliver(m); err != nil {
		Refuse(w, http.StatusInternalServerError)
		return
	}
	id := newID()
	if given {
		a.remember(once[0], delivery{id, sum, a.now()})
	}
	answer(w, http.StatusOK, map[string]string{"id": id})
}

// remember keeps a delivery. When there are too many, old ones go.
func (a *API) remember(key string, d delivery) {
	if len(a.sent) >= mostKeys {
		for k, old := range a.sent {
			if d.at.Sub(old.at) >= keepKeys {
				delete(a.sent, k)
			}
		}
		if len(a.sent) >= mostKeys {
			clear(a.sent)
		}
	}
	a.sent[key] = d
}

// problem is why a message is refused.
type problem struct {
	status        int
	name, message string
}

// addresses is one address or several.
type addresses []string

// UnmarshalJSON takes both shapes.
func (a *addresses) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = addresses{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// parse reads a message as strictly as Resend does, and more strictly where it
// holds what the sandbox doesn't play.
func parse(body []byte) (inbox.Message, *problem) {
	var in struct {
		From    string            `json:"from"`
		To      addresses         `json:"to"`
		Subject string            `json:"subject"`
		HTML    string            `json:"html"`
		Text    string            `json:"text"`
		Headers map[string]string `json:"headers"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || d.More() {
		return inbox.Message{}, &problem{http.StatusBadRequest, "validation_error", "We found an error with one or more fields in the request."}
	}
	for _, f := range []struct {
		name    string
		missing bool
	}{{"from", in.From == ""}, {"to", len(in.To) == 0}, {"subject", in.Subject == ""}, {"html or text", in.HTML == "" && in.Text == ""}} {
		if f.missing {
			return inbox.Message{}, &problem{http.StatusUnprocessableEntity, "missing_required_field", "Missing `" + f.name + "` field."}
		}
	}
	from, ok := address(in.From)
	if !ok {
		return inbox.Message{}, &problem{http.StatusUnprocessableEntity, "invalid_from_address", "Invalid `from` field."}
	}
	out := inbox.Message{From: from, Subject: in.Subject, HTML: in.HTML, Text: in.Text}
	for _, to := range in.To {
		bare, ok := address(to)
		if !ok || len(in.To) > maxTo {
			return inbox.Message{}, &problem{http.StatusUnprocessableEntity, "validation_error", "Invalid `to` field."}
		}
		out.To = append(out.To, bare)
	}
	if !line(in.Subject) {
		return inbox.Message{}, &problem{http.StatusUnprocessableEntity, "validation_error", "Invalid `subject` field."}
	}
	for name, value := range in.Headers {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }) || !line(value) {
			return inbox.Message{}, &problem{http.StatusUnprocessableEntity, "validation_error", "Invalid `headers` field."}
		}
	}
	return out, nil
}

// address returns the bare address in "Name <address>".
func address(s string) (string, bool) {
	a, err := mail.ParseAddress(s)
	if err != nil || !line(s) {
		return "", false
	}
	return a.Address, true
}

func line(s string) bool { return len(s) <= maxHeader && !strings.ContainsFunc(s, unicode.IsControl) }

// Refuse answers with a status in Resend's shape.
func Refuse(w http.ResponseWriter, status int) {
	if status == http.StatusTooManyRequests {
		refuse(w, status, "rate_limit_exceeded", "Too many requests. Please limit the number of requests per second.")
		return
	}
	refuse(w, status, "internal_server_error", "An unexpected error occurred.")
}

func refuse(w http.ResponseWriter, status int, name, message string) {
	answer(w, status, map[string]any{"statusCode": status, "name": name, "message": message})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who hangs up first doesn't matter here
}

// newID returns a random UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
