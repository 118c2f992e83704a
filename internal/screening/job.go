package screening

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

const (
	// batch is how many people are compared before it is noted how far it came.
	batch = 100
	// stretch is how long one attempt goes on before it lets other jobs in.
	stretch = 20 * time.Second
	// lookEvery is how often it is asked whether the list is another.
	lookEvery = time.Minute
)

// PersonArgs asks for somebody to be compared who has just come.
type PersonArgs struct {
	User id.User `json:"user"`
}

// Kind names the job.
func (PersonArgs) Kind() string { return "screening.person" }

// InsertOpts says where it runs. It mustn't give up while a service is down.
func (PersonArgs) InsertOpts() river.InsertOpts {
	o := queue.Options(queue.Default)
	o.MaxAttempts = 25
	return o
}

// Queue asks in tx for user to be compared. With the zero user it does the same
// work and nothing comes of it, for those who mustn't let see whether they know
// somebody.
func (s *Service) Queue(ctx context.Context, tx pgx.Tx, user id.User) error {
	if s.cfg.Screener == nil {
		return nil
	}
	if _, err := s.cfg.Jobs.InsertTx(ctx, tx, PersonArgs{User: user}, nil); err != nil {
		return fmt.Errorf("queue a screening: %w", err)
	}
	return nil
}

// PersonWorker runs PersonArgs.
type PersonWorker struct {
	queue.Defaults[PersonArgs]
	Service *Service
}

// Work compares them.
func (w *PersonWorker) Work(ctx context.Context, job *river.Job[PersonArgs]) error {
	if w.Service.cfg.Screener == nil || job.Args.User.IsZero() {
		return nil
	}
	again, err := w.Service.Newcomer(ctx, job.Args.User)
	if err == nil && again {
		return river.JobSnooze(lookEvery)
	}
	return err
}

// Newcomer compares somebody who has just come. It reports whether that has to be
// done again, since everybody else is being compared with another list than this
// node's.
func (s *Service) Newcomer(ctx context.Context, user id.User) (again bool, err error) {
	ctx = postgres.AsSystem(ctx, "a screening: what is found is not for the person")
	if err := s.person(ctx, user, Registration); err != nil {
		return false, err
	}
	ours, err := s.cfg.Screener.Version(ctx)
	if err != nil {
		return false, fmt.Errorf("ask which list it is: %w", err)
	}
	theirs, err := versionOf(ctx, s.cfg.Pool)
	if errors.Is(err, fault.ErrNotFound) {
		return false, nil // Look will see to it
	}
	return err == nil && ours != theirs, err
}

// LookArgs asks whether the list is another than the one that everybody was
// compared with.
type LookArgs struct{}

// Kind names the job.
func (LookArgs) Kind() string { return "screening.look" }

// InsertOpts says where it runs.
func (LookArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Default) }

// LookWorker runs LookArgs.
type LookWorker struct {
	queue.Defaults[LookArgs]
	Service *Service
}

// Work asks.
func (w *LookWorker) Work(ctx context.Context, _ *river.Job[LookArgs]) error {
	return w.Service.Look(ctx)
}

// Periodic returns the job that looks every minute, and at the start.
func Periodic() *river.PeriodicJob {
	return queue.Every(lookEvery, LookArgs{})
}

// Look begins to compare everybody if the list is another, and goes on with it
// where nobody does.
func (s *Service) Look(ctx context.Context) error {
	if s.cfg.Screener == nil {
		return nil
	}
	ctx = postgres.AsSystem(ctx, "everybody is compared with a list")
	version, err := s.cfg.Screener.Version(ctx)
	if err != nil {
		return fmt.Errorf("ask which list it is: %w", err)
	}
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if err := postgres.Serialize(ctx, tx, "screening_list"); err != nil {
			return err
		}
		p, err := lockProgress(ctx, tx)
		if err != nil && !errors.Is(err, fault.ErrNotFound) {
			return fmt.Errorf("look how far it came: %w", err)
		}
		if p.Version == version && p.FinishedAt != nil {
			return nil
		}
		if p.Version != version {
			if err := beginWith(ctx, tx, version, s.now()); err != nil {
				return fmt.Errorf("begin with a list: %w", err)
			}
			if err := audit.Record(ctx, tx, s.now(), audit.Entry{
				Actor: access.SystemActor("screening", id.User{}), Verb: "screening.renew", Detail: map[string]any{"list": version},
			}); err != nil {
				return err
			}
		}
		_, err = s.cfg.Jobs.InsertTx(ctx, tx, EverybodyArgs{Version: version}, nil) // nothing happens if it is there already
		return err
	})
}

// EverybodyArgs asks for everybody to be compared with a list.
type EverybodyArgs struct {
	Version string `json:"version"`
}

// Kind names the job.
func (EverybodyArgs) Kind() string { return "screening.everybody" }

// InsertOpts says where it runs; there is one at a time for each list.
func (EverybodyArgs) InsertOpts() river.InsertOpts {
	o := queue.Options(queue.Snapshots)
	o.UniqueOpts = river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
	}}
	return o
}

// EverybodyWorker runs EverybodyArgs.
type EverybodyWorker struct {
	queue.Defaults[EverybodyArgs]
	Service *Service
}

// Work compares for a while, and then lets others in.
func (w *EverybodyWorker) Work(ctx context.Context, job *river.Job[EverybodyArgs]) error {
	return queue.Again(w.Service.Everybody(ctx, job.Args.Version))
}

// Everybody goes on to compare people with a list, for a while. It returns when
// to go on; zero: it is done, or there is another list by now.
func (s *Service) Everybody(ctx context.Context, version string) (wait time.Duration, err error) {
	if s.cfg.Screener == nil {
		return 0, nil
	}
	ctx = postgres.AsSystem(ctx, "everybody is compared with a list")
	for began := s.now(); s.now().Sub(began) < stretch; {
		more, wait, err := s.some(ctx, version)
		if err != nil || wait > 0 || !more {
			return wait, err
		}
	}
	return time.Second, nil
}

// some compares the next ones.
func (s *Service) some(ctx context.Context, version string) (more bool, wait time.Duration, err error) {
	var p progress
	err = postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) (err error) {
		p, err = lockProgress(ctx, tx)
		return err
	})
	if errors.Is(err, fault.ErrNotFound) || err == nil && (p.Version != version || p.FinishedAt != nil) {
		return false, 0, nil
	}
	if err != nil {
		return false, 0, fmt.Errorf("look how far it came: %w", err)
	}
	ours, err := s.cfg.Screener.Version(ctx)
	if err != nil {
		return false, 0, fmt.Errorf("ask which list it is: %w", err)
	}
	if ours != version {
		return false, lookEvery, nil // another node has it, and this one will
	}
	var after id.User
	if p.After != nil {
		after = *p.After
	}
	users, err := s.cfg.People.Next(ctx, after, batch)
	if err != nil {
		return false, 0, fmt.Errorf("list people: %w", err)
	}
	for _, user := range users {
		if err := s.person(ctx, user, ListChange); err != nil {
			return false, 0, err
		}
		after = user
	}
	var finished *time.Time
	if len(users) < batch {
		now := s.now()
		finished, after = &now, id.User{} // nobody is named for longer than needed
	}
	_, err = advance(ctx, s.cfg.Pool, version, after, finished)
	return finished == nil, 0, err
}
