package app

import (
	"context"
	"log/slog"
	"time"

	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/platform/redis"
	"flint/internal/ratelimit"
)

// limitedKeys is how many callers a node remembers the limits of by itself.
const limitedKeys = 100_000

// limiter makes what counts calls: in Redis if there is one, for all nodes, and
// otherwise in this node's memory. Redis needn't be there yet, or at all times.
func (a *App) limiter(cfg Config, keys *envelope.Keys, now func() time.Time, log *slog.Logger) (*ratelimit.Limiter, error) {
	client, err := redis.Open(cfg.Redis, log)
	if err != nil {
		return nil, err
	}
	if a.redis = client; client != nil {
		a.release = append(a.release, client.Close)
	}
	limits := cfg.Limits
	limits.Redis, limits.Keys, limits.Now, limits.Log = client, limitedKeys, now, log
	limits.Pepper = keys.Mac("ratelimit.identifier", nil) // of the key ring, which all nodes have
	l, err := ratelimit.Open(limits)
	if err != nil {
		return nil, err
	}
	a.release = append(a.release, l.Close)
	return l, nil
}

// Limits returns the table of rate limits as env adjusts it.
func Limits(ctx context.Context, env config.Lookuper) ([]ratelimit.Policy, error) {
	var cfg ratelimit.Config
	if err := config.Load(ctx, env, &cfg); err != nil {
		return nil, err
	}
	table, _, err := cfg.Table()
	return table, err
}
