package siem

import (
	"context"
	"time"

	"flint/internal/fault"
	"flint/internal/platform/postgres"
)

// cursor is how far a receiver is, as it is stored.
type cursor struct {
	Name     string
	Next     int64
	SentAt   *time.Time
	Failures int
	RetryAt  *time.Time
	Reason   string
}

// findCursor returns the cursor of a receiver; of a new one, the log's beginning.
func findCursor(ctx context.Context, db postgres.DB, name string) (cursor, error) {
	c, err := postgres.One[cursor](ctx, db, `
		select name, next, sent_at, failures, retry_at, reason from siem_sinks where name = @name`, postgres.Args{"name": name})
	if fault.KindOf(err) == fault.NotFound {
		return cursor{Name: name}, nil
	}
	return c, err
}

func listCursors(ctx context.Context, db postgres.DB) ([]cursor, error) {
	return postgres.Many[cursor](ctx, db, `
		select name, next, sent_at, failures, retry_at, reason from siem_sinks order by name`, nil)
}

// moveCursor reports whether the cursor still was where the batch began: if it
// wasn't, somebody else goes on from further.
func moveCursor(ctx context.Context, db postgres.DB, name string, before, after int64, now time.Time) (bool, error) {
	n, err := postgres.Touch(ctx, db, `
		insert into siem_sinks as s (name, next, sent_at) values (@name, @after, @now)
		on conflict (name) do update set next = @after, sent_at = @now, failures = 0, retry_at = null, reason = '' where s.next = @before`,
		postgres.Args{"name": name, "before": before, "after": after, "now": now})
	return n == 1, err
}

func noteFailure(ctx context.Context, db postgres.DB, name string, retry time.Time, reason string) error {
	return postgres.Exec(ctx, db, `
		insert into siem_sinks as s (name, failures, retry_at, reason) values (@name, 1, @retry, @reason)
		on conflict (name) do update set failures = s.failures + 1, retry_at = @retry, reason = @reason`,
		postgres.Args{"name": name, "retry": retry, "reason": reason})
}
