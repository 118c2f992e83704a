package rotation

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// row is a rotation as it is stored.
type row struct {
	ID      id.Entry
	Layer   Layer
	Cause   Cause
	BeganAt time.Time
	MadeAt  *time.Time
}

// insertRotation begins one. If one of the layer is under way, that one begins
// anew, unless only the schedule wants it.
func insertRotation(ctx context.Context, tx pgx.Tx, rotation id.Entry, layer Layer, cause Cause, now time.Time) (int64, error) {
	return postgres.Touch(ctx, tx, `
		insert into key_rotations (id, layer, cause, began_at) values (@id, @layer, @cause, @now)
		on conflict (layer) where finished_at is null
		do update set cause = @cause, began_at = @now, made_at = null where @cause <> 'schedule'`,
		postgres.Args{"id": rotation, "layer": string(layer), "cause": string(cause), "now": now})
}

func openRotations(ctx context.Context, db postgres.DB) ([]row, error) {
	return postgres.Many[row](ctx, db, `
		select id, layer, cause, began_at, made_at from key_rotations where finished_at is null order by began_at`, nil)
}

// markMade and finishRotation report whether the rotation is still the one that r
// was: it may have begun anew.
func markMade(ctx context.Context, db postgres.DB, r row, now time.Time) (bool, error) {
	n, err := postgres.Touch(ctx, db, `
		update key_rotations set made_at = @now where id = @id and began_at = @began`,
		postgres.Args{"id": r.ID, "began": r.BeganAt, "now": now})
	return n == 1, err
}

func finishRotation(ctx context.Context, tx pgx.Tx, r row, now time.Time) (bool, error) {
	n, err := postgres.Touch(ctx, tx, `
		update key_rotations set finished_at = @now
		where id = @id and began_at = @began and made_at is not null and finished_at is null`,
		postgres.Args{"id": r.ID, "began": r.BeganAt, "now": now})
	return n == 1, err
}

// lastMade returns when a layer last got a new key by a rotation; nil if never.
func lastMade(ctx context.Context, db postgres.DB, layer Layer) (*time.Time, error) {
	return postgres.Scalar[*time.Time](ctx, db, `select max(made_at) from key_rotations where layer = @layer`, postgres.Args{"layer": string(layer)})
}
