package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/platform/web"
)

// Describe returns a Server with every operation declared and nothing behind
// it, to be listed and described, never served.
func Describe() (*web.Server, error) {
	ctx := context.Background()
	var cfg Config
	err := config.Load(ctx, config.Map(map[string]string{"FLINT_ORIGIN": "http://localhost:8080"}), &cfg)
	if err != nil {
		return nil, err
	}
	// A pool connects when it is first used, which this one never is.
	pool, err := pgxpool.New(ctx, "postgres://nobody@/nothing?host=/nonexistent")
	if err != nil {
		return nil, fmt.Errorf("make a pool: %w", err)
	}
	defer pool.Close()
	a, err := assemble(cfg, pool, new(envelope.Keys), nil, time.Now, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		return nil, err
	}
	defer a.Close()
	return a.Web, nil
}

// connectOrigins returns the origins that the pages under /connect may load the
// providers' script from and show in a frame.
func connectOrigins(cfg Config) (scripts, frames []string) {
	scripts, frames = cfg.Web.ConnectScripts, cfg.Web.ConnectFrames
	if u, err := url.Parse(cfg.Teller.ConnectScript); cfg.Teller.Enabled() && err == nil && u.Host != "" {
		origin := u.Scheme + "://" + u.Host
		scripts, frames = append(scripts, origin), append(frames, origin)
		if u.Host == "cdn.teller.io" { // the widget itself lives next door
			frames = append(frames, "https://teller.io", "https://*.teller.io")
		}
	}
	if cfg.Snaptrade.Enabled() {
		frames = append(frames, cfg.Snaptrade.PortalOrigin)
	}
	return scripts, frames
}
