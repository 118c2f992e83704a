package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"flint/internal/platform/telemetry"
	"flint/sandbox"
)

// graceful is how long the sandbox may take to end.
const graceful = 5 * time.Second

type sandboxCmd struct {
	State    string `help:"Folder that keeps the simulated world; none: forget it at the end." type:"path"`
	Seed     uint64 `help:"Another seed is another world." default:"42"`
	Site     string `help:"Address of the control API, the inbox and the Simulate page." default:"127.0.0.1:8090"`
	Webhooks string `help:"Origin of the Flint that webhooks go to, such as http://localhost:8080."`
}

// Run plays the providers until it is told to stop. It prints, as one line of
// JSON, where they are and what the product must be configured with.
func (c sandboxCmd) Run(ctx context.Context) error {
	world, err := sandbox.New(sandbox.Config{
		Seed: c.Seed, Dir: c.State, Listen: sandbox.Listen{Site: c.Site},
		Log: telemetry.NewLogger(os.Stderr, slog.LevelWarn),
	})
	if err != nil {
		return err
	}
	if err := world.Start(ctx); err != nil {
		return err
	}
	if c.Webhooks != "" {
		world.SetWebhooks(c.Webhooks+tellerWebhook, c.Webhooks+snaptradeWebhook)
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"urls": world.URLs(), "environment": world.Environment()}); err != nil {
		return fmt.Errorf("print where the sandbox is: %w", err)
	}
	<-ctx.Done()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceful)
	defer cancel()
	return world.Stop(stop)
}

// Where the product takes webhooks.
const (
	tellerWebhook    = "/api/teller/webhook"
	snaptradeWebhook = "/api/snaptrade/webhooks"
)
