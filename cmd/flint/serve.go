package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"flint/internal/app"
	"flint/internal/platform/telemetry"
)

type serveCmd struct{}

// Run serves until it is told to stop. Everything is set by the environment.
func (serveCmd) Run(ctx context.Context) error {
	log := telemetry.NewLogger(os.Stderr, slog.LevelInfo)
	slog.SetDefault(log)
	set, err := app.ReadSettings(ctx, os.Environ())
	if err == nil {
		err = set.Warn(ctx, time.Now(), log)
	}
	if err != nil {
		return fmt.Errorf("Flint can't start with these settings (docs/CONFIGURATION.md explains each):\n%w", err) //nolint:staticcheck // a name
	}
	cfg := set.Config
	cfg.Identity.HashCommand = hashCommand()
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", cfg.Listen, err)
	}
	return app.Serve(ctx, cfg, ln, log, func(*app.App, *app.Database) {
		log.InfoContext(ctx, "serving", "listen", ln.Addr().String(), "origin", cfg.Origin.String(), "version", app.Version())
	})
}
