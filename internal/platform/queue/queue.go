// Package queue sets River up: which queues there are, how many jobs of each run
// at once, how long and how often they are tried.
//
// A feature defines a job as a type of arguments and a worker (job.go), says
// which queue it belongs to with Options, and inserts it with InsertTx in the
// transaction that causes it: no change without its job, no job without its
// change. Package app collects the workers and starts the client that New makes.
//
// River runs a job at least once. A job therefore commits its effects in one
// transaction and can be run again. Arguments carry ids only: they are stored in
// clear, and logged.
//
// When a process is killed, its running jobs stay marked as running. A minute
// later (or after the queue's time limit, if that is longer) another node
// rescues them. Where no other node can exist, Reclaim does it at once.
package queue

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"flint/internal/platform/postgres"
)

// The names of the queues. What each is for stands in the table of policies.
const (
	Webhooks  = "webhooks"
	Sync      = "sync"
	Mail      = "mail"
	Default   = river.QueueDefault
	Snapshots = "snapshots"
)

// Policy is how the jobs of one queue are run.
type Policy struct {
	Queue    string
	Workers  int           // at once, per process
	Timeout  time.Duration // of one attempt
	Attempts int           // the first included; then the job is discarded and kept
	Backoff  time.Duration // longest wait before the second attempt
	Growth   int           // each further wait may be this many times longer
	Priority int           // 1 (first) to 4, within its queue
}

// Policies is the table of all queues.
func Policies() []Policy {
	return []Policy{
		// Somebody waits for the change; the provider delivers again anyway.
		{Webhooks, 10, 30 * time.Second, 4, time.Second, 5, 1},
		// Long walks through a provider's pages; its budget is the real limit.
		{Sync, 20, 10 * time.Minute, 4, 30 * time.Second, 4, 2},
		// A mail server that is down comes back within hours.
		{Mail, 5, 30 * time.Second, 8, 5 * time.Second, 4, 1},
		// Everything small.
		{Default, 10, 45 * time.Second, 5, 2 * time.Second, 4, 2},
		// Nightly, set-based, can be computed again.
		{Snapshots, 5, 5 * time.Minute, 2, 10 * time.Minute, 1, 4},
	}
}

// PolicyOf returns the policy of a queue; an unknown one gets Default's.
func PolicyOf(queue string) Policy {
	var fallback Policy
	for _, p := range Policies() {
		if p.Queue == queue {
			return p
		}
		if p.Queue == Default {
			fallback = p
		}
	}
	return fallback
}

// Defaults is what a worker embeds: an attempt at its jobs may take as long as
// their queue's policy says.
type Defaults[T river.JobArgs] struct{ river.WorkerDefaults[T] }

// Timeout bounds one attempt.
func (Defaults[T]) Timeout(*river.Job[T]) time.Duration {
	var args T
	in := Default
	if a, ok := any(args).(river.JobArgsWithInsertOpts); ok && a.InsertOpts().Queue != "" {
		in = a.InsertOpts().Queue
	}
	return PolicyOf(in).Timeout
}

// Options returns what a job's InsertOpts method should return for a queue.
func Options(queue string) river.InsertOpts {
	p := PolicyOf(queue)
	return river.InsertOpts{Queue: p.Queue, MaxAttempts: p.Attempts, Priority: p.Priority}
}

// Every returns the job that does args at each start, and then that often, on
// whichever node leads.
func Every(interval time.Duration, args river.JobArgs) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(interval), func() (river.JobArgs, *river.InsertOpts) {
		return args, nil
	}, &river.PeriodicJobOpts{ID: args.Kind(), RunOnStart: true})
}

// Again is what a worker returns whose job goes on after a while, which costs no
// attempt; zero: it is done.
func Again(wait time.Duration, err error) error {
	if err == nil && wait > 0 {
		return river.JobSnooze(wait)
	}
	return err
}

// Inserter queues a job within a transaction. *river.Client[pgx.Tx] is one.
type Inserter interface {
	InsertTx(ctx context.Context, tx pgx.Tx, args river.JobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error)
}

// NewInserter returns a client that only inserts. It is never started.
func NewInserter(pool *pgxpool.Pool) (*river.Client[pgx.Tx], error) {
	return river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: slog.New(slog.DiscardHandler)})
}

// Config is what an operator may change.
type Config struct {
	// PollInterval is how often a queue looks for jobs that no notification
	// announced: retries that fall due, jobs of a node that was cut off.
	PollInterval time.Duration `env:"JOBS_POLL_INTERVAL,default=500ms"`
	// PollOnly does without LISTEN, which PgBouncer's transaction mode swallows.
	PollOnly bool `env:"JOBS_POLL_ONLY,default=false"`
	// StopTimeout is how long running jobs may go on when the program stops.
	StopTimeout time.Duration `env:"JOBS_STOP_TIMEOUT,default=20s"`
}

// New returns a client that works all queues once it is started. The periodic
// jobs are inserted by one node at a time, the elected leader.
func New(pool *pgxpool.Pool, cfg Config, workers *river.Workers, periodic []*river.PeriodicJob, log *slog.Logger) (*river.Client[pgx.Tx], error) {
	queues := map[string]river.QueueConfig{}
	for _, p := range Policies() {
		queues[p.Queue] = river.QueueConfig{MaxWorkers: p.Workers}
	}
	poll := cfg.PollInterval
	if poll <= 0 {
		poll = 500 * time.Millisecond
	}
	stop := cfg.StopTimeout
	if stop <= 0 {
		stop = 20 * time.Second
	}
	const day = 24 * time.Hour
	return river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues:       queues,
		Workers:      workers,
		PeriodicJobs: periodic,

		FetchCooldown:     50 * time.Millisecond,
		FetchPollInterval: max(poll, 50*time.Millisecond),
		PollOnly:          cfg.PollOnly,

		JobTimeout: PolicyOf(Default).Timeout,
		// River's default is an hour: after a kill -9 a webhook would wait that
		// long. A job whose own timeout is longer isn't rescued before that.
		RescueStuckJobsAfter: time.Minute,
		SoftStopTimeout:      stop,

		MaxAttempts:  PolicyOf(Default).Attempts,
		RetryPolicy:  backoff{time.Now},
		ErrorHandler: reporter{log},
		Logger:       slog.New(warnings{log.Handler()}), // its failed jobs are reported by ours

		// Only an owner may reindex, and the program works as none: for an
		// operator to do (docs/security/rows.md).
		ReindexerIndexNames: []string{},

		CompletedJobRetentionPeriod: day,
		CancelledJobRetentionPeriod: 7 * day,
		DiscardedJobRetentionPeriod: 30 * day, // the dead letters
	})
}

// Reclaim makes jobs that a killed process left running available again, at
// once. Call it before the client is started, and only where no other process
// can be working on this database, as with a private cluster. It returns how
// many there were.
func Reclaim(ctx context.Context, db postgres.DB, now time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `
		update river_job
		set state = 'available', scheduled_at = @now, max_attempts = greatest(max_attempts, attempt + 1)
		where state = 'running'`,
		postgres.Args{"now": now})
}
