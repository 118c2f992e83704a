package session

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

func insertDevice(ctx context.Context, tx pgx.Tx, hash []byte, user id.User, session id.Session, c Client, address string, now time.Time) error {
	device := id.New[id.Device]()
	sealed, err := deviceFacts{Device: c.Device, Address: address, Hints: c.hints}.seal(ctx, tx, user, device)
	if err != nil {
		return err
	}
	return postgres.Exec(ctx, tx, `
		insert into devices (id, token_hash, user_id, session_id, sealed, created_at, last_used_at)
		values (@id, @hash, @user, @session, @sealed, @now, @now)`,
		postgres.Args{"id": device, "hash": hash, "user": user, "session": session, "sealed": sealed, "now": now})
}

// useDevice notes a sign-in on a device of user's. Its trust ends if it was used
// too long ago for that, or is another device by now. One that is gone meanwhile is
// fault.ErrNotFound.
func useDevice(ctx context.Context, tx pgx.Tx, was KnownDevice, user id.User, session id.Session, c Client, address string, now time.Time, trusted bool) error {
	sealed, err := deviceFacts{Device: c.Device, Address: address, Name: was.Name, Hints: c.hints}.seal(ctx, tx, user, was.ID)
	if err != nil {
		return err
	}
	n, err := postgres.Touch(ctx, tx, `
		update devices set session_id = @session, last_used_at = @now, sealed = @sealed,
		                   trusted_at = case when @trusted then trusted_at end
		where id = @id and user_id = @user`,
		postgres.Args{"id": was.ID, "user": user, "session": session, "sealed": sealed, "now": now, "trusted": trusted})
	if err == nil && n == 0 {
		return fault.ErrNotFound
	}
	return err
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
	return postgres.Touch(ctx, db, `
		delete from devices d where d.last_used_at < @before
			and not exists (select from legal_holds h where h.user_id = d.user_id and h.released_at is null)`, postgres.Args{"before": before})
}

// KnownDevice is a device that somebody has signed in on, as it was then.
type KnownDevice struct {
	ID             id.Device
	SessionID      id.Session
	Agent, Address string `db:"-"` // sealed where they are stored
	Name           string `db:"-"` // given by its owner; empty: none. Sealed likewise
	Hints          []byte `db:"-"` // what it said about itself, hashed; see bot.Hints
	CreatedAt      time.Time
	LastUsedAt     time.Time
	TrustedAt      *time.Time
}

func findDevice(ctx context.Context, db postgres.DB, hash []byte, user id.User, oldest time.Time) (KnownDevice, error) {
	row, err := postgres.One[deviceRow](ctx, db, `
		select id, session_id, sealed, created_at, last_used_at, trusted_at from devices
		where token_hash = @hash and user_id = @user and last_used_at > @oldest`,
		postgres.Args{"hash": hash, "user": user, "oldest": oldest})
	if err != nil {
		return KnownDevice{}, err
	}
	return row.open(ctx, db, user)
}

// deviceRow is a device as it is stored.
type deviceRow struct {
	KnownDevice
	Sealed []byte
}

func (r deviceRow) open(ctx context.Context, db postgres.DB, user id.User) (KnownDevice, error) {
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return KnownDevice{}, err
	}
	var f deviceFacts
	if err := keys.Unpack(ctx, deviceRef(user, r.ID), r.Sealed, &f); err != nil {
		return KnownDevice{}, fmt.Errorf("device %s: %w", r.ID, err)
	}
	r.Agent, r.Address, r.Name, r.Hints = f.Device, f.Address, f.Name, f.Hints
	return r.KnownDevice, nil
}

// deviceFacts is what devices.sealed holds: a whence, and more.
type deviceFacts struct {
	Device  string `json:"device"`
	Address string `json:"address"`
	Name    string `json:"name,omitempty"`
	Hints   []byte `json:"hints,omitempty"`
}

func (f deviceFacts) seal(ctx context.Context, db postgres.DB, user id.User, device id.Device) ([]byte, error) {
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return nil, err
	}
	return keys.Pack(ctx, deviceRef(user, device), f)
}

// nameDevice gives a device of user's that was used after oldest another name.
func nameDevice(ctx context.Context, tx pgx.Tx, user id.User, device id.Device, name string, oldest time.Time) (KnownDevice, error) {
	row, err := postgres.One[deviceRow](ctx, tx, `
		select id, session_id, sealed, created_at, last_used_at, trusted_at from devices
		where id = @id and user_id = @user and last_used_at > @oldest
		for update`,
		postgres.Args{"id": device, "user": user, "oldest": oldest})
	if err != nil {
		return KnownDevice{}, err
	}
	d, err := row.open(ctx, tx, user)
	if err != nil {
		return d, err
	}
	d.Name = name
	sealed, err := deviceFacts{Device: d.Agent, Address: d.Address, Name: name, Hints: d.Hints}.seal(ctx, tx, user, device)
	if err != nil {
		return d, err
	}
	return d, postgres.Exec(ctx, tx, `update devices set sealed = @sealed where id = @id and user_id = @user`,
		postgres.Args{"id": device, "user": user, "sealed": sealed})
}

func listDevices(ctx context.Context, db postgres.DB, user id.User, oldest time.Time) ([]KnownDevice, error) {
	rows, err := postgres.Many[deviceRow](ctx, db, `
		select id, session_id, sealed, created_at, last_used_at, trusted_at from devices
		where user_id = @user and last_used_at > @oldest
		order by last_used_at desc, id desc`,
		postgres.Args{"user": user, "oldest": oldest})
	if err != nil {
		return nil, err
	}
	list := make([]KnownDevice, 0, len(rows))
	for _, row := range rows {
		d, err := row.open(ctx, db, user)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
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
