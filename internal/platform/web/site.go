package web

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

// site serves the built web app. All files are in memory from the start, by
// name, so no path from outside ever reaches a file system.
type site struct {
	files   map[string]*file
	index   []byte // index.html with __CSP_NONCE__ where the nonce goes
	auth    []byte // auth.html, the small entry for signing in; may be nil
	strict  string // the policy of pages, with %NONCE%
	signin  string // the same for auth.html, wider if a provider of challenges is configured
	connect string // the same, wider, for the page /connect
}

type file struct {
	plain, gzip, br []byte
	kind, etag      string
	hashed          bool // the name changes with the content
}

const noncePlace = "__CSP_NONCE__"

// newSite reads the app from cfg.Site. An app that isn't there or can't be read
// isn't served; the API works without it.
func newSite(cfg Config) *site {
	st := &site{files: map[string]*file{}}
	st.strict = pagePolicy(nil, nil, "'none'")
	types := "flint-worker" // names the file of the worker that makes proofs of work, and no other
	if len(cfg.SignInScripts) > 0 {
		types = ""
	}
	st.signin = pagePolicy(cfg.SignInScripts, cfg.SignInFrames, types)
	st.connect = pagePolicy(cfg.ConnectScripts, cfg.ConnectFrames, "")
	if cfg.Site == nil {
		return st
	}
	_ = fs.WalkDir(cfg.Site, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return nil //nolint:nilerr // what can't be read isn't served
		}
		if data, err := fs.ReadFile(cfg.Site, name); err == nil {
			st.add(name, data)
		}
		return nil
	})
	if f := st.files["index.html"]; f != nil {
		st.index = f.plain
	}
	if f := st.files["auth.html"]; f != nil {
		st.auth = f.plain
	}
	for name := range st.files { // only as pages, with their nonce
		if strings.HasSuffix(name, ".html") {
			delete(st.files, name)
		}
	}
	return st
}

