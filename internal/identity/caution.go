package identity

import (
	"context"
	"fmt"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// What package session needs of identity to be cautious with a sign-in.

// PasswordBreached reports whether user's present password was found among
// those of known breaches.
func (s *Service) PasswordBreached(ctx context.Context, db postgres.DB, user id.User) (bool, error) {
	yes, err := postgres.Scalar[bool](ctx, db, `select password_breached_at is not null from users where id = @user`, postgres.Args{"user": user})
	if err != nil {
		return false, fmt.Errorf("look for a breached password: %w", err)
	}
	return yes, nil
}

// CountMail counts a mail to p that somebody else may have caused. It returns
// ErrTooMany of package web if too many left of late.
func (s *Service) CountMail(ctx context.Context, p Person) error {
	return s.mayMail(ctx, p.Email)
}
