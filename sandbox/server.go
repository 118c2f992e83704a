package sandbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"flint/sandbox/captcha"
	"flint/sandbox/ecb"
	"flint/sandbox/hibp"
	"flint/sandbox/hook"
	"flint/sandbox/inbox"
	"flint/sandbox/meter"
	"flint/sandbox/misbehave"
	"flint/sandbox/prices"
	"flint/sandbox/resend"
	"flint/sandbox/site"
	"flint/sandbox/snaptrade"
	"flint/sandbox/teller"
	"flint/sandbox/world"
)

// Server is a whole sandbox. Its methods may be called from several goroutines
// once it has started.
type Server struct {
	cfg    Config
	clock  world.Clock
	dir    string // of the certificates
	scrap  string // to be removed at Stop, or empty
	tls    *tls.Config
	teller *teller.API
	broker *snaptrade.API
	inbox  *inbox.Inbox
	hooks  *hook.Sender
	desk   misbehave.Desk
	meter  meter.Meter
	rates  *ecb.Rates
	leaks  *hibp.Breaches
	post   *resend.API

	mu      sync.Mutex
	urls    URLs
	servers []*http.Server
	running sync.WaitGroup
	cancel  context.CancelFunc
}

// URLs are where a started sandbox is.
type URLs struct {
	Site          string `json:"site"`          // control API, inbox, Simulate page
	Teller        string `json:"teller"`        // https
	SnapTrade     string `json:"snaptrade"`     //
	ECB           string `json:"ecb"`           // prefix of /stats/eurofxref/…
	HIBP          string `json:"hibp"`          // prefix of /range/…
	Resend        string `json:"resend"`        // prefix of /emails
	Captcha       string `json:"captcha"`       // prefix of /turnstile/… and /recaptcha/…
	SMTP          string `json:"smtp"`          // smtp://host:port
	ConnectScript string `json:"connectScript"` // TellerConnect for a page
}

// Credentials are what the product needs to know of an application that is
// registered with the providers.
type Credentials struct {
	TellerApplication string
	TellerCertFile    string
	TellerKeyFile     string
	TellerCAFile      string
	TellerSigningKey  string   // ed25519 public key, base64
	TellerSecrets     []string // of webhooks, newest first
	SnapTradeClient   string
	SnapTradeKey      string
}

// New opens the world. It listens nowhere yet.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open sandbox: %w", err), s.Stop(context.Background()))
	}
	return s, nil
}

func (s *Server) open() error {
	state, err := world.OpenState(s.cfg.Dir)
	if err != nil {
		return err
	}
	first, err := remember(state, s.cfg)
	if err != nil {
		return err
	}
	s.clock = world.Clock{Start: first.Start, Now: s.cfg.Now}
	s.dir = filepath.Join(s.cfg.Dir, "tls")
	if s.cfg.Dir == "" {
		if s.scrap, err = os.MkdirTemp("", "flint-sandbox-"); err != nil {
			return err
		}
		s.dir = s.scrap
	}
	if s.tls, err = certificates(s.dir); err != nil {
		return err
	}
	s.hooks = hook.New(hook.Config{Now: s.cfg.Now, Log: s.cfg.Log, Retries: s.cfg.Retries})
	s.SetWebhooks(s.cfg.TellerWebhookURL, s.cfg.SnapTradeWebhookURL)
	s.rates = ecb.New(s.cfg.Seed, s.clock)
	s.leaks = hibp.New(s.cfg.Seed)
	if s.inbox, err = inbox.New(inbox.Config{State: state, Now: s.cfg.Now, Log: s.cfg.Log}); err != nil {
		return err
	}
	s.post = resend.New(s.inbox, s.cfg.Now)
	s.teller, err = teller.New(teller.Config{
		Seed: s.cfg.Seed, Clock: s.clock, State: state, Hooks: s.hooks, Log: s.cfg.Log, Secrets: s.cfg.TellerSecrets,
		BaseURL: func() string { return s.URLs().Teller },
	})
	if err != nil {
		return err
	}
	s.broker, err = snaptrade.New(snaptrade.Config{
		Seed: s.cfg.Seed, Clock: s.clock, State: state, Hooks: s.hooks, Log: s.cfg.Log, Market: prices.New(s.cfg.Seed),
		SiteURL: func() string { return s.URLs().Site }, Rate: s.rates.Rate, PerMinute: s.cfg.SnapTradePerMinute, Delay: s.cfg.SnapTradeDelay,
	})
	return err
}

