package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/config"
	"flint/internal/connection"
	"flint/internal/identity"
	"flint/internal/ingest"
	"flint/internal/market"
	"flint/internal/provider/captcha"
	"flint/internal/provider/hibp"
	"flint/internal/provider/marketdata"
	"flint/internal/provider/snaptrade"
	"flint/internal/provider/teller"
	"flint/internal/ratelimit"
)

// far holds the clients of the providers; nil where one is switched off.
type far struct {
	teller    *teller.Client
	snaptrade *snaptrade.Client
	ecb       *marketdata.ECB
	hibp      *hibp.Client
	captcha   *captcha.Client
}

// rates avoids a nil client inside a non-nil interface.
func (f far) rates() market.Source {
	if f.ecb == nil {
		return nil
	}
	return f.ecb
}

// breaches is as rates.
func (f far) breaches() identity.Breaches {
	if f.hibp == nil {
		return nil
	}
	return f.hibp
}

// feeds returns how each provider is read.
func (f far) feeds(pool *pgxpool.Pool, connections *connection.Service, now func() time.Time) map[string]ingest.Feed {
	feeds := map[string]ingest.Feed{}
	if f.teller != nil {
		feeds[connection.Teller] = ingest.NewTellerFeed(f.teller, func(ctx context.Context, c connection.Connection) (config.Secret, error) {
			credential, err := connections.Credential(ctx, pool, c)
			return credential.Token, err
		}, now)
	}
	if f.snaptrade != nil {
		feeds[connection.SnapTrade] = ingest.NewSnapTradeFeed(f.snaptrade, func(ctx context.Context, c connection.Connection) (snaptrade.User, error) {
			credential, err := connections.Credential(ctx, pool, c)
			return credential.User, err
		}, now)
	}
	return feeds
}

func (a *App) providers(cfg Config, limits *ratelimit.Limiter, now func() time.Time, log *slog.Logger) (far, error) {
	var f far
	var err error
	cfg.Teller.Quota = limits.Quota("teller:"+cfg.Teller.ApplicationID, cfg.Teller.PerMinute)
	cfg.Snaptrade.Quota = limits.Quota("snaptrade:"+cfg.Snaptrade.ClientID, cfg.Snaptrade.PerMinute)
	if cfg.Teller.Enabled() {
		if f.teller, err = teller.New(cfg.Teller, now, log, nil); err != nil {
			return f, fmt.Errorf("set up Teller: %w", err)
		}
		a.release = append(a.release, f.teller.Close)
	}
	if cfg.Snaptrade.Enabled() {
		if f.snaptrade, err = snaptrade.New(cfg.Snaptrade, now, log, nil); err != nil {
			return f, fmt.Errorf("set up SnapTrade: %w", err)
		}
		a.broker = f.snaptrade
		a.release = append(a.release, f.snaptrade.Close)
	}
	if cfg.MarketData.Enabled() {
		if f.ecb, err = marketdata.New(cfg.MarketData, now, log, nil); err != nil {
			return f, fmt.Errorf("set up exchange rates: %w", err)
		}
		a.release = append(a.release, f.ecb.Close)
	}
	if cfg.Breaches.Enabled() {
		if f.hibp, err = hibp.New(cfg.Breaches, now, log, nil); err != nil {
			return f, fmt.Errorf("set up the check for breached passwords: %w", err)
		}
		a.release = append(a.release, f.hibp.Close)
	}
	if cfg.Captcha.Enabled() {
		if f.captcha, err = captcha.New(cfg.Captcha, now, log, nil); err != nil {
			return f, fmt.Errorf("set up the check for people: %w", err)
		}
		a.release = append(a.release, func() { a.captcha.Load().Close() })
	}
	return f, nil
}
