package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/fault"
)

// One returns the only row of a query, as a struct. It returns
// fault.ErrNotFound when there is none, and an error when there are several.
func One[T any](ctx context.Context, db DB, sql string, args Args) (T, error) {
	v, err := read(ctx, db, sql, args, func(rows pgx.Rows) (T, error) {
		return pgx.CollectExactlyOneRow(rows, collector[T]())
	})
	return v, notFound(err)
}

// Many returns all rows of a query. T is a struct, or for a query of one column
// the column's type. The slice is never nil.
func Many[T any](ctx context.Context, db DB, sql string, args Args) ([]T, error) {
	return read(ctx, db, sql, args, func(rows pgx.Rows) ([]T, error) {
		return pgx.AppendRows([]T{}, rows, collector[T]())
	})
}

// Scalar returns the only column of the only row of a query. It returns
// fault.ErrNotFound when there is no row.
func Scalar[T any](ctx context.Context, db DB, sql string, args Args) (T, error) {
	v, err := read(ctx, db, sql, args, func(rows pgx.Rows) (T, error) {
		return pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	})
	return v, notFound(err)
}

// Exec runs a statement whose result doesn't matter.
func Exec(ctx context.Context, db DB, sql string, args Args) error {
	_, err := Touch(ctx, db, sql, args)
	return err
}

// Touch runs a statement and returns how many rows it changed.
func Touch(ctx context.Context, db DB, sql string, args Args) (int64, error) {
	batch, err := scoped(ctx, db, sql, args)
	if batch == nil {
		if err != nil {
			return 0, err
		}
		tag, err := db.Exec(ctx, sql, named(args)...)
		return tag.RowsAffected(), explain(ctx, err)
	}
	tag, err := batch.Exec()
	if closed := batch.Close(); err == nil {
		err = closed // that is the commit
	}
	return tag.RowsAffected(), err
}

// read runs a query and collects its rows.
func read[T any](ctx context.Context, db DB, sql string, args Args, collect func(pgx.Rows) (T, error)) (T, error) {
	var zero T
	batch, err := scoped(ctx, db, sql, args)
	if batch == nil {
		if err != nil {
			return zero, err
		}
		rows, _ := db.Query(ctx, sql, named(args)...) // the error is in rows
		v, err := collect(rows)
		if err != nil {
			return zero, explain(ctx, err)
		}
		return v, nil
	}
	rows, _ := batch.Query()
	v, err := collect(rows)
	if closed := batch.Close(); err == nil {
		err = closed // that is the commit
	}
	if err != nil {
		return zero, err
	}
	return v, nil
}

// scoped sends a statement that comes alone, on a pool, with its scope ahead of
// it: both in one round trip and one transaction, which ends with the batch. It
// returns no batch for what needs none: a transaction has its scope from its
// beginning, and nobody has no scope.
func scoped(ctx context.Context, db DB, sql string, args Args) (pgx.BatchResults, error) {
	pool, alone := db.(*pgxpool.Pool)
	scope := scopeOf(ctx)
	if !alone || scope == "" {
		return nil, nil
	}
	batch := &pgx.Batch{}
	batch.Queue(setScope, scope)
	if ctx.Value(plannedKey{}) != nil {
		batch.Queue(setPlanned)
	}
	ahead := batch.Len()
	batch.Queue(sql, named(args)...)
	sent := pool.SendBatch(ctx, batch)
	for range ahead {
		if _, err := sent.Exec(); err != nil {
			_ = sent.Close()
			return nil, err
		}
	}
	return sent, nil
}

// Together runs the statements of a batch in one round trip and one transaction,
// with their scope. Results go to the funcs that were given when they were queued.
func Together(ctx context.Context, pool *pgxpool.Pool, batch *pgx.Batch) error {
	all := &pgx.Batch{}
	if scope := scopeOf(ctx); scope != "" {
		all.Queue(setScope, scope)
	}
	all.QueuedQueries = append(all.QueuedQueries, batch.QueuedQueries...)
	return explain(ctx, pool.SendBatch(ctx, all).Close())
}

// named leaves a statement without arguments alone, so that pgx doesn't look
// for @names in it. With arguments, each @name must have its value.
func named(args Args) []any {
	if len(args) == 0 {
		return nil
	}
	return []any{pgx.StrictNamedArgs(args)}
}

func notFound(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fault.Because(fault.ErrNotFound, err)
	}
	return err
}

// collector reads a row into a T: by name if T is a struct of columns, whole if
// T is itself the type of a column, such as a time or a decimal.
func collector[T any]() pgx.RowToFunc[T] {
	var zero T
	t := reflect.TypeFor[T]()
	_, scanner := any(&zero).(sql.Scanner)
	if t.Kind() == reflect.Struct && !scanner && t != reflect.TypeFor[time.Time]() {
		return pgx.RowToStructByName[T]
	}
	return pgx.RowTo[T]
}

// Notify sends payload to whoever listens on channel, when tx commits. Payload
// may have 7,900 bytes.
func Notify(ctx context.Context, tx DB, channel, payload string) error {
	const most = 7900 // Postgres's own limit is 8,000
	if len(payload) > most {
		return fmt.Errorf("notify %s: %d bytes are more than %d", channel, len(payload), most)
	}
	err := Exec(ctx, tx, `select pg_notify(@channel, @payload)`, Args{"channel": channel, "payload": payload})
	if err != nil {
		return fmt.Errorf("notify %s: %w", channel, err)
	}
	return nil
}
