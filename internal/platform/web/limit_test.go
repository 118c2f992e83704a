package web_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

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
