package ratelimit_test

import (
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"flint/internal/access"
	"flint/internal/ratelimit"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// oracle is the slow, obvious way: it remembers every admission, looks at all
// of them, and fills its bucket in fractions of a token (in nanoseconds).
type oracle struct {
	limit    ratelimit.Limit
	admitted []time.Time
}

func (o *oracle) allows(now time.Time) bool {
	for _, w := range o.limit.Windows {
		if o.within(now, w.Per) >= w.Calls {
			return false
		}
	}
	return o.limit.Bucket == ratelimit.Bucket{} || o.tokens(now) >= int64(o.limit.Bucket.Every)
}

func (o *oracle) within(now time.Time, per time.Duration) int {
	n := 0
	for _, t := range o.admitted {
		if t.After(now.Add(-per)) {
			n++
		}
	}
	return n
}

// tokens replays the bucket; a token is Every nanoseconds' worth.
func (o *oracle) tokens(now time.Time) int64 {
	full := int64(o.limit.Bucket.Tolerance + o.limit.Bucket.Every)
	level, last := full, time.Time{}
	for _, t := range append(append([]time.Time(nil), o.admitted...), now) {
		if !last.IsZero() {
			level = min(full, level+int64(t.Sub(last)))
		}
		last = t
		level -= int64(o.limit.Bucket.Every)
	}
	return level + int64(o.limit.Bucket.Every) // now isn't an admission
}

func drawLimit(t *rapid.T, label string) ratelimit.Limit {
	var l ratelimit.Limit
	for range rapid.IntRange(0, 3).Draw(t, label+" windows") {
		l.Windows = append(l.Windows, ratelimit.Window{
			Calls: rapid.IntRange(1, 12).Draw(t, "calls"),
			Per:   time.Duration(rapid.IntRange(1, 40).Draw(t, "per")) * time.Second,
		})
	}
	if len(l.Windows) == 0 || rapid.Bool().Draw(t, label+" bucket") {
		l.Bucket = ratelimit.Bucket{
			Every:     time.Duration(rapid.IntRange(1, 6000).Draw(t, "every")) * time.Millisecond,
			Tolerance: time.Duration(rapid.IntRange(0, 12).Draw(t, "tolerance")) * time.Second,
		}
	}
	return l
}

// TestTheTiersAreTwiceTheRateForTenSeconds holds the numbers that were worked
// out by hand: what a greedy client gets at once, in the best ten seconds and
// in the best minute.
func TestTheTiersAreTwiceTheRateForTenSeconds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rate, atOnce, ten, minute int }{
		{10, 2, 4, 10}, {30, 6, 11, 30}, {60, 11, 21, 60}, {50, 9, 17, 50}, {100, 17, 34, 100}, {200, 34, 67, 200},
	} {
		p := ratelimit.Policy{Name: "p", What: "x", Why: "x", Key: ratelimit.IP, Tiers: map[access.Tier]int{access.Free: c.rate}}
		k := newClock()
		l := ratelimit.New(ratelimit.NewMemory(0, k.now), p)
		call := func() bool {
			d, err := l.Allow(t.Context(), "p", access.Actor{}, here)
			if err != nil {
				t.Fatal(err)
			}
			return d.Allowed
		}
		var admitted []time.Time
		for range 180_000 / 50 { // three minutes, as greedy as can be
			for call() {
				admitted = append(admitted, k.now())
			}
			k.pass(50 * time.Millisecond)
		}
		if n := most(admitted, 1); n != c.atOnce {
			t.Errorf("%d a minute: %d at once, not %d", c.rate, n, c.atOnce)
		}
		if n := most(admitted, 10*time.Second+1); n != c.ten {
			t.Errorf("%d a minute: %d in ten seconds, not %d", c.rate, n, c.ten)
		}
		if n := most(admitted, time.Minute); n != c.minute {
			t.Errorf("%d a minute: %d in a minute", c.rate, n)
		}
	}
}

// most returns the most admissions in any stretch as long as d, its end not
// included.
func most(times []time.Time, d time.Duration) int {
	best := 0
	for i := range times {
		n := 0
		for _, t := range times[i:] {
			if t.Sub(times[i]) < d {
				n++
			}
		}
		best = max(best, n)
	}
	return best
}

func TestTwiceTheRateIsNeverRefusedForTenSeconds(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{10, 30, 50, 60, 100, 200} {
		k := newClock()
		l := ratelimit.New(ratelimit.NewMemory(0, k.now), ratelimit.Policy{Name: "p", What: "x", Why: "x", Key: ratelimit.IP, Tiers: map[access.Tier]int{access.Free: rate}})
		step := time.Minute / time.Duration(2*rate)
		for at := time.Duration(0); at < 10*time.Second; at += step {
			if d, _ := l.Allow(t.Context(), "p", access.Actor{}, here); !d.Allowed {
				t.Errorf("%d a minute: refused after %v", rate, at)
				break
			}
			k.pass(step)
		}
	}
}

func TestAWindowHasNoEdgeToTrickThroughTwice(t *testing.T) {
	t.Parallel()
	k := newClock()
	l := ratelimit.New(ratelimit.NewMemory(0, k.now))
	allowed := func() bool {
		d, err := l.Allow(t.Context(), "login", access.Actor{}, here)
		if err != nil {
			t.Fatal(err)
		}
		return d.Allowed
	}
	k.pass(58 * time.Second) // late in what would be a fixed window
	for range 5 {
		if !allowed() {
			t.Fatal("five are allowed")
		}
	}
	k.pass(3 * time.Second) // early in the next
	if allowed() {
		t.Error("six in four seconds")
	}
	k.pass(57 * time.Second)
	if !allowed() {
		t.Error("a minute later it's open again")
	}
}
