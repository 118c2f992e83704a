package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"flint/internal/fault"
)

// The faults of HTTP itself.
var (
	ErrMalformed       = fault.New(fault.Malformed, "malformed", "The request can't be read.")
	ErrTooLarge        = fault.New(fault.TooLarge, "too_large", "That is more than this operation takes.")
	ErrMediaType       = fault.New(fault.Malformed, "unsupported_media_type", "This operation doesn't read that kind of content.")
	ErrNoRoute         = fault.New(fault.NotFound, "no_such_operation", "The API has nothing at this address.")
	ErrNoPage          = fault.New(fault.NotFound, "no_such_page", "There is no such page or file.")
	ErrMethod          = fault.New(fault.Malformed, "method_not_allowed", "This address doesn't answer to that method.")
	ErrHost            = fault.New(fault.Malformed, "wrong_host", "This server doesn't answer for that host.")
	ErrCrossSite       = fault.New(fault.Forbidden, "cross_site", "A page of another site sent this, so it was refused.")
	ErrSignIn          = fault.New(fault.Unauthenticated, "NO_TOKEN", "Sign in first.")
	ErrConfirm         = fault.New(fault.Forbidden, "email_unconfirmed", "Confirm your e-mail address first.")
	ErrStepUp          = fault.New(fault.Forbidden, "step_up_required", "Prove once more that it's you, then try again.")
	ErrFactorFirst     = fault.New(fault.Forbidden, "second_factor_required", "Add a second step to your sign-in first, in the security settings.")
	ErrReadOnlySupport = fault.New(fault.Forbidden, "read_only_support", "Support looks at this account and can't do that.")

	ErrKeyScope   = fault.New(fault.Forbidden, "key_scope", "An API key can't do that; sign in instead.")
	ErrForbidden  = fault.New(fault.Forbidden, "forbidden", "You may not do that.")
	ErrTooMany    = fault.New(fault.TooMany, "rate_limited", "That was too often. Wait a little and try again.")
	ErrInternal   = fault.New(fault.Internal, "internal", "Something went wrong on our side. It has been noted.")
	ErrOverloaded = fault.New(fault.Unavailable, "timeout", "That took too long. Try again in a moment.")
	errClientGone = fault.New(fault.Malformed, "client_gone", "The client went away.")
)

// statuses are the HTTP statuses of the kinds.
var statuses = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Invalid:         http.StatusUnprocessableEntity,
	fault.Malformed:       http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Gone:            http.StatusGone,
	fault.Conflict:        http.StatusConflict,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.TooMany:         http.StatusTooManyRequests,
	fault.Unavailable:     http.StatusServiceUnavailable,
}

// quotaExceeded is registered by draft-ietf-httpapi-ratelimit-headers.
const quotaExceeded = "https://iana.org/assignments/http-problem-types#quota-exceeded"

const statusClientGone = 499 // nginx's; never sent, only logged

// Details is a problem as RFC 9457 defines it, with our additions: a code that
// clients switch on, the rejected fields and the seconds to wait.
type Details struct {
	Type       string        `json:"type" doc:"about:blank, for the code says what it is; of an exceeded limit quota-exceeded as IANA registered it"`
	Title      string        `json:"title" doc:"The status in words"`
	Status     int           `json:"status" doc:"The HTTP status"`
	Detail     string        `json:"detail" doc:"One sentence for people"`
	Code       string        `json:"code" doc:"What went wrong, for programs; stable"`
	Errors     []fault.Field `json:"errors,omitempty" doc:"The rejected inputs"`
	Instance   string        `json:"instance" doc:"The id of this request; quote it when asking for help"`
	RetryAfter int           `json:"retryAfter,omitempty" doc:"Seconds after which a retry makes sense"`
	Methods    []string      `json:"methods,omitempty" doc:"With mfa_required, step_up_required and verification_required: how it may be proven, the strongest first: passkey, totp, backup_code, password, email"`
	Challenge  string        `json:"challenge,omitempty" doc:"With mfa_required and verification_required: to be sent back with the proof"`
	MFA        bool          `json:"mfaRequired,omitempty" doc:"With mfa_required: true"`
	Violated   []string      `json:"violated-policies,omitempty" doc:"With rate_limited: the limits that refuse, as RateLimit-Policy names them"`
}

