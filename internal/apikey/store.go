package apikey

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// liveRow is what a request needs to know about a key.
type liveRow struct {
	ID         id.APIKey
	UserID     id.User
	LastUsedAt *time.Time
}

func findLive(ctx context.Context, db postgres.DB, hash []byte, now time.Time) (liveRow, error) {
	return postgres.One[liveRow](ctx, db, `
		select id, user_id, last_used_at from api_keys
		where key_hash = @hash and revoked_at is null and expires_at > @now`,
		postgres.Args{"hash": hash, "now": now})
}

func touch(ctx context.Context, db postgres.DB, key id.APIKey, now time.Time, address string) error {
	return postgres.Exec(ctx, db, `update api_keys set last_used_at = @now, last_address = @address where id = @key`,
		postgres.Args{"key": key, "now": now, "address": address})
}

func list(ctx context.Context, db postgres.DB, owner id.User, now time.Time) ([]Key, error) {
	return postgres.Many[Key](ctx, db, `
		select id, name, hint, created_at, expires_at, last_used_at, last_address from api_keys
		where user_id = @owner and revoked_at is null and expires_at > @now
		order by created_at desc, id desc`,
		postgres.Args{"owner": owner, "now": now})
}

func insert(ctx context.Context, tx pgx.Tx, owner id.User, k Key, hash []byte) error {
	return postgres.Exec(ctx, tx, `
		insert into api_keys (id, user_id, name, hint, key_hash, created_at, expires_at)
		values (@id, @owner, @name, @hint, @hash, @created, @expires)`,
		postgres.Args{
			"id": k.ID, "owner": owner, "name": k.Name, "hint": k.Hint, "hash": hash, "created": k.CreatedAt, "expires": k.ExpiresAt,
		})
}

func end(ctx context.Context, tx pgx.Tx, owner id.User, key id.APIKey, now time.Time) (int64, error) {
	return postgres.Touch(ctx, tx, `
		update api_keys set revoked_at = @now
		where id = @key and user_id = @owner and revoked_at is null and expires_at > @now`,
		postgres.Args{"key": key, "owner": owner, "now": now})
}

func endAll(ctx context.Context, tx pgx.Tx, owner id.User, now time.Time) ([]struct{ ID id.APIKey }, error) {
	return postgres.Many[struct{ ID id.APIKey }](ctx, tx, `
		update api_keys set revoked_at = @now
		where user_id = @owner and revoked_at is null and expires_at > @now
		returning id`,
		postgres.Args{"owner": owner, "now": now})
}

// sweep removes keys that ended before a time, by their own or their owner's will.
func sweep(ctx context.Context, db postgres.DB, before time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `delete from api_keys where expires_at < @before or revoked_at < @before`,
		postgres.Args{"before": before})
}
