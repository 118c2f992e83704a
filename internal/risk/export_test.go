package risk

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// BookIn is the book in a transaction.
func BookIn(tx pgx.Tx) Book { return book{tx} }

// InsertFailure notes a wrong password at a time.
func InsertFailure(ctx context.Context, tx pgx.Tx, account, network string, at time.Time) error {
	return insertFailure(ctx, tx, account, network, at)
}
