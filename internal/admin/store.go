package admin

import (
	"context"
	"time"

	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
)

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
	rows, err := postgres.Many[lookRow](ctx, db, `
		select s.id, s.user_id, s.admin_id, a.sealed, s.until
		from support_sessions s
		join support_consents c on c.id = s.consent_id and c.user_id = s.user_id
		join sessions own on own.id = s.session_id
		join users a on a.id = s.admin_id
		where s.user_id = @owner and s.ended_at is null and s.until > @now and c.revoked_at is null and own.revoked_at is null
		order by s.created_at`,
		postgres.Args{"owner": owner, "now": now})
	if err != nil {
		return nil, err
	}
	looks := []Look{}
	for _, row := range rows {
		l, err := row.open(ctx, db)
		if err != nil {
			return nil, err
		}
		looks = append(looks, l)
	}
	return looks, nil
}

// lookRow is a look with who looks as users has it.
type lookRow struct {
	Look
	AdminID id.User
	Sealed  []byte
}

func (r lookRow) open(ctx context.Context, db postgres.DB) (l Look, err error) {
	l = r.Look
	l.By, err = identity.FirstName(ctx, db, r.AdminID, r.Sealed)
	return l, err
}

func insertLook(ctx context.Context, db postgres.DB, l Look, c Consent, admin id.User, own id.Session, now time.Time) error {
	return postgres.Exec(ctx, db, `
		insert into support_sessions (id, user_id, consent_id, admin_id, session_id, created_at, until)
		values (@id, @user, @consent, @admin, @session, @now, @until)`,
		postgres.Args{
			"id": l.ID, "user": l.UserID, "consent": c.ID, "admin": admin, "session": own, "now": now, "until": l.Until,
		})
}

// findLook finds a look that goes on: of this member of the staff, in this very
// session of theirs, and with consent to this moment.
func findLook(ctx context.Context, db postgres.DB, look id.Support, admin id.User, own id.Session, now time.Time) (Look, error) {
	row, err := postgres.One[lookRow](ctx, db, `
		select s.id, s.user_id, s.admin_id, a.sealed, s.until
		from support_sessions s
		join support_consents c on c.id = s.consent_id and c.user_id = s.user_id
		join users a on a.id = s.admin_id
		where s.id = @id and s.admin_id = @admin and s.session_id = @session
		  and s.ended_at is null and s.until > @now and c.revoked_at is null and c.until > @now`,
		postgres.Args{"id": look, "admin": admin, "session": own, "now": now})
	if err != nil {
		return Look{}, err
	}
	return row.open(ctx, db)
}

func endLook(ctx context.Context, db postgres.DB, look id.Support, admin id.User, now time.Time) (id.User, error) {
	return postgres.Scalar[id.User](ctx, db, `
		update support_sessions set ended_at = @now
		where id = @id and admin_id = @admin and ended_at is null and until > @now
		returning user_id`,
		postgres.Args{"id": look, "admin": admin, "now": now})
}
