package outbound_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flint/internal/platform/outbound"
)

const secret = "s3cr3t-in-the-query"

// far is a provider's far end: answers in order, the last one for ever.
func far(t *testing.T, answers ...func(http.ResponseWriter, *http.Request)) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var calls atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(calls.Add(1))
		answers[min(n, len(answers))-1](w, r)
	}))
	t.Cleanup(s.Close)
	return s, &calls
}

func status(code int, header ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"status":%d}`, code)
	}
}

func client(t *testing.T, url string, change ...func(*outbound.Config)) *outbound.Client {
	t.Helper()
	cfg := outbound.Config{Provider: "far", BaseURL: url, Backoff: time.Millisecond, MaxBackoff: 50 * time.Millisecond, Timeout: 5 * time.Second}
	for _, f := range change {
		f(&cfg)
	}
	c, err := outbound.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func get(op string) outbound.Request {
	return outbound.Request{Op: op, Path: "/thing", Query: "userSecret=" + secret}
}

func TestAnswerIsReadWhole(t *testing.T) {
	t.Parallel()
	s, _ := far(t, func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != "flint" || r.URL.RawQuery != "userSecret="+secret || r.URL.Path != "/v1/thing" {
			t.Errorf("got %s %s by %s", r.Method, r.URL, r.UserAgent())
		}
		w.Header().Set("X-Request-ID", "req-1")
		_, _ = io.WriteString(w, `{"ok":true}`)
	})
	got, err := client(t, s.URL+"/v1").Do(t.Context(), get("thing"))
	if err != nil || got.Status != 200 || string(got.Body) != `{"ok":true}` || got.RequestID != "req-1" {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestOnlyIdempotentCallsAreRepeated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		req   outbound.Request
		code  int
		calls int64
	}{
		{"get 502", outbound.Request{}, 502, 3},
		{"get 503", outbound.Request{}, 503, 3},
		{"get 504", outbound.Request{}, 504, 3},
		{"get 429", outbound.Request{}, 429, 3},
		{"get 500", outbound.Request{}, 500, 1},
		{"get 404", outbound.Request{}, 404, 1},
		{"post 503", outbound.Request{Method: "POST"}, 503, 1},
		{"post 429", outbound.Request{Method: "POST"}, 429, 1},
		{"delete 503", outbound.Request{Method: "DELETE"}, 503, 1},
		{"delete 503, said to be idempotent", outbound.Request{Method: "DELETE", Idempotent: true}, 503, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, calls := far(t, status(c.code))
			now := stepping(time.Hour) // no pause of the bucket lasts
			_, err := client(t, s.URL, func(cfg *outbound.Config) { cfg.Now = now }).Do(t.Context(), c.req)
			if e := outbound.Of(err); e == nil || e.Status != c.code || e.Provider != "far" {
				t.Fatalf("got %v", err)
			}
			if calls.Load() != c.calls {
				t.Fatalf("%d calls, want %d", calls.Load(), c.calls)
			}
		})
	}
}

// stepping is a clock that moves on with each look.
func stepping(step time.Duration) func() time.Time {
	var n atomic.Int64
	start := time.Now()
	return func() time.Time { return start.Add(time.Duration(n.Add(1)) * step) }
}

func TestAnotherAttemptMends(t *testing.T) {
	t.Parallel()
	s, calls := far(t, status(503), status(200))
	ctx, counted := outbound.CountCalls(t.Context())
	if _, err := client(t, s.URL).Do(ctx, get("thing")); err != nil {
		t.Fatal(err)
	}
	if calls.Load() != 2 || counted.Load() != 2 {
		t.Fatalf("%d calls, %d counted", calls.Load(), counted.Load())
	}
}

func TestEachAttemptIsSignedAgain(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]bool{}
	s, _ := far(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.Header.Get("Signature")] = true
		mu.Unlock()
		w.WriteHeader(503)
	})
	n := 0
	r := get("thing")
	r.Sign = func(q *http.Request) error {
		n++
		q.Header.Set("Signature", fmt.Sprint(n))
		return nil
	}
	_, _ = client(t, s.URL).Do(t.Context(), r)
	if len(seen) != 3 {
		t.Fatalf("signatures %v", seen)
	}
}

func TestRetryAfterIsHonouredUpToALimit(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"3600", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)} {
		s, calls := far(t, status(503, "Retry-After", header))
		_, err := client(t, s.URL).Do(t.Context(), get("thing"))
		e := outbound.Of(err)
		if e == nil || e.RetryAfter < 59*time.Minute || e.RetryAfter > time.Hour {
			t.Fatalf("%q: got %v, retry after %v", header, err, e.RetryAfter)
		}
		if calls.Load() != 1 {
			t.Fatalf("%d calls: an hour was waited for, or not honoured", calls.Load())
		}
	}
}

func TestTooManyPausesEveryonesBucket(t *testing.T) {
	t.Parallel()
	s, calls := far(t, status(429, "Retry-After", "120"))
	c := client(t, s.URL, func(cfg *outbound.Config) { cfg.MaxWait = time.Second })
	for range 3 {
		_, err := c.Do(t.Context(), get("thing"))
		if e := outbound.Of(err); e == nil || e.Class != outbound.RateLimited || e.RetryAfter < 100*time.Second {
			t.Fatalf("got %v", err)
		}
	}
	if calls.Load() != 1 {
		t.Fatalf("%d calls reached a provider that asked for rest", calls.Load())
	}
}

func TestAnEmptyProviderBudgetPausesTheBucket(t *testing.T) {
	t.Parallel()
	s, calls := far(t, status(200, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "50"))
	c := client(t, s.URL, func(cfg *outbound.Config) { cfg.MaxWait = time.Second })
	if _, err := c.Do(t.Context(), get("thing")); err != nil {
		t.Fatal(err)
	}
	_, err := c.Do(t.Context(), get("thing"))
	if outbound.ClassOf(err) != outbound.RateLimited || calls.Load() != 1 {
		t.Fatalf("got %v after %d calls", err, calls.Load())
	}
}

func TestCircuitOpensAndCloses(t *testing.T) {
	t.Parallel()
	var healthy atomic.Bool
	s, calls := far(t, func(w http.ResponseWriter, _ *http.Request) {
		if !healthy.Load() {
			w.WriteHeader(500)
		}
	})
	var offset atomic.Int64
	c := client(t, s.URL, func(cfg *outbound.Config) {
		cfg.BreakerFailures, cfg.BreakerDelay = 3, time.Minute
		cfg.Now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	})
	for range 5 {
		_, _ = c.Do(t.Context(), get("thing"))
	}
	_, err := c.Do(t.Context(), get("thing"))
	if e := outbound.Of(err); calls.Load() != 3 || e == nil || e.Class != outbound.ProviderDown || e.Code != "circuit_open" || e.RetryAfter <= 0 {
		t.Fatalf("%d calls, %v", calls.Load(), err)
	}
	offset.Store(int64(2 * time.Minute)) // half open: one probe, which fails
	_, _ = c.Do(t.Context(), get("thing"))
	if _, err = c.Do(t.Context(), get("thing")); calls.Load() != 4 || outbound.ClassOf(err) != outbound.ProviderDown {
		t.Fatalf("%d calls, %v", calls.Load(), err)
	}
	healthy.Store(true)
	offset.Store(int64(4 * time.Minute))
	for range 5 {
		if _, err := c.Do(t.Context(), get("thing")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFailingBankDoesNotOpenTheCircuit(t *testing.T) {
	t.Parallel()
	s, calls := far(t, status(502))
	c := client(t, s.URL, func(cfg *outbound.Config) {
		cfg.BreakerFailures, cfg.Attempts = 2, 1
		cfg.Explain = func(int, []byte) outbound.Verdict { return outbound.Verdict{Code: "bank", Institution: true} }
	})
	for range 6 {
		_, _ = c.Do(t.Context(), get("thing"))
	}
	if calls.Load() != 6 {
		t.Fatalf("%d calls", calls.Load())
	}
}

func TestErrorsAndLogsHoldNoSecret(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logged := func(cfg *outbound.Config) {
		cfg.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		cfg.Attempts = 1
		cfg.Explain = func(_ int, body []byte) outbound.Verdict {
			return outbound.Verdict{Code: "a b\n" + strings.Repeat("x", 200)}
		}
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	tlsFar := httptest.NewTLSServer(http.NotFoundHandler())
	tlsFar.Config.ErrorLog = nil
	t.Cleanup(tlsFar.Close)
	bad, _ := far(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(403)
		_, _ = io.WriteString(w, r.URL.RawQuery)
	})
	short, _ := far(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, r.URL.RawQuery)
	})
	for _, c := range []struct {
		url, want string
	}{
		{gone.URL, "far thing: connection_failed (transient)"},
		{tlsFar.URL, "far thing: tls_failed (provider_down)"},
		{bad.URL, "far thing: 403 abx"},
		{short.URL, "far thing: connection_failed (transient)"},
	} {
		_, err := client(t, c.url, logged).Do(t.Context(), get("thing"))
		text := fmt.Sprintf("%v %+v %#v", err, err, err)
		for e := err; e != nil; e = errors.Unwrap(e) {
			text += e.Error()
		}
		if !strings.HasPrefix(err.Error(), c.want) || strings.Contains(text, secret) || strings.Contains(text, "127.0.0.1") {
			t.Errorf("got %s, want %s…", text, c.want)
		}
	}
	if strings.Contains(log.String(), secret) || !strings.Contains(log.String(), `"op":"thing"`) {
		t.Errorf("log: %s", log.String())
	}
}

func TestRedirectsAreRefused(t *testing.T) {
	t.Parallel()
	there, reached := far(t, status(200))
	s, _ := far(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, there.URL, http.StatusTemporaryRedirect)
	})
	_, err := client(t, s.URL).Do(t.Context(), get("thing"))
	if e := outbound.Of(err); e == nil || e.Status != 307 || e.Class != outbound.Bug || reached.Load() != 0 {
		t.Fatalf("got %v, reached %d", err, reached.Load())
	}
}

func TestProxyOfTheEnvironmentIsIgnored(t *testing.T) {
	s, calls := far(t, status(200))
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	if _, err := client(t, s.URL).Do(t.Context(), get("thing")); err != nil || calls.Load() != 1 {
		t.Fatalf("got %v", err)
	}
}

func TestHugeAnswersAreRefused(t *testing.T) {
	t.Parallel()
	s, calls := far(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 5000)) })
	_, err := client(t, s.URL, func(cfg *outbound.Config) { cfg.MaxResponse = 4096 }).Do(t.Context(), get("thing"))
	if e := outbound.Of(err); e == nil || e.Code != "answer_too_large" || calls.Load() != 1 {
		t.Fatalf("got %v", err)
	}
}

func TestSlowProvidersTimeOutAndCallersMayGiveUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s, calls := far(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	_, err := client(t, s.URL, func(cfg *outbound.Config) { cfg.Timeout, cfg.Attempts = 20*time.Millisecond, 2 }).Do(t.Context(), get("thing"))
	if e := outbound.Of(err); e == nil || e.Code != "timeout" || e.Class != outbound.Transient || calls.Load() != 2 {
		t.Fatalf("got %v after %d calls", err, calls.Load())
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err = client(t, s.URL).Do(ctx, get("thing"))
	if !errors.Is(err, context.Canceled) || outbound.Of(err) == nil {
		t.Fatalf("got %v", err)
	}
}

func TestUnusableSettingsAreRefusedAtStart(t *testing.T) {
	t.Parallel()
	for _, cfg := range []outbound.Config{
		{BaseURL: ""},
		{BaseURL: "ftp://far.test"},
		{BaseURL: "https://user:pass@far.test"},
		{BaseURL: "https://far.test?x=1"},
		{BaseURL: "https://far.test", CertFile: "cert.pem"},
		{BaseURL: "https://far.test", CertFile: "no.pem", KeyFile: "no.key"},
		{BaseURL: "https://far.test", CAFile: "outbound_test.go"},
	} {
		if _, err := outbound.New(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}
