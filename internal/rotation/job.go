package rotation

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"flint/internal/platform/queue"
)

// TurnArgs asks for keys to be exchanged that are due or half exchanged.
type TurnArgs struct{}

// Kind names the job.
func (TurnArgs) Kind() string { return "rotation.turn" }

// InsertOpts says where it runs.
func (TurnArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Snapshots) }

// TurnWorker runs TurnArgs.
type TurnWorker struct {
	queue.Defaults[TurnArgs]
	Service *Service
}

// Timeout bounds one run: a little more than a turn.
func (w *TurnWorker) Timeout(*river.Job[TurnArgs]) time.Duration { return turn + time.Minute }

// Work takes a turn. What is left is for another one, soon.
func (w *TurnWorker) Work(ctx context.Context, _ *river.Job[TurnArgs]) error {
	left, err := w.Service.Turn(ctx, nil)
	if errors.Is(err, ErrBusy) || err == nil && left {
		return river.JobSnooze(time.Minute)
	}
	return err
}

// Daily returns the job that looks once a day, and at each start.
func Daily() *river.PeriodicJob {
	return queue.Every(day, TurnArgs{})
}