// Start listens and serves until Stop. When it returns, every URL answers.
func (s *Server) Start(ctx context.Context) error {
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	var listeners [4]net.Listener
	for i, address := range []string{s.cfg.Listen.Site, s.cfg.Listen.Teller, s.cfg.Listen.SnapTrade, s.cfg.Listen.SMTP} {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			for _, open := range listeners[:i] {
				_ = open.Close() // the first error counts
			}
			return fmt.Errorf("start sandbox: %w", err)
		}
		listeners[i] = l
	}
	home := "http://" + listeners[0].Addr().String()
	s.mu.Lock()
	s.urls = URLs{
		Site: home, Teller: "https://" + listeners[1].Addr().String(), SnapTrade: "http://" + listeners[2].Addr().String(),
		ECB: home + "/ecb", HIBP: home + "/hibp", Resend: home + "/resend", Captcha: home + "/captcha", SMTP: "smtp://" + listeners[3].Addr().String(), ConnectScript: home + "/teller/connect.js",
	}
	s.mu.Unlock()
	s.serve(listeners[0], s.site())
	s.serve(tls.NewListener(listeners[1], s.tls), s.played("teller", teller.Refuse, s.teller.Handler()))
	s.serve(listeners[2], s.played("snaptrade", s.broker.Refuse, s.broker.Handler()))
	s.running.Go(func() {
		if err := s.inbox.Serve(listeners[3]); err != nil {
			s.cfg.Log.Error("sandbox mail", "err", err)
		}
	})
	s.running.Go(func() { s.tick(ctx) })
	return nil
}

// played wraps a provider's API in what every one of them gets: it is counted,
// and it misbehaves when told so.
func (s *Server) played(name string, refuse misbehave.Refuse, api http.Handler) http.Handler {
	return s.meter.Count(name, s.desk.Middleware(name, refuse, api))
}

func (s *Server) site() http.Handler {
	return site.New(site.Config{
		Seed: s.cfg.Seed, Clock: s.clock, Teller: s.teller, Inbox: s.inbox, Hooks: s.hooks, Desk: &s.desk, Meter: &s.meter, Log: s.cfg.Log,
		Others: map[string]site.Other{
			"snaptrade": {Pages: s.broker.Pages(), Control: s.broker.Control()},
			"hibp":      {Pages: http.StripPrefix("/hibp", s.played("hibp", hibp.Refuse, s.leaks.Handler())), Control: s.leaks.Control()},
			"captcha":   {Pages: http.StripPrefix("/captcha", s.played("captcha", captcha.Refuse, captcha.New(s.cfg.Now).Handler()))},
			"resend":    {Pages: http.StripPrefix("/resend", s.played("resend", resend.Refuse, s.post.Handler()))},
		},
		Rates: s.played("ecb", ecb.Refuse, s.rates.Handler()),
	}).Handler()
}

func (s *Server) serve(l net.Listener, h http.Handler) {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	s.mu.Lock()
	s.servers = append(s.servers, server)
	s.mu.Unlock()
	s.running.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Log.Error("sandbox server", "err", err)
		}
	})
}

// tick lets the far ends notice that a day has come.
func (s *Server) tick(ctx context.Context) {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		now := s.cfg.Now()
		s.teller.Tick(now)
		s.broker.Tick(now)
		select {
		case <-minute.C:
		case <-ctx.Done():
			return
		}
	}
}

// URLs returns where the sandbox is; empty before Start.
func (s *Server) URLs() URLs {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.urls
}

// Credentials returns what the product is configured with.
func (s *Server) Credentials() Credentials {
	return Credentials{
		TellerApplication: s.teller.Application(), TellerSigningKey: s.teller.SigningKey(), TellerSecrets: s.teller.Secrets(),
		TellerCertFile: filepath.Join(s.dir, certFile), TellerKeyFile: filepath.Join(s.dir, keyFile), TellerCAFile: filepath.Join(s.dir, caFile),
		SnapTradeClient: snaptrade.DefaultClientID, SnapTradeKey: snaptrade.DefaultConsumerKey,
	}
}

// SetWebhooks says where the product listens; empty URLs send nothing.
func (s *Server) SetWebhooks(tellerURL, snaptradeURL string) {
	s.hooks.Target(teller.Provider, tellerURL)
	s.hooks.Target(snaptrade.Provider, snaptradeURL)
}

// Settled returns when every webhook that is on its way has arrived or was
// given up, or with the context's error.
func (s *Server) Settled(ctx context.Context) error { return s.hooks.Wait(ctx) }

// Stop ends everything, at the latest when ctx does. It may be called twice,
// and after a Start that failed.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	servers := s.servers
	s.servers = nil
	s.mu.Unlock()
	if s.cancel != nil {
		s.cancel()
	}
	var failed error
	for _, server := range servers {
		if err := server.Shutdown(ctx); err != nil {
			failed = errors.Join(failed, server.Close())
		}
	}
	if s.inbox != nil {
		s.inbox.Stop()
	}
	if s.broker != nil {
		s.broker.Stop()
	}
	if s.hooks != nil {
		s.hooks.Stop()
	}
	s.running.Wait()
	if s.scrap != "" {
		failed = errors.Join(failed, os.RemoveAll(s.scrap))
	}
	return failed
}
