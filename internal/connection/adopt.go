package connection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Adopt links a connection that exists at SnapTrade for owner though nobody came
// back from the portal. It asks SnapTrade whether that is so, and the plan's
// limit holds: over it the connection is ended there. What is linked already
// stays as it is.
func (s *Service) Adopt(ctx context.Context, owner id.User, authorization string) error {
	ctx = postgres.AsUser(ctx, owner)
	if s.cfg.SnapTrade == nil {
		return nil
	}
	if _, err := ByProvider(ctx, s.pool, SnapTrade, authorization); err == nil {
		return nil
	} else if !errors.Is(err, fault.ErrNotFound) {
		return fmt.Errorf("adopt connection: %w", err)
	}
	o, err := s.ask(ctx, owner, authorization)
	if errors.Is(err, ErrRefused) {
		return nil // gone again, or never theirs
	}
	if err != nil {
		return fmt.Errorf("adopt connection: %w", err)
	}
	_, err = s.link(ctx, access.SystemActor("connection.adopt", owner), o)
	if errors.Is(err, ErrPlanLimit) || errors.Is(err, ErrElsewhere) {
		s.log.InfoContext(ctx, "connection isn't adopted", "owner", owner.String(), "error", err)
		return nil
	}
	return err
}

// ByProvider returns the live connection with this id at the provider, whoever
// owns it, or fault.ErrNotFound. It serves webhooks, whose word was verified.
func ByProvider(ctx context.Context, db postgres.DB, provider, providerID string) (Connection, error) {
	return seekProvider(ctx, db, provider, providerID)
}

// LockByProvider is ByProvider, with the connection locked until tx ends: what
// is decided by its status stays true.
func LockByProvider(ctx context.Context, tx pgx.Tx, provider, providerID string) (Connection, error) {
	return byProvider(ctx, tx, provider, providerID)
}

// UserDeleted marks the connections of the person known at SnapTrade as userID
// as disconnected: the user was deleted there at that time. Data stays. A user
// registered anew since then (see register) isn't meant.
func UserDeleted(ctx context.Context, tx pgx.Tx, userID string, at time.Time) error {
	owner, err := ownerBefore(ctx, tx, userID, at.Add(-time.Minute)) // clocks differ
	if errors.Is(err, fault.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for the deleted user: %w", err)
	}
	live, err := liveOf(ctx, tx, owner, SnapTrade)
	if err != nil {
		return fmt.Errorf("list connections: %w", err)
	}
	for _, c := range live {
		if _, err := SetStatus(ctx, tx, owner, c, Disconnected, "user_deleted"); err != nil {
			return err
		}
	}
	return nil
}
