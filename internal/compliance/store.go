package compliance

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

const deletionColumns = `id, user_id, asked_at, due_at, begun_at, ended_at, unrevoked`

func insertDeletion(ctx context.Context, tx pgx.Tx, d Deletion) error {
	return postgres.Exec(ctx, tx, `
		insert into account_deletions (id, user_id, asked_at, due_at) values (@id, @owner, @asked, @due)`,
		postgres.Args{"id": d.ID, "owner": d.UserID, "asked": d.AskedAt, "due": d.DueAt})
}

func waiting(ctx context.Context, db postgres.DB, owner id.User) (Deletion, error) {
	return postgres.One[Deletion](ctx, db, `
		select `+deletionColumns+` from account_deletions where user_id = @owner and ended_at is null`,
		postgres.Args{"owner": owner})
}

// lockDeletion makes others wait who want the same one.
func lockDeletion(ctx context.Context, tx pgx.Tx, deletion id.Deletion) (Deletion, error) {
	return postgres.One[Deletion](ctx, tx, `
		select `+deletionColumns+` from account_deletions where id = @id and ended_at is null for update`,
		postgres.Args{"id": deletion})
}

// undoDeletion ends one that hasn't begun.
func undoDeletion(ctx context.Context, tx pgx.Tx, deletion id.Deletion, now time.Time) (int64, error) {
	return postgres.Touch(ctx, tx, `
		update account_deletions set ended_at = @now, outcome = 'undone'
		where id = @id and ended_at is null and begun_at is null`,
		postgres.Args{"id": deletion, "now": now})
}

func beginDeletion(ctx context.Context, tx pgx.Tx, deletion id.Deletion, now time.Time) error {
	return postgres.Exec(ctx, tx, `update account_deletions set begun_at = @now where id = @id`,
		postgres.Args{"id": deletion, "now": now})
}

func endDeletion(ctx context.Context, tx pgx.Tx, deletion id.Deletion, unrevoked int, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		update account_deletions set ended_at = @now, outcome = 'erased', unrevoked = @unrevoked where id = @id`,
		postgres.Args{"id": deletion, "unrevoked": unrevoked, "now": now})
}

// removeDeliveries removes what providers told about owner's connections: it is
// sealed for owner, and no foreign key says so.
func removeDeliveries(ctx context.Context, tx pgx.Tx, owner id.User) error {
	return postgres.Exec(ctx, tx, `delete from webhook_inbox where sealed_for = @owner`, postgres.Args{"owner": owner})
}

func isHeld(ctx context.Context, db postgres.DB, owner id.User) (bool, error) {
	return postgres.Scalar[bool](ctx, db, `
		select exists (select from legal_holds where user_id = @owner and released_at is null)`,
		postgres.Args{"owner": owner})
}
