package connection

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// keepAttempts is how long a visit that came to nothing stays to be looked at.
const keepAttempts = 7 * 24 * time.Hour

// SweepArgs asks for old visits to be removed.
type SweepArgs struct{}

// Kind names the job.
func (SweepArgs) Kind() string { return "connection.sweep" }

// InsertOpts says where it runs.
func (SweepArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Default) }

// SweepWorker runs SweepArgs.
type SweepWorker struct {
	queue.Defaults[SweepArgs]
	Service *Service
}

// Work removes visits that ended a week ago.
func (w *SweepWorker) Work(ctx context.Context, _ *river.Job[SweepArgs]) error {
	ctx = postgres.AsSystem(ctx, "a sweep over everybody's attempts")
	if err := deleteAttempts(ctx, w.Service.pool, w.Service.now().Add(-keepAttempts)); err != nil {
		return fmt.Errorf("remove old visits: %w", err)
	}
	return nil
}

// Daily returns the job that sweeps once a day.
func Daily() *river.PeriodicJob {
	return queue.Every(24*time.Hour, SweepArgs{})
}
