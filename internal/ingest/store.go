package ingest

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// run is a sync as sync_runs shows it.
type run struct {
	id         id.Run
	owner      id.User
	connection id.Connection
	trigger    string
	fence      int64
	started    time.Time
}

// begin stores a run, and ends those that a crash left open.
func begin(ctx context.Context, tx pgx.Tx, r run, before json.RawMessage) error {
	err := postgres.Exec(ctx, tx, `
		update sync_runs set finished_at = @now, outcome = 'superseded', phase = 'failed'
		where user_id = @owner and connection_id = @connection and finished_at is null`,
		postgres.Args{"owner": r.owner, "connection": r.connection, "now": r.started})
	if err != nil {
		return err
	}
	return postgres.Exec(ctx, tx, `
		insert into sync_runs (id, user_id, connection_id, trigger, fence, phase, started_at, watermark_before)
		values (@id, @owner, @connection, @trigger, @fence, 'accounts', @now, @before)`,
		postgres.Args{"id": r.id, "owner": r.owner, "connection": r.connection, "trigger": r.trigger, "fence": r.fence,
			"now": r.started, "before": before})
}

// report stores how far a run has come, unless it was overtaken.
func report(ctx context.Context, db postgres.DB, r run, p Progress) (int64, error) {
	return postgres.Touch(ctx, db, `
		update sync_runs set phase = @phase, accounts = @accounts, fetched = @fetched, positions = @positions, api_calls = @calls
		where id = @id and user_id = @owner and finished_at is null`,
		postgres.Args{"id": r.id, "owner": r.owner, "phase": p.Phase, "accounts": p.Accounts, "fetched": p.Fetched,
			"positions": p.Positions, "calls": p.Calls})
}

// counts are what a run changed.
type counts struct {
	Added      int `json:"added"`
	Updated    int `json:"updated"`
	Superseded int `json:"superseded"`
	Removed    int `json:"removed"`
}

func succeed(ctx context.Context, tx pgx.Tx, r run, p Progress, c counts, after json.RawMessage, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		update sync_runs set phase = 'done', outcome = 'succeeded', finished_at = @now, accounts = @accounts, fetched = @fetched,
			positions = @positions, api_calls = @calls, added = @added, updated = @updated, superseded = @superseded, removed = @removed,
			watermark_after = @after
		where id = @id and user_id = @owner`,
		postgres.Args{"id": r.id, "owner": r.owner, "now": now, "accounts": p.Accounts, "fetched": p.Fetched, "positions": p.Positions,
			"calls": p.Calls, "added": c.Added, "updated": c.Updated, "superseded": c.Superseded, "removed": c.Removed, "after": after})
}

func fail(ctx context.Context, tx pgx.Tx, r run, p Progress, v verdict, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		update sync_runs set phase = 'failed', outcome = 'failed', finished_at = @now, accounts = @accounts, fetched = @fetched,
			positions = @positions, api_calls = @calls, error_class = @class, error_code = @code
		where id = @id and user_id = @owner and finished_at is null`,
		postgres.Args{"id": r.id, "owner": r.owner, "now": now, "accounts": p.Accounts, "fetched": p.Fetched, "positions": p.Positions,
			"calls": p.Calls, "class": string(v.class), "code": v.code})
}
