package mfa

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// ForgetSince removes, within tx, the factors that were added to user since
// then: a thief's passkey must not outlive the thief, nor a thief's app keep the
// owner out. Factors from before stay.
func (s *Service) ForgetSince(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, since time.Time) error {
	keys, err := postgres.Touch(ctx, tx, `delete from passkeys where user_id = @user and created_at >= @since`,
		postgres.Args{"user": user, "since": since})
	if err != nil {
		return fmt.Errorf("remove passkeys: %w", err)
	}
	apps, err := postgres.Touch(ctx, tx, `
		delete from totp_factors where user_id = @user and (confirmed_at is null or confirmed_at >= @since)`,
		postgres.Args{"user": user, "since": since})
	if err != nil {
		return fmt.Errorf("remove authenticator: %w", err)
	}
	if keys+apps == 0 {
		return nil
	}
	return s.changed(ctx, tx, actor, user, false, audit.Entry{Verb: "factor.remove", Detail: map[string]any{"how": "undone"}})
}
