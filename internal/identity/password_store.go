package identity

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// remembered is how many earlier passwords can't return, besides the present
// one.
const remembered = 5

func accountOf(ctx context.Context, db postgres.DB, user id.User) (account, error) {
	row, err := postgres.One[accountRow](ctx, db, `select `+columns+`, password_hash, password_checked_at from users where id = @user`,
		postgres.Args{"user": user})
	return openAccount(ctx, db, row, err)
}

// unchanged locks the person's row against a change of their password until tx
// ends, and reports whether it is still the version that was proven.
func unchanged(ctx context.Context, tx pgx.Tx, user id.User, version int) (bool, error) {
	n, err := postgres.Touch(ctx, tx, `
		select 1 from users where id = @user and password_version = @version and banned_at is null for share`,
		postgres.Args{"user": user, "version": version})
	return n == 1, err
}

// replacePassword stores a hash if the password is still of the version that
// was looked at, and keeps the one before. It reports whether it was.
func replacePassword(ctx context.Context, tx pgx.Tx, user id.User, version int, c chosen, now time.Time) (bool, error) {
	n, err := postgres.Touch(ctx, tx, `
		with before as (select id, password_hash from users where id = @user and password_version = @version for update),
		     kept as (
			insert into password_history (user_id, version, password_hash, replaced_at)
			select id, @version, password_hash, @now from before where password_hash <> ''
		     )
		update users u set password_hash = @hash, password_version = @version + 1, password_changed_at = @now,
		       password_checked_at = @checked, password_breached_at = null, updated_at = @now
		from before b where u.id = b.id`,
		postgres.Args{"user": user, "version": version, "hash": c.hash, "checked": c.checkedAt, "now": now})
	return n == 1, err
}

// forgetPasswords removes what is older than the last few.
func forgetPasswords(ctx context.Context, tx pgx.Tx, user id.User) error {
	return postgres.Exec(ctx, tx, `
		delete from password_history
		where user_id = @user and version not in (
			select version from password_history where user_id = @user order by version desc limit @kept)`,
		postgres.Args{"user": user, "kept": remembered})
}

func pastPasswords(ctx context.Context, db postgres.DB, user id.User) ([]string, error) {
	type past struct{ PasswordHash string }
	rows, err := postgres.Many[past](ctx, db, `
		select password_hash from password_history where user_id = @user order by version desc limit @kept`,
		postgres.Args{"user": user, "kept": remembered})
	hashes := make([]string, 0, len(rows))
	for _, r := range rows {
		hashes = append(hashes, r.PasswordHash)
	}
	return hashes, err
}

// endOpeners ends the tokens that could open the account, and changes of its
// address that wait to be confirmed. A confirmation opens nothing, and what
// undoes a change must outlive whoever made the change.
func endOpeners(ctx context.Context, tx pgx.Tx, user id.User, now time.Time) error {
	if err := endAsked(ctx, tx, user, now); err != nil {
		return err
	}
	return postgres.Exec(ctx, tx, `
		update mail_tokens set expires_at = @now
		where user_id = @user and purpose = any(@purposes) and used_at is null and expires_at > @now`,
		postgres.Args{"user": user, "now": now, "purposes": []string{string(SignInLink), string(ResetPassword), string(SetupPassword)}})
}

// tokenUser says whose token it is, and uses nothing up.
func tokenUser(ctx context.Context, db postgres.DB, hash []byte, purpose Purpose, now time.Time) (id.User, error) {
	return postgres.Scalar[id.User](ctx, db, `
		select user_id from mail_tokens
		where token_hash = @hash and purpose = @purpose and used_at is null and expires_at > @now`,
		postgres.Args{"hash": hash, "purpose": purpose, "now": now})
}

// noteChecked stores that a password of a version was compared with breaches.
// It reports whether it is news that it is in one.
func noteChecked(ctx context.Context, tx pgx.Tx, user id.User, version int, breached bool, now time.Time) (news bool, err error) {
	return postgres.Scalar[bool](ctx, tx, `
		with before as (select id, password_breached_at from users where id = @user for update),
		     noted as (
			update users u set password_checked_at = @now,
			       password_breached_at = case when @breached then coalesce(u.password_breached_at, @now) end
			from before b where u.id = b.id and u.password_version = @version
			returning u.id
		     )
		select exists (select from noted n join before b on b.id = n.id where @breached and b.password_breached_at is null)`,
		postgres.Args{"user": user, "version": version, "breached": breached, "now": now})
}

// replaceHash stores another hash of the same password.
func replaceHash(ctx context.Context, tx pgx.Tx, user id.User, before, after string, now time.Time) (bool, error) {
	n, err := postgres.Touch(ctx, tx, `
		update users set password_hash = @after, updated_at = @now where id = @user and password_hash = @before`,
		postgres.Args{"user": user, "before": before, "after": after, "now": now})
	return n == 1, err
}
