package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// What pages of a configured origin may send and read, beside what any page may.
const (
	corsHeaders = "Authorization, Content-Type, Idempotency-Key, X-CSRF-Token, X-Mobile-App"
	corsExposes = "Retry-After, X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, RateLimit, RateLimit-Policy"
	corsMaxAge  = "600" // seconds; what was closed stays open in browsers for that long
)

// parseCORS reads the origins whose pages may call the API. An entry is compared
// as a whole, byte by byte with what the browser says: nothing is matched by its
// end, and there is no star.
func parseCORS(origins []string) (map[string]bool, error) {
	known := map[string]bool{}
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" ||
			strings.ContainsAny(o, "*, \t\r\n?#") || o != strings.ToLower(o) {
			return nil, fmt.Errorf("FLINT_CORS_ORIGINS: each must be a whole origin in small letters, such as https://app.example")
		}
		known[o] = true
	}
	return known, nil
}

// befriended reports whether a page of a configured origin sends r. Another
// origin than ours never brings cookies in: they are taken off here, so such a
// page acts with the bearer token that it holds and with nothing else, whatever
// its browser would have added.
func (s *Server) befriended(r *http.Request) bool {
	if len(s.friends) == 0 {
		return false
	}
	from := r.Header["Origin"]
	if len(from) != 1 || !s.friends[from[0]] {
		return false
	}
	r.Header.Del("Cookie")
	return true
}

// cors answers for configured origins as browsers want it and reports whether r
// was only their question whether they may (a preflight), which is answered then.
func (s *Server) cors(w http.ResponseWriter, r *http.Request) (done bool) {
	if len(s.friends) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	if !s.befriended(r) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	h.Set("Access-Control-Expose-Headers", corsExposes)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	allowed := s.methods(r)
	if len(allowed) == 0 {
		return false // no such address, as everybody is told
	}
	eventOf(r.Context()).route = "preflight"
	h.Set("Access-Control-Allow-Methods", strings.Join(allowed, ", "))
	h.Set("Access-Control-Allow-Headers", corsHeaders)
	h.Set("Access-Control-Max-Age", corsMaxAge)
	w.WriteHeader(http.StatusNoContent)
	return true
}
