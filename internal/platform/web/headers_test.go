package web_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flint/internal/access"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
)

// TestHeadersByKindOfAnswer writes what each kind of answer carries and compares
// it with one golden file, in which a reviewer sees every change.
func TestHeadersByKindOfAnswer(t *testing.T) {
	t.Parallel()
	h := build(t, func(c *web.Config) {
		c.Origin, c.Site = "https://flint.example", built()
		c.ConnectScripts, c.ConnectFrames = []string{"https://cdn.teller.io"}, []string{"https://teller.io"}
		c.CORSOrigins = []string{"https://app.example"}
	})
	web.Raw(h.Server, web.Op{Method: "GET", Path: "/api/stream", Summary: "Stream", Tag: "test", Needs: access.Public, Limit: "none"},
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			events := make(chan web.Event, 1)
			events <- web.Event{Name: "hello", Data: json.RawMessage("{}")}
			close(events)
			_ = h.Stream(w, r, events)
		}))
	web.Raw(h.Server, web.Op{Method: "GET", Path: "/api/elsewhere", Summary: "Redirect", Tag: "test", Needs: access.Public, Limit: "none"},
		http.RedirectHandler("/api/address", http.StatusFound))
	navigate := map[string]string{"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
	with := func(more ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	var golden strings.Builder
	for _, s := range []webtest.Scenario{
		{Name: "an answer of the API", Method: "POST", Path: "/api/greet", Body: `{"email":"a@b.example","password":"hunter2hunter2"}`},
		{Name: "nothing to say", Method: "POST", Path: "/api/own", Bearer: "alice"},
		{Name: "a redirect", Path: "/api/elsewhere"},
		{Name: "a stream", Path: "/api/stream"},
		{Name: "nobody is signed in", Path: "/api/things/018f"},
		{Name: "too often", Path: "/api/scarce"},
		{Name: "another site's page", Method: "POST", Path: "/api/own", Header: with("Sec-Fetch-Site", "cross-site")},
		{Name: "a failure", Path: "/api/fail/leak"},
		{Name: "a panic", Path: "/api/fail/panic"},
		{Name: "no such operation", Path: "/api/nothing"},
		{Name: "another method", Method: "DELETE", Path: "/api/greet"},
		{Name: "a question", Method: "OPTIONS", Path: "/api/greet"},
		{Name: "a friend's preflight", Method: "OPTIONS", Path: "/api/greet", Header: with("Origin", "https://app.example", "Access-Control-Request-Method", "POST")},
		{Name: "another host", Path: "/api/address", Header: with("Host", "evil.example")},
		{Name: "an address with tricks", Path: "/api//address"},
		{Name: "the description for people", Path: "/api/docs", Header: navigate},
		{Name: "a page", Path: "/", Header: navigate},
		{Name: "signing in", Path: "/signin", Header: navigate},
		{Name: "the page that opens a provider's widget", Path: "/connect", Header: navigate},
		{Name: "an asset with a hash in its name", Path: "/assets/app-1a2b.js"},
		{Name: "a plain file", Path: "/favicon.svg"},
		{Name: "no such file", Path: "/assets/none.js"},
	} {
		if s.Header == nil {
			s.Header = map[string]string{}
		}
		if s.Header["Host"] == "" {
			s.Header["Host"] = "flint.example"
		}
		a := h.web.Do(t, s)
		fmt.Fprintf(&golden, "== %s: %d\n", s.Name, a.Status)
		for _, name := range slices.Sorted(maps.Keys(a.Header)) {
			fmt.Fprintf(&golden, "%s: %s\n", name, steady(name, strings.Join(a.Header[name], " | ")))
		}
		golden.WriteString("\n")
		for _, f := range []string{"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Permissions-Policy",
			"Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Strict-Transport-Security"} {
			if len(a.Header.Values(f)) != 1 {
				t.Errorf("%s: %s is there %d times", s.Name, f, len(a.Header.Values(f)))
			}
		}
		if p := a.Header.Get("Content-Security-Policy"); strings.Contains(p, "unsafe") || strings.Contains(p, "*") || !strings.Contains(p, "frame-ancestors 'none'") {
			t.Errorf("%s: %s", s.Name, p)
		}
	}
	file := filepath.Join("testdata", "headers.golden")
	if *update {
		if err := os.WriteFile(file, []byte(golden.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != golden.String() {
		t.Errorf("%s differs (%v): look at what changed, then go test ./internal/platform/web -run TestHeadersByKind -update\n%s", file, err, golden.String())
	}
}

var nonce = regexp.MustCompile(`nonce-[A-Z0-9]+`)

// steady returns value without what differs from one answer to the next.
func steady(name, value string) string {
	switch name {
	case "Date", "X-Request-Id", "Etag", "Content-Length":
		return "…"
	}
	return nonce.ReplaceAllString(value, "nonce-…")
}
