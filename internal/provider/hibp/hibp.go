// Package hibp asks Have I Been Pwned whether a password is known from a
// breach, by its range protocol: the first five hexadecimal digits of the
// password's SHA-1 leave, some thousand endings come back, and the comparison is
// made here. Answers are padded, so that not even their length tells anything.
//
// https://haveibeenpwned.com/API/v3#SearchingPwnedPasswordsByRange
package hibp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the protocol's; it protects nothing here
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"flint/internal/config"
	"flint/internal/platform/outbound"
)

// name is what this provider is called in errors, logs and metrics.
const name = "hibp"

// The sizes of the protocol, in hexadecimal digits.
const (
	prefixLen = 5
	suffixLen = 35
)

// maxLines is more than any padded range has: they were below 1,500 in 2026.
const maxLines = 20_000

// Config says where the ranges are.
type Config struct {
	// BaseURL is the service; "off" does without.
	BaseURL string `env:"HIBP_BASE_URL, default=https://api.pwnedpasswords.com"`
	// Timeout bounds one question: people wait for it.
	Timeout time.Duration `env:"HIBP_TIMEOUT, default=1s"`
}

// Enabled reports whether passwords are to be checked.
func (c Config) Enabled() bool { return c.BaseURL != "" && c.BaseURL != "off" }

// Validate returns what is wrong with c, or nil.
func (c Config) Validate() error {
	var faults []error
	if u, err := url.Parse(c.BaseURL); c.Enabled() && (err != nil || u.Host == "") {
		faults = append(faults, errors.New(`HIBP_BASE_URL must be a URL or "off"`))
	}
	if c.Timeout < 0 || c.Timeout > 10*time.Second {
		faults = append(faults, errors.New("HIBP_TIMEOUT: at most 10s"))
	}
	return errors.Join(faults...)
}

// Client asks. It is safe for concurrent use.
type Client struct{ http *outbound.Client }

// New returns a Client. onCall is told of each attempt and may be nil.
func New(cfg Config, now func() time.Time, log *slog.Logger, onCall func(outbound.Call)) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Second
	}
	// One attempt, and soon none: nobody waits long for somebody else's service.
	http, err := outbound.New(outbound.Config{
		Provider: name, BaseURL: cfg.BaseURL, Timeout: cfg.Timeout, Attempts: 1, MaxResponse: 2 << 20,
		BreakerFailures: 3, BreakerDelay: 30 * time.Second, OnCall: onCall, Log: log, Now: now,
	})
	if err != nil {
		return nil, err
	}
	return &Client{http}, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.Close() }

// Seen returns how often password occurs in known breaches. An error, always an
// *outbound.Error, says that it couldn't be found out.
func (c *Client) Seen(ctx context.Context, password config.Secret) (int, error) {
	sum := sha1.Sum([]byte(password.Reveal())) //nolint:gosec // as above
	digits := strings.ToUpper(fmt.Sprintf("%x", sum))
	answer, err := c.http.Do(ctx, outbound.Request{
		Op: "range", Path: "/range/" + digits[:prefixLen], Header: http.Header{"Add-Padding": {"true"}},
	})
	if err != nil {
		return 0, err
	}
	n, err := Find(answer.Body, digits[prefixLen:])
	if err != nil {
		return 0, outbound.BadAnswer(name, "range", "lines", answer.RequestID)
	}
	return n, nil
}

// Find returns the count that a range gives for an ending of 35 digits; 0 if it
// isn't there or is padding. A range with anything else in it than lines of
// "ENDING:COUNT" is refused as a whole.
func Find(answer []byte, suffix string) (int, error) {
	found, lines := 0, 0
	for s := bufio.NewScanner(bytes.NewReader(answer)); ; lines++ {
		if !s.Scan() {
			if s.Err() != nil || lines == 0 {
				return 0, errors.New("read range: no lines")
			}
			return found, nil
		}
		ending, count, ok := strings.Cut(strings.TrimSuffix(s.Text(), "\r"), ":")
		n, err := strconv.Atoi(count)
		if !ok || err != nil || n < 0 || len(ending) != suffixLen || strings.Trim(ending, "0123456789ABCDEFabcdef") != "" || lines >= maxLines {
			return 0, errors.New("read range: a line that can't be")
		}
		if strings.EqualFold(ending, suffix) {
			found = n
		}
	}
}
