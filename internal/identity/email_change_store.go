package identity

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

const changeColumns = `c.id, c.user_id, c.sealed, c.created_at, c.expires_at, c.confirmed_at, c.undo_until, c.ended_at`

// lockPerson is find, and until tx ends nobody else changes the person.
func lockPerson(ctx context.Context, tx pgx.Tx, user id.User) (Person, error) {
	row, err := postgres.One[personRow](ctx, tx, `select `+columns+` from users where id = @user for update`, postgres.Args{"user": user})
	return openPerson(ctx, tx, row, err)
}

func insertChange(ctx context.Context, tx pgx.Tx, c emailChange) error {
	keys, err := envelope.Of(ctx, tx)
	if err != nil {
		return err
	}
	sealed, err := keys.Pack(ctx, changeRef(c), addresses{c.OldEmail, c.NewEmail})
	if err != nil {
		return err
	}
	return postgres.Exec(ctx, tx, `
		insert into email_changes (id, user_id, sealed, old_mac, created_at, expires_at)
		values (@id, @user, @sealed, @mac, @now, @expires)`,
		postgres.Args{"id": c.ID, "user": c.UserID, "sealed": sealed, "mac": macOf(keys, c.OldEmail), "now": c.CreatedAt, "expires": c.ExpiresAt})
}

func findChange(ctx context.Context, db postgres.DB, change id.EmailChange) (emailChange, error) {
	row, err := postgres.One[changeRow](ctx, db, `select `+changeColumns+` from email_changes c where c.id = @change`,
		postgres.Args{"change": change})
	return openChange(ctx, db, row, err)
}

func changeByToken(ctx context.Context, db postgres.DB, hash []byte, purpose string) (emailChange, error) {
	row, err := postgres.One[changeRow](ctx, db, `
		select `+changeColumns+` from email_changes c join email_change_tokens t on t.change_id = c.id
		where t.token_hash = @hash and t.purpose = @purpose`,
		postgres.Args{"hash": hash, "purpose": purpose})
	return openChange(ctx, db, row, err)
}

func insertChangeToken(ctx context.Context, tx pgx.Tx, hash []byte, change id.EmailChange, purpose string, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		insert into email_change_tokens (token_hash, change_id, purpose, created_at)
		values (@hash, @change, @purpose, @now)`,
		postgres.Args{"hash": hash, "change": change, "purpose": purpose, "now": now})
}

// endAsked ends changes of user that were asked for and not made.
func endAsked(ctx context.Context, tx pgx.Tx, user id.User, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		update email_changes set ended_at = @now
		where user_id = @user and confirmed_at is null and ended_at is null`,
		postgres.Args{"user": user, "now": now})
}

// endChanges ends the changes of user from one on, made or not.
func endChanges(ctx context.Context, tx pgx.Tx, user id.User, from, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		update email_changes set ended_at = @now
		where user_id = @user and created_at >= @from and ended_at is null`,
		postgres.Args{"user": user, "from": from, "now": now})
}

func confirmChange(ctx context.Context, tx pgx.Tx, change id.EmailChange, now time.Time, undoUntil *time.Time) error {
	return touchOne(postgres.Touch(ctx, tx, `
		update email_changes set confirmed_at = @now, undo_until = @until where id = @change and confirmed_at is null`,
		postgres.Args{"change": change, "now": now, "until": undoUntil}))
}

// setEmail stores an address that its owner, p, has just proven.
func setEmail(ctx context.Context, tx pgx.Tx, p Person, email string, now time.Time) error {
	p.Email = email
	sealed, mac, err := p.seal(ctx, tx)
	if err != nil {
		return err
	}
	return touchOne(postgres.Touch(ctx, tx, `
		update users set sealed = @sealed, email_mac = @mac, email_verified_at = @now, updated_at = @now where id = @user`,
		postgres.Args{"user": p.ID, "sealed": sealed, "mac": mac, "now": now}))
}

// reserved reports whether somebody other than user can get the address back.
func reserved(ctx context.Context, db postgres.DB, email string, user id.User, now time.Time) (bool, error) {
	old, err := mac(ctx, db, email)
	if err != nil {
		return false, err
	}
	return postgres.Scalar[bool](ctx, db, `
		select exists (
			select from email_changes
			where old_mac = @mac and user_id <> @user and ended_at is null and undo_until > @now)`,
		postgres.Args{"mac": old, "user": user, "now": now})
}

// sweepChanges removes changes that nothing can come of, with their tokens.
func sweepChanges(ctx context.Context, db postgres.DB, before time.Time) error {
	return postgres.Exec(ctx, db, `
		delete from email_changes where expires_at < @before and (undo_until is null or undo_until < @before)`,
		postgres.Args{"before": before})
}
