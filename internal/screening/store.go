package screening

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

const columns = `id, user_id, occasion, state, sealed, created_at, decided_at, decided_by`

// row is a Screening as it is stored.
type row struct {
	ID        id.Screening
	UserID    id.User
	Occasion  Occasion
	State     State
	Sealed    []byte
	CreatedAt time.Time
	DecidedAt *time.Time
	DecidedBy *id.User
}

// insert adds one, unless the same was found before. It returns how that stands.
func insert(ctx context.Context, tx pgx.Tx, r row, mark []byte) (added int64, err error) {
	return postgres.Touch(ctx, tx, `
		insert into screenings (id, user_id, occasion, mark, sealed, created_at)
		values (@id, @user, @occasion, @mark, @sealed, @now) on conflict on constraint screenings_once do nothing`,
		postgres.Args{"id": r.ID, "user": r.UserID, "occasion": r.Occasion, "mark": mark, "sealed": r.Sealed, "now": r.CreatedAt})
}

// standing is how a screening stands that is known by its mark.
type standing struct {
	Mark  []byte
	State State
}

func standings(ctx context.Context, db postgres.DB, user id.User, marks [][]byte) ([]standing, error) {
	return postgres.Many[standing](ctx, db, `
		select mark, state from screenings where user_id = @user and mark = any(@marks)`,
		postgres.Args{"user": user, "marks": marks})
}

func isHeld(ctx context.Context, db postgres.DB, user id.User) (bool, error) {
	return postgres.Scalar[bool](ctx, db, `
		select exists (select from screenings where user_id = @user and state = 'confirmed' and occasion <> 'transfer')`,
		postgres.Args{"user": user})
}

// list returns those before one, the newest first; all of them, or those that are
// open.
func list(ctx context.Context, db postgres.DB, all bool, before id.Screening, limit int) ([]row, error) {
	return postgres.Many[row](ctx, db, `
		select `+columns+` from screenings
		where (@all or state = 'open') and (@before::uuid is null or id < @before)
		order by id desc limit @limit`,
		postgres.Args{"all": all, "before": before, "limit": limit})
}

func lock(ctx context.Context, tx pgx.Tx, screening id.Screening) (row, error) {
	return postgres.One[row](ctx, tx, `select `+columns+` from screenings where id = @id for update`, postgres.Args{"id": screening})
}

func decide(ctx context.Context, tx pgx.Tx, r row) error {
	return postgres.Exec(ctx, tx, `
		update screenings set state = @state, sealed = @sealed, decided_at = @at, decided_by = @by where id = @id and user_id = @user`,
		postgres.Args{"id": r.ID, "user": r.UserID, "state": r.State, "sealed": r.Sealed, "at": r.DecidedAt, "by": r.DecidedBy})
}

// progress is how far everybody has been compared with a list.
type progress struct {
	Version    string
	After      *id.User
	FinishedAt *time.Time
}

func lockProgress(ctx context.Context, tx pgx.Tx) (progress, error) {
	return postgres.One[progress](ctx, tx, `select version, after, finished_at from screening_list for update`, nil)
}

func versionOf(ctx context.Context, db postgres.DB) (string, error) {
	return postgres.Scalar[string](ctx, db, `select version from screening_list`, nil)
}

// beginWith begins anew with another list.
func beginWith(ctx context.Context, tx pgx.Tx, version string, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		insert into screening_list (version, changed_at) values (@version, @now)
		on conflict (one) do update set version = @version, after = null, changed_at = @now, finished_at = null`,
		postgres.Args{"version": version, "now": now})
}

// advance says that everybody up to one was compared; finished: everybody was.
func advance(ctx context.Context, db postgres.DB, version string, after id.User, finished *time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `
		update screening_list set after = @after, finished_at = @finished where version = @version`,
		postgres.Args{"version": version, "after": after, "finished": finished})
}
