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
	// Broken says that the last sync's lease ran out: its worker died.
	Broken bool
}

// ClaimDue returns at most limit connections that are due, the longest waiting
// first, and puts them off for a while, so that two schedulers never claim one
// together. Finish sets the true next date. A connection is also due when the
// lease of a sync ran out, for whatever that sync was to find out is still not
// known. Connections that wait for a person aren't due.
func ClaimDue(ctx context.Context, tx pgx.Tx, now time.Time, limit int) ([]Due, error) {
	const putOff = 10 * time.Minute
	list, err := postgres.Many[Due](ctx, tx, `
		update connections set next_sync_at = @later
		where id in (
			select id from connections
			where deleted_at is null and status not in ('disconnected', 'reauth')
			  and (next_sync_at <= @now and lease_until is null or lease_until <= @now)
			order by next_sync_at
			limit @limit
			for update skip locked)
		returning id, fence, lease_until is not null as broken`,
		postgres.Args{"now": now, "later": now.Add(putOff), "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("claim due connections: %w", err)
	}
	return list, nil
}
