package portfolio

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
)

// Restate puts back the balance that an account without a connection had before
// State: a nil balance is one that wasn't known. It does nothing if the account's
// balance is no longer of the time wrong. The caller holds Lock and calls Rebuild.
func (s *Service) Restate(ctx context.Context, tx pgx.Tx, owner id.User, a id.Account, wrong time.Time, balance *money.Decimal, asOf *time.Time, now time.Time) error {
	err := postgres.Exec(ctx, tx, `
		update accounts set balance = @balance, balance_as_of = @as_of, updated_at = @now
		where user_id = @owner and id = @id and connection_id is null and deleted_at is null and balance_as_of = @wrong`,
		postgres.Args{"owner": owner, "id": a, "wrong": wrong, "balance": balance, "as_of": asOf, "now": now})
	if err != nil {
		return fmt.Errorf("put balance back: %w", err)
	}
	return nil
}

// Own returns how many accounts owner keeps without a connection.
func (s *Service) Own(ctx context.Context, db postgres.DB, owner id.User) (int, error) {
	n, err := postgres.Scalar[int](ctx, db, `
		select count(*) from accounts where user_id = @owner and connection_id is null and deleted_at is null`,
		postgres.Args{"owner": owner})
	if err != nil {
		return 0, fmt.Errorf("count own accounts: %w", err)
	}
	return n, nil
}
