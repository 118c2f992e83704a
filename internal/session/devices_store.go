package session

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

func insertDevice(ctx context.Context, tx pgx.Tx, hash []byte, user id.User, session id.Session, c Client, address string, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		insert into devices (id, token_hash, user_id, session_id, agent, address, created_at, last_used_at)
		values (@id, @hash, @user, @session, @agent, @address, @now, @now)`,
		postgres.Args{"id": id.New[id.Device](), "hash": hash, "user": user, "session": session, "agent": c.Device, "address": address, "now": now})
}

// useDevice notes a sign-in on a device of user's that was used after oldest. Its
// trust ends if it was used too long ago for that, or is another device by now.
func useDevice(ctx context.Context, tx pgx.Tx, hash []byte, user id.User, session id.Session, c Client, address string, now, oldest time.Time, trusted bool) (int64, error) {
	return postgres.Touch(ctx, tx, `
		update devices set session_id = @session, last_used_at = @now, agent = @agent, address = @address,
		                   trusted_at = case when @trusted then trusted_at end
		where token_hash = @hash and user_id = @user and last_used_at > @oldest`,
		postgres.Args{"hash": hash, "user": user, "session": session, "agent": c.Device, "address": address, "now": now, "oldest": oldest, "trusted": trusted})
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

// KnownDevice is a device that somebody has signed in on, as it was then.
type KnownDevice struct {
	ID             id.Device
	SessionID      id.Session
	Agent, Address string
	CreatedAt      time.Time
	LastUsedAt     time.Time
	TrustedAt      *time.Time
}

func findDevice(ctx context.Context, db postgres.DB, hash []byte, user id.User, oldest time.Time) (KnownDevice, error) {
	return postgres.One[KnownDevice](ctx, db, `
		select id, session_id, agent, address, created_at, last_used_at, trusted_at from devices
		where token_hash = @hash and user_id = @user and last_used_at > @oldest`,
		postgres.Args{"hash": hash, "user": user, "oldest": oldest})
}

func listDevices(ctx context.Context, db postgres.DB, user id.User, oldest time.Time) ([]KnownDevice, error) {
	return postgres.Many[KnownDevice](ctx, db, `
		select id, session_id, agent, address, created_at, last_used_at, trusted_at from devices
		where user_id = @user and last_used_at > @oldest
		order by last_used_at desc, id desc`,
		postgres.Args{"user": user, "oldest": oldest})
}

// dropDevice makes a device unknown and returns the session that began on it.
func dropDevice(ctx context.Context, tx pgx.Tx, user id.User, device id.Device) (id.Session, error) {
	return postgres.Scalar[id.Session](ctx, tx, `delete from devices where id = @id and user_id = @user returning session_id`,
		postgres.Args{"id": device, "user": user})
}

func trustDevice(ctx context.Context, tx pgx.Tx, user id.User, device id.Device, at *time.Time) error {
	return postgres.Exec(ctx, tx, `update devices set trusted_at = @at where id = @id and user_id = @user`,
		postgres.Args{"id": device, "user": user, "at": at})
}
