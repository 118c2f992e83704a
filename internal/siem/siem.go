// Package siem ships the audit log to where an operator watches: a file that a
// collector follows, a syslog receiver, an HTTP endpoint.
//
// The life of an entry here: it became a leaf of the log (package tlog), and every
// ten seconds one node looks what each receiver wasn't told yet, sends it in
// batches and in the log's order, and then moves the receiver's cursor. Whatever
// goes wrong before that, a kill included, has the batch sent again: at least
// once, never a gap. Each event has the number of its leaf, by which a receiver
// drops repeats and sees that nothing is missing. Receivers don't wait for each
// other, and one that fails is asked again after a growing pause.
//
// What is personal isn't sent (audit.Clear): events say what was done, by and to
// which id. Nothing that leaves Flint has to be erased elsewhere later, then.
package siem

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/audit/tlog"
	"flint/internal/config"
)

// Config says who is told.
type Config struct {
	// Sinks are the receivers: file:///path, syslog://host:port,
	// syslog+tls://host:port, https://host/path.
	Sinks []string `env:"FLINT_SIEM"`
	// Token is the bearer token for https receivers.
	Token config.Secret `env:"FLINT_SIEM_TOKEN"`
	// CAFile has the authorities that sign the certificates of syslog+tls and https
	// receivers; default: those that the system trusts.
	CAFile string `env:"FLINT_SIEM_CA"`
	// Private lets https receivers be on private networks.
	Private bool `env:"FLINT_SIEM_PRIVATE,default=false"`
}

// Enabled reports whether anybody is told.
func (c Config) Enabled() bool { return len(c.Sinks) > 0 }

// Validate reports what is wrong with the settings.
func (c Config) Validate() error {
	var faults []error
	https := false
	for i, text := range c.Sinks {
		u, err := parse(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("FLINT_SIEM: receiver %d: %w", i+1, err))
			continue
		}
		https = https || u.Scheme == "https"
		if slices.Contains(c.Sinks[:i], text) {
			faults = append(faults, fmt.Errorf("FLINT_SIEM: receiver %d is there twice", i+1))
		}
	}
	if !c.Token.IsZero() && !https && len(faults) == 0 {
		faults = append(faults, errors.New("FLINT_SIEM_TOKEN: no receiver of FLINT_SIEM is asked by https"))
	}
	return errors.Join(faults...)
}

// parse reads a receiver's address. Its errors don't quote it: a token may be in it.
func parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("it isn't a URL")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "":
		return nil, errors.New("an address without user, query or fragment; a token goes into FLINT_SIEM_TOKEN")
	}
	switch u.Scheme {
	case "file":
		if u.Host != "" || !filepath.IsAbs(u.Path) || filepath.Clean(u.Path) != u.Path || u.Path == "/" {
			return nil, errors.New("a file reads file:///absolute/path")
		}
	case "syslog", "syslog+tls":
		if _, port, err := net.SplitHostPort(u.Host); err != nil || port == "" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
			return nil, errors.New("syslog reads syslog://host:port or syslog+tls://host:port")
		}
	case "https":
		if u.Hostname() == "" {
			return nil, errors.New("HTTP reads https://host/path")
		}
	default:
		return nil, errors.New("it begins with file://, syslog://, syslog+tls:// or https://")
	}
	return u, nil
}

// Source is the log that is shipped: *tlog.Log.
type Source interface {
	Name() string
	Leaves(ctx context.Context, from uint64, limit int) ([]tlog.Leaf, error)
	Behind(ctx context.Context, next uint64) (tlog.Backlog, error)
}

// sink is a receiver. send returns nil once all events are with it, as far as its
// protocol can tell.
type sink interface {
	send(ctx context.Context, events []Event) error
}

type outlet struct {
	name string // the address
	sink sink
}

// Exporter ships. It is safe for use by many goroutines, and on many nodes.
type Exporter struct {
	pool    *pgxpool.Pool
	source  Source
	outlets []outlet
	token   atomic.Pointer[config.Secret]
	now     func() time.Time
	log     *slog.Logger
	closes  []func()
}

// New returns an Exporter of what source has. Nothing is sent before Export. Close
// it.
func New(cfg Config, pool *pgxpool.Pool, source Source, now func() time.Time, log *slog.Logger) (*Exporter, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	x := &Exporter{pool: pool, source: source, now: now, log: log}
	x.token.Store(&cfg.Token)
	for _, text := range cfg.Sinks {
		u, err := parse(text)
		if err != nil {
			return nil, err
		}
		o := outlet{name: text}
		switch u.Scheme {
		case "file":
			o.sink = &file{path: u.Path}
		case "https":
			h, err := newHTTP(u, cfg, &x.token, now, log)
			if err != nil {
				return nil, fmt.Errorf("FLINT_SIEM: %w", err)
			}
			x.closes, o.sink = append(x.closes, h.client.Close), h
		default:
			o.sink = &syslog{address: u.Host, host: hostOf(source.Name()), tls: u.Scheme == "syslog+tls", server: u.Hostname(), caFile: cfg.CAFile}
		}
		x.outlets = append(x.outlets, o)
	}
	return x, nil
}

// UseToken exchanges the bearer token.
func (x *Exporter) UseToken(token config.Secret) { x.token.Store(&token) }

// Close lets go of idle connections.
func (x *Exporter) Close() {
	for _, end := range x.closes {
		end()
	}
}

// Export tells every receiver what it wasn't told yet, all at once. Receivers that
// fail are noted and logged; an error is the database's.
func (x *Exporter) Export(ctx context.Context) error {
	errs := make([]error, len(x.outlets))
	var all sync.WaitGroup
	for i, o := range x.outlets {
		all.Go(func() { errs[i] = x.ship(ctx, o) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// hostOf returns the host in a log's name, such as flint.example of
// flint.example:8443/audit.
func hostOf(name string) string {
	host, _, _ := strings.Cut(name, "/")
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return host
}
