package webhook

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// keep is how long deliveries stay: to be looked at, and to recognise those that
// come again.
const keep = 90 * 24 * time.Hour

// SweepArgs asks for old deliveries to be removed.
type SweepArgs struct{}

// Kind names the job.
func (SweepArgs) Kind() string { return "webhook.sweep" }

// InsertOpts says where it runs.
func (SweepArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Default) }

// SweepWorker runs SweepArgs.
type SweepWorker struct {
	queue.Defaults[SweepArgs]
	Service *Service
}

// Work removes deliveries that were processed 90 days ago.
func (w *SweepWorker) Work(ctx context.Context, _ *river.Job[SweepArgs]) error {
	ctx = postgres.AsSystem(ctx, "a sweep over all deliveries")
	if err := deleteProcessed(ctx, w.Service.pool, w.Service.cfg.Now().Add(-keep)); err != nil {
		return fmt.Errorf("remove old deliveries: %w", err)
	}
	return nil
}

// Daily returns the job that sweeps once a day.
func Daily() *river.PeriodicJob {
	return queue.Every(24*time.Hour, SweepArgs{})
}
