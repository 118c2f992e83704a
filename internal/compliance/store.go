package compliance

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

const deletionColumns = `id, user_id, asked_by, asked_at, due_at, begun_at, ended_at, unrevoked`

func insertDeletion(ctx context.Context, tx pgx.Tx, d Deletion) error {
	return postgres.Exec(ctx, tx, `
		insert into account_deletions (id, user_id, asked_by, asked_at, due_at) values (@id, @owner, @by, @asked, @due)`,
		postgres.Args{"id": d.ID, "owner": d.UserID, "by": d.AskedBy, "asked": d.AskedAt, "due": d.DueAt})
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

const exportColumns = `id, asked_at, ready_at, expires_at, fetched_at, failed, bytes`

func insertExport(ctx context.Context, tx pgx.Tx, owner id.User, e Export) error {
	return postgres.Exec(ctx, tx, `insert into privacy_exports (id, user_id, asked_at) values (@id, @owner, @asked)`,
		postgres.Args{"id": e.ID, "owner": owner, "asked": e.AskedAt})
}

func exportsSince(ctx context.Context, db postgres.DB, owner id.User, since time.Time) ([]Export, error) {
	return postgres.Many[Export](ctx, db, `
		select `+exportColumns+` from privacy_exports
		where user_id = @owner and asked_at > @since order by asked_at desc, id desc`,
		postgres.Args{"owner": owner, "since": since})
}

// exportRow is an Export with what it holds.
type exportRow struct {
	Export
	Archive []byte
}

func lockExport(ctx context.Context, tx pgx.Tx, owner id.User, export id.Export) (exportRow, error) {
	return postgres.One[exportRow](ctx, tx, `
		select `+exportColumns+`, archive from privacy_exports where id = @id and user_id = @owner for update`,
		postgres.Args{"id": export, "owner": owner})
}

// fetchExport notes that an export was fetched for the first time.
func fetchExport(ctx context.Context, tx pgx.Tx, owner id.User, export id.Export, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		update privacy_exports set fetched_at = coalesce(fetched_at, @now) where id = @id and user_id = @owner`,
		postgres.Args{"id": export, "owner": owner, "now": now})
}

func storeExport(ctx context.Context, db postgres.DB, owner id.User, export id.Export, sealed []byte, size int, now, expires time.Time) error {
	return postgres.Exec(ctx, db, `
		update privacy_exports set ready_at = @now, expires_at = @expires, archive = @sealed, bytes = @size
		where id = @id and user_id = @owner and ready_at is null`,
		postgres.Args{"id": export, "owner": owner, "sealed": sealed, "size": size, "now": now, "expires": expires})
}

func failExport(ctx context.Context, db postgres.DB, owner id.User, export id.Export) error {
	return postgres.Exec(ctx, db, `update privacy_exports set failed = true where id = @id and user_id = @owner`,
		postgres.Args{"id": export, "owner": owner})
}
