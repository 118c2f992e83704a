package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"flint/internal/access"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
)

// TestTheShieldStandsBeforeEverything counts calls that nothing else counts, and
// takes back what another limit refuses.
func TestTheShieldStandsBeforeEverything(t *testing.T) {
	t.Parallel()
	counted, back, open := 0, 0, true
	h := build(t, func(c *web.Config) {
		c.Shield = func(_ context.Context, addr netip.Addr) (web.Decision, error) {
			if !addr.IsValid() {
				t.Error("whose call is it?")
			}
			counted++
			q := []web.Quota{{Name: "shield-burst", Limit: 200, Window: 10 * time.Second, Remaining: 150, Reset: 3 * time.Second}}
			if !open {
				q[0].Remaining = 0
				return web.Decision{Retry: 2500 * time.Millisecond, Quotas: q, Violated: []string{"shield-burst"}}, nil
			}
			return web.Decision{Allowed: true, Quotas: q, Undo: func() { back++ }}, nil
		}
		limit := c.Limit
		c.Limit = func(ctx context.Context, policy string, a access.Actor, addr netip.Addr) (web.Decision, error) {
			d, err := limit(ctx, policy, a, addr)
			if !d.Allowed {
				d.Violated = []string{policy}
			}
			return d, err
		}
	})
	h.web.Run(t,
		webtest.Scenario{Name: "in front of who is calling", Path: "/api/things/x", Header: map[string]string{"Authorization": "Bearer forged"}, Status: 401,
			Headers: map[string]string{"X-RateLimit-Remaining": "150", "RateLimit": `"shield-burst";r=150;t=3`}},
		webtest.Scenario{Name: "in front of what isn't there", Path: "/api/nothing", Status: 404, Headers: map[string]string{"X-RateLimit-Limit": "200"}},
		webtest.Scenario{Name: "told with the operation's own limit", Path: "/api/greet", Status: 200, Body: `{"email":"a@b.example","password":"hunter2hunter2"}`,
			Headers: map[string]string{"X-RateLimit-Remaining": "42", "RateLimit-Policy": `"data";q=100;w=60, "day";q=9000;w=86400, "shield-burst";q=200;w=10`}},
		webtest.Scenario{Name: "not in front of probes", Path: "/api/health/live", Status: 404, Headers: map[string]string{"X-RateLimit-Limit": ""}},
		webtest.Scenario{Name: "nor of pages", Path: "/", Status: 200, Headers: map[string]string{"X-RateLimit-Limit": ""}},
	)
	if counted != 3 || back != 0 {
		t.Errorf("%d counted, %d taken back", counted, back)
	}
	h.web.Run(t, webtest.Scenario{Name: "what another limit refuses is named", Path: "/api/scarce", Status: 429,
		Contains: []string{`"violated-policies":["scarce"]`, `"type":"https://iana.org/assignments/http-problem-types#quota-exceeded"`},
		Headers:  map[string]string{"Retry-After": "2", "X-RateLimit-Remaining": "0", "X-RateLimit-Limit": "100"}})
	if back != 1 {
		t.Errorf("the shield got %d calls back", back)
	}
	open = false
	h.web.Run(t, webtest.Scenario{Name: "and closed, before anybody is asked who they are", Path: "/api/things/x", Header: map[string]string{"Authorization": "Bearer forged"}, Status: 429,
		Contains: []string{`"violated-policies":["shield-burst"]`, `"retryAfter":3`}, Headers: map[string]string{"Retry-After": "3", "X-RateLimit-Remaining": "0", "Content-Type": "application/problem+json"}})
	if strings.Contains(h.log.String(), `"level":"ERROR"`) {
		t.Errorf("logged as a failure:\n%s", h.log)
	}
}

var (
	policies = regexp.MustCompile(`^"([^"]+)";q=(\d+);w=(\d+)$`)
	states   = regexp.MustCompile(`^"([^"]+)";r=(\d+);t=(\d+)$`)
)

// TestHeadersTellEveryQuota draws quotas and reads them back from the headers:
// all of them, in whole seconds that are never too short, and the tightest for
// those who know only X-RateLimit.
func TestHeadersTellEveryQuota(t *testing.T) {
	t.Parallel()
	var d web.Decision
	h := build(t, func(c *web.Config) {
		c.Limit = func(context.Context, string, access.Actor, netip.Addr) (web.Decision, error) { return d, nil }
	}).Handler()
	rapid.Check(t, func(t *rapid.T) {
		d = web.Decision{Allowed: rapid.Bool().Draw(t, "allowed"), Retry: time.Duration(rapid.Int64Range(0, 1e14).Draw(t, "retry"))}
		least := 1 << 30
		for i := range rapid.IntRange(1, 5).Draw(t, "quotas") {
			q := web.Quota{Name: fmt.Sprintf("policy-%d", i), Limit: rapid.IntRange(1, 1e6).Draw(t, "limit"), Window: time.Duration(rapid.Int64Range(1e6, 1e15).Draw(t, "window")),
				Remaining: rapid.IntRange(-1, 1e6).Draw(t, "remaining"), Reset: time.Duration(rapid.Int64Range(0, 1e15).Draw(t, "reset"))}
			d.Quotas = append(d.Quotas, q)
			least = min(least, max(q.Remaining, 0))
		}
		r := httptest.NewRequest("POST", origin+"/api/greet", strings.NewReader(`{"email":"a@b.example","password":"hunter2hunter2"}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		told := w.Header()
		if (w.Code == http.StatusTooManyRequests) == d.Allowed {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
		if !d.Allowed && !atLeast(told.Get("Retry-After"), max(d.Retry, time.Second)) {
			t.Errorf("Retry-After %q for %v", told.Get("Retry-After"), d.Retry)
		}
		if told.Get("X-RateLimit-Remaining") != strconv.Itoa(least) {
			t.Errorf("%q remain, not %d", told.Get("X-RateLimit-Remaining"), least)
		}
		ps, ss := strings.Split(told.Get("RateLimit-Policy"), ", "), strings.Split(told.Get("RateLimit"), ", ")
		if len(ps) != len(d.Quotas) || len(ss) != len(d.Quotas) {
			t.Fatalf("%q and %q for %d quotas", ps, ss, len(d.Quotas))
		}
		for i, q := range d.Quotas {
			p, s := policies.FindStringSubmatch(ps[i]), states.FindStringSubmatch(ss[i])
			if p == nil || s == nil || p[1] != q.Name || s[1] != q.Name || p[2] != strconv.Itoa(q.Limit) || s[2] != strconv.Itoa(max(q.Remaining, 0)) ||
				!atLeast(p[3], q.Window) || !atLeast(s[3], q.Reset) {
				t.Errorf("%q and %q for %+v", ps[i], ss[i], q)
			}
		}
	})
}

// atLeast reports whether text is d in seconds, rounded up.
func atLeast(text string, d time.Duration) bool {
	n, err := strconv.Atoi(text)
	said := time.Duration(n) * time.Second
	return err == nil && said >= d && said < d+time.Second
}
