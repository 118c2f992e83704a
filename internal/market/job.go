package market

import (
	"context"
	"time"
	_ "time/tzdata" // Frankfurt's clock, also on a machine that has no time zones

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"flint/internal/platform/queue"
)

// FXArgs asks for the newest exchange rates.
type FXArgs struct{}

// Kind names the job.
func (FXArgs) Kind() string { return "market.fx" }

// InsertOpts says that one at a time is enough.
func (FXArgs) InsertOpts() river.InsertOpts {
	o := queue.Options(queue.Default)
	o.UniqueOpts = river.UniqueOpts{ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
		rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}}
	return o
}

// FXWorker runs FXArgs.
type FXWorker struct {
	queue.Defaults[FXArgs]
	Service *Service
}

// Work updates the rates.
func (w *FXWorker) Work(ctx context.Context, _ *river.Job[FXArgs]) error {
	_, err := w.Service.Update(ctx)
	return err
}

// Periodic returns the job that keeps the rates fresh. It also runs when the
// program starts, and then does nothing if the rates are here.
func Periodic() *river.PeriodicJob {
	return river.NewPeriodicJob(publication{}, func() (river.JobArgs, *river.InsertOpts) {
		return FXArgs{}, nil
	}, &river.PeriodicJobOpts{ID: "market.fx", RunOnStart: true})
}

// publication is when the ECB's rates can be had: on working days from about
// 16:00 in Frankfurt, at times later, so it is tried twice more. The European
// holidays aren't known here; on those the newest rates are the old ones.
type publication struct{}

// Next returns the next time to look after t.
func (publication) Next(t time.Time) time.Time {
	frankfurt, err := time.LoadLocation("Europe/Berlin")
	if err != nil { // can't happen: the zones are built in
		frankfurt = time.UTC
	}
	local := t.In(frankfurt)
	for day := 0; ; day++ {
		for _, at := range []struct{ hour, minute int }{{16, 10}, {16, 40}, {18, 10}} {
			next := time.Date(local.Year(), local.Month(), local.Day()+day, at.hour, at.minute, 0, 0, frankfurt)
			if weekend := next.Weekday() == time.Saturday || next.Weekday() == time.Sunday; !weekend && next.After(t) {
				return next
			}
		}
	}
}
