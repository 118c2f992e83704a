// Package web is the door of Flint: every request enters and leaves here.
//
// Features declare operations with Handle (typed: JSON in, JSON out) or Raw
// (anything else: webhooks, uploads, streams). Each declaration says who may
// call (Needs), how often (Limit) and how much may be sent (MaxBody); the
// program doesn't start if one is missing. On its way in a request passes, in
// this order:
//
//	request id, client address, log line, recovery from panics, security headers
//	is it odd -> host check -> routing -> is there room -> origin check -> who is it -> may they -> how often
//	body limit, strict JSON, validation -> the handler
//
// On the way out every error becomes a problem (RFC 9457), see Problem. What
// isn't a fault.Fault says nothing about itself to the caller.
//
// The life cycle: New, then Handle and Raw for each operation, then Handler or
// Serve. Serve returns when its context ends, after requests have drained and
// streams have been told to stop.
//
// The package alone knows huma, which gives it binding, validation and OpenAPI;
// two of huma's defaults (it echoes rejected values and texts of unknown errors)
// are shut off here.
package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"flint/internal/access"
)

// Config is what a Server needs. The fields with env tags come from the
// environment, the others are plugged in by package app.
type Config struct {
	// Origin is where people reach Flint, as the browser shows it. Its host is
	// the only one that is answered, its scheme decides about HSTS. Default:
	// http://localhost:8080.
	Origin string `env:"FLINT_ORIGIN"`
	// Hosts are further Host headers to answer, with their port if they have one.
	Hosts []string `env:"FLINT_HOSTS"`
	// TrustedProxies are the networks (CIDR) whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix `env:"FLINT_TRUSTED_PROXIES"`
	// CORSOrigins are other origins whose pages may call the API, with a bearer
	// token and never with cookies.
	CORSOrigins []string `env:"FLINT_CORS_ORIGINS"`
	// TLSCert and TLSKey are PEM files: with them Serve speaks TLS (1.2 and later,
	// HTTP/2) by itself. They are read again when they change.
	TLSCert string `env:"FLINT_TLS_CERT"`
	TLSKey  string `env:"FLINT_TLS_KEY"`
	// Concurrency is the most requests that are worked on at once; the shield goes
	// below it when answers get slow. Default: 128 per core.
	Concurrency int `env:"FLINT_CONCURRENCY"`
	// ConnectScripts and ConnectFrames are the origins that the pages under
	// /connect may load a script from and show in a frame.
	ConnectScripts []string `env:"FLINT_CONNECT_SCRIPTS"`
	ConnectFrames  []string `env:"FLINT_CONNECT_FRAMES"`

	// SignInScripts and SignInFrames are the same for the pages on which people
	// sign in and up: a provider of challenges, if one is configured.
	SignInScripts, SignInFrames []string

	Version  string   // of the program, shown in the API description
	Policies []string // the names that Op.Limit may use

	// Authenticate says who is calling. It returns the zero Actor, or a fault
	// of kind Unauthenticated, if it's nobody.
	Authenticate func(*http.Request) (access.Actor, error)
	// Proofs says when actor last proved who they are, as it is stored now. It is
	// asked before a step-up is demanded, so that nobody who just gave one is sent
	// back because this node has yet to hear of it. Nil: the actor's are believed.
	Proofs func(ctx context.Context, actor access.Actor) (access.Actor, error)
	// Renew adds fresh cookies to w, if it's time. It is called for whoever came
	// with a cookie (Actor.Lapses), when a typed operation has turned out well and
	// before anything is answered. Nil: cookies run out.
	Renew func(w http.ResponseWriter, r *http.Request, actor access.Actor)
	// Looked records that support is about to look at an operation's answer. Nobody
	// looks if it fails, or is nil.
	Looked func(ctx context.Context, actor access.Actor, operation string) error
	// Shield counts every call from an address before anything else is asked. Its
	// decision's Undo takes a call back that another limit refuses. Nil: none.
	Shield func(ctx context.Context, addr netip.Addr) (Decision, error)
	// Limit counts the call against a policy. An error counts as refusal.
	Limit func(ctx context.Context, policy string, actor access.Actor, addr netip.Addr) (Decision, error)

	Log  *slog.Logger     // default: slog.Default()
	Now  func() time.Time // default: time.Now
	Site fs.FS            // the built web app; nil or empty: a plain page instead

	Heartbeat     time.Duration // of streams; default 15 s
	HandlerWrites time.Duration // time to produce and send an answer that isn't a stream; default 60 s
	HeaderReads   time.Duration // time to send the header of a request; default 10 s
	BodyReads     time.Duration // time to send all of a request that isn't an upload; default 30 s
	Drain         time.Duration // time for requests to end at shutdown; default 10 s
}

// Op declares an operation.
type Op struct {
	Method, Path string // as in http.ServeMux: "GET", "/api/accounts/{id}"
	ID           string // operationId; default: derived from method and path
	Summary      string // a few words, imperative
	Description  string // Markdown, optional
	Tag          string // the feature

	Needs access.Need // who may call; there is no default
	Limit string      // rate-limit policy; "none" must be said
	// Assurance is the fresh proof that is demanded beside Needs; the zero value
	// demands none. Who lacks it gets ErrStepUp, gives it at
	// /api/auth/step-up and calls again.
	Assurance access.StepUp
	// Keys lets programs call it with an API key: only what reads the person's own
	// data, and never what a stolen key should not see.
	Keys bool
	// Support lets staff look at it with the person's consent: only what people
	// read about themselves, and no secret, key or export. Each look is recorded.
	Support bool
	MaxBody int64 // bytes; default 64 KiB
	Status  int   // of success; default 200, or 204 for an output without body

	// CrossSite switches the origin check off, for webhooks: others' servers
	// sign what they send and use no cookie.
	CrossSite bool

	// For Raw, the description has no types to read from, so these say it: values
	// whose types are the body in (In) and out (Out), and their media types, by
	// default application/json. A body that isn't of a declared Accepts is refused.
	In, Out          any
	Accepts, Produce string
}

