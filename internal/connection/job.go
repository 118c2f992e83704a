package connection

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"flint/internal/id"
	"flint/internal/platform/queue"
)

// The triggers of a sync.
const (
	TriggerLink     = "link"
	TriggerWebhook  = "webhook"
	TriggerSchedule = "schedule"
	TriggerPerson   = "person"
	TriggerRequeue  = "requeue"
)

// SyncArgs asks for a sync of a connection. Package ingest works it.
//
// Jobs are unique by connection and by the fence that stood when they were
// queued. So wake-ups collapse into the job that waits; but once that job has
// taken its lease the fence is higher, and the next wake-up gets a job of its
// own. River can't leave running jobs out of uniqueness, and without that a
// wake-up during a run would be lost.
type SyncArgs struct {
	Connection id.Connection `json:"connection" river:"unique"`
	After      int64         `json:"after" river:"unique"` // the fence
	Trigger    string        `json:"trigger"`
}

// Kind names the job.
func (SyncArgs) Kind() string { return "connection.sync" }

// InsertOpts puts the job into the queue of syncs; those that somebody waits
// for go first.
func (a SyncArgs) InsertOpts() river.InsertOpts {
	o := queue.Options(queue.Sync)
	switch a.Trigger {
	case TriggerLink, TriggerPerson:
		o.Priority = 1
	case TriggerWebhook, TriggerRequeue:
		o.Priority = 2
	default:
		o.Priority = 3
	}
	o.UniqueOpts = river.UniqueOpts{ByArgs: true, ByState: waiting()}
	return o
}

// waiting are the states of a job that still does its work.
func waiting() []rivertype.JobState {
	return []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
		rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}
}

// Wake notes that something changed at the provider, or that somebody wants to
// know, and queues a sync in tx. A deleted or disconnected connection sleeps on:
// queued is false then.
func Wake(ctx context.Context, tx pgx.Tx, q queue.Inserter, connection id.Connection, trigger string, now time.Time) (queued bool, err error) {
	fences, err := markDirty(ctx, tx, connection, now)
	if err != nil {
		return false, fmt.Errorf("wake connection: %w", err)
	}
	if len(fences) == 0 {
		return false, nil
	}
	return true, Enqueue(ctx, tx, q, connection, fences[0], trigger)
}

// Enqueue queues a sync in tx without marking anything: for the scheduler,
// which leased or read the connection and so knows its fence.
func Enqueue(ctx context.Context, tx pgx.Tx, q queue.Inserter, connection id.Connection, fence int64, trigger string) error {
	if _, err := q.InsertTx(ctx, tx, SyncArgs{Connection: connection, After: fence, Trigger: trigger}, nil); err != nil {
		return fmt.Errorf("queue sync: %w", err)
	}
	return nil
}
