package admin

import (
	"context"
	"time"

	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
)

// list asks for everybody: the operations behind it are for staff alone.
func list(ctx context.Context, db postgres.DB, text string, after id.User, limit int) ([]identity.Person, error) {
	return postgres.Many[identity.Person](ctx, db, `
		select id, email, first_name, tier, is_admin, is_super_admin, email_verified_at, currency, time_zone, created_at,
		       banned_at, password_version, second_factor
		from users
		where (@text = '' or strpos(email, @text) > 0 or strpos(lower(first_name), @text) > 0)
		  and (@after::uuid is null or (created_at, id) < (select c.created_at, c.id from users c where c.id = @after::uuid))
		order by created_at desc, id desc limit @limit`,
		postgres.Args{"text": text, "after": orNull(after), "limit": limit})
}

func orNull(user id.User) *id.User {
	if user.IsZero() {
		return nil
	}
	return &user
}

func countSessions(ctx context.Context, db postgres.DB, owner id.User, now time.Time) (int, error) {
	return postgres.Scalar[int](ctx, db, `
		select count(*)::int from sessions s
		where s.user_id = @owner and s.revoked_at is null and s.expires_at > @now
		  and exists (select from refresh_tokens r where r.session_id = s.id and r.rotated_at is null and r.expires_at > @now)`,
		postgres.Args{"owner": owner, "now": now})
}

func insertConsent(ctx context.Context, db postgres.DB, c id.Consent, owner id.User, hash []byte, now, until time.Time) error {
	return postgres.Exec(ctx, db, `
		insert into support_consents (id, user_id, code_hash, created_at, until) values (@id, @owner, @hash, @now, @until)`,
		postgres.Args{"id": c, "owner": owner, "hash": hash, "now": now, "until": until})
}

func revokeConsents(ctx context.Context, db postgres.DB, owner id.User, now time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `
		update support_consents set revoked_at = @now where user_id = @owner and revoked_at is null`,
		postgres.Args{"owner": owner, "now": now})
}

func endLooks(ctx context.Context, db postgres.DB, owner id.User, now time.Time) error {
	return postgres.Exec(ctx, db, `
		update support_sessions set ended_at = @now where user_id = @owner and ended_at is null and until > @now`,
		postgres.Args{"owner": owner, "now": now})
}

func findConsent(ctx context.Context, db postgres.DB, owner id.User, now time.Time) (Consent, error) {
	return postgres.One[Consent](ctx, db, `
		select id, user_id, created_at, until from support_consents
		where user_id = @owner and revoked_at is null and until > @now`,
		postgres.Args{"owner": owner, "now": now})
}

// byCode asks without an owner: whose code it is, is what it is asked for.
func byCode(ctx context.Context, db postgres.DB, hash []byte, now time.Time) (Consent, error) {
	return postgres.One[Consent](ctx, db, `
		select id, user_id, created_at, until from support_consents
		where code_hash = @hash and revoked_at is null and until > @now
		for update`,
		postgres.Args{"hash": hash, "now": now})
}

// looksAt lists who looks at somebody's data now, without their surname or address.
func looksAt(ctx context.Context, db postgres.DB, owner id.User, now time.Time) ([]Look, error) {
	return postgres.Many[Look](ctx, db, `
		select s.id, s.user_id, a.first_name as by, s.until
		from support_sessions s
		join support_consents c on c.id = s.consent_id and c.user_id = s.user_id
		join sessions own on own.id = s.session_id
		join users a on a.id = s.admin_id
		where s.user_id = @owner and s.ended_at is null and s.until > @now and c.revoked_at is null and own.revoked_at is null
		order by s.created_at`,
		postgres.Args{"owner": owner, "now": now})
}

func insertLook(ctx context.Context, db postgres.DB, l Look, c Consent, admin id.User, own id.Session, reason string, now time.Time) error {
	return postgres.Exec(ctx, db, `
		insert into support_sessions (id, user_id, consent_id, admin_id, session_id, reason, created_at, until)
		values (@id, @user, @consent, @admin, @session, @reason, @now, @until)`,
		postgres.Args{
			"id": l.ID, "user": l.UserID, "consent": c.ID, "admin": admin, "session": own, "reason": reason, "now": now, "until": l.Until,
		})
}

// findLook finds a look that goes on: of this member of the staff, in this very
// session of theirs, and with consent to this moment.
func findLook(ctx context.Context, db postgres.DB, look id.Support, admin id.User, own id.Session, now time.Time) (Look, error) {
	return postgres.One[Look](ctx, db, `
		select s.id, s.user_id, a.first_name as by, s.until
		from support_sessions s
		join support_consents c on c.id = s.consent_id and c.user_id = s.user_id
		join users a on a.id = s.admin_id
		where s.id = @id and s.admin_id = @admin and s.session_id = @session
		  and s.ended_at is null and s.until > @now and c.revoked_at is null and c.until > @now`,
		postgres.Args{"id": look, "admin": admin, "session": own, "now": now})
}

func endLook(ctx context.Context, db postgres.DB, look id.Support, admin id.User, now time.Time) (id.User, error) {
	return postgres.Scalar[id.User](ctx, db, `
		update support_sessions set ended_at = @now
		where id = @id and admin_id = @admin and ended_at is null and until > @now
		returning user_id`,
		postgres.Args{"id": look, "admin": admin, "now": now})
}
