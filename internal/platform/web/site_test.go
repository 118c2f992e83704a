package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
)

func built() fs.FS {
	js := "console.log(1);" + strings.Repeat("x=1;", 1000)
	return fstest.MapFS{
		"index.html":            {Data: []byte(`<meta name="csp-nonce" nonce="__CSP_NONCE__"><p>app</p>`)},
		"auth.html":             {Data: []byte(`<meta name="csp-nonce" nonce="__CSP_NONCE__"><p>auth</p>`)},
		"favicon.svg":           {Data: []byte("<svg/>")},
		"assets/app-1a2b.js":    {Data: []byte(js)},
		"assets/app-1a2b.js.br": {Data: []byte("brotli")},
		"assets/b-1a2b.css":     {Data: []byte(strings.Repeat("a{b:c}", 1000))},
		".gitkeep":              {Data: nil},
	}
}

func TestTheAppIsServed(t *testing.T) {
	t.Parallel()
	h := build(t, func(c *web.Config) {
		c.Site = built()
		c.ConnectScripts, c.ConnectFrames = []string{"https://cdn.teller.io"}, []string{"https://teller.io", "https://*.teller.io"}
	})
	navigate := map[string]string{"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
	script := map[string]string{"Sec-Fetch-Mode": "no-cors", "Accept": "*/*"}
	h.web.Run(t,
		webtest.Scenario{Name: "the front page", Path: "/", Header: navigate, Status: 200, Contains: []string{"<p>app</p>"}, NeverContains: []string{"__CSP_NONCE__"},
			Headers: map[string]string{"Cache-Control": "no-store", "Content-Type": "text/html", "Content-Security-Policy": "require-trusted-types-for 'script'"}},
		webtest.Scenario{Name: "a page of the app", Path: "/accounts/018f", Header: navigate, Status: 200, Contains: []string{"<p>app</p>"}},
		webtest.Scenario{Name: "by an old browser", Path: "/accounts", Header: map[string]string{"Accept": "text/html,*/*"}, Status: 200, Contains: []string{"<p>app</p>"}},
		webtest.Scenario{Name: "not for a script", Path: "/accounts", Header: script, Status: 404, NeverContains: []string{"<p>"}},
		webtest.Scenario{Name: "signing in", Path: "/signin", Header: navigate, Status: 200, Contains: []string{"<p>auth</p>"}},
		webtest.Scenario{Name: "signing in by link", Path: "/signin/link", Header: navigate, Status: 200, Contains: []string{"<p>auth</p>"}},
		webtest.Scenario{Name: "undoing a change of address", Path: "/undo-email-change", Header: navigate, Status: 200, Contains: []string{"<p>auth</p>"}},
		webtest.Scenario{Name: "not everything that begins like it", Path: "/signinx", Header: navigate, Status: 200, Contains: []string{"<p>app</p>"}},
		webtest.Scenario{Name: "connecting widens the policy", Path: "/connect", Header: navigate, Status: 200,
			Headers: map[string]string{"Content-Security-Policy": "script-src 'self' https://cdn.teller.io;", "Cross-Origin-Opener-Policy": "same-origin-allow-popups"},
			After: func(t *testing.T, a webtest.Answer) {
				p := a.Header.Get("Content-Security-Policy")
				if !strings.Contains(p, "frame-src https://teller.io https://*.teller.io;") || strings.Contains(p, "trusted-types") || strings.Contains(p, "unsafe") {
					t.Error(p)
				}
			}},
		webtest.Scenario{Name: "the page to come back to is strict", Path: "/connect/return/1", Header: navigate, Status: 200, Headers: map[string]string{"Content-Security-Policy": "script-src 'self';"}, NeverContains: []string{"teller"}},
		webtest.Scenario{Name: "nothing else does", Path: "/connected", Header: navigate, Status: 200, Headers: map[string]string{"Content-Security-Policy": "script-src 'self';"}, NeverContains: []string{"teller"}},
		webtest.Scenario{Name: "an asset, for good", Path: "/assets/app-1a2b.js", Header: script, Status: 200, Contains: []string{"console.log"},
			Headers: map[string]string{"Cache-Control": "immutable", "Content-Type": "text/javascript"}},
		webtest.Scenario{Name: "in brotli", Path: "/assets/app-1a2b.js", Header: map[string]string{"Accept-Encoding": "gzip, br"}, Status: 200, Contains: []string{"brotli"},
			Headers: map[string]string{"Content-Encoding": "br", "Vary": "Accept-Encoding", "Content-Type": "text/javascript"}},
		webtest.Scenario{Name: "unless it's refused", Path: "/assets/app-1a2b.js", Header: map[string]string{"Accept-Encoding": "br;q=0, identity"}, Status: 200, Headers: map[string]string{"Content-Encoding": ""}},
		webtest.Scenario{Name: "in gzip, made here", Path: "/assets/b-1a2b.css", Header: map[string]string{"Accept-Encoding": "gzip"}, Status: 200, Headers: map[string]string{"Content-Encoding": "gzip"},
			After: func(t *testing.T, a webtest.Answer) {
				z, err := gzip.NewReader(bytes.NewReader([]byte(a.Body)))
				if err != nil {
					t.Fatal(err)
				}
				if plain, err := io.ReadAll(z); err != nil || len(plain) != 6000 {
					t.Errorf("%d bytes, %v", len(plain), err)
				}
			}},
		webtest.Scenario{Name: "a file that isn't hashed", Path: "/favicon.svg", Status: 200, Headers: map[string]string{"Cache-Control": "max-age=3600", "Content-Type": "image/svg+xml"}},
		webtest.Scenario{Name: "a missing asset", Path: "/assets/gone-99.js", Header: navigate, Status: 404, Contains: []string{`"code":"no_such_page"`}},
		webtest.Scenario{Name: "a missing file", Path: "/robots.txt", Header: navigate, Status: 404},
		webtest.Scenario{Name: "pages aren't files", Path: "/index.html", Header: navigate, Status: 404, NeverContains: []string{"__CSP_NONCE__"}},
		webtest.Scenario{Name: "nor are hidden ones", Path: "/.gitkeep", Header: navigate, Status: 404},
		webtest.Scenario{Name: "nothing above", Path: "/assets/..%2f..%2fetc/passwd", Header: navigate, Status: 400},
		webtest.Scenario{Name: "no writing", Method: "POST", Path: "/accounts", Body: "{}", Status: 405, Headers: map[string]string{"Allow": "GET, HEAD"}},
		webtest.Scenario{Name: "not found in the API stays the API's", Path: "/api/accounts", Header: navigate, Status: 404, Contains: []string{"no_such_operation"}},
	)
	etag := h.web.Do(t, webtest.Scenario{Path: "/favicon.svg"}).Header.Get("Etag")
	h.web.Run(t, webtest.Scenario{Name: "unchanged", Path: "/favicon.svg", Header: map[string]string{"If-None-Match": etag}, Status: 304})
}

func TestEveryLoadHasItsOwnNonce(t *testing.T) {
	t.Parallel()
	h := build(t, func(c *web.Config) { c.Site = built() })
	nonces := map[string]bool{}
	in := regexp.MustCompile(`nonce="([A-Z0-9]+)"`)
	for range 3 {
		a := h.web.Do(t, webtest.Scenario{Path: "/"})
		m := in.FindStringSubmatch(a.Body)
		if m == nil || !strings.Contains(a.Header.Get("Content-Security-Policy"), "style-src 'self' 'nonce-"+m[1]+"'") {
			t.Fatalf("page and policy disagree: %s\n%s", a.Body, a.Header.Get("Content-Security-Policy"))
		}
		nonces[m[1]] = true
	}
	if len(nonces) != 3 {
		t.Errorf("a nonce came twice: %v", nonces)
	}
}

func TestWithoutTheAppThePageSaysHowToBuildIt(t *testing.T) {
	t.Parallel()
	h := build(t, func(c *web.Config) { c.Site = fstest.MapFS{".gitkeep": {}} })
	h.web.Run(t, webtest.Scenario{Name: "any page", Path: "/accounts", Status: 200, Contains: []string{"npm run build", "/api/docs"}, NeverContains: []string{"__CSP_NONCE__"}})
}
