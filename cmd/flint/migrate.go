package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"

	"flint/internal/app"
)

type migrateCmd struct {
	Status migrateStatus `cmd:"" help:"List the migrations, applied or not."`
	Up     migrateUp     `cmd:"" help:"Apply what is missing."`
}

type migrateStatus struct{}

// Run lists the migrations.
func (migrateStatus) Run(ctx context.Context) error {
	return withDatabase(ctx, printStatus)
}

type migrateUp struct{}

// Run applies what is missing, under a lock: several may run at once.
func (migrateUp) Run(ctx context.Context) error {
	return withDatabase(ctx, func(ctx context.Context, db *app.Database) error {
		if err := db.Migrate(ctx); err != nil {
			return err
		}
		return printStatus(ctx, db)
	})
}

func printStatus(ctx context.Context, db *app.Database) error {
	list, err := db.Migrations(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, m := range list {
		state := "missing"
		if m.Applied {
			state = "applied"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", m.Set, m.Version, state, m.Name)
	}
	return w.Flush()
}

// withDatabase opens the database of the environment, or the private one.
func withDatabase(ctx context.Context, fn func(context.Context, *app.Database) error) error {
	cfg, err := settings(ctx)
	if err != nil {
		return err
	}
	db, err := app.OpenDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	return fn(ctx, db)
}
