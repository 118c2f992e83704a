package postgres

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"flint/db/migrations"
)

// Migration is one step of the schema and whether the database has it.
type Migration struct {
	Set       string // "flint" or "river" (the job queue's own tables)
	Version   int64
	Name      string
	Applied   bool
	AppliedAt time.Time // zero if not applied, or not known
}

// Migrate applies every migration that the database lacks: Flint's, then the
// job queue's. Programs that start together take turns; all but the first find
// nothing left to do.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	return withMigrationPool(ctx, pool, func(pool *pgxpool.Pool) error {
		flint, river, done, err := migrators(pool)
		if err != nil {
			return err
		}
		defer done()
		if _, err := flint.Up(ctx); err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		if _, err := river.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
			return fmt.Errorf("migrate job queue: %w", err)
		}
		return grant(ctx, pool)
	})
}

// Status lists all migrations in order, applied or not.
func Status(ctx context.Context, pool *pgxpool.Pool) ([]Migration, error) {
	var list []Migration
	err := withMigrationPool(ctx, pool, func(pool *pgxpool.Pool) error {
		flint, river, done, err := migrators(pool)
		if err != nil {
			return err
		}
		defer done()
		steps, err := flint.Status(ctx)
		if err != nil {
			return fmt.Errorf("migration status: %w", err)
		}
		for _, s := range steps {
			list = append(list, Migration{
				Set: "flint", Version: s.Source.Version, Name: s.Source.Path,
				Applied: s.State == goose.StateApplied, AppliedAt: s.AppliedAt,
			})
		}
		applied, err := river.ExistingVersions(ctx)
		if err != nil {
			return fmt.Errorf("migration status of the job queue: %w", err)
		}
		have := map[int]bool{}
		for _, m := range applied {
			have[m.Version] = true
		}
		for _, m := range river.AllVersions() {
			list = append(list, Migration{Set: "river", Version: int64(m.Version), Name: m.Name, Applied: have[m.Version]})
		}
		return nil
	})
	return list, err
}

func migrators(pool *pgxpool.Pool) (*goose.Provider, *rivermigrate.Migrator[pgx.Tx], func(), error) {
	db := stdlib.OpenDBFromPool(pool)
	// Numbers are given out before the files land: a lower one may come later.
	flint, err := goose.NewProvider(goose.DialectPostgres, db, fs.FS(migrations.Files), goose.WithAllowOutofOrder(true))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("read migrations: %w", err)
	}
	river, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("read migrations of the job queue: %w", err)
	}
	return flint, river, func() { _ = db.Close() }, nil
}

// withMigrationPool runs fn with a pool of its own, without time limits, while
// it holds the migrations' lock. It asks for the lock again and again rather
// than waiting in the server: a waiting statement holds a snapshot, which
// `create index concurrently` in the other program would wait for in turn.
func withMigrationPool(ctx context.Context, pool *pgxpool.Pool, fn func(*pgxpool.Pool) error) error {
	cfg := pool.Config()
	cfg.MaxConns = 4
	cfg.ConnConfig.RuntimeParams["statement_timeout"] = "0"
	// What a migration changes in people's rows it changes in everybody's. Not by
	// a statement: a pooler would keep that setting for whoever comes next, but
	// refuses or drops this one.
	cfg.ConnConfig.RuntimeParams["flint.user"] = system
	cfg.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	own, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("connect to migrate: %w", err)
	}
	defer own.Close()
	conn, err := own.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to migrate: %w", err)
	}
	defer conn.Release() // closing the pool ends the session, and its lock
	for {
		got, err := Scalar[bool](ctx, conn, `select pg_try_advisory_lock(@key)`, Args{"key": lockKey("flint migrations")})
		if err != nil {
			return fmt.Errorf("lock migrations: %w", err)
		}
		if got {
			return fn(own)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for another program's migrations: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
