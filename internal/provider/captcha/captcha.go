// Package captcha asks Cloudflare Turnstile or Google reCAPTCHA v3 whether the
// token that a browser got from their script is good: both speak "siteverify", a
// form that is posted and a JSON object that comes back. A token is good for one
// question, on the page's host, for the action that it was made for; reCAPTCHA
// also says how human the visitor looked.
//
// https://developers.cloudflare.com/turnstile/get-started/server-side-validation/
// https://developers.google.com/recaptcha/docs/v3
package captcha

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"flint/internal/config"
	"flint/internal/platform/outbound"
)

// The kinds of service.
const (
	None      = "pow" // none: Flint's own proof of work
	Turnstile = "turnstile"
	ReCAPTCHA = "recaptcha"
)

// MaxToken is more than any token has; Turnstile's have at most 2,048 bytes.
const MaxToken = 4096

// Config says which service, and who we are there.
type Config struct {
	// Kind is the service, pow for none.
	Kind string `env:"FLINT_CAPTCHA,default=pow"`
	// SiteKey is public: pages give it to the service's script.
	SiteKey string `env:"CAPTCHA_SITE_KEY"`
	// Secret is what siteverify knows us by.
	Secret config.Secret `env:"CAPTCHA_SECRET"`
	// Score is the least that reCAPTCHA must say, from 0 (a bot) to 1.
	Score float64 `env:"CAPTCHA_SCORE,default=0.5"`
	// BaseURL is the service, with its scripts; default: the real one.
	BaseURL string `env:"CAPTCHA_BASE_URL"`
	// Timeout bounds one question: people wait for it.
	Timeout time.Duration `env:"CAPTCHA_TIMEOUT,default=2s"`
}

// Enabled reports whether there is a service to ask.
func (c Config) Enabled() bool { return c.Kind == Turnstile || c.Kind == ReCAPTCHA }

// Validate returns what is wrong with c, or nil.
func (c Config) Validate() error {
	var faults []error
	if !slices.Contains([]string{"", None, Turnstile, ReCAPTCHA}, c.Kind) {
		faults = append(faults, errors.New("FLINT_CAPTCHA must be pow, turnstile or recaptcha"))
	}
	if c.Enabled() && (c.SiteKey == "" || c.Secret.IsZero()) {
		faults = append(faults, errors.New("CAPTCHA_SITE_KEY, CAPTCHA_SECRET: both are needed for "+c.Kind))
	}
	if strings.Trim(c.SiteKey, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-") != "" {
		faults = append(faults, errors.New("CAPTCHA_SITE_KEY: letters, digits, _ and - only"))
	}
	if u, err := url.Parse(c.BaseURL); c.BaseURL != "" && (err != nil || u.Host == "") {
		faults = append(faults, errors.New("CAPTCHA_BASE_URL must be a URL"))
	}
	if c.Score < 0 || c.Score > 1 {
		faults = append(faults, errors.New("CAPTCHA_SCORE: 0 to 1"))
	}
	if c.Timeout < 0 || c.Timeout > 10*time.Second {
		faults = append(faults, errors.New("CAPTCHA_TIMEOUT: at most 10s"))
	}
	return errors.Join(faults...)
}

// base is where the service is.
func (c Config) base() string {
	if c.Kind == ReCAPTCHA {
		return cmp.Or(c.BaseURL, "https://www.google.com")
	}
	return cmp.Or(c.BaseURL, "https://challenges.cloudflare.com")
}

// Script is what a page loads to get a token; empty without a service.
func (c Config) Script() string {
	switch c.Kind {
	case Turnstile:
		return c.base() + "/turnstile/v0/api.js?render=explicit"
	case ReCAPTCHA:
		return c.base() + "/recaptcha/api.js?render=" + url.QueryEscape(c.SiteKey)
	}
	return ""
}

// Sources are the origins that the page's Content-Security-Policy has to let in.
func (c Config) Sources() (scripts, frames []string) {
	switch {
	case !c.Enabled():
		return nil, nil
	case c.Kind == ReCAPTCHA && c.BaseURL == "":
		return []string{"https://www.google.com", "https://www.gstatic.com"}, []string{"https://www.google.com", "https://recaptcha.google.com"}
	}
	u, err := url.Parse(c.base())
	if err != nil {
		return nil, nil // Validate has said so
	}
	origin := u.Scheme + "://" + u.Host
	return []string{origin}, []string{origin}
}

