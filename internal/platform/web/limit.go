package web

import (
	"context"
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
}

// Refuse returns the fault for a call that d doesn't allow. The problem says
// when to come back and names the quotas.
func Refuse(d Decision) error {
	return fault.Exceeding(fault.After(ErrTooMany, max(d.Retry, time.Second)), d.Violated...)
}

type shieldKey struct{}

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
		d, err := s.cfg.Shield(r.Context(), eventOf(r.Context()).addr)
		if err == nil && !d.Allowed {
			err = Refuse(d)
		}
		d.headers(w.Header())
		if err != nil {
			Problem(w, r, fmt.Errorf("count against the shield: %w", err))
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), shieldKey{}, d)))
	})
}

// limit counts the call and tells the caller how much is left, allowed or not.
// It returns what to do when the call has turned out well. What is refused
// isn't counted anywhere: the shield gets its call back.
func (s *Server) limit(w http.ResponseWriter, r *http.Request, op Op, actor access.Actor) (well func(), err error) {
	well = func() {}
	if op.Limit == "none" {
		return well, nil
	}
	d, err := s.cfg.Limit(r.Context(), op.Limit, actor, eventOf(r.Context()).addr)
	if shield, ok := r.Context().Value(shieldKey{}).(Decision); ok {
		if (err != nil || !d.Allowed) && shield.Undo != nil {
			shield.Undo()
		}
		d.Quotas = append(d.Quotas, shield.Quotas...)
	}
	if err != nil {
		return well, fmt.Errorf("count against limit %s: %w", op.Limit, err)
	}
	d.headers(w.Header())
	if d.Allowed {
		if d.Undo != nil {
			well = d.Undo
		}
		return well, nil
	}
	return well, Refuse(d)
}

// headers writes X-RateLimit-* for the tightest quota (Reset in seconds from
// now) and RateLimit, RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers)
// for all of them.
func (d Decision) headers(h http.Header) {
	if len(d.Quotas) == 0 {
		return
	}
	tight := d.Quotas[0]
	// Every answer passes here, so it is written by hand: Sprintf was the dearest
	// part of the whole door.
	policy, state := make([]byte, 0, 96), make([]byte, 0, 96)
	for i, q := range d.Quotas {
		if q.Remaining < tight.Remaining || (q.Remaining == tight.Remaining && q.Reset > tight.Reset) {
			tight = q
		}
		if i > 0 {
			policy, state = append(policy, ", "...), append(state, ", "...)
		}
		policy = appendQuota(policy, q.Name, ";q=", q.Limit, ";w=", seconds(q.Window))
		state = appendQuota(state, q.Name, ";r=", max(q.Remaining, 0), ";t=", seconds(q.Reset))
	}
	// In the spelling that net/http gives to X-RateLimit-Limit and so on.
	h["X-Ratelimit-Limit"] = []string{strconv.Itoa(tight.Limit)}
	h["X-Ratelimit-Remaining"] = []string{strconv.Itoa(max(tight.Remaining, 0))}
	h["X-Ratelimit-Reset"] = []string{strconv.Itoa(seconds(tight.Reset))}
	h["Ratelimit-Policy"] = []string{string(policy)}
	h["Ratelimit"] = []string{string(state)}
}

// appendQuota writes one item of a list of structured fields (RFC 9651).
func appendQuota(b []byte, name, k1 string, v1 int, k2 string, v2 int) []byte {
	b = strconv.AppendQuote(b, name)
	b = strconv.AppendInt(append(b, k1...), int64(v1), 10)
	return strconv.AppendInt(append(b, k2...), int64(v2), 10)
}
