package apikey

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// named is what api_keys.sealed holds.
type named struct {
	Name string `json:"name"`
}

// used is what api_keys.sealed_use holds.
type used struct {
	Address string `json:"last_address"`
}

// keyRow is a key as it is stored.
type keyRow struct {
	Key
	Sealed, SealedUse []byte
}

// Places are where keys keep sealed values.
func Places() []envelope.Place {
	return []envelope.Place{
		{Table: "api_keys", Column: "sealed", Row: "id", Owner: "user_id"},
		{Table: "api_keys", Column: "sealed_use", Row: "id", Owner: "user_id"},
	}
}

// Inherited are the columns that older versions left in clear.
func Inherited() []envelope.Inherited {
	return []envelope.Inherited{
		{
			Place: Places()[0], Clear: []string{"clear_name"},
			Pack: func(clear []*string) ([]byte, error) { return json.Marshal(named{envelope.Text(clear[0])}) },
		},
		{
			Place: Places()[1], Clear: []string{"clear_last_address"},
			Pack: func(clear []*string) ([]byte, error) { return json.Marshal(used{envelope.Text(clear[0])}) },
		},
	}
}

func nameRef(owner id.User, key id.APIKey) envelope.Ref {
	return envelope.Ref{Owner: owner, Place: "api_keys.sealed", Row: key.String()}
}

func useRef(owner id.User, key id.APIKey) envelope.Ref {
	return envelope.Ref{Owner: owner, Place: "api_keys.sealed_use", Row: key.String()}
}

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

func touch(ctx context.Context, db postgres.DB, owner id.User, key id.APIKey, now time.Time, address string) error {
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return err
	}
	sealed, err := keys.Pack(ctx, useRef(owner, key), used{address})
	if err != nil {
		return err
	}
	return postgres.Exec(ctx, db, `update api_keys set last_used_at = @now, sealed_use = @sealed where id = @key`,
		postgres.Args{"key": key, "now": now, "sealed": sealed})
}

func list(ctx context.Context, db postgres.DB, owner id.User, now time.Time) ([]Key, error) {
	rows, err := postgres.Many[keyRow](ctx, db, `
		select id, sealed, hint, created_at, expires_at, last_used_at, sealed_use from api_keys
		where user_id = @owner and revoked_at is null and expires_at > @now
		order by created_at desc, id desc`,
		postgres.Args{"owner": owner, "now": now})
	list := []Key{}
	if err != nil || len(rows) == 0 {
		return list, err
	}
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		var n named
		if err := keys.Unpack(ctx, nameRef(owner, row.ID), row.Sealed, &n); err != nil {
			return nil, fmt.Errorf("API key %s: %w", row.ID, err)
		}
		var u used
		if err := keys.Unpack(ctx, useRef(owner, row.ID), row.SealedUse, &u); err != nil {
			return nil, fmt.Errorf("use of API key %s: %w", row.ID, err)
		}
		row.Name, row.LastAddress = n.Name, u.Address
		list = append(list, row.Key)
	}
	return list, nil
}

func insert(ctx context.Context, tx pgx.Tx, owner id.User, k Key, hash []byte) error {
	keys, err := envelope.Of(ctx, tx)
	if err != nil {
		return err
	}
	sealed, err := keys.Pack(ctx, nameRef(owner, k.ID), named{k.Name})
	if err != nil {
		return err
	}
	return postgres.Exec(ctx, tx, `
		insert into api_keys (id, user_id, sealed, hint, key_hash, created_at, expires_at)
		values (@id, @owner, @sealed, @hint, @hash, @created, @expires)`,
		postgres.Args{
			"id": k.ID, "owner": owner, "sealed": sealed, "hint": k.Hint, "hash": hash, "created": k.CreatedAt, "expires": k.ExpiresAt,
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
