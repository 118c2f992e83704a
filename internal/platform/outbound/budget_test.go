package outbound

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestBudgetSpreadsCallsOverTheMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(withDefaults(Config{PerMinute: 60, Burst: 10, MaxWait: time.Hour}))
		begun := time.Now()
		for range 70 {
			if _, err := b.take(WithPriority(t.Context(), Interactive)); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took < 59*time.Second || took > 62*time.Second {
			t.Fatalf("70 calls took %v", took)
		}
	})
}

func TestPeopleGoBeforeBackgroundWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(withDefaults(Config{PerMinute: 60, Burst: 5, MaxWait: time.Hour}))
		var mu sync.Mutex
		var order []Priority
		var wg sync.WaitGroup
		call := func(p Priority, n int) {
			for range n {
				wg.Go(func() {
					if _, err := b.take(WithPriority(context.Background(), p)); err != nil {
						t.Error(err)
					}
					mu.Lock()
					order = append(order, p)
					mu.Unlock()
				})
			}
		}
		call(Background, 30)
		synctest.Wait()
		call(Interactive, 6)
		wg.Wait()
		// The first four went through at once; then the people, all of them, before any other.
		for i, p := range order[4:10] {
			if p != Interactive {
				t.Fatalf("place %d went to background work: %v", i+4, order)
			}
		}
	})
}

func TestPeopleDoNotWaitLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(withDefaults(Config{PerMinute: 60, Burst: 1, MaxWait: time.Minute}))
		b.pause(30 * time.Second)
		begun := time.Now()
		wait, err := b.take(WithPriority(t.Context(), Interactive))
		if err == nil || wait != 30*time.Second || time.Since(begun) != 0 {
			t.Fatalf("waited %v, told %v, %v", time.Since(begun), wait, err)
		}
		if _, err := b.take(t.Context()); err != nil || time.Since(begun) != 30*time.Second {
			t.Fatalf("background: %v after %v", err, time.Since(begun))
		}
	})
}

func TestFullJitterStaysWithinItsLimit(t *testing.T) {
	t.Parallel()
	c := &Client{cfg: withDefaults(Config{Backoff: 100 * time.Millisecond, MaxBackoff: time.Second})}
	for n, limit := range map[int]time.Duration{1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 5: time.Second, 90: time.Second} {
		for range 200 {
			if d := c.pause(n, 0); d < 0 || d > limit {
				t.Fatalf("pause %d: %v", n, d)
			}
		}
	}
	if c.pause(1, 2*time.Second) != -1 {
		t.Fatal("waits longer than its limit")
	}
	if d := c.pause(1, 500*time.Millisecond); d < 500*time.Millisecond {
		t.Fatalf("comes back after %v, before it was asked to", d)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "-1", "7", "99999999999999999999", "9223372036854775807", "Wed, 21 Oct 2026 07:28:00 GMT", "soon", "1.5", " 3 "} {
		f.Add(s)
	}
	now := time.Date(2026, 10, 21, 7, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if d := retryAfter(s, now); d < 0 || d > longestRetryAfter {
			t.Fatalf("%q: %v", s, d)
		}
	})
}
