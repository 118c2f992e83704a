package ratelimit_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/web"
	"flint/internal/ratelimit"
)

var here = netip.MustParseAddr("203.0.113.7")

// calls counts how many of n calls are allowed.
func calls(t *testing.T, n int, call func() (web.Decision, error)) int {
	t.Helper()
	allowed := 0
	for range n {
		d, err := call()
		if err != nil {
			t.Fatal(err)
		}
		if d.Allowed {
			allowed++
		}
	}
	return allowed
}

func TestTheTableSaysWhatThePRDSays(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"login":    "5 in 1m, 50 in 1h",
		"register": "3 in 1m, 10 in 1h",
		"auth":     "5 in 15m",
		"connect":  "10 in 1m",
		"checkout": "10 in 15m",
	}
	l := ratelimit.New(ratelimit.NewMemory(0, nil))
	for _, p := range l.Describe() {
		if p.What == "" || p.Why == "" || p.Limits() == "" {
			t.Errorf("%s doesn't explain itself", p.Name)
		}
		if w, ok := want[p.Name]; ok && p.Limits() != w {
			t.Errorf("%s: %s, not %s", p.Name, p.Limits(), w)
		}
		delete(want, p.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	for _, c := range []struct {
		tier          access.Tier
		data, trading int
	}{{access.Free, 50, 10}, {access.Basic, 100, 30}, {access.Pro, 200, 60}, {access.Premium, 200, 60}, {"unheard of", 50, 10}, {"", 50, 10}} {
		actor := access.Actor{User: id.New[id.User](), Tier: c.tier}
		for policy, n := range map[string]int{"data": c.data, "trading": c.trading} {
			d, err := l.Allow(t.Context(), policy, actor, here)
			if err != nil || d.Quotas[0].Limit != n || d.Quotas[0].Window != time.Minute {
				t.Errorf("%s for %q: %+v, %v", policy, c.tier, d.Quotas, err)
			}
		}
	}
}

func TestWhoIsCounted(t *testing.T) {
	t.Parallel()
	k := newClock()
	l := ratelimit.New(ratelimit.NewMemory(0, k.now))
	ann, bob := access.Actor{User: id.New[id.User]()}, access.Actor{User: id.New[id.User]()}
	ask := func(policy string, a access.Actor, addr string) func() (web.Decision, error) {
		return func() (web.Decision, error) { return l.Allow(t.Context(), policy, a, netip.MustParseAddr(addr)) }
	}
	if n := calls(t, 20, ask("connect", ann, "203.0.113.7")); n != 10 {
		t.Errorf("ann got %d", n)
	}
	if n := calls(t, 20, ask("connect", ann, "198.51.100.1")); n != 0 {
		t.Errorf("ann got %d more from elsewhere", n)
	}
	if n := calls(t, 20, ask("connect", bob, "203.0.113.7")); n != 10 {
		t.Errorf("bob in the same office got %d", n)
	}
	if n := calls(t, 20, ask("login", ann, "203.0.113.7")); n != 5 {
		t.Errorf("signing in counts addresses: %d", n)
	}
	if n := calls(t, 20, ask("login", bob, "::ffff:203.0.113.7")); n != 0 {
		t.Errorf("the same address, mapped, got %d more", n)
	}
	if n := calls(t, 20, ask("login", ann, "2001:db8:1:2::1")) + calls(t, 20, ask("login", ann, "2001:db8:1:2:ffff::9")); n != 5 {
		t.Errorf("one household got %d", n)
	}
	if n := calls(t, 20, ask("login", ann, "2001:db8:1:3::1")); n != 5 {
		t.Errorf("the neighbours got %d", n)
	}
}

func TestIdentifiersAreCountedWhateverTheirCase(t *testing.T) {
	t.Parallel()
	l := ratelimit.New(ratelimit.NewMemory(0, newClock().now))
	n := calls(t, 9, func() (web.Decision, error) { return l.AllowFor(t.Context(), "login-account", "ann@example.com") }) +
		calls(t, 9, func() (web.Decision, error) { return l.AllowFor(t.Context(), "login-account", " Ann@Example.COM") })
	if n != 10 {
		t.Errorf("%d wrong passwords", n)
	}
	if d, err := l.AllowFor(t.Context(), "login-account", "bob@example.com"); err != nil || !d.Allowed {
		t.Errorf("bob is refused: %v", err)
	}
}

func TestWhatTurnsOutWellIsNotCounted(t *testing.T) {
	t.Parallel()
	l := ratelimit.New(ratelimit.NewMemory(0, newClock().now))
	for i := range 50 {
		d, err := l.Allow(t.Context(), "auth", access.Actor{}, here)
		if err != nil || !d.Allowed {
			t.Fatalf("call %d refused: %v", i, err)
		}
		d.Undo()
	}
	if n := calls(t, 20, func() (web.Decision, error) { return l.Allow(t.Context(), "auth", access.Actor{}, here) }); n != 5 {
		t.Errorf("%d failures allowed", n)
	}
	if d, _ := l.Allow(t.Context(), "login", access.Actor{}, here); d.Undo != nil {
		t.Error("a sign-in can be taken back")
	}
}

func TestARefusalCostsNothing(t *testing.T) {
	t.Parallel()
	k := newClock()
	l := ratelimit.New(ratelimit.NewMemory(0, k.now))
	ask := func() (web.Decision, error) { return l.Allow(t.Context(), "login", access.Actor{}, here) }
	for range 10 { // use the hour up, five a minute
		if n := calls(t, 5, ask); n != 5 {
			t.Fatalf("%d allowed", n)
		}
		k.pass(time.Minute)
	}
	d, _ := ask()
	if d.Allowed || d.Quotas[0].Remaining != 5 || d.Quotas[1].Remaining != 0 {
		t.Errorf("the hour is used up, the minute isn't: %+v", d)
	}
	if d.Retry != 50*time.Minute {
		t.Errorf("retry in %v", d.Retry)
	}
	if d.Quotas[0].Name != "login-minute" || d.Quotas[1].Name != "login-hour" {
		t.Errorf("names: %+v", d.Quotas)
	}
}

func TestAnUnknownPolicyIsNoFreePass(t *testing.T) {
	t.Parallel()
	l := ratelimit.New(ratelimit.NewMemory(0, nil))
	if d, err := l.Allow(t.Context(), "whatever", access.Actor{}, here); err == nil || d.Allowed {
		t.Errorf("%+v, %v", d, err)
	}
	for _, bad := range []ratelimit.Policy{
		{},
		{Name: "x", What: "x", Why: "x", Key: ratelimit.IP},
		{Name: "x", What: "x", Why: "x", Smooth: 1},
		{Name: "x", What: "x", Why: "x", Key: ratelimit.IP, Smooth: 1, Windows: []ratelimit.Window{{1, 1}}},
		{Name: "x", What: "x", Why: "x", Key: ratelimit.IP, Windows: []ratelimit.Window{{0, time.Minute}}},
		{Name: "x", What: "x", Why: "x", Key: ratelimit.IP, Tiers: map[access.Tier]int{access.Pro: 1}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v starts", bad)
				}
			}()
			ratelimit.New(ratelimit.NewMemory(0, nil), bad)
		}()
	}
}

