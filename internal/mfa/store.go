package mfa

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

func factorsOf(ctx context.Context, db postgres.DB, user id.User) (access.Factors, error) {
	return postgres.One[access.Factors](ctx, db, `
		select exists (select from totp_factors where user_id = @user and secret is not null) as totp,
		       exists (select from passkeys where user_id = @user) as passkey,
		       exists (select from backup_codes where user_id = @user and used_at is null) as backup_codes`,
		postgres.Args{"user": user})
}

// totpRow is a row of totp_factors.
type totpRow struct {
	Secret       []byte
	ConfirmedAt  *time.Time
	LastStep     int64
	Pending      []byte
	PendingUntil *time.Time
}

// lockTOTP also makes others wait who want the same row.
func lockTOTP(ctx context.Context, tx pgx.Tx, user id.User) (totpRow, error) {
	return postgres.One[totpRow](ctx, tx, `
		select secret, confirmed_at, last_step, pending, pending_until from totp_factors
		where user_id = @user
		for update`,
		postgres.Args{"user": user})
}

// confirmedSince returns null for a pending authenticator, fault.ErrNotFound
// for none.
func confirmedSince(ctx context.Context, db postgres.DB, user id.User) (*time.Time, error) {
	return postgres.Scalar[*time.Time](ctx, db, `select confirmed_at from totp_factors where user_id = @user`,
		postgres.Args{"user": user})
}

func setPending(ctx context.Context, db postgres.DB, user id.User, sealed []byte, until time.Time) error {
	return postgres.Exec(ctx, db, `
		insert into totp_factors (user_id, pending, pending_until) values (@user, @sealed, @until)
		on conflict (user_id) do update set pending = @sealed, pending_until = @until`,
		postgres.Args{"user": user, "sealed": sealed, "until": until})
}

func confirmTOTP(ctx context.Context, tx pgx.Tx, user id.User, sealed []byte, step int64, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		update totp_factors set secret = @sealed, confirmed_at = @now, last_step = @step, pending = null, pending_until = null
		where user_id = @user`,
		postgres.Args{"user": user, "sealed": sealed, "step": step, "now": now})
}

func setStep(ctx context.Context, tx pgx.Tx, user id.User, step int64) error {
	return postgres.Exec(ctx, tx, `update totp_factors set last_step = @step where user_id = @user`,
		postgres.Args{"user": user, "step": step})
}

// deleteTOTP counts only an authenticator that was confirmed.
func deleteTOTP(ctx context.Context, tx pgx.Tx, user id.User) (int64, error) {
	return postgres.Touch(ctx, tx, `delete from totp_factors where user_id = @user and secret is not null`,
		postgres.Args{"user": user})
}

func insertBackup(ctx context.Context, tx pgx.Tx, user id.User, hashes [][]byte, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		insert into backup_codes (user_id, code_hash, created_at)
		select @user, h, @now from unnest(@hashes::bytea[]) h`,
		postgres.Args{"user": user, "hashes": hashes, "now": now})
}

func useBackup(ctx context.Context, tx pgx.Tx, user id.User, hash []byte, now time.Time) (int64, error) {
	return postgres.Touch(ctx, tx, `
		update backup_codes set used_at = @now
		where user_id = @user and code_hash = @hash and used_at is null`,
		postgres.Args{"user": user, "hash": hash, "now": now})
}

func deleteBackup(ctx context.Context, tx pgx.Tx, user id.User) error {
	return postgres.Exec(ctx, tx, `delete from backup_codes where user_id = @user`, postgres.Args{"user": user})
}

func backupLeft(ctx context.Context, db postgres.DB, user id.User) (int, error) {
	return postgres.Scalar[int](ctx, db, `select count(*)::int from backup_codes where user_id = @user and used_at is null`,
		postgres.Args{"user": user})
}
