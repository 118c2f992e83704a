package identity

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

const changeColumns = `c.id, c.user_id, c.old_email, c.new_email, c.created_at, c.expires_at, c.confirmed_at, c.undo_until, c.ended_at`

// lockPerson is find, and until tx ends nobody else changes the person.
func lockPerson(ctx context.Context, tx pgx.Tx, user id.User) (Person, error) {
	return postgres.One[Person](ctx, tx, `select `+columns+` from users where id = @user for update`, postgres.Args{"user": user})
}

func insertChange(ctx context.Context, tx pgx.Tx, c emailChange) error {
	return postgres.Exec(ctx, tx, `
		insert into email_changes (id, user_id, old_email, new_email, created_at, expires_at)
		values (@id, @user, @old, @new, @now, @expires)`,
		postgres.Args{"id": c.ID, "user": c.UserID, "old": c.OldEmail, "new": c.NewEmail, "now": c.CreatedAt, "expires": c.ExpiresAt})
}

func findChange(ctx context.Context, db postgres.DB, change id.EmailChange) (emailChange, error) {
	return postgres.One[emailChange](ctx, db, `select `+changeColumns+` from email_changes c where c.id = @change`,
		postgres.Args{"change": change})
}

func changeByToken(ctx context.Context, db postgres.DB, hash []byte, purpose string) (emailChange, error) {
	return postgres.One[emailChange](ctx, db, `
		select `+changeColumns+` from email_changes c join email_change_tokens t on t.change_id = c.id
		where t.token_hash = @hash and t.purpose = @purpose`,
		postgres.Args{"hash": hash, "purpose": purpose})
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

// setEmail stores an address that its owner has just proven.
func setEmail(ctx context.Context, tx pgx.Tx, user id.User, email string, now time.Time) error {
	return touchOne(postgres.Touch(ctx, tx, `
		update users set email = @email, email_verified_at = @now, updated_at = @now where id = @user`,
		postgres.Args{"user": user, "email": email, "now": now}))
}

// reserved reports whether somebody other than user can get the address back.
func reserved(ctx context.Context, db postgres.DB, email string, user id.User, now time.Time) (bool, error) {
	return postgres.Scalar[bool](ctx, db, `
		select exists (
			select from email_changes
			where old_email = @email and user_id <> @user and ended_at is null and undo_until > @now)`,
		postgres.Args{"email": email, "user": user, "now": now})
}

// sweepChanges removes changes that nothing can come of, with their tokens.
func sweepChanges(ctx context.Context, db postgres.DB, before time.Time) error {
	return postgres.Exec(ctx, db, `
		delete from email_changes where expires_at < @before and (undo_until is null or undo_until < @before)`,
		postgres.Args{"before": before})
}
