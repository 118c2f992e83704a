package snaptrade

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// skew is how far a request's timestamp may be from the clock. SnapTrade
// doesn't say; five minutes is what its webhook sample uses.
const skew = 300 * time.Second

// maxBody bounds what is read of a request.
const maxBody = 1 << 20

// legacy is the old prefix of every path, and when it was deprecated.
const (
	legacy     = "/api/v1"
	deprecated = "@1781222400"
)

// gate is what every request to the API passes: it gets an id, is counted, and
// is refused unless it is signed. Two listings need no signature.
func (s *API) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-ID", s.fresh("request"))
		path, _, _ := strings.Cut(r.RequestURI, "?")
		if path == "" {
			path = r.URL.EscapedPath() // built by a test, not received
		}
		if rest, ok := strings.CutPrefix(r.URL.Path, legacy); ok && (rest == "" || rest[0] == '/') {
			w.Header().Set("Deprecation", deprecated)
			r.URL.Path, r.URL.RawPath = "/"+strings.TrimPrefix(rest, "/"), ""
		}
		if err := s.meter.count(w.Header(), r.URL.Query().Get("clientId")); err != nil {
			refuse(w, err)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			refuse(w, errData)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if !open(r) {
			if err := s.verify(r, path, body); err != nil {
				refuse(w, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// open lists what answers without a signature.
func open(r *http.Request) bool {
	return r.Method == http.MethodGet && (r.URL.Path == "/" || r.URL.Path == "/brokerages")
}

// verify checks client id, timestamp and signature of a request.
func (s *API) verify(r *http.Request, path string, body []byte) error {
	q := r.URL.Query()
	if q.Get("clientId") != s.cfg.ClientID {
		return errClient
	}
	stamp, err := strconv.ParseInt(q.Get("timestamp"), 10, 64)
	if err != nil {
		return errSignature
	}
	if off := s.now().Sub(time.Unix(stamp, 0)); off > skew || off < -skew {
		return errSignature
	}
	got := r.Header.Get("Signature")
	for _, ascii := range []bool{false, true} {
		canonical, err := CanonicalRequest(body, path, r.URL.RawQuery, ascii)
		if err != nil {
			return errData
		}
		if hmac.Equal([]byte(got), []byte(Signature(s.cfg.ConsumerKey, canonical))) {
			return nil
		}
	}
	return errSignature
}

// fresh makes an id that nobody saw before, not even before a restart.
func (s *API) fresh(kind string) string { return s.uid(kind, rand.Text()) }

// meter is the rate limit: so many requests in any 60 seconds for a client id.
type meter struct {
	limit int
	now   func() time.Time

	mu   sync.Mutex
	hits map[string][]time.Time
}

// count takes a place for a request and writes the headers that every answer
// carries. It fails when there is none left.
func (m *meter) count(h http.Header, client string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	recent := m.hits[client]
	for len(recent) > 0 && now.Sub(recent[0]) >= time.Minute {
		recent = recent[1:]
	}
	full := len(recent) >= m.limit
	if !full {
		recent = append(recent, now)
	}
	if len(m.hits) > 1000 { // only wrong client ids get it there
		clear(m.hits)
	}
	m.hits[client] = recent

	reset := 60
	if len(recent) > 0 {
		reset = max(1, int((time.Minute-now.Sub(recent[0])).Seconds()+0.999))
	}
	h.Set("X-RateLimit-Limit", strconv.Itoa(m.limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(m.limit-len(recent)))
	h.Set("X-RateLimit-Reset", strconv.Itoa(reset))
	if !full {
		return nil
	}
	return &failure{
		Detail: fmt.Sprintf("Request was throttled. Expected available in %d seconds.", reset),
		Status: http.StatusTooManyRequests, Code: "0000", retry: reset,
	}
}

// show writes the limit's headers.
func (m *meter) show(h http.Header, remaining, reset int) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(m.limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(remaining))
	h.Set("X-RateLimit-Reset", strconv.Itoa(reset))
}
