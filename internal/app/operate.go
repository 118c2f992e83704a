package app

import (
	"context"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
)

// SetRole sets or takes the flag of an administrator, for an operator. It returns
// who the person is then, and the role that they would have in a session: less
// than the flag says if another layer is missing.
func (a *App) SetRole(ctx context.Context, actor access.Actor, user id.User, role access.Role, reason string) (identity.Person, access.Role, error) {
	var p identity.Person
	err := postgres.InTx(ctx, a.pool, func(tx pgx.Tx) (err error) {
		if err := a.Identity.SetRole(ctx, tx, actor, user, role, reason); err != nil {
			return err
		}
		p, err = a.Identity.PersonIn(ctx, tx, user)
		return err
	})
	return p, a.Identity.Role(p), err
}

// SetTier gives somebody another plan, for an operator.
func (a *App) SetTier(ctx context.Context, actor access.Actor, user id.User, tier access.Tier, reason string) error {
	return postgres.InTx(ctx, a.pool, func(tx pgx.Tx) error {
		return a.Identity.SetTier(ctx, tx, actor, user, tier, reason)
	})
}
