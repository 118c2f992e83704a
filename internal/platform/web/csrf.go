package web

import (
	"net/http"
	"net/url"
	"strings"

	"flint/internal/fault"
)

// sameOrigin refuses a request that changes something if a page of another
// origin made a browser send it. What counts is what browsers themselves say
// (Sec-Fetch-Site, else Origin) and no script can: no header that a caller may
// choose and no part of the address switches the check off. Who isn't a browser
// says neither and passes, since nobody lends them a person's cookies.
//
// The refusal names the header and the kind of its value, never the value.
func (s *Server) sameOrigin(r *http.Request) error {
	err := s.csrf.Check(r)
	if err == nil && !s.downgraded(r) {
		return nil
	}
	where, what := "header.Origin", "names another origin"
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	u, bad := url.Parse(origin)
	switch {
	case site == "cross-site":
		where, what = "header.Sec-Fetch-Site", "says that a page of another site sent this (cross-site)"
	case site == "same-site":
		where, what = "header.Sec-Fetch-Site", "says that a page of a neighbouring host sent this (same-site)"
	case site != "":
		where, what = "header.Sec-Fetch-Site", "has a value that no browser sends"
	case origin == "null":
		what = "is null, as a sandboxed frame, a file or a redirect sends it"
	case bad != nil || u.Host == "":
		what = "isn't an origin"
	case strings.EqualFold(u.Host, s.origin.Host):
		what = "is this host without https"
	}
	return fault.Because(fault.About(ErrCrossSite, where, what), err)
}

// downgraded reports whether a page that came without encryption sends r to us,
// who are reached with it: whoever sits between could have written that page.
// net/http compares hosts only. Browsers that say Sec-Fetch-Site know better.
func (s *Server) downgraded(r *http.Request) bool {
	if s.origin.Scheme != "https" || r.Header.Get("Sec-Fetch-Site") != "" || safe(r.Method) {
		return false
	}
	rest, plain := strings.CutPrefix(strings.ToLower(r.Header.Get("Origin")), "http://")
	return plain && rest == strings.ToLower(s.origin.Host)
}

// safe reports whether method changes nothing, by its definition.
func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
