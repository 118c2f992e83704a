package connection

import (
	"context"
	"time"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

func count(ctx context.Context, db postgres.DB, owner id.User) (int, error) {
	return postgres.Scalar[int](ctx, db, `
		select count(*)::int from connections where user_id = @owner and deleted_at is null`,
		postgres.Args{"owner": owner})
}

func byOwner(ctx context.Context, db postgres.DB, owner id.User, connection id.Connection) (Connection, error) {
	return postgres.One[Connection](ctx, db, `
		select `+columns+` from connections where id = @id and user_id = @owner and deleted_at is null`,
		postgres.Args{"id": connection, "owner": owner})
}

func lockOwned(ctx context.Context, db postgres.DB, owner id.User, connection id.Connection) (Connection, error) {
	return postgres.One[Connection](ctx, db, `
		select `+columns+` from connections where id = @id and user_id = @owner and deleted_at is null
		for update`,
		postgres.Args{"id": connection, "owner": owner})
}

// byProvider asks without an owner: who owns it is what it is asked for.
func byProvider(ctx context.Context, db postgres.DB, provider, providerID string) (Connection, error) {
	return postgres.One[Connection](ctx, db, `
		select `+columns+` from connections
		where provider = @provider and provider_connection_id = @pid and deleted_at is null
		for update`,
		postgres.Args{"provider": provider, "pid": providerID})
}

func liveOf(ctx context.Context, db postgres.DB, owner id.User, provider string) ([]id.Connection, error) {
	return postgres.Many[id.Connection](ctx, db, `
		select id from connections where user_id = @owner and provider = @provider and deleted_at is null`,
		postgres.Args{"owner": owner, "provider": provider})
}

// statusOf is what a just linked connection begins with.
func statusOf(o offer) (Status, string) {
	if o.broken != "" {
		return Reauth, o.broken
	}
	return Pending, ""
}

func insert(ctx context.Context, db postgres.DB, connection id.Connection, owner id.User, o offer, sealed []byte, now time.Time) (Connection, error) {
	status, reason := statusOf(o)
	return postgres.One[Connection](ctx, db, `
		insert into connections (id, user_id, provider, provider_connection_id, kind, institution_id, institution_name,
			access, status, status_reason, credential, created_at, next_sync_at)
		values (@id, @owner, @provider, @pid, @kind, @iid, @iname, @access, @status, @reason, @credential, @now, @now)
		returning `+columns,
		postgres.Args{
			"id": connection, "owner": owner, "provider": o.provider, "pid": o.providerID, "kind": string(o.kind),
			"iid": o.institutionID, "iname": o.institutionName, "access": o.access,
			"status": string(status), "reason": reason, "credential": sealed, "now": now,
		})
}

// reconnect also clears last_full_at: after a repair the whole overlap is
// walked again, since the institution may have changed its ids.
func reconnect(ctx context.Context, db postgres.DB, old Connection, o offer, sealed []byte, now time.Time) (Connection, error) {
	status, reason := statusOf(o)
	return postgres.One[Connection](ctx, db, `
		update connections
		set provider_connection_id = @pid, institution_name = @iname, access = @access, credential = @credential,
		    status = @status, status_reason = @reason, next_sync_at = @now, consecutive_failures = 0, last_full_at = null
		where id = @id and user_id = @owner and deleted_at is null
		returning `+columns,
		postgres.Args{
			"id": old.ID, "owner": old.UserID, "pid": o.providerID, "iname": o.institutionName, "access": o.access,
			"credential": sealed, "status": string(status), "reason": reason, "now": now,
		})
}

func sealedToken(ctx context.Context, db postgres.DB, owner id.User, connection id.Connection) ([]byte, error) {
	return postgres.Scalar[[]byte](ctx, db, `
		select credential from connections where id = @id and user_id = @owner and deleted_at is null`,
		postgres.Args{"id": connection, "owner": owner})
}

// remove destroys the credential and raises the fence, so that a sync that runs
// stores nothing more.
func remove(ctx context.Context, db postgres.DB, owner id.User, connection id.Connection, now time.Time) error {
	return postgres.Exec(ctx, db, `
		update connections
		set deleted_at = @now, credential = null, status = 'disconnected', status_reason = 'removed',
		    fence = fence + 1, lease_until = null, dirty_at = null, next_sync_at = null
		where id = @id and user_id = @owner`,
		postgres.Args{"id": connection, "owner": owner, "now": now})
}

func insertAttempt(ctx context.Context, db postgres.DB, a attempt, now time.Time) error {
	return postgres.Exec(ctx, db, `
		insert into connect_attempts (id, user_id, provider, nonce, reconnect, created_at, expires_at)
		values (@id, @owner, @provider, @nonce, @reconnect, @now, @expires)`,
		postgres.Args{
			"id": a.ID, "owner": a.UserID, "provider": a.Provider, "nonce": a.Nonce, "reconnect": a.Reconnect,
			"now": now, "expires": a.ExpiresAt,
		})
}

func findAttempt(ctx context.Context, db postgres.DB, owner id.User, provider string, attemptID id.Attempt, now time.Time) (attempt, error) {
	return postgres.One[attempt](ctx, db, `
		select id, user_id, provider, nonce, reconnect, expires_at from connect_attempts
		where id = @id and user_id = @owner and provider = @provider and used_at is null and expires_at > @now`,
		postgres.Args{"id": attemptID, "owner": owner, "provider": provider, "now": now})
}

func spendAttempt(ctx context.Context, db postgres.DB, owner id.User, attemptID id.Attempt, now time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `
		update connect_attempts set used_at = @now
		where id = @id and user_id = @owner and used_at is null and expires_at > @now`,
		postgres.Args{"id": attemptID, "owner": owner, "now": now})
}

