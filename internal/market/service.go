package market

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/platform/postgres"
	"flint/internal/provider/marketdata"
)

// Source publishes reference rates against the euro: the ECB.
type Source interface {
	Daily(ctx context.Context) (marketdata.Day, error)
	History(ctx context.Context) ([]marketdata.Day, error)     // about 90 days
	FullHistory(ctx context.Context) ([]marketdata.Day, error) // everything
}

// Config is what a Service is made of.
type Config struct {
	Pool   *pgxpool.Pool
	Source Source // nil: rates are switched off
	// Changed is told, in their transaction, that there are new rates: what is
	// valued with them has to be valued again. It may be nil.
	Changed func(ctx context.Context, tx pgx.Tx) error
	Now     func() time.Time
	Log     *slog.Logger
}

// Service keeps the rates up to date.
type Service struct{ cfg Config }

// New returns a Service.
func New(cfg Config) *Service { return &Service{cfg} }

// keep is how far back rates are stored at the first update: charts go back a
// year, imported statements further.
const keep = 5 * 366 * 24 * time.Hour

// Update reads the rates that are missing and stores them. It asks for as little
// as it can: nothing if today's rates are here, one day in the ordinary course,
// a longer file after a gap. It returns how many rates were new.
func (s *Service) Update(ctx context.Context) (int64, error) {
	if s.cfg.Source == nil {
		return 0, nil
	}
	last, err := newest(ctx, s.cfg.Pool)
	if err != nil {
		return 0, fmt.Errorf("find the newest exchange rates: %w", err)
	}
	days, err := s.fetch(ctx, last)
	if err != nil || len(days) == 0 {
		return 0, err
	}
	var added int64
	err = postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if added, err = save(ctx, tx, days); err != nil {
			return fmt.Errorf("store exchange rates: %w", err)
		}
		if added > 0 && s.cfg.Changed != nil {
			return s.cfg.Changed(ctx, tx)
		}
		return nil
	})
	if err == nil && added > 0 {
		s.cfg.Log.InfoContext(ctx, "exchange rates updated", "rates", added, "days", len(days))
	}
	return added, err
}

// fetch asks for the days after last.
func (s *Service) fetch(ctx context.Context, last time.Time) ([]marketdata.Day, error) {
	today := midnight(s.cfg.Now().UTC())
	behind := today.Sub(last)
	const day = 24 * time.Hour
	switch {
	case behind < day:
		return nil, nil
	case behind < 2*day, behind < 4*day && today.Weekday() == time.Monday: // over a weekend nothing is missed
		d, err := s.cfg.Source.Daily(ctx)
		if err != nil {
			return nil, fmt.Errorf("read today's exchange rates: %w", err)
		}
		return []marketdata.Day{d}, nil
	case behind < 85*day:
		return s.history(ctx)
	}
	days, err := s.cfg.Source.FullHistory(ctx)
	if err != nil {
		s.cfg.Log.WarnContext(ctx, "the long history of exchange rates can't be read; the short one will do", "err", err)
		return s.history(ctx)
	}
	return slices.DeleteFunc(days, func(d marketdata.Day) bool { return today.Sub(d.Day) > keep }), nil
}

func (s *Service) history(ctx context.Context) ([]marketdata.Day, error) {
	days, err := s.cfg.Source.History(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the exchange rates of the last months: %w", err)
	}
	return days, nil
}
