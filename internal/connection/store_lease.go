package connection

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// takeLease, byID and releaseAll ask without an owner: they serve jobs, which
// know only the connection's id, and the start of the program.

func takeLease(ctx context.Context, db postgres.DB, connection id.Connection, now, until time.Time) (Connection, error) {
	return postgres.One[Connection](ctx, db, `
		update connections
		set fence = fence + 1, lease_until = @until, last_attempt_at = @now
		where id = @id and deleted_at is null and status <> 'disconnected'
		  and (lease_until is null or lease_until <= @now)
		returning `+columns,
		postgres.Args{"id": connection, "now": now, "until": until})
}

func byID(ctx context.Context, db postgres.DB, connection id.Connection) (Connection, error) {
	return postgres.One[Connection](ctx, db, `
		select `+columns+` from connections where id = @id and deleted_at is null`,
		postgres.Args{"id": connection})
}

func renewLease(ctx context.Context, db postgres.DB, connection id.Connection, owner id.User, fence int64, until time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `
		update connections set lease_until = @until
		where id = @id and user_id = @owner and fence = @fence and deleted_at is null
		  and lease_until is not null -- else a late heartbeat would bring a finished lease back`,
		postgres.Args{"id": connection, "owner": owner, "fence": fence, "until": until})
}

func holdLease(ctx context.Context, db postgres.DB, connection id.Connection, owner id.User, fence int64) (Connection, error) {
	return postgres.One[Connection](ctx, db, `
		select `+columns+` from connections
		where id = @id and user_id = @owner and fence = @fence and deleted_at is null
		for update`,
		postgres.Args{"id": connection, "owner": owner, "fence": fence})
}

func releaseLease(ctx context.Context, db postgres.DB, connection id.Connection, owner id.User, fence int64) (int64, error) {
	return postgres.Touch(ctx, db, `
		update connections set lease_until = null
		where id = @id and user_id = @owner and fence = @fence`,
		postgres.Args{"id": connection, "owner": owner, "fence": fence})
}

func releaseAll(ctx context.Context, db postgres.DB) (int64, error) {
	return postgres.Touch(ctx, db, `update connections set lease_until = null where lease_until is not null`, nil)
}

// finishLease clears dirty_at unless it was set after the sync began, and
// returns whether it still stands.
func finishLease(ctx context.Context, db postgres.DB, l Lease, o Outcome) (bool, error) {
	var next *time.Time
	if !o.Next.IsZero() {
		next = &o.Next
	}
	return postgres.Scalar[bool](ctx, db, `
		update connections
		set lease_until = null,
		    status = @status,
		    status_reason = @reason,
		    next_sync_at = @next::timestamptz,
		    last_success_at = case when @succeeded::bool then @at::timestamptz else last_success_at end,
		    last_full_at = case when @succeeded::bool and @full::bool then @at::timestamptz else last_full_at end,
		    consecutive_failures = case when @succeeded::bool then 0 else consecutive_failures + 1 end,
		    dirty_at = case when @succeeded::bool and dirty_at <= @started::timestamptz then null else dirty_at end
		where id = @id and user_id = @owner and fence = @fence and deleted_at is null
		returning dirty_at is not null and dirty_at > @started::timestamptz`,
		postgres.Args{
			"id": l.ID, "owner": l.UserID, "fence": l.Fence, "started": l.Started, "at": o.At, "next": next,
			"succeeded": o.Succeeded, "full": o.Full, "status": string(o.Status), "reason": o.Reason,
		})
}

func setStatus(ctx context.Context, db postgres.DB, owner id.User, connection id.Connection, status Status, reason string) (int64, error) {
	return postgres.Touch(ctx, db, `
		update connections set status = @status, status_reason = @reason
		where id = @id and user_id = @owner and deleted_at is null
		  and (status <> @status or status_reason <> @reason)`,
		postgres.Args{"id": connection, "owner": owner, "status": string(status), "reason": reason})
}

// announce tells the person's open pages that a connection changed.
func announce(ctx context.Context, db postgres.DB, owner id.User, connection id.Connection, status Status) error {
	payload, err := json.Marshal(map[string]any{
		"user": owner, "topic": "connection", "data": map[string]any{"id": connection, "status": status},
	})
	if err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	return postgres.Notify(ctx, db, "flint_live", string(payload))
}

// markDirty returns the connection's fence, or nothing if it is deleted or
// disconnected.
func markDirty(ctx context.Context, db postgres.DB, connection id.Connection, now time.Time) ([]int64, error) {
	return postgres.Many[int64](ctx, db, `
		update connections set dirty_at = greatest(dirty_at, @now)
		where id = @id and deleted_at is null and status <> 'disconnected'
		returning fence`,
		postgres.Args{"id": connection, "now": now})
}
