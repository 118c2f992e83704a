package envelope

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// kekRow is a key-encryption key as it is stored.
type kekRow struct {
	Version     int
	KMS         string `db:"kms"`
	Wrapped     []byte
	CreatedAt   time.Time
	RetiredAt   *time.Time
	DestroyedAt *time.Time
}

// keyRow is a data key as it is stored.
type keyRow struct {
	ID      id.DataKey
	UserID  id.User
	Scope   string
	Kek     int
	Wrapped []byte
}

// hashRow is the key of keyed hashes as it is stored.
type hashRow struct {
	Version int
	Kek     int
	Wrapped []byte
}

// owned is the owner as it is stored: all zeros, never null, for Flint's own.
func owned(u id.User) uuid.UUID { return uuid.UUID(u) }

func made(ctx context.Context, db postgres.DB) (bool, error) {
	return postgres.Scalar[bool](ctx, db, `select exists (select from keyring_made)`, nil)
}

func markMade(ctx context.Context, db postgres.DB, now time.Time) error {
	return postgres.Exec(ctx, db, `insert into keyring_made (at) values (@now) on conflict do nothing`, postgres.Args{"now": now})
}

func listKEKs(ctx context.Context, db postgres.DB) ([]kekRow, error) {
	return postgres.Many[kekRow](ctx, db, `
		select version, kms, wrapped, created_at, retired_at, destroyed_at
		from keyring.key_encryption_keys order by version`, nil)
}

// insertKEK stores a key-encryption key unless there is one of that version.
func insertKEK(ctx context.Context, db postgres.DB, row kekRow) error {
	return postgres.Exec(ctx, db, `
		insert into keyring.key_encryption_keys (version, kms, wrapped, created_at)
		values (@version, @kms, @wrapped, @now) on conflict do nothing`,
		postgres.Args{"version": row.Version, "kms": row.KMS, "wrapped": row.Wrapped, "now": row.CreatedAt})
}

// holdKEK keeps a key-encryption key from retiring until tx ends, and reports
// whether it was in use. Whoever hangs a key on one holds it: what is destroyed
// later has retired first, so by then all that hangs on it is there to be seen.
func holdKEK(ctx context.Context, tx pgx.Tx, version int) (bool, error) {
	n, err := postgres.Many[int](ctx, tx, `
		select version from keyring.key_encryption_keys
		where version = @version and retired_at is null for share`, postgres.Args{"version": version})
	return len(n) == 1, err
}

// retireOlderKEKs waits for those who are wrapping under an older one.
func retireOlderKEKs(ctx context.Context, db postgres.DB, newest int, now time.Time) error {
	return postgres.Exec(ctx, db, `
		update keyring.key_encryption_keys set retired_at = @now
		where version < @newest and retired_at is null`,
		postgres.Args{"newest": newest, "now": now})
}

// rewrapKEK replaces what wraps a key-encryption key, if it is still as it was.
func rewrapKEK(ctx context.Context, db postgres.DB, version int, kms string, before, after []byte) (int64, error) {
	return postgres.Touch(ctx, db, `
		update keyring.key_encryption_keys set wrapped = @after, kms = @kms
		where version = @version and wrapped = @before and destroyed_at is null`,
		postgres.Args{"version": version, "kms": kms, "before": before, "after": after})
}

// destroyIdleKEKs forgets the retired ones on which nothing hangs: see holdKEK.
func destroyIdleKEKs(ctx context.Context, db postgres.DB, now time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `
		update keyring.key_encryption_keys e set wrapped = '', destroyed_at = @now
		where retired_at is not null and destroyed_at is null
		  and not exists (select from keyring.data_keys d where d.kek = e.version)
		  and not exists (select from keyring.hash_keys h where h.kek = e.version)`,
		postgres.Args{"now": now})
}

// insertDataKey stores a data key and returns 1, unless the owner has one for that
// scope or the key that wraps it has retired.
func insertDataKey(ctx context.Context, db postgres.DB, row keyRow, now time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `
		insert into keyring.data_keys (id, user_id, scope, kek, wrapped, created_at)
		select @id, @owner, @scope, e.version, @wrapped, @now
		from (select version from keyring.key_encryption_keys
		      where version = @kek and retired_at is null for share) e
		on conflict (user_id, scope) where retired_at is null do nothing`,
		postgres.Args{"id": row.ID, "owner": owned(row.UserID), "scope": row.Scope, "kek": row.Kek, "wrapped": row.Wrapped, "now": now})
}

func findCurrent(ctx context.Context, db postgres.DB, owner id.User, scope string) (keyRow, error) {
	return postgres.One[keyRow](ctx, db, `
		select id, user_id, scope, kek, wrapped from keyring.data_keys
		where user_id = @owner and scope = @scope and retired_at is null`,
		postgres.Args{"owner": owned(owner), "scope": scope})
}

func findDataKey(ctx context.Context, db postgres.DB, key id.DataKey) (keyRow, error) {
	return postgres.One[keyRow](ctx, db, `
		select id, user_id, scope, kek, wrapped from keyring.data_keys where id = @key`,
		postgres.Args{"key": key})
}

