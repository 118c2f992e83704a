package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/fault"
)

// InTx runs fn in a transaction and commits it. An error or a panic in fn rolls
// it back. When Postgres gives the transaction up for the sake of another
// (deadlock, serialisation), fn runs again, up to three times in all: it must
// change nothing but the database. Whose rows it sees is decided by ctx.
func InTx(ctx context.Context, pool *pgxpool.Pool, fn func(pgx.Tx) error) error {
	const tries = 3
	opts := pgx.TxOptions{BeginQuery: beginQuery(scopeOf(ctx))}
	var err error
	for range tries {
		err = explain(ctx, pgx.BeginTxFunc(ctx, pool, opts, fn))
		if !givenUp(err) {
			return err
		}
	}
	return err
}

// givenUp reports whether Postgres rolled back a transaction that would pass
// when run again: serialization_failure, deadlock_detected.
func givenUp(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "40001" || pg.Code == "40P01")
}

// Serialize makes transactions that name the same key wait for each other until
// the first has ended. What is counted and then inserted needs it.
func Serialize(ctx context.Context, tx pgx.Tx, key string) error {
	err := Exec(ctx, tx, `select pg_advisory_xact_lock(@key)`, Args{"key": lockKey(key)})
	if err != nil {
		return fmt.Errorf("wait for %s: %w", key, err)
	}
	return nil
}

func lockKey(key string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key)) // never fails
	return int64(h.Sum64())
}

// Conflict returns f, with err as its cause, when err is the violation of the
// named constraint; every other err as it is.
func Conflict(err error, constraint string, f *fault.Fault) error {
	const integrity = "23" // class of integrity_constraint_violation
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if ok && pg.ConstraintName == constraint && len(pg.Code) == 5 && pg.Code[:2] == integrity {
		return fault.Because(f, err)
	}
	return err
}
