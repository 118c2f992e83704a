// Package look is how the sandbox's pages look: one frame, one style sheet,
// no script unless a page brings its own. Every page says that what it shows
// is simulated.
//
// A far end parses its templates once, inside the frame, and renders them:
//
//	//go:embed pages/*.html
//	var files embed.FS
//	pages := look.Parse(files, "pages/portal.html")
//	look.Render(w, http.StatusOK, pages, look.Page{Title: "Choose an account", Data: accounts})
//
// The template defines "main"; it gets the Page, so its own data is .Data.
// The site serves the style sheet at /assets/look.css.
package look

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
)

//go:embed look.css
var css []byte

//go:embed frame.html
var frame string

// Page is what a template gets.
type Page struct {
	Title  string
	Script string // path of the page's own script, or empty
	Bare   bool   // no navigation: the page stands inside another one, or plays a provider
	Wide   bool   // use the whole width
	Embed  string // origin that may show the page in a frame; empty: none
	Data   any
}

// Parse reads templates that define "main", to stand in the frame. It panics
// when one is malformed, which only a build can be.
func Parse(files fs.FS, names ...string) *template.Template {
	return template.Must(template.Must(template.New("frame").Parse(frame)).ParseFS(files, names...))
}

// Render writes a page with headers that let it load nothing but the site's
// own style and script, and be framed by nobody but Embed.
func Render(w http.ResponseWriter, status int, t *template.Template, p Page) {
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "frame", p); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	ancestors := "'none'"
	if p.Embed != "" {
		ancestors = p.Embed
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", fmt.Sprintf("default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors %s", ancestors))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w)
}

// CSS serves the style sheet.
func CSS(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(css)
}
