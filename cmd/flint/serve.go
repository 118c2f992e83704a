package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
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
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	ctx, stop := context.WithCancel(ctx)
	var reloading sync.WaitGroup
	defer reloading.Wait()
	defer stop()
	return app.Serve(ctx, cfg, ln, log, func(a *app.App, db *app.Database) {
		log.InfoContext(ctx, "serving", "listen", ln.Addr().String(), "origin", cfg.Origin.String(), "version", app.Version())
		if err := a.NoteSecrets(ctx, set.From); err != nil {
			log.ErrorContext(ctx, "the audit log doesn't say which secrets were read", "error", err)
		}
		reloading.Go(func() { follow(ctx, a, db, cfg.Reload, hup, log) })
	})
}

// follow reads the settings again when it is told to, and every so often, and
// puts to use what can change.
func follow(ctx context.Context, a *app.App, db *app.Database, every time.Duration, hup <-chan os.Signal, log *slog.Logger) {
	var tick <-chan time.Time
	if every > 0 {
		t := time.NewTicker(every)
		defer t.Stop()
		tick = t.C
	}
	told := "" // what waits for a restart is told once
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			told = ""
		case <-tick:
		}
		set, err := app.ReadSettings(ctx, os.Environ())
		if err == nil {
			err = app.Refusals(set.Check(time.Now()))
		}
		if err != nil {
			log.ErrorContext(ctx, "settings can't be read again; those in use stay", "error", err)
			continue
		}
		used, waiting, err := a.Reload(ctx, db, set)
		if len(used) > 0 {
			log.InfoContext(ctx, "settings changed", "variables", used)
		}
		if text := strings.Join(waiting, ","); text != told && text != "" {
			told = text
			log.WarnContext(ctx, "settings changed that take a restart", "variables", waiting)
		}
		if err := errors.Join(err, a.NoteSecrets(ctx, set.From)); err != nil {
			log.ErrorContext(ctx, "settings that changed can't be used", "error", err)
		}
	}
}
