package ratelimit_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"flint/internal/platform/outbound"
	"flint/internal/platform/redis/redistest"
	"flint/internal/ratelimit"
)

// provider is somebody else's service, which writes down who called when.
type provider struct {
	*httptest.Server
	mu    sync.Mutex
	calls []arrival
}

type arrival struct {
	node string
	at   time.Time
}

func newProvider(t *testing.T, now func() time.Time) *provider {
	t.Helper()
	p := &provider{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.calls = append(p.calls, arrival{r.Header.Get("X-Node"), now()})
	}))
	t.Cleanup(p.Close)
	return p
}

// most returns how many calls came in all, and how many at most in any minute; of
// one node, or of all ("").
func (p *provider) most(node string) (all, minute int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var times []time.Time
	for _, c := range p.calls {
		if node == "" || c.node == node {
			times = append(times, c.at)
		}
	}
	first := 0
	for i, at := range times {
		for at.Sub(times[first]) >= time.Minute {
			first++
		}
		minute = max(minute, i-first+1)
	}
	return len(times), minute
}

func (p *provider) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = nil
}

// caller is a node's client of a provider. It doesn't wait for its budget.
type caller struct {
	name string
	*outbound.Client
}

func (c caller) call(ctx context.Context) error {
	_, err := c.Do(ctx, outbound.Request{Op: "count", Header: http.Header{"X-Node": {c.name}}})
	return err
}

// callers are three nodes that share a quota of so many calls a minute, and would
// each make as many alone.
func callers(t *testing.T, p *provider, redis string, k *clock, quota int) []caller {
	t.Helper()
	var all []caller
	for _, name := range []string{"a", "b", "c"} {
		cfg := unhurried(3)
		cfg.Now, cfg.Clock = k.now, k.now
		l := ratelimit.New(node(t, redistest.Client(t, redis), cfg))
		c, err := outbound.New(outbound.Config{
			Provider: "test", BaseURL: p.URL, Attempts: 1, MaxWait: 10, Now: k.now,
			PerMinute: quota, Burst: quota, Quota: l.Quota("test:client", quota),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		all = append(all, caller{name, c})
	}
	return all
}

// press has all nodes call, more often than they may, for so many seconds.
func press(t *testing.T, nodes []caller, k *clock, seconds int) {
	t.Helper()
	ctx := outbound.WithPriority(t.Context(), outbound.Interactive)
	for range seconds {
		k.pass(time.Second)
		var wg sync.WaitGroup
		for _, n := range nodes {
			wg.Go(func() {
				for range 3 {
					var e *outbound.Error
					if err := n.call(ctx); err != nil && (!errors.As(err, &e) || e.Code != "budget") {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestNodesTogetherKeepToAProvidersQuota(t *testing.T) {
	t.Parallel()
	const quota = 60
	k := newClock()
	p := newProvider(t, k.now)
	server := redistest.Start(t)
	nodes := callers(t, p, server.URL(), k, quota)
	press(t, nodes[:1], k, 100)
	if _, most := p.most("a"); most != quota {
		t.Errorf("one node that calls while the others don't: %d in a minute", most)
	}
	press(t, nodes, k, 300)
	if all, most := p.most(""); most > quota || all < 6*quota { // a minute and a second for each quota
		t.Errorf("three nodes: %d calls, %d in a minute", all, most)
	}

	server.Kill()
	k.pass(2 * time.Minute)
	p.forget()
	press(t, nodes, k, 180)
	for _, n := range nodes {
		if all, most := p.most(n.name); most > quota/3 || all < 2*quota/3 {
			t.Errorf("%s alone: %d calls, %d in a minute", n.name, all, most)
		}
	}
	if _, most := p.most(""); most > quota {
		t.Errorf("three nodes, each alone: %d in a minute", most)
	}
}

func TestBackgroundWorkOfAllNodesLeavesAFifthToPeople(t *testing.T) {
	t.Parallel()
	const quota = 60
	k := newClock()
	p := newProvider(t, k.now)
	nodes := callers(t, p, redistest.Start(t).URL(), k, quota)
	made := func(ctx context.Context) (n int) {
		for i := range 3 * quota {
			if nodes[i%3].call(ctx) == nil {
				n++
			}
		}
		return n
	}
	if n := made(t.Context()); n != quota-quota/5 {
		t.Errorf("%d calls of background work", n)
	}
	if n := made(outbound.WithPriority(t.Context(), outbound.Interactive)); n != quota/5 {
		t.Errorf("%d calls of people after that", n)
	}
	k.pass(30 * time.Second)
	err := nodes[0].call(t.Context())
	var e *outbound.Error
	if !errors.As(err, &e) || e.RetryAfter != 31*time.Second {
		t.Errorf("half a minute later: %v, %+v", err, e)
	}
	k.pass(31 * time.Second)
	if err := nodes[0].call(t.Context()); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}

func TestANodeWithoutOthersSharesNoQuota(t *testing.T) {
	t.Parallel()
	if ratelimit.New(ratelimit.NewMemory(10, nil)).Quota("test", 60) != nil {
		t.Error("there is one")
	}
	l := ratelimit.New(node(t, redistest.Lazy(t, redistest.Start(t).URL()), unhurried(1)))
	if l.Quota("test", 0) != nil {
		t.Error("no limit is one")
	}
}