func TestManyAtOnceGetNoMoreThanOne(t *testing.T) {
	t.Parallel()
	k := newClock()
	m := ratelimit.NewMemory(0, k.now)
	takes := []ratelimit.Take{
		{Key: ratelimit.Key{Rule: "a"}, Limit: ratelimit.Limit{Windows: []ratelimit.Window{{20, time.Minute}}}},
		{Key: ratelimit.Key{Rule: "b"}, Limit: ratelimit.Limit{Windows: []ratelimit.Window{{30, time.Minute}}}},
	}
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			mine := []ratelimit.Take{takes[i%2], takes[1-i%2]} // in both orders: no deadlock
			for range 10 {
				if out, err := m.Take(t.Context(), mine); err == nil && out.Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := allowed.Load(); n != 20 {
		t.Errorf("%d allowed, not 20", n)
	}
	if out, _ := m.Take(t.Context(), takes[1:]); out.Quotas[0][0].Remaining != 9 {
		t.Errorf("refused calls were counted in the other limit: %+v", out.Quotas)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	k := newClock()
	m := ratelimit.NewMemory(640, k.now)
	l := ratelimit.New(m)
	for i := range 5000 {
		if _, err := l.AllowFor(t.Context(), "login-account", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := m.Len(); n > 640 {
		t.Errorf("%d keys are held", n)
	}
	k.pass(25 * time.Hour)
	for i := range 1000 {
		if _, err := l.Allow(t.Context(), "public", access.Actor{}, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})); err != nil {
			t.Fatal(err)
		}
		k.pass(20 * time.Second) // each is over by the next
	}
	if n := m.Len(); n > 320 {
		t.Errorf("%d keys are held, though nearly all are over", n)
	}
}

func TestAClockThatStepsBackGivesNothingAway(t *testing.T) {
	t.Parallel()
	k := newClock()
	l := ratelimit.New(ratelimit.NewMemory(0, k.now))
	ask := func() (web.Decision, error) { return l.Allow(t.Context(), "login", access.Actor{}, here) }
	calls(t, 5, ask)
	k.pass(-30 * time.Second)
	if n := calls(t, 5, ask); n != 0 {
		t.Errorf("%d more", n)
	}
	k.pass(90 * time.Second)
	if n := calls(t, 5, ask); n != 5 {
		t.Errorf("%d a minute later", n)
	}
}

func TestIdentifiersAreNotInTheStore(t *testing.T) {
	t.Parallel()
	s := &peek{Store: ratelimit.NewMemory(0, nil)}
	if _, err := ratelimit.New(s).AllowFor(t.Context(), "login-account", "ann@example.com"); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(fmt.Sprintf("%+v %s", s.seen, s.seen[0].Key.ID), "ann") {
		t.Errorf("the store sees %+v", s.seen)
	}
}

func BenchmarkLogin(b *testing.B) {
	l := ratelimit.New(ratelimit.NewMemory(0, nil))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, _ = l.Allow(b.Context(), "login", access.Actor{}, here)
		}
	})
}

// peek shows what a store is asked.
type peek struct {
	ratelimit.Store
	seen []ratelimit.Take
}

func (p *peek) Take(ctx context.Context, takes []ratelimit.Take) (ratelimit.Outcome, error) {
	p.seen = append(p.seen, takes...)
	return p.Store.Take(ctx, takes)
}
