package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"flint/internal/connection"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
	"flint/internal/portfolio"
)

// SyncWorker works connection.SyncArgs.
type SyncWorker struct {
	queue.Defaults[connection.SyncArgs]
	service *Service
}

// NewSyncWorker returns a worker that syncs connections.
func NewSyncWorker(s *Service) *SyncWorker { return &SyncWorker{service: s} }

// busyWait is how long a job waits for another worker's sync of its connection.
const busyWait = 2 * time.Second

// Work syncs. While another worker holds the lease, the job waits its turn: that
// worker may have died with the lease in its hand.
func (w *SyncWorker) Work(ctx context.Context, job *river.Job[connection.SyncArgs]) error {
	err := w.service.Sync(ctx, job.Args.Connection, job.Args.Trigger)
	if errors.Is(err, connection.ErrBusy) {
		return river.JobSnooze(busyWait)
	}
	return err
}

// DueArgs asks to queue the syncs that are due.
type DueArgs struct{}

// Kind names the job.
func (DueArgs) Kind() string { return "ingest.due" }

// InsertOpts makes it one at a time.
func (DueArgs) InsertOpts() river.InsertOpts {
	o := queue.Options(queue.Default)
	o.UniqueOpts = river.UniqueOpts{ByPeriod: dueEvery}
	return o
}

// DueWorker works DueArgs.
type DueWorker struct {
	queue.Defaults[DueArgs]
	service *Service
}

// NewDueWorker returns a worker that queues due syncs.
func NewDueWorker(s *Service) *DueWorker { return &DueWorker{service: s} }

// Work queues what is due.
func (w *DueWorker) Work(ctx context.Context, _ *river.Job[DueArgs]) error {
	_, err := w.service.QueueDue(ctx)
	return err
}

// dueEvery is how often due syncs are looked for. With connection.LeaseTime it
// bounds how long the work of a node that was killed lies still: a minute.
const dueEvery = 15 * time.Second

// dueAtOnce bounds how many syncs are queued at a time: after an outage all are
// due, and the providers' budgets are what they always are.
const dueAtOnce = 150

// QueueDue queues the syncs that are due and returns how many there were.
func (s *Service) QueueDue(ctx context.Context) (int, error) {
	ctx = postgres.AsSystem(ctx, "the schedule looks for due connections of everybody")
	n := 0
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		due, err := connection.ClaimDue(ctx, tx, s.cfg.Now(), dueAtOnce)
		if err != nil {
			return err
		}
		for _, d := range due {
			trigger := connection.TriggerSchedule
			if d.Broken {
				trigger = connection.TriggerRequeue
			}
			if err := connection.Enqueue(ctx, tx, s.cfg.Queue, d.ID, d.Fence, trigger); err != nil {
				return err
			}
		}
		n = len(due)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("queue due syncs: %w", err)
	}
	return n, nil
}

// Periodic returns the job that queues due syncs.
func Periodic() *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(dueEvery), func() (river.JobArgs, *river.InsertOpts) {
		return DueArgs{}, nil
	}, &river.PeriodicJobOpts{RunOnStart: true})
}

// Removed ends the accounts of a connection that its owner removes, in tx. With
// keepHistory they are closed and their past stays; else all that was fetched is
// deleted. It is connection.Config.Removed.
func (s *Service) Removed(ctx context.Context, tx pgx.Tx, owner id.User, of id.Connection, keepHistory bool) error {
	if err := portfolio.Lock(ctx, tx, owner); err != nil {
		return err
	}
	now := s.cfg.Now()
	gone, err := s.cfg.Portfolio.Retire(ctx, tx, owner, of, keepHistory, now)
	if err != nil {
		return err
	}
	if !keepHistory {
		if err := s.cfg.Activity.Erase(ctx, tx, owner, gone); err != nil {
			return err
		}
	}
	return s.cfg.Portfolio.RebuildAll(ctx, tx, owner, nil, now)
}
