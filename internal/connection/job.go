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

// RevokeArgs ends a connection at its provider after it was deleted here. The
// connection's row has no credential any more, so Teller's token travels in the
// arguments, sealed for this job alone.
type RevokeArgs struct {
	Connection id.Connection `json:"connection"`
	Owner      id.User       `json:"owner"`
	Provider   string        `json:"provider"`
	ProviderID string        `json:"provider_id"`
	Sealed     []byte        `json:"sealed,omitempty"`
}

// Kind names the job.
func (RevokeArgs) Kind() string { return "connection.revoke" }

// InsertOpts tries for days: until the provider knows, it goes on billing.
func (RevokeArgs) InsertOpts() river.InsertOpts {
	o := queue.Options(queue.Default)
	o.MaxAttempts = 12
	return o
}

// RevokeWorker works RevokeArgs.
type RevokeWorker struct {
	queue.Defaults[RevokeArgs]
	Service *Service
}

// Work tells the provider.
func (w *RevokeWorker) Work(ctx context.Context, job *river.Job[RevokeArgs]) error {
	return w.Service.revoke(ctx, job.Args)
}

// AdoptArgs links a connection that SnapTrade reported for a person whose
// browser never came back from the portal.
type AdoptArgs struct {
	Owner         id.User `json:"owner" river:"unique"`
	Authorization string  `json:"authorization" river:"unique"`
}

// Kind names the job.
func (AdoptArgs) Kind() string { return "connection.adopt" }

// InsertOpts lets one job per connection wait.
func (AdoptArgs) InsertOpts() river.InsertOpts {
	o := queue.Options(queue.Default)
	o.UniqueOpts = river.UniqueOpts{ByArgs: true, ByState: waiting()}
	return o
}

// adoptAfter is how long the browser may take before the webhook's word is
// enough.
const adoptAfter = 2 * time.Minute

// QueueAdopt queues the adoption in tx, for a little later: the browser goes
// first.
func QueueAdopt(ctx context.Context, tx pgx.Tx, q queue.Inserter, owner id.User, authorization string, now time.Time) error {
	_, err := q.InsertTx(ctx, tx, AdoptArgs{Owner: owner, Authorization: authorization}, &river.InsertOpts{ScheduledAt: now.Add(adoptAfter)})
	if err != nil {
		return fmt.Errorf("queue adoption: %w", err)
	}
	return nil
}

// AdoptWorker works AdoptArgs.
type AdoptWorker struct {
	queue.Defaults[AdoptArgs]
	Service *Service
}

// Work links the connection, unless it is linked already.
func (w *AdoptWorker) Work(ctx context.Context, job *river.Job[AdoptArgs]) error {
	return w.Service.Adopt(ctx, job.Args.Owner, job.Args.Authorization)
}
