package queue

import (
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"
	"pgregory.net/rapid"
)

func TestWaitsGrowAndNeverPassAnHour(t *testing.T) {
	t.Parallel()
	want := []time.Duration{time.Second, 5 * time.Second, 25 * time.Second}
	for i, w := range want {
		if got := longestWait(PolicyOf(Webhooks), i+1); got != w {
			t.Errorf("attempt %d waits %s, want %s", i+1, got, w)
		}
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(Policies()).Draw(t, "policy")
		attempt := rapid.IntRange(1, 1000).Draw(t, "attempt")
		next := backoff{func() time.Time { return now }}.NextRetry(&rivertype.JobRow{Queue: p.Queue, Attempt: attempt})
		if next.Before(now) || next.After(now.Add(min(longestWait(p, attempt), time.Hour))) {
			t.Fatalf("attempt %d of %s waits %s", attempt, p.Queue, next.Sub(now))
		}
	})
}

func TestEveryPolicyIsWhole(t *testing.T) {
	t.Parallel()
	for _, p := range Policies() {
		if p.Workers < 1 || p.Timeout <= 0 || p.Attempts < 2 || p.Backoff <= 0 || p.Growth < 1 || p.Priority < 1 || p.Priority > 4 {
			t.Errorf("%+v has a hole", p)
		}
		if Options(p.Queue).Queue != p.Queue {
			t.Errorf("%s inserts elsewhere", p.Queue)
		}
	}
	if PolicyOf("no such queue").Queue != Default {
		t.Error("an unknown queue has no policy")
	}
}
