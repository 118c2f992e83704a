package app_test

import (
	"net/http"
	"strings"
	"testing"

	"flint/internal/access"
)

func TestReadingIsGuardedAndCallsNoProvider(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := furnish(h.resident("Ann"), "chase", "SCHWAB", "brokerage")
	t.Run("every answer is guarded", func(t *testing.T) { answersAreGuarded(t, h, ann) })
	t.Run("reading calls no provider", func(t *testing.T) { readingCallsNobody(t, h, ann) })
}

// answersAreGuarded calls every operation in four ways, and pages, and looks at
// the headers.
func answersAreGuarded(t *testing.T, h *house, ann household) {
	stranger := &person{house: h, address: "198.51.100.1"}
	for _, route := range h.app.Web.Routes() {
		if route.Path == "/api/events" {
			continue // it goes on for ever; below
		}
		path := strings.Replace(route.Path, "{id}", "01a208de-250b-74b4-a3f8-9a8e2018441e", 1)
		guarded(t, route.Needs != access.Public, stranger.call(route.Method, path, nil))
		if route.Method != http.MethodGet && route.Needs == access.Public {
			guarded(t, false, stranger.call(route.Method, path, []byte(`{`)))
			continue
		}
		guarded(t, true, stranger.call("OPTIONS", path, nil))
		if route.Method == http.MethodGet {
			guarded(t, route.Needs != access.Public, ann.call("GET", ann.real(route.Path), nil))
		}
	}
	for _, path := range []string{"/api", "/api/nothing", "/api/%00", "/", "/signin", "/assets/nothing.js", "/..%2f"} {
		guarded(t, false, stranger.call("GET", path, nil))
	}
	r, err := ann.request("GET", "/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Body.Close()
	guarded(t, true, answer{"GET", "/api/events", w.StatusCode, w.Header, ""})
}

// guarded looks at the headers of one answer.
func guarded(t *testing.T, private bool, a answer) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": "frame-ancestors 'none'", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		"Referrer-Policy": "same-origin", "Permissions-Policy": "camera=()", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "Server": "", "X-Powered-By": "", "Access-Control-Allow-Origin": "",
	} {
		if got := a.header.Get(name); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s %s (%d) has %s: %q", a.method, a.path, a.status, name, got)
		}
	}
	if got := a.header.Get("Cache-Control"); private && got != "no-store" {
		t.Errorf("%s %s (%d) may be stored: %q", a.method, a.path, a.status, got)
	}
	if strings.HasPrefix(a.path, "/api") && a.status >= 400 && a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s %s (%d) is no problem but %s", a.method, a.path, a.status, a.header.Get("Content-Type"))
	}
}

// real puts one of m's ids into path.
func (m household) real(path string) string {
	for _, d := range m.doors() {
		if d.path == path {
			return d.at(d.id)
		}
	}
	if path == "/api/audit/consistency" {
		size := m.rows(`select max(size)::text from audit_checkpoints`)[0]
		return path + "?from=" + size + "&to=" + size
	}
	return strings.Replace(path, "{document}", "terms", 1)
}

// readingCallsNobody reads all that can be read, and counts what arrives at the
// far ends.
func readingCallsNobody(t *testing.T, h *house, ann household) {
	calls := func() (n int) {
		t.Helper()
		var read struct{ Total int }
		h.order("GET", "/control/requests", nil, &read)
		return read.Total
	}
	if calls() == 0 {
		t.Fatal("nothing was ever called: the count can't be right")
	}
	for round := 1; ; round++ {
		h.settled()
		before := calls()
		for _, route := range h.app.Web.Routes() {
			if route.Method == "GET" && route.Path != "/api/events" && !route.Needs.Staff() {
				ann.must("GET", ann.real(route.Path), nil)
			}
		}
		ann.must("GET", "/api/portfolio/history?period=ALL", nil)
		ann.listen()
		switch after := calls(); {
		case after == before:
			return
		case round == 3: // a sync of its own accord may come between once
			t.Fatalf("%d calls to providers, in the third round too", after-before)
		}
	}
}