func (st *site) add(name string, data []byte) {
	base, enc := name, ""
	if ext := path.Ext(name); ext == ".br" || ext == ".gz" {
		base, enc = strings.TrimSuffix(name, ext), ext
	}
	f := st.files[base]
	if f == nil {
		f = &file{}
		st.files[base] = f
	}
	switch enc {
	case ".br":
		f.br = data
		return
	case ".gz":
		f.gzip = data
		return
	}
	sum := sha256.Sum256(data)
	f.plain = data
	f.etag = `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	f.kind = kindOf(name)
	f.hashed = strings.HasPrefix(name, "assets/")
	if f.gzip == nil && compressible(f.kind) && len(data) > 1024 {
		f.gzip = squeeze(data)
	}
}

// kindOf returns the media type by extension, from our own list first: what the
// machine's mime table says differs from one to the next.
func kindOf(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".webmanifest":
		return "application/manifest+json"
	case ".json", ".map":
		return "application/json"
	case ".txt":
		return "text/plain; charset=utf-8"
	default:
		if kind := mime.TypeByExtension(ext); kind != "" {
			return kind
		}
		return "application/octet-stream"
	}
}

func compressible(kind string) bool {
	return strings.HasPrefix(kind, "text/") || strings.Contains(kind, "json") || strings.Contains(kind, "svg")
}

func squeeze(data []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil
	}
	_, _ = z.Write(data) // memory doesn't fail
	if z.Close() != nil || b.Len() >= len(data) {
		return nil
	}
	return b.Bytes()
}

// serve answers everything that isn't the API.
func (st *site) serve(w http.ResponseWriter, r *http.Request) {
	eventOf(r.Context()).route = "site"
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		Problem(w, r, ErrMethod)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if f := st.files[name]; f != nil && f.plain != nil {
		f.serve(w, r)
		return
	}
	if path.Ext(name) != "" || strings.HasPrefix(name, "assets/") || !navigation(r) {
		Problem(w, r, ErrNoPage)
		return
	}
	st.page(w, r)
}

// navigation reports whether a browser is going to a page, rather than loading
// something for one.
func navigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	accept := r.Header.Get("Accept")
	return accept == "" || strings.Contains(accept, "text/html") || strings.Contains(accept, "*/*")
}

// page answers with the app, or its sign-in entry, under a fresh nonce.
func (st *site) page(w http.ResponseWriter, r *http.Request) {
	nonce := rand.Text()
	body, policy := st.index, st.strict
	switch p := r.URL.Path; {
	case st.index == nil:
		body = []byte(unbuilt)
	case st.auth != nil && signing(p):
		body, policy = st.auth, st.signin
	case p == "/connect": // the page that opens the widget, and no other
		policy = st.connect
		// The provider's window must be able to come back to the page that opened it.
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
	}
	body = bytes.ReplaceAll(body, []byte(noncePlace), []byte(nonce))
	writePage(w, r, policy, nonce, body)
}

func writePage(w http.ResponseWriter, r *http.Request, policy, nonce string, body []byte) {
	h := w.Header()
	h.Set("Content-Security-Policy", strings.ReplaceAll(policy, "%NONCE%", nonce))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// signing reports whether p is a page for people who aren't signed in.
func signing(p string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	return slices.Contains([]string{"signin", "signup", "verify", "forgot", "reset", "setup-password", "verify-email-change", "undo-email-change", "stop-recovery", "finish-recovery", "undo-deletion", "legal"}, first)
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Etag", f.etag)
	h.Add("Vary", "Accept-Encoding")
	if f.hashed {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "public, max-age=3600")
	}
	if match := r.Header.Get("If-None-Match"); match != "" && strings.Contains(match, f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.plain
	switch {
	case f.br != nil && accepts(r, "br"):
		body = f.br
		h.Set("Content-Encoding", "br")
	case f.gzip != nil && accepts(r, "gzip"):
		body = f.gzip
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// accepts reports whether the client reads the encoding. A weight of 0 is a no.
func accepts(r *http.Request, encoding string) bool {
	for _, part := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			q := strings.ReplaceAll(params, " ", "")
			return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
		}
	}
	return false
}

// pagePolicy is the Content-Security-Policy of a page, with %NONCE% for styles
// that the page injects. There is no unsafe-inline and no unsafe-eval anywhere.
// Scripts are files of ours; where nobody else's run, text can't become one:
// Trusted Types are demanded and no policy that could make them may be created
// but those that types names; an empty one doesn't demand them.
func pagePolicy(scripts, frames []string, types string) string {
	join := func(first string, more []string) string { return strings.Join(append([]string{first}, more...), " ") }
	frame := "'none'"
	if len(frames) > 0 {
		frame = strings.Join(frames, " ")
	}
	directives := []string{
		"default-src 'none'",
		"script-src " + join("'self'", scripts),
		"style-src 'self' 'nonce-%NONCE%'",
		"img-src 'self' data:",
		"font-src 'self'",
		"connect-src 'self'",
		"manifest-src 'self'",
		"worker-src 'self'",
		"frame-src " + frame,
		"object-src 'none'",
		"base-uri 'none'",
		"frame-ancestors 'none'",
		"form-action 'self'",
	}
	if types != "" {
		directives = append(directives, "require-trusted-types-for 'script'", "trusted-types "+types)
	}
	return strings.Join(directives, "; ")
}

const unbuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Flint</title>
<style nonce="` + noncePlace + `">
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 36rem; margin: 15vh auto; padding: 0 1rem }
code { padding: .1em .3em; border-radius: 4px; background: color-mix(in srgb, currentColor 10%, transparent) }
</style>
<h1>Flint's API is running</h1>
<p>The web app isn't part of this program yet. Build it with <code>cd web &amp;&amp; npm ci &amp;&amp; npm run build</code>,
then build <code>flint</code> again.</p>
<p><a href="/api/docs">The API, described</a></p>
</html>
`