// Problem answers the request with err. A fault is shown as it is, anything
// else as one fixed sentence with status 500; its text goes to the log alone.
func Problem(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(r.Context(), err)
	h := w.Header()
	for k, vs := range p.GetHeaders() {
		h[k] = vs
	}
	h.Set("Content-Type", "application/problem+json")
	h.Del("Content-Length")
	h.Del("Etag")
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_ = json.NewEncoder(w).Encode(p.Details) // the client may be gone; there's nothing to add
	}
}

// refusal is Details in the shape that huma lets through untouched.
type refusal struct{ Details }

func (p *refusal) Error() string             { return p.Code }
func (p *refusal) GetStatus() int            { return p.Status }
func (p *refusal) ContentType(string) string { return "application/problem+json" }

// GetHeaders returns the headers that go with the status.
func (p *refusal) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="flint"`)
	}
	return h
}

// problemOf turns err into what the caller may see. It's the one place that
// knows statuses, and where errors are logged: once, here.
func problemOf(ctx context.Context, err error) *refusal {
	f := fault.Of(err)
	if f == nil {
		f = foreign(ctx, err)
	}
	ev := eventOf(ctx)
	ev.code = f.Code
	status := statusOf(f)
	shown := f
	if f.Kind == fault.Internal {
		shown = ErrInternal // whatever it says about itself
	}
	switch {
	case f == errClientGone, f.Code == ErrShed.Code: // the request's own line says it
	case status >= 500:
		level := slog.LevelError
		if f.Kind == fault.Unavailable {
			level = slog.LevelWarn
		}
		ev.log.LogAttrs(ctx, level, "request failed", slog.String("code", f.Code),
			slog.String("route", ev.route), slog.String("error", err.Error()))
	case f.Unwrap() != nil:
		ev.log.LogAttrs(ctx, slog.LevelDebug, "request refused", slog.String("code", f.Code),
			slog.String("route", ev.route), slog.String("error", err.Error()))
	}
	p := &refusal{Details{
		Type: "about:blank", Title: cmp.Or(http.StatusText(status), "Refused"), Status: status,
		Detail: shown.Detail, Code: shown.Code, Errors: shown.Fields, Instance: ev.id,
	}}
	if f.Retry > 0 {
		p.RetryAfter = seconds(f.Retry)
	}
	if len(f.Limits) > 0 {
		p.Type, p.Violated = quotaExceeded, f.Limits
	}
	if f.Asks != nil {
		p.Methods, p.Challenge, p.MFA = f.Asks.Methods, f.Asks.Challenge, f.Code == "mfa_required"
	}
	return p
}

// foreign finds a fault for errors that other people's packages return.
func foreign(ctx context.Context, err error) *fault.Fault {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return ErrTooLarge
	}
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return errClientGone
	case errors.Is(err, context.DeadlineExceeded):
		return fault.After(ErrOverloaded, 5*time.Second)
	}
	return ErrInternal
}

// statusOf returns the HTTP status of f: by its kind, except for the few codes
// of HTTP itself that have a status of their own.
func statusOf(f *fault.Fault) int {
	switch f.Code {
	case ErrMethod.Code:
		return http.StatusMethodNotAllowed
	case ErrMediaType.Code:
		return http.StatusUnsupportedMediaType
	case ErrHost.Code:
		return http.StatusMisdirectedRequest
	case ErrURLTooLong.Code:
		return http.StatusRequestURITooLong
	case ErrManyHeaders.Code:
		return http.StatusRequestHeaderFieldsTooLarge
	case errClientGone.Code:
		return statusClientGone
	}
	if s, ok := statuses[f.Kind]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// seconds rounds up, so that waiting that long is always enough.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
