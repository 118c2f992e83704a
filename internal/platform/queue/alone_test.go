package queue_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/queue"
)

func TestOneNodeAtATimeAndTheNextWhenItWasKilled(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	again := func(name string) bool {
		t.Helper()
		ran, err := queue.Alone(t.Context(), pool, name, time.Minute, now, func(context.Context) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		return ran
	}
	broken := errors.New("broken")
	ran, err := queue.Alone(t.Context(), pool, "a", time.Minute, now, func(ctx context.Context) error {
		if again("a") || !again("b") {
			t.Error("two at once, or others held up")
		}
		if _, limited := ctx.Deadline(); !limited {
			t.Error("it may go on when somebody else begins")
		}
		return broken
	})
	if !ran || !errors.Is(err, broken) || !again("a") {
		t.Errorf("%v, %v", ran, err)
	}
	_, _ = queue.Alone(t.Context(), pool, "a", time.Minute, now, func(context.Context) error {
		at = at.Add(time.Minute) // and it doesn't return
		if !again("a") {
			t.Error("who was killed holds everybody up")
		}
		return nil
	})
}
