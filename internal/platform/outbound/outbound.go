// Package outbound is the one way in which Flint calls other people's HTTP
// APIs. A Client belongs to one provider and one key, and a call through it
// lives like this:
//
//	budget -> breaker -> sign -> send -> read (bounded) -> judge -> maybe again
//
// The budget is a token bucket for the whole process, and a quota that all nodes
// share where they can: people who wait go before background work, and a provider that answers 429 pauses the bucket, not the
// caller's connection. The breaker refuses calls at once while the provider is
// down. Only idempotent calls are ever repeated, only for failures that another
// attempt can mend, and with full jitter. Redirects are refused, the proxy
// variables of the environment are ignored, answers have a size limit.
//
// Credentials travel in headers and, at SnapTrade, in the query string. So no
// error and no log line of this package holds an address, a query, a header
// or a body: a failure is an *Error with the provider's name, the operation,
// the status, the provider's code and its request id, and nothing else.
package outbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Config says how to reach one provider. Only Provider and BaseURL are needed;
// every other zero value means the default in its comment.
type Config struct {
	Provider  string // short name for errors, logs and metrics: "teller"
	BaseURL   string // scheme, host, optional path prefix; no query
	UserAgent string // default "flint"

	CertFile string // client certificate, PEM; re-read when it changes
	KeyFile  string // its private key, PEM
	CAFile   string // trust these authorities and no others; default: the system's

	// Chosen says that somebody other than the operator chose BaseURL: then only
	// the public internet is dialled, see Guard.
	Chosen bool

	Timeout     time.Duration // one attempt, from dialling to the last byte; default 30 s
	MaxResponse int64         // bytes of an answer; default 8 MiB
	Attempts    int           // of an idempotent call, the first included; default 3
	Backoff     time.Duration // upper limit of the first pause, doubled each time; default 250 ms
	MaxBackoff  time.Duration // longest pause, also for Retry-After; default 10 s

	PerMinute int           // calls per minute of this key; 0: no budget
	Burst     int           // calls at once; default a tenth of PerMinute
	MaxWait   time.Duration // of a background call for the budget; default 1 min. People wait a tenth of it.

	// Quota asks all nodes together for a call within the budget: 0, or after how
	// long to ask again. person says that somebody waits. It answers within
	// moments. Nil: the budget is this process's alone.
	Quota func(ctx context.Context, person bool) time.Duration

	BreakerFailures int           // of the last 20 calls that open the circuit; default 10
	BreakerDelay    time.Duration // until a probe is let through; default 15 s

	// Explain reads the provider's error envelope. It may be nil.
	Explain func(status int, body []byte) Verdict
	// OnCall is told of every attempt, for metrics. It may be nil.
	OnCall func(Call)

	Log *slog.Logger     // default: discard
	Now func() time.Time // default time.Now
}

// Verdict is what a provider's error answer means.
type Verdict struct {
	Code  string // the provider's code
	Class Class  // empty: by status
	// Institution says that a bank or broker behind the provider failed, not
	// the provider: the breaker doesn't count it.
	Institution bool
	// RetryAfter overrides the header's value when it isn't 0.
	RetryAfter time.Duration
}

// Call is one finished attempt.
type Call struct {
	Provider  string
	Op        string
	Status    int   // 0: no answer
	Class     Class // empty: success
	Attempt   int   // from 1
	Took      time.Duration
	RequestID string // the provider's
}

// Request is one call.
type Request struct {
	Op         string // name in errors and metrics: "accounts"
	Method     string // default GET
	Path       string // appended to BaseURL, already escaped
	Query      string // raw, without "?"; sent exactly so
	Header     http.Header
	Body       []byte
	Idempotent bool // may be repeated; GET and HEAD always may
	// Sign is called before each attempt, to add credentials or a time stamp.
	// It may replace the query. It may be nil.
	Sign func(*http.Request) error
}

// Response is an answer with a 2xx status, read to its end.
type Response struct {
	Status    int
	Header    http.Header
	Body      []byte
	RequestID string // X-Request-ID, for the log and for the provider's support
}

