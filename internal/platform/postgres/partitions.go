package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Tables in partitions (00034_partitions.sql) are cut by the time in their rows'
// ids. The functions of that migration know the tables, the widths and the times;
// this is how the program asks for the next step, on behalf of the system.
//
// Each step is one transaction, which waits half a second for a lock at most, so
// that nobody queues behind it for longer; it is tried again for a while. A
// program that is killed has made or dropped a partition, or hasn't.

const (
	lockTries = 20
	lockPause = 250 * time.Millisecond
)

// MakePartitions makes the partitions that are missing of now and of the next
// three months, and returns how many. Rows that come while one is missing go
// where strays go.
func MakePartitions(ctx context.Context, pool *pgxpool.Pool) (made int, err error) {
	err = patiently(ctx, pool, func(tx pgx.Tx) error {
		made, err = Scalar[int](ctx, tx, `select flint_make_partitions()`, nil)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("make partitions: %w", err)
	}
	return made, nil
}

// Dropped is a partition that is gone.
type Dropped struct {
	Name    string // empty: there was none to drop
	Removed int64  // rows
	Kept    int64  // rows that must stay: they have the partition to themselves now
}

// DropPartition drops the oldest partition of table that is past its time.
func DropPartition(ctx context.Context, pool *pgxpool.Pool, table string) (d Dropped, err error) {
	err = patiently(ctx, pool, func(tx pgx.Tx) error {
		// Counting what goes may take longer than a statement usually may.
		if err := Exec(ctx, tx, `select set_config('statement_timeout', '600000', true)`, nil); err != nil {
			return err
		}
		d, err = One[Dropped](ctx, tx, `
			select coalesce(dropped::text, '') as name, removed, kept from flint_drop_partition(@table::text::name)`, Args{"table": table})
		return err
	})
	if err != nil {
		return Dropped{}, fmt.Errorf("drop a partition of %s: %w", table, err)
	}
	return d, nil
}

// Partitions is how a table in partitions stands.
type Partitions struct {
	Count  int        // but for the one of strays
	Oldest *time.Time // when the oldest begins
	Until  *time.Time // how far ahead they are made
	Strays int64      // rows that fit into none; there should be none
}

// PartitionsOf looks at the partitions of a table.
func PartitionsOf(ctx context.Context, db DB, table string) (Partitions, error) {
	return One[Partitions](ctx, db, `
		select count(lower)::int as count, min(lower) as oldest, max(upper) as until, flint_strays(@table::text::name) as strays
		from flint_partitions() where parent = @table::text::name`, Args{"table": table})
}

type plannedKey struct{}

// Planned returns ctx for statements alone that read a table in partitions by
// something else than ids: they are planned once for a connection, and not anew
// for their arguments each time, which for many partitions takes longer than
// reading a page of them.
func Planned(ctx context.Context) context.Context {
	return context.WithValue(ctx, plannedKey{}, true)
}

const setPlanned = `select set_config('plan_cache_mode', 'force_generic_plan', true)`

// patiently runs fn in a transaction, again if others hold what it has to lock.
func patiently(ctx context.Context, pool *pgxpool.Pool, fn func(pgx.Tx) error) error {
	for try := 1; ; try++ {
		err := InTx(ctx, pool, fn)
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "55P03" || try == lockTries { // lock_not_available
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for a lock: %w", ctx.Err())
		case <-time.After(lockPause):
		}
	}
}
