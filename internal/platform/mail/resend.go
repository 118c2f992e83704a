package mail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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

// The address of Resend's API, and what it is called in errors and logs.
const (
	resendURL  = "https://api.resend.com"
	resendName = "resend"
)

// Resend allows a team two calls a second; both tokens may go at once.
const (
	resendPerMinute = 120
	resendBurst     = 2
)

// quotaWait is how long mail rests after a day's or a month's quota ran out.
const quotaWait = time.Hour

// checkResend returns what is wrong with the settings, without quoting the key.
func (c Config) checkResend() error {
	var faults []error
	if !c.URL.IsZero() {
		faults = append(faults, errors.New("SMTP_URL and RESEND_API_KEY: set one of the two, mail leaves either through a server or through Resend"))
	}
	key := c.ResendKey.Reveal()
	odd := strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
	if !strings.HasPrefix(key, "re_") || odd || len(key) > 200 {
		faults = append(faults, errors.New("RESEND_API_KEY: not a key such as re_…"))
	}
	u, err := url.Parse(c.resendBase())
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		faults = append(faults, errors.New("RESEND_BASE_URL: not an address such as "+resendURL))
	case u.Scheme != "https" && (u.Scheme != "http" || !onThisMachine(u.Hostname())):
		faults = append(faults, errors.New("RESEND_BASE_URL: starts with https://, since the key travels in every call"))
	}
	return errors.Join(faults...)
}

func (c Config) resendBase() string {
	if c.ResendBaseURL == "" {
		return resendURL
	}
	return c.ResendBaseURL
}

// resend delivers through Resend's HTTP API
// (https://resend.com/docs/api-reference/emails/send-email).
type resend struct {
	http    *outbound.Client
	key     config.Secret
	from    string
	timeout time.Duration
	log     *slog.Logger
}

func newResend(cfg Config) (*resend, error) {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	client, err := outbound.New(outbound.Config{
		Provider: resendName, BaseURL: cfg.resendBase(), Timeout: cfg.Timeout, Attempts: 2, MaxBackoff: 5 * time.Second,
		MaxResponse: 64 << 10, PerMinute: resendPerMinute, Burst: resendBurst, Explain: explain, Log: log, Now: cfg.Now,
	})
	if err != nil {
		return nil, err
	}
	return &resend{http: client, key: cfg.ResendKey, from: strings.TrimSpace(cfg.From), timeout: cfg.Timeout, log: log}, nil
}

// Close drops idle connections.
func (r *resend) Close() { r.http.Close() }

// Send implements Sender. The same message is delivered once within a day,
// however often it is sent: it has the same Idempotency-Key.
func (r *resend) Send(ctx context.Context, m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	body, err := json.Marshal(struct {
		From    string            `json:"from"`
		To      []string          `json:"to"`
		Subject string            `json:"subject"`
		HTML    string            `json:"html,omitempty"`
		Text    string            `json:"text"`
		Headers map[string]string `json:"headers"`
	}{r.from, []string{m.To}, m.Subject, m.HTML, m.Text, map[string]string{"Auto-Submitted": "auto-generated"}})
	if err != nil {
		return fmt.Errorf("write a message for Resend: %w", err)
	}
	// Of the job and the whole body, so that a key never comes back with other words, which
	// Resend would refuse.
	once := sha256.Sum256(append(strconv.AppendInt(nil, m.Job, 10), body...))
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	answer, err := r.http.Do(ctx, outbound.Request{
		Op: "send", Method: http.MethodPost, Path: "/emails", Body: body, Idempotent: true,
		Header: http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"flint-" + hex.EncodeToString(once[:])}},
		Sign: func(q *http.Request) error {
			q.Header.Set("Authorization", "Bearer "+r.key.Reveal())
			return nil
		},
	})
	if err != nil {
		return r.judge(ctx, err)
	}
	var sent struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(answer.Body, &sent) != nil || sent.ID == "" { // not Resend, or not all of it; asking again does no harm
		return outbound.BadAnswer(resendName, "send", "id", answer.RequestID)
	}
	return nil
}

// judge says whose fault a failed call is: the message's, the settings' or
// nobody's.
func (r *resend) judge(ctx context.Context, err error) error {
	e := outbound.Of(err)
	if e == nil {
		return fmt.Errorf("deliver a message: %w", err)
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return r.misset(ctx, err)
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		switch e.Code {
		case "", "invalid_idempotency_key": // not Resend's word, or not the message's fault
		case "invalid_from_address":
			return r.misset(ctx, err)
		default:
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	return fmt.Errorf("deliver a message: %w", err)
}

// misset says so in the log: the job only waits, and nobody else would tell.
func (r *resend) misset(ctx context.Context, err error) error {
	r.log.ErrorContext(ctx, "Resend refuses the settings; mails wait until RESEND_API_KEY, RESEND_BASE_URL and MAIL_FROM (a verified domain) are right", "err", err)
	return fmt.Errorf("%w: %w", ErrSettings, err)
}

// explain reads Resend's error {statusCode, name, message}. Only the names that
// Resend documents pass: whatever else an answer holds may be anything, the key
// included. https://resend.com/docs/api-reference/errors
func explain(status int, body []byte) outbound.Verdict {
	var e struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(body, &e) != nil {
		return outbound.Verdict{}
	}
	v := outbound.Verdict{Code: e.Name}
	switch e.Name {
	case "validation_error", "missing_api_key", "restricted_api_key", "invalid_api_key", "invalid_access":
		if status == http.StatusUnauthorized || status == http.StatusForbidden {
			v.Class = outbound.ProviderDown // our key, nobody's connection
		}
	case "daily_quota_exceeded", "monthly_quota_exceeded":
		v.RetryAfter = quotaWait
	case "concurrent_idempotent_requests":
		v.Class = outbound.Transient
	case "rate_limit_exceeded", "application_error", "internal_server_error", "invalid_idempotency_key", "invalid_idempotent_request",
		"missing_required_field", "invalid_parameter", "invalid_attachment", "invalid_from_address", "invalid_region", "security_error",
		"not_found", "method_not_allowed":
	default:
		return outbound.Verdict{}
	}
	return v
}

// Wait returns for how long a failed Send asked to be left alone; 0 if it
// didn't.
func Wait(err error) time.Duration {
	if e := outbound.Of(err); e != nil && e.Class == outbound.RateLimited {
		return e.RetryAfter
	}
	return 0
}
