package session

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

func insertDevice(ctx context.Context, tx pgx.Tx, hash []byte, user id.User, session id.Session, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		insert into devices (token_hash, user_id, session_id, created_at, last_used_at)
		values (@hash, @user, @session, @now, @now)`,
		postgres.Args{"hash": hash, "user": user, "session": session, "now": now})
}

// useDevice notes a sign-in on a device of user's that was used after oldest.
func useDevice(ctx context.Context, tx pgx.Tx, hash []byte, user id.User, session id.Session, now, oldest time.Time) (int64, error) {
	return postgres.Touch(ctx, tx, `
		update devices set session_id = @session, last_used_at = @now
		where token_hash = @hash and user_id = @user and last_used_at > @oldest`,
		postgres.Args{"hash": hash, "user": user, "session": session, "now": now, "oldest": oldest})
}

// deviceKnown tells whether user signed in on a device after oldest.
func deviceKnown(ctx context.Context, db postgres.DB, hash []byte, user id.User, oldest time.Time) (bool, error) {
	return postgres.Scalar[bool](ctx, db, `
		select exists (select from devices where token_hash = @hash and user_id = @user and last_used_at > @oldest)`,
		postgres.Args{"hash": hash, "user": user, "oldest": oldest})
}

// forgetDevice makes the device that a session began on unknown.
func forgetDevice(ctx context.Context, tx pgx.Tx, user id.User, session id.Session) error {
	return postgres.Exec(ctx, tx, `delete from devices where user_id = @user and session_id = @session`,
		postgres.Args{"user": user, "session": session})
}

// forgetDevices makes all devices of user unknown, but the one of a session.
func forgetDevices(ctx context.Context, tx pgx.Tx, user id.User, except id.Session) error {
	return postgres.Exec(ctx, tx, `delete from devices where user_id = @user and session_id is distinct from @except`,
		postgres.Args{"user": user, "except": except})
}

func sweepDevices(ctx context.Context, db postgres.DB, before time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `delete from devices where last_used_at < @before`, postgres.Args{"before": before})
}
