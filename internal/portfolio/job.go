package portfolio

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// DayArgs asks to close a business day: everybody's history gets a row for it,
// also those whose providers said nothing. It is unique by day, so that two
// leaders, or a restart, neither double nor skip it.
type DayArgs struct {
	Day string `json:"day" river:"unique"` // YYYY-MM-DD in New York
	// At sets a further round of the same day apart from the first: new exchange
	// rates have come, and what is foreign is worth something else.
	At string `json:"at,omitempty" river:"unique"`
}

// Revalue returns the job that values everything anew, for rates that came now.
func Revalue(now time.Time) DayArgs {
	return DayArgs{Day: BusinessDay(now).Format(time.DateOnly), At: now.UTC().Format(time.RFC3339)}
}

// Kind names the job.
func (DayArgs) Kind() string { return "portfolio.day" }

// InsertOpts puts the job into the queue of snapshots.
func (DayArgs) InsertOpts() river.InsertOpts {
	o := queue.Options(queue.Snapshots)
	o.UniqueOpts = river.UniqueOpts{ByArgs: true}
	return o
}

// DayWorker works DayArgs.
type DayWorker struct {
	queue.Defaults[DayArgs]
	service *Service
	log     *slog.Logger
}

// NewDayWorker returns a worker that closes days.
func NewDayWorker(s *Service, log *slog.Logger) *DayWorker { return &DayWorker{service: s, log: log} }

// Work rebuilds the totals of everybody who owns something. One person's failure
// doesn't stop the others; the attempt then fails at the end and is repeated.
func (w *DayWorker) Work(ctx context.Context, job *river.Job[DayArgs]) error {
	round := w.service.CloseDay
	if job.Args.At != "" {
		round = w.service.Revalue
	}
	failed, err := round(ctx, w.log)
	if err == nil && failed > 0 {
		err = fmt.Errorf("close day %s: %d people failed", job.Args.Day, failed)
	}
	return err
}

// CloseDay carries everybody's history forward to today. It returns for how many
// that failed.
func (s *Service) CloseDay(ctx context.Context, log *slog.Logger) (failed int, err error) {
	return s.forEverybody(ctx, log, func(tx pgx.Tx, owner id.User) error {
		return s.Rebuild(ctx, tx, owner, nil, s.cfg.Now())
	})
}

// Revalue values what everybody owns with the exchange rates that are known now,
// and the past with those of its days. It returns for how many that failed.
func (s *Service) Revalue(ctx context.Context, log *slog.Logger) (failed int, err error) {
	return s.forEverybody(ctx, log, func(tx pgx.Tx, owner id.User) error {
		return s.RebuildAll(ctx, tx, owner, nil, s.cfg.Now())
	})
}

func (s *Service) forEverybody(ctx context.Context, log *slog.Logger, do func(pgx.Tx, id.User) error) (failed int, err error) {
	owners, err := everybody(postgres.AsSystem(ctx, "a job asks who there is; each is then worked for alone"), s.cfg.Pool)
	if err != nil {
		return 0, fmt.Errorf("list people: %w", err)
	}
	for _, owner := range owners {
		err := inLock(postgres.AsUser(ctx, owner), s.cfg.Pool, owner, func(tx pgx.Tx) error { return do(tx, owner) })
		if ctx.Err() != nil {
			return failed, ctx.Err()
		}
		if err != nil {
			failed++
			log.ErrorContext(ctx, "a person's totals can't be rebuilt", "user", owner, "err", err)
		}
	}
	return failed, nil
}

func inLock(ctx context.Context, pool *pgxpool.Pool, owner id.User, fn func(pgx.Tx) error) error {
	return postgres.InTx(ctx, pool, func(tx pgx.Tx) error {
		if err := Lock(ctx, tx, owner); err != nil {
			return err
		}
		return fn(tx)
	})
}

// Daily returns the periodic job that closes each business day: it is queued at
// midnight in New York and, for a program that slept then, at every start.
func Daily(now func() time.Time) *river.PeriodicJob {
	return river.NewPeriodicJob(midnight{}, func() (river.JobArgs, *river.InsertOpts) {
		return DayArgs{Day: BusinessDay(now()).Format(time.DateOnly)}, nil
	}, &river.PeriodicJobOpts{RunOnStart: true})
}

// midnight is the schedule of business days, in any season.
type midnight struct{}

// Next returns a minute after the next midnight in New York.
func (midnight) Next(t time.Time) time.Time {
	y, m, d := t.In(Zone()).Date()
	return time.Date(y, m, d+1, 0, 1, 0, 0, Zone())
}