func findDataKeys(ctx context.Context, db postgres.DB, keys []id.DataKey) ([]keyRow, error) {
	return postgres.Many[keyRow](ctx, db, `
		select id, user_id, scope, kek, wrapped from keyring.data_keys where id = any(@keys::uuid[])`,
		postgres.Args{"keys": keys})
}

// lockStaleDataKeys takes some data keys that hang on an older key than newest,
// those that nobody else is at.
func lockStaleDataKeys(ctx context.Context, tx pgx.Tx, newest, limit int) ([]keyRow, error) {
	return postgres.Many[keyRow](ctx, tx, `
		select id, user_id, scope, kek, wrapped from keyring.data_keys
		where kek < @newest order by kek, id limit @limit for update skip locked`,
		postgres.Args{"newest": newest, "limit": limit})
}

func rewrapDataKeys(ctx context.Context, tx pgx.Tx, kek int, ids []id.DataKey, wrapped [][]byte) error {
	return postgres.Exec(ctx, tx, `
		update keyring.data_keys d set kek = @kek, wrapped = n.wrapped
		from unnest(@ids::uuid[], @wrapped::bytea[]) as n (id, wrapped)
		where d.id = n.id`,
		postgres.Args{"kek": kek, "ids": ids, "wrapped": wrapped})
}

func countStaleDataKeys(ctx context.Context, db postgres.DB, newest int) (int, error) {
	return postgres.Scalar[int](ctx, db, `select count(*) from keyring.data_keys where kek < @newest`, postgres.Args{"newest": newest})
}

// retireDataKeys retires those made before a time: of one owner, or of all.
func retireDataKeys(ctx context.Context, db postgres.DB, owner *uuid.UUID, before, now time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `
		update keyring.data_keys set retired_at = @now
		where retired_at is null and created_at < @before and (@owner::uuid is null or user_id = @owner)`,
		postgres.Args{"owner": owner, "before": before, "now": now})
}

// dropDataKeys destroys those of these ids that are retired since before a time.
func dropDataKeys(ctx context.Context, tx pgx.Tx, ids []id.DataKey, before time.Time) (int64, error) {
	return postgres.Touch(ctx, tx, `
		delete from keyring.data_keys where id = any(@ids::uuid[]) and retired_at < @before`,
		postgres.Args{"ids": ids, "before": before})
}

func listRetiredDataKeys(ctx context.Context, db postgres.DB, before time.Time) ([]id.DataKey, error) {
	return postgres.Many[id.DataKey](ctx, db, `
		select id from keyring.data_keys where retired_at < @before order by id`,
		postgres.Args{"before": before})
}

// shredOwner destroys every data key of owner; shredScope, one of them.
func shredOwner(ctx context.Context, db postgres.DB, owner id.User) (int64, error) {
	return postgres.Touch(ctx, db, `delete from keyring.data_keys where user_id = @owner`, postgres.Args{"owner": owned(owner)})
}

func shredScope(ctx context.Context, db postgres.DB, owner id.User, scope string) (int64, error) {
	return postgres.Touch(ctx, db, `
		delete from keyring.data_keys where user_id = @owner and scope = @scope`,
		postgres.Args{"owner": owned(owner), "scope": scope})
}

func findHashKey(ctx context.Context, db postgres.DB) (hashRow, error) {
	return postgres.One[hashRow](ctx, db, `
		select version, kek, wrapped from keyring.hash_keys order by version desc limit 1`, nil)
}

func insertHashKey(ctx context.Context, db postgres.DB, row hashRow, now time.Time) error {
	return postgres.Exec(ctx, db, `
		insert into keyring.hash_keys (version, kek, wrapped, created_at)
		values (@version, @kek, @wrapped, @now) on conflict do nothing`,
		postgres.Args{"version": row.Version, "kek": row.Kek, "wrapped": row.Wrapped, "now": now})
}

func rewrapHashKey(ctx context.Context, db postgres.DB, version, kek int, before, after []byte) (int64, error) {
	return postgres.Touch(ctx, db, `
		update keyring.hash_keys set kek = @kek, wrapped = @after
		where version = @version and wrapped = @before`,
		postgres.Args{"version": version, "kek": kek, "before": before, "after": after})
}

// usage is what hangs on each layer, for people.
func keysByKEK(ctx context.Context, db postgres.DB) (map[int]int, error) {
	rows, err := postgres.Many[struct{ Kek, Keys int }](ctx, db, `
		select kek, count(*) as keys from keyring.data_keys group by kek`, nil)
	if err != nil {
		return nil, fmt.Errorf("count data keys: %w", err)
	}
	by := map[int]int{}
	for _, r := range rows {
		by[r.Kek] = r.Keys
	}
	return by, nil
}

// ages is how many data keys are in use and retired, and when the oldest of
// those in use was made; nil if there is none.
type ages struct {
	InUse, Retired int
	Oldest         *time.Time
}

func dataKeyAges(ctx context.Context, db postgres.DB) (ages, error) {
	return postgres.One[ages](ctx, db, `
		select count(*) filter (where retired_at is null) as in_use, count(*) filter (where retired_at is not null) as retired,
		       min(created_at) filter (where retired_at is null) as oldest
		from keyring.data_keys`, nil)
}
