package identity

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// SetSecondFactor notes within tx whether user has a second factor, and
// announces it. Package mfa, which keeps the factors, calls it. A sign-in under
// way (StillProven) ends before it or sees it.
func (s *Service) SetSecondFactor(ctx context.Context, tx pgx.Tx, user id.User, has bool) error {
	if err := setSecondFactor(ctx, tx, user, has); err != nil {
		return fmt.Errorf("note second factor: %w", err)
	}
	return postgres.Notify(ctx, tx, Changed, user.String())
}

func setSecondFactor(ctx context.Context, tx pgx.Tx, user id.User, has bool) error {
	return touchOne(postgres.Touch(ctx, tx, `update users set second_factor = @has where id = @user`,
		postgres.Args{"user": user, "has": has}))
}
