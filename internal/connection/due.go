package connection

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Due is a connection whose next sync is due.
type Due struct {
	ID    id.Connection
	Fence int64
}

// ClaimDue returns at most limit connections that are due, the longest waiting
// first, and puts them off for a while, so that two schedulers never claim one
// together. Finish sets the true next date. Connections that wait for a person
// aren't due.
func ClaimDue(ctx context.Context, tx pgx.Tx, now time.Time, limit int) ([]Due, error) {
	const putOff = 10 * time.Minute
	list, err := postgres.Many[Due](ctx, tx, `
		update connections set next_sync_at = @later
		where id in (
			select id from connections
			where next_sync_at <= @now and deleted_at is null and status not in ('disconnected', 'reauth')
			  and (lease_until is null or lease_until <= @now)
			order by next_sync_at
			limit @limit
			for update skip locked)
		returning id, fence`,
		postgres.Args{"now": now, "later": now.Add(putOff), "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("claim due connections: %w", err)
	}
	return list, nil
}
