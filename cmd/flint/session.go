package main

import (
	"context"
	"fmt"

	"flint/internal/app"
)

// sessionCmd is what an operator does for all sessions at once.
type sessionCmd struct {
	RotateKeys rotateKeys `cmd:"" name:"rotate-keys" help:"Make a new key for access tokens now. With --revoke: trust no earlier one any more, since it may have been stolen."`
}

type rotateKeys struct {
	Revoke bool `help:"Void every access token at once. Clients refresh by themselves; nobody has to sign in again."`
}

// Run rotates the signing keys.
func (c rotateKeys) Run(ctx context.Context) error {
	return withPeople(ctx, func(ctx context.Context, a *app.App) error {
		kid, err := a.Sessions.RenewKeys(ctx, operator(), c.Revoke)
		if err != nil {
			return err
		}
		if c.Revoke {
			fmt.Printf("%s signs access tokens from now on. Those of earlier keys are refused on every node within a second.\n", kid)
		} else {
			fmt.Printf("%s will sign access tokens in a few minutes. Those of earlier keys live out their time.\n", kid)
		}
		return nil
	})
}
