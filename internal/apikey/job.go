package apikey

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// keep is how long a key stays that has ended; what was done with it stays in the
// security log.
const keep = 30 * 24 * time.Hour

// SweepArgs asks for keys to be removed that ended long ago.
type SweepArgs struct{}

// Kind names the job.
func (SweepArgs) Kind() string { return "apikey.sweep" }

// InsertOpts says where it runs.
func (SweepArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Default) }

// SweepWorker runs SweepArgs.
type SweepWorker struct {
	queue.Defaults[SweepArgs]
	Service *Service
}

// Work removes keys that expired or were removed 30 days ago.
func (w *SweepWorker) Work(ctx context.Context, _ *river.Job[SweepArgs]) error {
	return w.Service.Sweep(ctx)
}

// Sweep removes keys that ended 30 days ago.
func (s *Service) Sweep(ctx context.Context) error {
	ctx = postgres.AsSystem(ctx, "a sweep over everybody's keys")
	if _, err := sweep(ctx, s.cfg.Pool, s.now().Add(-keep)); err != nil {
		return fmt.Errorf("remove old API keys: %w", err)
	}
	return nil
}

// Daily returns the job that sweeps once a day.
func Daily() *river.PeriodicJob {
	return queue.Every(24*time.Hour, SweepArgs{})
}