// Client calls one provider. It is safe for concurrent use.
type Client struct {
	cfg     Config
	base    *url.URL
	http    *http.Client
	budget  *budget
	breaker *breaker
}

// New returns a Client for cfg. It fails when the address is unusable or a
// certificate can't be read.
func New(cfg Config) (*Client, error) {
	cfg = withDefaults(cfg)
	base, err := url.Parse(cfg.BaseURL)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") ||
		base.RawQuery != "" || base.Fragment != "" || base.User != nil {
		return nil, fmt.Errorf("%s: the base URL must be http(s)://host[/prefix]", cfg.Provider)
	}
	transport, err := newTransport(cfg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Provider, err)
	}
	return &Client{
		cfg:  cfg,
		base: base,
		http: &http.Client{
			Transport: transport,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // a 3xx is judged like any other answer: refused
			},
		},
		budget:  newBudget(cfg),
		breaker: newBreaker(cfg),
	}, nil
}

func withDefaults(cfg Config) Config {
	or := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	or(&cfg.Timeout, 30*time.Second)
	or(&cfg.Backoff, 250*time.Millisecond)
	or(&cfg.MaxBackoff, 10*time.Second)
	or(&cfg.MaxWait, time.Minute)
	or(&cfg.BreakerDelay, 15*time.Second)
	if cfg.MaxResponse <= 0 {
		cfg.MaxResponse = 8 << 20
	}
	if cfg.Attempts <= 0 {
		cfg.Attempts = 3
	}
	if cfg.Burst <= 0 {
		cfg.Burst = max(cfg.PerMinute/10, 1)
	}
	if cfg.BreakerFailures <= 0 || cfg.BreakerFailures > window {
		cfg.BreakerFailures = 10
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "flint"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Do makes the call and returns its answer. Any failure is an *Error, except
// that a context which ended is found by errors.Is as well.
func (c *Client) Do(ctx context.Context, r Request) (Response, error) {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	attempts := 1
	if r.Idempotent || r.Method == http.MethodGet || r.Method == http.MethodHead {
		attempts = c.cfg.Attempts
	}
	for n := 1; ; n++ {
		answer, err := c.attempt(ctx, r, n)
		if err == nil {
			return answer, nil
		}
		if n >= attempts || !err.again || ctx.Err() != nil {
			return Response{}, err
		}
		pause := c.pause(n, err.RetryAfter)
		if pause < 0 || sleep(ctx, pause) != nil {
			return Response{}, err
		}
	}
}

// attempt spends one token and sends the request once.
func (c *Client) attempt(ctx context.Context, r Request, n int) (Response, *Error) {
	fail := func(e *Error) (Response, *Error) {
		e.Provider, e.Op = c.cfg.Provider, r.Op
		return Response{}, e
	}
	if wait, err := c.budget.take(ctx); err != nil {
		return fail(&Error{Code: "budget", Class: RateLimited, RetryAfter: wait, cause: ctx.Err()})
	}
	if wait, ok := c.breaker.allow(); !ok {
		return fail(&Error{Code: "circuit_open", Class: ProviderDown, RetryAfter: wait})
	}
	begun := c.cfg.Now()
	answer, e, institution := c.send(ctx, r)
	c.breaker.done(health(ctx, e, institution))
	call := Call{
		Provider: c.cfg.Provider, Op: r.Op, Status: answer.Status, Attempt: n,
		Took: c.cfg.Now().Sub(begun), RequestID: answer.RequestID,
	}
	if e != nil {
		call.Status, call.Class, call.RequestID = e.Status, e.Class, e.RequestID
	}
	c.report(ctx, call)
	if e != nil {
		return fail(e)
	}
	return answer, nil
}

// health is what an attempt says about the provider itself.
func health(ctx context.Context, e *Error, institution bool) outcome {
	switch {
	case e == nil || institution:
		return worked
	case ctx.Err() != nil:
		return unknown
	case e.Status == 0 || e.Status >= 500:
		return failed
	}
	return worked // it answered; that we don't like the answer is another matter
}

func (c *Client) report(ctx context.Context, call Call) {
	if n, ok := ctx.Value(counterKey{}).(*atomic.Int64); ok {
		n.Add(1)
	}
	if c.cfg.OnCall != nil {
		c.cfg.OnCall(call)
	}
	c.cfg.Log.DebugContext(ctx, "provider call", "provider", call.Provider, "op", call.Op, "status", call.Status,
		"class", string(call.Class), "attempt", call.Attempt, "took_ms", call.Took.Milliseconds(), "provider_request", call.RequestID)
}

// send does the network part of an attempt. The last result says that an
// institution behind the provider failed.
func (c *Client) send(ctx context.Context, r Request) (Response, *Error, bool) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.Method, strings.TrimSuffix(c.base.String(), "/")+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return Response{}, &Error{Code: "bad_request_path", Class: Bug}, false
	}
	if len(r.Body) == 0 {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	for k, v := range r.Header {
		req.Header[k] = v
	}
	req.URL.RawQuery = r.Query
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	if r.Sign != nil {
		if err := r.Sign(req); err != nil {
			return Response{}, &Error{Code: "signing", Class: Bug}, false
		}
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return Response{}, broken(err), false
	}
	defer answer.Body.Close()
	return c.judge(answer)
}

// judge reads an answer and decides what it means.
func (c *Client) judge(answer *http.Response) (Response, *Error, bool) {
	requestID := clean(answer.Header.Get("X-Request-ID"))
	c.budget.heed(answer.Header)
	body, err := io.ReadAll(io.LimitReader(answer.Body, c.cfg.MaxResponse+1))
	if err != nil {
		e := broken(err)
		e.RequestID = requestID
		return Response{}, e, false
	}
	if int64(len(body)) > c.cfg.MaxResponse {
		return Response{}, &Error{Status: answer.StatusCode, Code: "answer_too_large", Class: Bug, RequestID: requestID}, false
	}
	if answer.StatusCode/100 == 2 {
		return Response{answer.StatusCode, answer.Header, body, requestID}, nil, false
	}
	var v Verdict
	if c.cfg.Explain != nil {
		v = c.cfg.Explain(answer.StatusCode, body)
	}
	class, again := byStatus(answer.StatusCode)
	if v.Class != "" {
		class = v.Class
	}
	e := &Error{
		Status: answer.StatusCode, Code: clean(v.Code), Class: class, RequestID: requestID, again: again,
		RetryAfter: v.RetryAfter,
	}
	if e.RetryAfter == 0 {
		e.RetryAfter = retryAfter(answer.Header.Get("Retry-After"), c.cfg.Now())
	}
	if left := answer.Header.Get("X-RateLimit-Remaining"); answer.StatusCode == http.StatusTooManyRequests && (left == "" || left == "0") {
		c.budget.pause(e.RetryAfter) // else something smaller than the key ran out: one account, one refresh
	}
	return Response{}, e, v.Institution
}

// broken turns an error of the network into an Error. The error's own text is
// dropped: net/http puts the whole URL into it.
func broken(err error) *Error {
	e := &Error{Code: "connection_failed", Class: Transient, again: true}
	switch {
	case errors.Is(err, context.Canceled):
		e.Code, e.again, e.cause = "canceled", false, context.Canceled
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		e.Code, e.cause = "timeout", context.DeadlineExceeded
	case errors.Is(err, ErrPrivate):
		e.Code, e.Class, e.again = "private_address", Bug, false
	case isTLS(err):
		// Ours or theirs, but no connection's fault: nobody needs to reconnect.
		e.Code, e.Class, e.again = "tls_failed", ProviderDown, false
	}
	return e
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

type counterKey struct{}

// CountCalls returns a context in which every attempt through any Client is
// counted, and the count.
func CountCalls(ctx context.Context) (context.Context, *atomic.Int64) {
	n := new(atomic.Int64)
	return context.WithValue(ctx, counterKey{}, n), n
}
