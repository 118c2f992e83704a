package session

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// sessionRow is a row of sessions.
type sessionRow struct {
	ID                               id.Session
	UserID                           id.User
	Delivery                         Delivery
	Device, Address                  string
	CreatedAt, LastUsedAt, ExpiresAt time.Time
	proofRow
}

// proofRow is how a session began, and when its person last proved themselves.
type proofRow struct {
	How                  string
	PasswordAt, FactorAt *time.Time
}

func (r proofRow) proofs() access.Proofs {
	var p access.Proofs
	if r.PasswordAt != nil {
		p.PasswordAt = r.PasswordAt.UTC()
	}
	if r.FactorAt != nil {
		p.FactorAt = r.FactorAt.UTC()
	}
	return p
}

func insertSession(ctx context.Context, tx pgx.Tx, r sessionRow) error {
	sealed, mac, err := sealWhence(ctx, tx, sessionRef(r.UserID, r.ID), whence{r.Device, r.Address})
	if err != nil {
		return err
	}
	return postgres.Exec(ctx, tx, `
		insert into sessions (id, user_id, delivery, sealed, device_mac, created_at, last_used_at, expires_at, how, password_at, factor_at)
		values (@id, @user, @delivery, @sealed, @mac, @created, @used, @expires, @how, @password, @factor)`,
		postgres.Args{
			"id": r.ID, "user": r.UserID, "delivery": r.Delivery, "sealed": sealed, "mac": mac,
			"created": r.CreatedAt, "used": r.LastUsedAt, "expires": r.ExpiresAt,
			"how": r.How, "password": r.PasswordAt, "factor": r.FactorAt,
		})
}

// liveRow is what a request needs to know about a session.
type liveRow struct {
	UserID    id.User
	Delivery  Delivery
	ExpiresAt time.Time
	proofRow
}

func findLive(ctx context.Context, db postgres.DB, session id.Session, now time.Time) (liveRow, error) {
	return postgres.One[liveRow](ctx, db, `
		select user_id, delivery, expires_at, how, password_at, factor_at from sessions
		where id = @session and revoked_at is null and expires_at > @now`,
		postgres.Args{"session": session, "now": now})
}

// Live is a session as its owner sees it.
type Live struct {
	ID         id.Session
	Device     string `db:"-"` // sealed where it is stored, as is
	Address    string `db:"-"`
	CreatedAt  time.Time
	LastUsedAt time.Time
}

type liveList struct {
	Live
	Sealed []byte
}

// listLive leaves out sessions whose refresh token has expired unused: they
// can't come back.
func listLive(ctx context.Context, db postgres.DB, owner id.User, now time.Time) ([]Live, error) {
	rows, err := postgres.Many[liveList](ctx, db, `
		select s.id, s.sealed, s.created_at, s.last_used_at from sessions s
		where s.user_id = @owner and s.revoked_at is null and s.expires_at > @now
		  and exists (select from refresh_tokens r where r.session_id = s.id and r.rotated_at is null and r.expires_at > @now)
		order by s.last_used_at desc, s.id desc`,
		postgres.Args{"owner": owner, "now": now})
	if err != nil {
		return nil, err
	}
	list := make([]Live, 0, len(rows))
	for _, row := range rows {
		w, err := openWhence(ctx, db, sessionRef(owner, row.ID), row.Sealed)
		if err != nil {
			return nil, err
		}
		row.Device, row.Address = w.Device, w.Address
		list = append(list, row.Live)
	}
	return list, nil
}

func endSession(ctx context.Context, tx pgx.Tx, owner id.User, session id.Session, now time.Time, reason string) (int64, error) {
	return postgres.Touch(ctx, tx, `
		update sessions set revoked_at = @now, revoke_reason = @reason
		where id = @session and user_id = @owner and revoked_at is null and expires_at > @now`,
		postgres.Args{"session": session, "owner": owner, "now": now, "reason": reason})
}

// touchSession notes a use of a live session of owner's and returns when it ends.
func touchSession(ctx context.Context, tx pgx.Tx, owner id.User, session id.Session, c Client, address string, now time.Time) (time.Time, error) {
	sealed, mac, err := sealWhence(ctx, tx, sessionRef(owner, session), whence{c.Device, address})
	if err != nil {
		return time.Time{}, err
	}
	return postgres.Scalar[time.Time](ctx, tx, `
		update sessions set last_used_at = @now, sealed = @sealed, device_mac = @mac
		where id = @session and revoked_at is null and expires_at > @now
		returning expires_at`,
		postgres.Args{"session": session, "now": now, "sealed": sealed, "mac": mac})
}

