package mfa

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// recoveryRow is a row of factor_recoveries.
type recoveryRow struct {
	ID               id.Recovery
	UserID           id.User
	AskedBy          string // owner or operator
	CreatedAt, DueAt time.Time
}

func lockPerson(ctx context.Context, tx pgx.Tx, user id.User) error {
	_, err := postgres.Scalar[id.User](ctx, tx, `select id from users where id = @user for update`, postgres.Args{"user": user})
	return err
}

func insertRecovery(ctx context.Context, tx pgx.Tx, r recoveryRow) error {
	return postgres.Exec(ctx, tx, `
		insert into factor_recoveries (id, user_id, asked_by, created_at, due_at)
		values (@id, @user, @by, @created, @due)`,
		postgres.Args{"id": r.ID, "user": r.UserID, "by": r.AskedBy, "created": r.CreatedAt, "due": r.DueAt})
}

func waitingRecovery(ctx context.Context, db postgres.DB, user id.User) (recoveryRow, error) {
	return postgres.One[recoveryRow](ctx, db, `
		select id, user_id, asked_by, created_at, due_at from factor_recoveries
		where user_id = @user and ended_at is null`, postgres.Args{"user": user})
}

// lockRecovery makes others wait who want the same row.
func lockRecovery(ctx context.Context, tx pgx.Tx, recovery id.Recovery) (recoveryRow, error) {
	return postgres.One[recoveryRow](ctx, tx, `
		select id, user_id, asked_by, created_at, due_at from factor_recoveries
		where id = @id and ended_at is null
		for update`, postgres.Args{"id": recovery})
}

func endRecovery(ctx context.Context, tx pgx.Tx, recovery id.Recovery, outcome string, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		update factor_recoveries set ended_at = @now, outcome = @outcome where id = @id and ended_at is null`,
		postgres.Args{"id": recovery, "outcome": outcome, "now": now})
}

// sweepRecoveries ends what nobody finished, and forgets what ended long ago.
func sweepRecoveries(ctx context.Context, db postgres.DB, due, before, now time.Time) error {
	if err := postgres.Exec(ctx, db, `
		update factor_recoveries set ended_at = @now, outcome = 'lapsed' where ended_at is null and due_at < @due`,
		postgres.Args{"now": now, "due": due}); err != nil {
		return err
	}
	return postgres.Exec(ctx, db, `delete from factor_recoveries where ended_at < @before`, postgres.Args{"before": before})
}
