package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/fault"
)

// One returns the only row of a query, as a struct. It returns
// fault.ErrNotFound when there is none, and an error when there are several.
func One[T any](ctx context.Context, db DB, sql string, args Args) (T, error) {
	rows, _ := db.Query(ctx, sql, named(args)...) // the error is in rows
	v, err := pgx.CollectExactlyOneRow(rows, collector[T]())
	return v, notFound(err)
}

// Many returns all rows of a query. T is a struct, or for a query of one column
// the column's type. The slice is never nil.
func Many[T any](ctx context.Context, db DB, sql string, args Args) ([]T, error) {
	rows, _ := db.Query(ctx, sql, named(args)...)
	list, err := pgx.AppendRows([]T{}, rows, collector[T]())
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Scalar returns the only column of the only row of a query. It returns
// fault.ErrNotFound when there is no row.
func Scalar[T any](ctx context.Context, db DB, sql string, args Args) (T, error) {
	rows, _ := db.Query(ctx, sql, named(args)...)
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	return v, notFound(err)
}

// Exec runs a statement whose result doesn't matter.
func Exec(ctx context.Context, db DB, sql string, args Args) error {
	_, err := db.Exec(ctx, sql, named(args)...)
	return err
}

// Touch runs a statement and returns how many rows it changed.
func Touch(ctx context.Context, db DB, sql string, args Args) (int64, error) {
	tag, err := db.Exec(ctx, sql, named(args)...)
	return tag.RowsAffected(), err
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
