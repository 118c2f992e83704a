package main

import (
	"context"
	"os"

	"flint/internal/geo"
	"flint/internal/risk"
)

type riskCmd struct {
	Simulate simulateCmd `cmd:"" help:"Replay attacks and honest people against the judge of sign-ins, and print what each control is worth."`
}

type simulateCmd struct {
	Seed uint64 `help:"The same seed gives the same table." default:"1"`
	Days int    `help:"Days of attacks, after 45 without." default:"60"`
}

// Run prints the table of docs/security/account-takeover.md.
func (c simulateCmd) Run(ctx context.Context) error {
	atlas, err := geo.Open(geo.Config{})
	if err != nil {
		return err
	}
	results, err := risk.Simulate(ctx, atlas, c.Seed, c.Days)
	if err != nil {
		return err
	}
	return risk.Print(os.Stdout, results)
}
