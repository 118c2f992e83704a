package app

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"flint/internal/access"
	"flint/internal/bot"
	"flint/internal/config"
	"flint/internal/geo"
	"flint/internal/identity"
	"flint/internal/mfa"
	"flint/internal/platform/aws"
	"flint/internal/platform/mail"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/private"
	"flint/internal/platform/queue"
	"flint/internal/platform/redis"
	"flint/internal/platform/vault"
	"flint/internal/platform/web"
	"flint/internal/provider/captcha"
	"flint/internal/provider/hibp"
	"flint/internal/provider/marketdata"
	"flint/internal/provider/snaptrade"
	"flint/internal/provider/teller"
	"flint/internal/ratelimit"
	"flint/internal/risk"
	"flint/internal/screening"
	"flint/internal/session"
	"flint/internal/siem"
)

// Config is everything that can be set, gathered from the packages that use it.
// docs/CONFIGURATION.md explains each variable.
type Config struct {
	// Listen is the address of the HTTP server.
	Listen string `env:"FLINT_LISTEN,default=127.0.0.1:8080"`
	// Origin is where people reach Flint. Links and cookies follow it.
	Origin config.Origin `env:"FLINT_ORIGIN"`
	// State is the folder for what Flint keeps on disk: the key ring and, when
	// DATABASE_URL isn't set, the database. Default: the user's state folder.
	State string `env:"FLINT_STATE"`
	// Reload is how often files and stores are read again, for what changes without
	// a restart. 0: only when SIGHUP says so.
	Reload time.Duration `env:"FLINT_RELOAD,default=5m"`
	// Demo switches the demo's banner on and says where its sandbox is.
	Demo Demo

	Keys       Keys
	Vault      vault.Config
	AWS        aws.Config
	Database   postgres.Config
	Web        web.Config
	Queue      queue.Config
	Mail       mail.Config
	Identity   identity.Config
	Session    session.Config
	Factors    mfa.Settings
	Teller     teller.Config
	Snaptrade  snaptrade.Config
	MarketData marketdata.Config
	Breaches   hibp.Config
	Redis      redis.Config
	Limits     ratelimit.Config
	Bots       bot.Config
	Captcha    captcha.Config
	Geo        geo.Config
	Risk       risk.Config
	SIEM       siem.Config
	Screening  screening.Settings
}

// Demo is set by `flint demo` alone.
type Demo struct {
	// SandboxURL is the page of the sandbox: simulate, inbox. Empty: no demo.
	SandboxURL string `env:"FLINT_DEMO_SANDBOX"`
}

// Validate says what can't work together. config.Load calls it.
func (c Config) Validate() error {
	var faults []error
	if c.Origin.IsZero() {
		faults = append(faults, errors.New("FLINT_ORIGIN: must be set to where people reach Flint, such as https://flint.example"))
	}
	if !c.Identity.NewUserTier.Valid() {
		faults = append(faults, fmt.Errorf("FLINT_NEW_USER_TIER: must be one of %s, %s, %s, %s", access.Free, access.Basic, access.Pro, access.Premium))
	}
	if c.Origin.Secure() && c.Web.TLSCert == "" && !c.behind() && public(c.Listen) {
		faults = append(faults, errors.New("FLINT_LISTEN: people reach Flint by https, but this address listens to everybody without it: "+
			"set FLINT_TLS_CERT and FLINT_TLS_KEY, or FLINT_TRUSTED_PROXIES if a proxy before it speaks TLS, or listen on 127.0.0.1"))
	}
	if c.Reload < 0 || c.Reload > 0 && c.Reload < time.Second {
		faults = append(faults, errors.New("FLINT_RELOAD: at least 1s, or 0"))
	}
	if c.Web.TLSCert != "" && !c.Origin.IsZero() && !c.Origin.Secure() {
		faults = append(faults, errors.New("FLINT_TLS_CERT: FLINT_ORIGIN must begin with https:// then"))
	}
	return errors.Join(faults...)
}

// behind reports whether a proxy is said to stand before Flint.
func (c Config) behind() bool { return len(c.Web.TrustedProxies) > 0 }

// public reports whether listen, host and port, can be reached from outside of
// the machine and its private networks. What isn't an address may be anything.
func public(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil || host == "" {
		return true // every address of the machine
	}
	if host == "localhost" {
		return false
	}
	a, err := netip.ParseAddr(host)
	return err != nil || !(a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast())
}

// stateDir returns the state folder, made if it wasn't there.
func (c Config) stateDir() (string, error) {
	dir := c.State
	if dir == "" {
		var err error
		if dir, err = private.DefaultDir(); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the database's user must be able to enter it; what is secret inside is 0600
		return "", fmt.Errorf("make the state folder: %w", err)
	}
	return dir, nil
}

func (c Config) keyRing() (string, error) {
	if c.Keys.Ring != "" {
		return c.Keys.Ring, nil
	}
	dir, err := c.stateDir()
	return filepath.Join(dir, "keyring"), err
}