// slideSession notes a use of a live session, unless there was one since a time,
// or its newest refresh token isn't the one given, has expired or is older than
// it may be. It is one statement, so that of many at once one finds something.
func slideSession(ctx context.Context, tx pgx.Tx, r slideRow) (refreshRow, error) {
	sealed, mac, err := sealWhence(ctx, tx, sessionRef(r.Owner, r.Session), whence{r.Device, r.Address})
	if err != nil {
		return refreshRow{}, err
	}
	return postgres.One[refreshRow](ctx, tx, `
		update sessions s set last_used_at = @now, sealed = @sealed
		from refresh_tokens r
		where s.id = @session and s.user_id = @owner and s.delivery = 'web' and s.device_mac = @mac
		  and s.revoked_at is null and s.expires_at > @now and s.last_used_at < @before
		  and r.token_hash = @hash and r.session_id = s.id and r.rotated_at is null and r.expires_at > @now and r.issued_at > @oldest
		returning s.id as session_id, s.user_id, s.delivery, s.device_mac, r.rotated_at, s.revoked_at, s.expires_at as session_end,
		          s.how, s.password_at, s.factor_at`,
		postgres.Args{
			"session": r.Session, "owner": r.Owner, "hash": r.Hash, "sealed": sealed, "mac": mac,
			"now": r.Now, "before": r.Before, "oldest": r.Oldest,
		})
}

// slideRow is what slideSession looks for.
type slideRow struct {
	Session             id.Session
	Owner               id.User
	Hash                []byte // of the refresh token that came with it
	Device, Address     string
	Now, Before, Oldest time.Time
}

// setProofs notes proofs (nil: none) in a live session and returns all of them.
func setProofs(ctx context.Context, tx pgx.Tx, owner id.User, session id.Session, now time.Time, password, factor *time.Time) (proofRow, error) {
	return postgres.One[proofRow](ctx, tx, `
		update sessions set password_at = coalesce(@password, password_at), factor_at = coalesce(@factor, factor_at)
		where id = @session and user_id = @owner and revoked_at is null and expires_at > @now
		returning how, password_at, factor_at`,
		postgres.Args{"session": session, "owner": owner, "now": now, "password": password, "factor": factor})
}

func clearProofs(ctx context.Context, tx pgx.Tx, owner id.User, except id.Session) error {
	return postgres.Exec(ctx, tx, `
		update sessions set password_at = null, factor_at = null
		where user_id = @owner and id is distinct from @except and revoked_at is null`,
		postgres.Args{"owner": owner, "except": except})
}

func insertRefresh(ctx context.Context, tx pgx.Tx, hash []byte, session id.Session, now, end time.Time) error {
	return postgres.Exec(ctx, tx, `
		insert into refresh_tokens (token_hash, session_id, issued_at, expires_at)
		values (@hash, @session, @now, @end)`,
		postgres.Args{"hash": hash, "session": session, "now": now, "end": end})
}

// refreshRow is a refresh token with what matters of its session.
type refreshRow struct {
	SessionID  id.Session
	UserID     id.User
	Delivery   Delivery
	DeviceMac  []byte
	RotatedAt  *time.Time
	RevokedAt  *time.Time
	SessionEnd time.Time
	proofRow
}

// rotate marks a token as used, in one statement: of two at once, one finds
// nothing left to mark.
func rotate(ctx context.Context, tx pgx.Tx, hash, child []byte, d Delivery, now time.Time) (refreshRow, error) {
	return postgres.One[refreshRow](ctx, tx, `
		update refresh_tokens r set rotated_at = @now, child_hash = @child
		from sessions s
		where r.token_hash = @hash and r.rotated_at is null and r.expires_at > @now
		  and s.id = r.session_id and s.delivery = @delivery and s.revoked_at is null
		returning r.session_id, s.user_id, s.delivery, s.device_mac, r.rotated_at, s.revoked_at, s.expires_at as session_end,
		          s.how, s.password_at, s.factor_at`,
		postgres.Args{"hash": hash, "child": child, "delivery": d, "now": now})
}

func findRefresh(ctx context.Context, db postgres.DB, hash []byte) (refreshRow, error) {
	return postgres.One[refreshRow](ctx, db, `
		select r.session_id, s.user_id, s.delivery, s.device_mac, r.rotated_at, s.revoked_at, s.expires_at as session_end,
		       s.how, s.password_at, s.factor_at
		from refresh_tokens r join sessions s on s.id = r.session_id
		where r.token_hash = @hash`,
		postgres.Args{"hash": hash})
}

// sweepRefresh removes tokens that no time brings back.
func sweepRefresh(ctx context.Context, db postgres.DB, now time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `delete from refresh_tokens where expires_at < @now`, postgres.Args{"now": now})
}

// sweepSessions removes sessions that ended before a day, with their tokens; not
// those of people under a legal hold.
func sweepSessions(ctx context.Context, db postgres.DB, before time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `
		delete from sessions s where (s.expires_at < @before or s.revoked_at < @before)
			and not exists (select from legal_holds h where h.user_id = s.user_id and h.released_at is null)`,
		postgres.Args{"before": before})
}
