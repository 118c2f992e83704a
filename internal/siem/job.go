package siem

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"flint/internal/platform/queue"
)

// every is between two looks for new entries.
const every = 10 * time.Second

// ExportArgs asks for receivers to be told what they weren't yet.
type ExportArgs struct{}

// Kind names the job.
func (ExportArgs) Kind() string { return "siem.export" }

// InsertOpts says where it runs. One that fails isn't tried again: the next comes
// soon.
func (ExportArgs) InsertOpts() river.InsertOpts {
	o := queue.Options(queue.Default)
	o.MaxAttempts, o.UniqueOpts = 1, river.UniqueOpts{ByPeriod: every}
	return o
}

// ExportWorker runs ExportArgs.
type ExportWorker struct {
	queue.Defaults[ExportArgs]
	Exporter *Exporter
}

// Timeout bounds one run: longer than a turn with its last batch.
func (w *ExportWorker) Timeout(*river.Job[ExportArgs]) time.Duration { return turn + sending + every }

// Work tells every receiver.
func (w *ExportWorker) Work(ctx context.Context, _ *river.Job[ExportArgs]) error {
	return w.Exporter.Export(ctx)
}

// Periodic returns the job that ships what is new.
func Periodic() *river.PeriodicJob {
	return queue.Every(every, ExportArgs{})
}
