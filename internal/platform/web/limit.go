package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"flint/internal/access"
	"flint/internal/fault"
)

// Decision is what the rate limiter says about one call.
type Decision struct {
	Allowed  bool
	Retry    time.Duration // if not allowed: exactly this long until it would be
	Quotas   []Quota       // every limit that was looked at, all at one instant
	Violated []string      // if not allowed: the names of the quotas that refuse
	Undo     func()        // takes the call back; if set, it's called when the answer isn't an error
}

// Quota is the state of one limit.
type Quota struct {
	Name      string        // "login-minute"
	Limit     int           // calls per window
	Window    time.Duration // 0 if there is no quota to show
	Remaining int           // calls left now
	Reset     time.Duration // until all of Limit is available again
	Policy    string        // its item of RateLimit-Policy; see Prepared
}

// Prepared is q with what is said of it in every answer written once.
func (q Quota) Prepared() Quota {
	q.Policy = string(q.appendPolicy(nil))
	return q
}

func (q *Quota) appendPolicy(b []byte) []byte {
	if q.Policy != "" {
		return append(b, q.Policy...)
	}
	return appendQuota(b, q.Name, ";q=", q.Limit, ";w=", seconds(q.Window))
}

// Refuse returns the fault for a call that d doesn't allow. The problem says
// when to come back and names the quotas.
func Refuse(d Decision) error {
	return fault.Exceeding(fault.After(ErrTooMany, max(d.Retry, time.Second)), d.Violated...)
}

// shielded lets nothing of the API be looked at, not even who is calling, for an
// address that calls far too often. Probes of a load balancer aren't counted.
func (s *Server) shielded(next http.Handler) http.Handler {
	if s.cfg.Shield == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/api/health/") {
			next.ServeHTTP(w, r)
			return
		}
		ev := eventOf(r.Context())
		d, err := s.cfg.Shield(r.Context(), ev.addr)
		if err == nil && !d.Allowed {
			err = Refuse(d)
		}
		ev.quotas, ev.unshield = d.Quotas, d.Undo
		if err != nil {
			Problem(w, r, fmt.Errorf("count against the shield: %w", err))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// limit counts the call; the answer will say how much is left, allowed or not.
// It returns what to do when the call has turned out well, nil for nothing. What
// is refused isn't counted anywhere: the shield gets its call back.
func (s *Server) limit(r *http.Request, op Op, actor access.Actor) (well func(), err error) {
	if op.Limit == "none" {
		return nil, nil
	}
	ev := eventOf(r.Context())
	d, err := s.cfg.Limit(r.Context(), op.Limit, actor, ev.addr)
	if (err != nil || !d.Allowed) && ev.unshield != nil {
		ev.unshield()
	}
	if err != nil {
		return nil, fmt.Errorf("count against limit %s: %w", op.Limit, err)
	}
	ev.quotas = append(d.Quotas, ev.quotas...)
	if d.Allowed {
		return d.Undo, nil
	}
	return nil, Refuse(d)
}

// sayQuotas writes X-RateLimit-* for the tightest quota (Reset in seconds from
// now) and RateLimit, RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers)
// for all of them.
func sayQuotas(h http.Header, quotas []Quota) {
	if len(quotas) == 0 {
		return
	}
	tight := &quotas[0]
	// Every answer passes here, so it is written by hand, into one text.
	var room [512]byte
	b := room[:0]
	for i := range quotas {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = quotas[i].appendPolicy(b)
	}
	policy := len(b)
	for i := range quotas {
		q := &quotas[i]
		if q.Remaining < tight.Remaining || (q.Remaining == tight.Remaining && q.Reset > tight.Reset) {
			tight = q
		}
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendQuota(b, q.Name, ";r=", max(q.Remaining, 0), ";t=", seconds(q.Reset))
	}
	state := len(b)
	b = strconv.AppendInt(b, int64(tight.Limit), 10)
	limit := len(b)
	b = strconv.AppendInt(b, int64(max(tight.Remaining, 0)), 10)
	remaining := len(b)
	b = strconv.AppendInt(b, int64(seconds(tight.Reset)), 10)
	text := string(b)
	v := &[...]string{text[state:limit], text[limit:remaining], text[remaining:], text[:policy], text[policy:state]}
	// In the spelling that net/http gives to X-RateLimit-Limit and so on.
	h["X-Ratelimit-Limit"] = v[0:1:1]
	h["X-Ratelimit-Remaining"] = v[1:2:2]
	h["X-Ratelimit-Reset"] = v[2:3:3]
	h["Ratelimit-Policy"] = v[3:4:4]
	h["Ratelimit"] = v[4:5:5]
}

// appendQuota writes one item of a list of structured fields (RFC 9651).
func appendQuota(b []byte, name, k1 string, v1 int, k2 string, v2 int) []byte {
	b = strconv.AppendQuote(b, name)
	b = strconv.AppendInt(append(b, k1...), int64(v1), 10)
	return strconv.AppendInt(append(b, k2...), int64(v2), 10)
}
