package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

const columns = `id, sealed, tier, is_admin, is_super_admin, email_verified_at, currency, time_zone, created_at, banned_at, password_version, second_factor`

// account is a Person with how they prove it. It stays in this package.
type account struct {
	Person
	PasswordHash      string
	PasswordCheckedAt *time.Time // when it was last compared with known breaches
}

func find(ctx context.Context, db postgres.DB, user id.User) (Person, error) {
	row, err := postgres.One[personRow](ctx, db, `select `+columns+` from users where id = @user`, postgres.Args{"user": user})
	return openPerson(ctx, db, row, err)
}

// ownerOf returns who has an address; zero: nobody.
func ownerOf(ctx context.Context, db postgres.DB, email string) (id.User, error) {
	mac, err := mac(ctx, db, email)
	if err != nil {
		return id.User{}, err
	}
	user, err := postgres.Scalar[id.User](ctx, db, `select id from users where email_mac = @mac`, postgres.Args{"mac": mac})
	if errors.Is(err, fault.ErrNotFound) {
		return id.User{}, nil
	}
	return user, err
}

// filler is as long as what most people's addresses and names are sealed as.
var filler = make([]byte, 110)

// lookUp finds who has an address, for what strangers ask. It finds a row for
// every address: the zero account for one that nobody has. That one takes as long
// to find, to send and to read as any other; twenty microseconds less can be
// measured from outside. That's also why it opens nothing: the address is the one
// that was asked for, and the name stays sealed until the caller knows who it is.
func lookUp(ctx context.Context, db postgres.DB, email string) (accountRow, error) {
	mac, err := mac(ctx, db, email)
	if err != nil {
		return accountRow{}, err
	}
	a, err := postgres.One[accountRow](ctx, db, `
		select coalesce(u.id, '00000000-0000-0000-0000-000000000000') as id, coalesce(u.sealed, @filler) as sealed,
		       coalesce(u.tier, 'free') as tier, coalesce(u.is_admin, false) as is_admin, coalesce(u.is_super_admin, false) as is_super_admin,
		       u.email_verified_at, coalesce(u.currency, 'USD') as currency, coalesce(u.time_zone, 'UTC') as time_zone,
		       coalesce(u.created_at, 'epoch') as created_at, u.banned_at, coalesce(u.password_version, 0) as password_version,
		       coalesce(u.second_factor, false) as second_factor, coalesce(u.password_hash, '') as password_hash, u.password_checked_at
		from (select) one left join users u on u.email_mac = @mac`,
		postgres.Args{"mac": mac, "filler": filler})
	a.Email = email
	return a, err
}

// insertPerson does nothing if the address is taken, or if its owner before can
// get it back. Whose it is in the end, it returns; zero: that owner's before.
//
// The key that p is sealed under is made first, in a transaction of its own. If p
// isn't stored it has nothing to open and goes; the one statement for that is run
// in both cases, for the time that it takes.
func insertPerson(ctx context.Context, tx pgx.Tx, p Person, c chosen) (id.User, error) {
	sealed, mac, err := p.seal(ctx, tx)
	if err != nil {
		return id.User{}, err
	}
	err = postgres.Exec(ctx, tx, `
		insert into users (id, sealed, email_mac, password_hash, password_checked_at, tier, created_at, updated_at)
		select @id, @sealed, @mac, @hash, @checked, @tier, @now, @now
		where not exists (select from email_changes where old_mac = @mac and ended_at is null and undo_until > @now)
		on conflict on constraint users_email_mac_key do nothing`,
		postgres.Args{"id": p.ID, "sealed": sealed, "mac": mac, "hash": c.hash, "checked": c.checkedAt, "tier": p.Tier, "now": p.CreatedAt})
	if err != nil {
		return id.User{}, err
	}
	owner, err := ownerOf(ctx, tx, p.Email)
	if err != nil {
		return id.User{}, err
	}
	keys, err := envelope.Of(ctx, tx)
	if err != nil {
		return id.User{}, err
	}
	unused := p.ID
	if owner == p.ID {
		unused = id.New[id.User]()
	}
	return owner, keys.Discard(ctx, tx, unused)
}

// admit is insertPerson for operators, who are told: ErrKnown if the address is
// taken or may be taken back.
func admit(ctx context.Context, tx pgx.Tx, p Person, c chosen) error {
	owner, err := ownerOf(ctx, tx, p.Email)
	if err == nil && owner.IsZero() {
		owner, err = insertPerson(ctx, tx, p, c)
	}
	if err != nil {
		return fmt.Errorf("store person: %w", err)
	}
	if owner != p.ID {
		return ErrKnown
	}
	return nil
}

func setConfirmed(ctx context.Context, tx pgx.Tx, user id.User, now time.Time) error {
	return touchOne(postgres.Touch(ctx, tx, `
		update users set email_verified_at = coalesce(email_verified_at, @now), updated_at = @now
		where id = @user`,
		postgres.Args{"user": user, "now": now}))
}

func setBanned(ctx context.Context, tx pgx.Tx, user id.User, now time.Time) error {
	return touchOne(postgres.Touch(ctx, tx, `
		update users set banned_at = coalesce(banned_at, @now), updated_at = @now
		where id = @user`,
		postgres.Args{"user": user, "now": now}))
}

func touchOne(n int64, err error) error {
	if err == nil && n == 0 {
		return fault.ErrNotFound
	}
	return err
}

func endTokens(ctx context.Context, tx pgx.Tx, user id.User, purpose Purpose, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		update mail_tokens set expires_at = @now
		where user_id = @user and purpose = @purpose and used_at is null and expires_at > @now`,
		postgres.Args{"user": user, "purpose": purpose, "now": now})
}

func insertToken(ctx context.Context, tx pgx.Tx, hash []byte, user id.User, purpose Purpose, now, end time.Time) error {
	return postgres.Exec(ctx, tx, `
		insert into mail_tokens (token_hash, user_id, purpose, created_at, expires_at)
		values (@hash, @user, @purpose, @now, @end)`,
		postgres.Args{"hash": hash, "user": user, "purpose": purpose, "now": now, "end": end})
}

// useToken is one statement, so that of two at once one finds nothing.
func useToken(ctx context.Context, tx pgx.Tx, hash []byte, purpose Purpose, now time.Time) (id.User, error) {
	return postgres.Scalar[id.User](ctx, tx, `
		update mail_tokens set used_at = @now
		where token_hash = @hash and purpose = @purpose and used_at is null and expires_at > @now
		returning user_id`,
		postgres.Args{"hash": hash, "purpose": purpose, "now": now})
}

func usedByConfirmed(ctx context.Context, tx pgx.Tx, hash []byte) (bool, error) {
	return postgres.Scalar[bool](ctx, tx, `
		select exists (
			select from mail_tokens t join users u on u.id = t.user_id
			where t.token_hash = @hash and t.purpose = 'confirm_email'
			  and t.used_at is not null and u.email_verified_at is not null)`,
		postgres.Args{"hash": hash})
}

func sweepTokens(ctx context.Context, db postgres.DB, before time.Time) error {
	return postgres.Exec(ctx, db, `delete from mail_tokens where expires_at < @before`, postgres.Args{"before": before})
}