// Client asks. It is safe for concurrent use.
type Client struct {
	cfg  Config
	http *outbound.Client
}

// New returns a Client of a service; cfg must be Enabled. onCall is told of each
// attempt and may be nil.
func New(cfg Config, now func() time.Time, log *slog.Logger, onCall func(outbound.Call)) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if !cfg.Enabled() {
		return nil, errors.New("FLINT_CAPTCHA: there is no service to ask")
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 2*time.Second)
	// One attempt, and soon none: nobody waits long for somebody else's service.
	client, err := outbound.New(outbound.Config{
		Provider: cfg.Kind, BaseURL: cfg.base(), Timeout: cfg.Timeout, Attempts: 1, MaxResponse: 64 << 10,
		BreakerFailures: 3, BreakerDelay: 30 * time.Second, OnCall: onCall, Log: log, Now: now,
	})
	if err != nil {
		return nil, err
	}
	return &Client{cfg, client}, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.Close() }

// Config returns the client's settings.
func (c *Client) Config() Config { return c.cfg }

// Expect is what a token must have been made for.
type Expect struct {
	Action  string
	Host    string     // of the page, without port
	Address netip.Addr // of the visitor; invalid: not told
}

// Verdict is what the service says of a token. Reason is why it isn't good, in
// one word.
type Verdict struct {
	Good   bool
	Reason string
}

// answer is siteverify's.
type answer struct {
	Success  bool     `json:"success"`
	Hostname string   `json:"hostname"`
	Action   string   `json:"action"`
	Score    *float64 `json:"score"`
	Errors   []string `json:"error-codes"`
}

// Verify asks about a token. An error, always an *outbound.Error, says that it
// couldn't be found out: nobody answered, or our secret isn't taken.
func (c *Client) Verify(ctx context.Context, token config.Secret, want Expect) (Verdict, error) {
	if token.IsZero() || len(token.Reveal()) > MaxToken {
		return Verdict{Reason: "token"}, nil
	}
	form := url.Values{"secret": {c.cfg.Secret.Reveal()}, "response": {token.Reveal()}}
	if want.Address.IsValid() {
		form.Set("remoteip", want.Address.Unmap().String())
	}
	path := "/turnstile/v0/siteverify"
	if c.cfg.Kind == ReCAPTCHA {
		path = "/recaptcha/api/siteverify"
	}
	got, err := c.http.Do(ctx, outbound.Request{
		Op: "siteverify", Method: http.MethodPost, Path: path, Body: []byte(form.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}},
	})
	if err != nil {
		return Verdict{}, err
	}
	a, err := read(got.Body)
	if err != nil {
		return Verdict{}, outbound.BadAnswer(c.cfg.Kind, "siteverify", "json", got.RequestID)
	}
	if ours := slices.IndexFunc(a.Errors, isOurs); ours >= 0 {
		return Verdict{}, outbound.BadAnswer(c.cfg.Kind, "siteverify", "refused_us", got.RequestID)
	}
	return a.judge(c.cfg, want), nil
}

// isOurs reports whether an error code is about us or the service, and so says
// nothing about the visitor.
func isOurs(code string) bool {
	return slices.Contains([]string{"missing-input-secret", "invalid-input-secret", "bad-request", "internal-error"}, code)
}

// read reads siteverify's answer.
func read(body []byte) (answer, error) {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return answer{}, fmt.Errorf("read siteverify's answer: %w", err)
	}
	if a.Score != nil && (*a.Score < 0 || *a.Score > 1) {
		return answer{}, errors.New("read siteverify's answer: a score that can't be")
	}
	return a, nil
}

// judge compares what the service says with what was wanted. What it doesn't say
// doesn't fit.
func (a answer) judge(cfg Config, want Expect) Verdict {
	switch {
	case !a.Success && slices.Contains(a.Errors, "timeout-or-duplicate"):
		return Verdict{Reason: "used"}
	case !a.Success:
		return Verdict{Reason: "token"}
	case !strings.EqualFold(a.Hostname, want.Host):
		return Verdict{Reason: "host"}
	case a.Action != want.Action:
		return Verdict{Reason: "action"}
	case cfg.Kind == ReCAPTCHA && (a.Score == nil || *a.Score < cfg.Score):
		return Verdict{Reason: "score"}
	}
	return Verdict{Good: true}
}
