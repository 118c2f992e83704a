// Package site is the one web site of the sandbox: the control API for tests,
// the Simulate page for people, the inbox, and the pages that providers show
// (Connect, the portal), which it mounts under their names.
//
// It serves only this machine: a request that names another host is refused,
// so that no page on the web can reach it by a trick with DNS, and a form or
// script on a foreign page can't order anything.
package site

import (
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"

	"flint/sandbox/hook"
	"flint/sandbox/inbox"
	"flint/sandbox/look"
	"flint/sandbox/meter"
	"flint/sandbox/misbehave"
	"flint/sandbox/teller"
	"flint/sandbox/world"
)

// Config is what the site shows and controls.
type Config struct {
	Seed   uint64
	Clock  world.Clock
	Teller *teller.API
	Inbox  *inbox.Inbox
	Hooks  *hook.Sender
	Desk   *misbehave.Desk
	Meter  *meter.Meter
	Log    *slog.Logger
	// Others are further far ends, by name: their pages are under /NAME/, their
	// control under /control/NAME/.
	Others map[string]Other
	// Rates are the ECB's files, served under /ecb/.
	Rates http.Handler
}

// Other is a far end that the site only mounts.
type Other struct {
	Pages   http.Handler
	Control http.Handler
}

// Site is made by New; it has no life of its own.
type Site struct {
	cfg Config

	mu   sync.Mutex
	note string // shown once, on the next page
}

// New returns the site.
func New(cfg Config) *Site { return &Site{cfg: cfg} }

// Handler serves everything.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	s.control(mux)
	s.pages(mux)
	mux.HandleFunc("GET /assets/look.css", look.CSS)
	mux.Handle("/teller/", s.cfg.Teller.Pages())
	for name, other := range s.cfg.Others {
		if other.Pages != nil {
			mux.Handle("/"+name+"/", other.Pages)
		}
		if other.Control != nil {
			mux.Handle("/control/"+name+"/", other.Control)
		}
	}
	mux.Handle("/ecb/", http.StripPrefix("/ecb", s.cfg.Rates))
	return local(http.NewCrossOriginProtection().Handler(mux))
}

// local refuses requests for any host but this machine.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		host = strings.Trim(host, "[]")
		ip := net.ParseIP(host)
		if host != "localhost" && !strings.HasSuffix(host, ".localhost") && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "the sandbox answers only on this machine", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