type userRow struct {
	SnaptradeUserID string
	Secret          []byte
}

func findUser(ctx context.Context, db postgres.DB, owner id.User) (userRow, error) {
	return postgres.One[userRow](ctx, db, `
		select snaptrade_user_id, secret from snaptrade_users where user_id = @owner`,
		postgres.Args{"owner": owner})
}

func storeUser(ctx context.Context, db postgres.DB, owner id.User, userID string, sealed []byte, now time.Time) error {
	return postgres.Exec(ctx, db, `
		insert into snaptrade_users (user_id, snaptrade_user_id, secret, created_at)
		values (@owner, @uid, @secret, @now)
		on conflict (user_id) do update set snaptrade_user_id = excluded.snaptrade_user_id, secret = excluded.secret, created_at = excluded.created_at`,
		postgres.Args{"owner": owner, "uid": userID, "secret": sealed, "now": now})
}

func ownerBefore(ctx context.Context, db postgres.DB, userID string, before time.Time) (id.User, error) {
	return postgres.Scalar[id.User](ctx, db, `
		select user_id from snaptrade_users where snaptrade_user_id = @uid and created_at < @before`,
		postgres.Args{"uid": userID, "before": before})
}

func ownerOf(ctx context.Context, db postgres.DB, userID string) (id.User, error) {
	return postgres.Scalar[id.User](ctx, db, `
		select user_id from snaptrade_users where snaptrade_user_id = @uid`,
		postgres.Args{"uid": userID})
}

func seekProvider(ctx context.Context, db postgres.DB, provider, providerID string) (Connection, error) {
	return postgres.One[Connection](ctx, db, `
		select `+columns+` from connections
		where provider = @provider and provider_connection_id = @pid and deleted_at is null`,
		postgres.Args{"provider": provider, "pid": providerID})
}

const lineColumns = columns + `,
	(select count(*)::int from accounts a where a.connection_id = c.id and a.user_id = c.user_id and a.deleted_at is null) as accounts,
	(select r.error_class from sync_runs r
	  where r.connection_id = c.id and r.user_id = c.user_id and r.finished_at is not null
	  order by r.started_at desc limit 1) as last_error`

func list(ctx context.Context, db postgres.DB, owner id.User) ([]Line, error) {
	return postgres.Many[Line](ctx, db, `
		select `+lineColumns+` from connections c where user_id = @owner and deleted_at is null order by created_at, id`,
		postgres.Args{"owner": owner})
}

func getLine(ctx context.Context, db postgres.DB, owner id.User, connection id.Connection) (Line, error) {
	return postgres.One[Line](ctx, db, `
		select `+lineColumns+` from connections c where id = @id and user_id = @owner and deleted_at is null`,
		postgres.Args{"id": connection, "owner": owner})
}

func listRuns(ctx context.Context, db postgres.DB, owner id.User, connection id.Connection) ([]Run, error) {
	return postgres.Many[Run](ctx, db, `
		select id, trigger, started_at, finished_at, outcome, phase, accounts, fetched, added, updated, superseded,
			removed, positions, api_calls, error_class
		from sync_runs where connection_id = @id and user_id = @owner
		order by started_at desc, id desc limit 20`,
		postgres.Args{"id": connection, "owner": owner})
}

// deleteAttempts removes the visits that expired before a time.
func deleteAttempts(ctx context.Context, db postgres.DB, before time.Time) error {
	return postgres.Exec(ctx, db, `delete from connect_attempts where expires_at < @before`, postgres.Args{"before": before})
}