// Route is an operation as it is listed: a door and its lock.
type Route struct {
	Method, Path, Limit string
	Needs               access.Need
	Assurance           access.StepUp
	MaxBody             int64 // bytes
	CrossSite           bool
	Keys, Support       bool
}

// Server holds the operations. Use New.
type Server struct {
	cfg      Config
	origin   *url.URL
	hosts    map[string]bool
	friends  map[string]bool // Config.CORSOrigins
	policies map[string]bool
	mux      *http.ServeMux
	api      huma.API
	names    *namer
	capture  capture
	csrf     *http.CrossOriginProtection
	shield   *shield
	fixed    []header // that every answer carries
	routes   []Route
	site     *site
	finish   sync.Once
	spec     []byte

	stop     sync.Once
	stopping chan struct{} // closed when streams should end
}

// Validate says what can't be meant. config.Load calls it.
func (c Config) Validate() error {
	_, err := parseCORS(c.CORSOrigins)
	return errors.Join(err, c.checkTLS())
}

const defaultMaxBody = 64 << 10

// New returns a Server without operations. It panics if cfg.Origin isn't an
// origin: nothing can be served safely then.
func New(cfg Config) *Server {
	cfg.Origin = cmp.Or(cfg.Origin, "http://localhost:8080")
	u, err := url.Parse(cfg.Origin)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" {
		panic(fmt.Sprintf("web: FLINT_ORIGIN must be like https://flint.example, not %q", cfg.Origin))
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Heartbeat = cmp.Or(cfg.Heartbeat, 15*time.Second)
	cfg.HandlerWrites = cmp.Or(cfg.HandlerWrites, 60*time.Second)
	cfg.HeaderReads = cmp.Or(cfg.HeaderReads, headerReads)
	cfg.BodyReads = cmp.Or(cfg.BodyReads, bodyReads)
	cfg.Drain = cmp.Or(cfg.Drain, 10*time.Second)

	friends, err := parseCORS(cfg.CORSOrigins)
	if err != nil {
		panic("web: " + err.Error())
	}
	s := &Server{
		cfg:      cfg,
		origin:   u,
		friends:  friends,
		hosts:    map[string]bool{strings.ToLower(u.Host): true},
		policies: map[string]bool{"none": true},
		mux:      http.NewServeMux(),
		csrf:     http.NewCrossOriginProtection(),
		stopping: make(chan struct{}),
	}
	for _, h := range cfg.Hosts {
		s.hosts[strings.ToLower(h)] = true
	}
	for _, p := range cfg.Policies {
		s.policies[p] = true
	}
	if err := s.csrf.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
		panic("web: " + err.Error())
	}
	for _, source := range slices.Concat(cfg.ConnectScripts, cfg.ConnectFrames, cfg.SignInScripts, cfg.SignInFrames) {
		if u, err := url.Parse(source); err != nil || u.Host == "" || strings.ContainsAny(source, ";,'\" \t\r\n") {
			panic(fmt.Sprintf("web: %q is no origin that a page may load from", source))
		}
	}
	s.shield = newShield(cfg.Concurrency, cfg.Now)
	s.fixed = fixedHeaders(u.Scheme == "https")
	s.api = newAPI(s)
	s.site = newSite(cfg)
	s.mux.HandleFunc("/api", s.noSuchOperation)
	s.mux.HandleFunc("/api/", s.noSuchOperation)
	s.mux.HandleFunc("/", s.site.serve)
	s.describe()
	return s
}

// Handler returns the whole of HTTP: operations, the description of the API
// and the web app, behind everything that guards them.
func (s *Server) Handler() http.Handler {
	return s.enter(s.guard(s.shielded(s.mux)))
}

// Routes lists every operation by path and method: the doors of the house.
func (s *Server) Routes() []Route {
	rs := slices.Clone(s.routes)
	slices.SortFunc(rs, func(a, b Route) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
	})
	return rs
}

// Serve answers on ln, by TLS if Config has a certificate, until ctx ends, then
// stops streams, lets running requests end (Config.Drain at most) and returns.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	srv := s.httpServer() //nolint:contextcheck // each handshake has its own
	failed := make(chan error, 1)
	go func() {
		if srv.TLSConfig != nil {
			failed <- srv.ServeTLS(ln, "", "") // its config has the certificate
			return
		}
		failed <- srv.Serve(ln)
	}()
	select {
	case err := <-failed:
		return fmt.Errorf("serve http: %w", err)
	case <-ctx.Done():
	}
	s.Stop()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Drain)
	defer cancel()
	if err := srv.Shutdown(drain); err != nil {
		srv.Close()
		return fmt.Errorf("drain http: %w", err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve http: %w", err)
	}
	return nil
}

// Stop tells the streams to end. Serve calls it; so do tests that serve
// Handler by other means. It may be called twice.
func (s *Server) Stop() { s.stop.Do(func() { close(s.stopping) }) }
