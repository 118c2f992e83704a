package session

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/platform/postgres"
)

// keyRow is a row of signing_keys. A retired one has no sealed key any more.
type keyRow struct {
	Kid       string
	PublicKey []byte
	SealedKey []byte
	CreatedAt time.Time
	RetiredAt *time.Time
}

// listKeys returns the keys, newest first, without those that were retired by a
// time.
func listKeys(ctx context.Context, db postgres.DB, retired time.Time) ([]keyRow, error) {
	return postgres.Many[keyRow](ctx, db, `
		select kid, public_key, sealed_key, created_at, retired_at from signing_keys
		where retired_at is null or retired_at > @retired
		order by created_at desc, kid`,
		postgres.Args{"retired": retired})
}

func insertKey(ctx context.Context, tx pgx.Tx, k keyRow) error {
	return postgres.Exec(ctx, tx, `
		insert into signing_keys (kid, public_key, sealed_key, created_at)
		values (@kid, @public, @sealed, @created)`,
		postgres.Args{"kid": k.Kid, "public": k.PublicKey, "sealed": k.SealedKey, "created": k.CreatedAt})
}

// retireKey destroys the private half; the public one stays, to say what it was.
func retireKey(ctx context.Context, tx pgx.Tx, kid string, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		update signing_keys set retired_at = @now, sealed_key = ''
		where kid = @kid and retired_at is null`,
		postgres.Args{"kid": kid, "now": now})
}
