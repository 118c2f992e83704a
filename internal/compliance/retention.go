package compliance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

const day = 24 * time.Hour

// Rule says how long one kind of data stays (PRD 7.1). What has no remove here is
// removed by the feature that it belongs to; its rule is here to be reported, and
// to notice when that doesn't happen.
type Rule struct {
	Name string
	Keep time.Duration
	From string // what the time is counted from
	By   string // the job that removes it
	// count returns how many there are, how many are past their time, and how many
	// of those a legal hold keeps.
	count func(ctx context.Context, db postgres.DB, before time.Time) (Count, error)
	// remove takes some away and returns how many those were; none: it is done.
	remove func(ctx context.Context, s *Service, before time.Time) (int64, error)
}

// Count is how much there is of something.
type Count struct{ Total, Over, Held int64 }

// Rules is the table of retention.
func Rules() []Rule {
	return []Rule{
		{"transactions", 7 * 365 * day, "their date", "compliance.retain", countTransactions, removeTransactions},
		{"provider's transactions", 7 * 365 * day, "their date", "compliance.retain", countMirror, removeMirror},
		{"accounts without activity", 7 * 365 * day, "the last act of theirs", "compliance.retain", countIdle, removeIdle},
		{"copies of data", 7 * day, "the request; the archive goes after a day", "compliance.retain", countExports, removeExports},
		{"sessions", 30 * day, "their end", "session.sweep", countSessions, nil},
		{"decisions about sign-ins", 90 * day, "the sign-in", "session.sweep", countDecisions, nil},
		{"providers' messages", 90 * day, "their handling", "webhook.sweep", countDeliveries, nil},
	}
}

// Retained is how a rule stands.
type Retained struct {
	Rule
	Count
	Removed int64 // by this run
}

// Retain removes what is past its time, and records what it did.
func (s *Service) Retain(ctx context.Context) ([]Retained, error) {
	ctx = postgres.AsSystem(ctx, "retention is for everybody's data")
	now := s.now()
	var removed []int64
	for _, r := range Rules() {
		var n int64
		for more := r.remove != nil; more; {
			some, err := r.remove(ctx, s, now.Add(-r.Keep))
			if err != nil {
				return nil, fmt.Errorf("remove old %s: %w", r.Name, err)
			}
			n, more = n+some, some > 0
		}
		removed = append(removed, n)
	}
	if err := removeArchives(ctx, s.cfg.Pool, now); err != nil {
		return nil, fmt.Errorf("remove archives that expired: %w", err)
	}
	list, err := s.Retention(ctx)
	if err != nil {
		return nil, err
	}
	return list, postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		detail := map[string]any{}
		for i, r := range list {
			list[i].Removed = removed[i]
			if r.remove == nil {
				continue
			}
			if err := insertRun(ctx, tx, r.Name, now, removed[i], r.Held); err != nil {
				return fmt.Errorf("record a run: %w", err)
			}
			if removed[i] > 0 {
				detail[r.Name] = removed[i]
			}
		}
		if len(detail) == 0 {
			return nil
		}
		return audit.Record(ctx, tx, now, audit.Entry{Actor: access.SystemActor("retention", id.User{}), Verb: "retention.run", Detail: detail})
	})
}

// Retention says how every rule stands.
func (s *Service) Retention(ctx context.Context) ([]Retained, error) {
	ctx = postgres.AsSystem(ctx, "retention is for everybody's data")
	var list []Retained
	for _, r := range Rules() {
		c, err := r.count(ctx, s.cfg.Pool, s.now().Add(-r.Keep))
		if err != nil {
			return nil, fmt.Errorf("count %s: %w", r.Name, err)
		}
		list = append(list, Retained{Rule: r, Count: c})
	}
	return list, nil
}

func removeIdle(ctx context.Context, s *Service, before time.Time) (int64, error) {
	idle, err := listIdle(ctx, s.cfg.Pool, before)
	if err != nil {
		return 0, err
	}
	for _, user := range idle {
		if _, err := s.askFor(ctx, access.SystemActor("retention", user), user); err != nil {
			return 0, err
		}
	}
	return int64(len(idle)), nil
}

// RetainArgs asks for what is past its time to be removed.
type RetainArgs struct{}

// Kind names the job.
func (RetainArgs) Kind() string { return "compliance.retain" }

// InsertOpts says where it runs.
func (RetainArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Default) }

// RetainWorker runs RetainArgs.
type RetainWorker struct {
	river.WorkerDefaults[RetainArgs]
	Service *Service
}

// Timeout bounds one attempt; the next goes on where it was.
func (*RetainWorker) Timeout(*river.Job[RetainArgs]) time.Duration { return 10 * time.Minute }

// Work removes it.
func (w *RetainWorker) Work(ctx context.Context, _ *river.Job[RetainArgs]) error {
	_, err := w.Service.Retain(ctx)
	return err
}

// Daily returns the job that does so once a day.
func Daily() *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(day), func() (river.JobArgs, *river.InsertOpts) {
		return RetainArgs{}, nil
	}, &river.PeriodicJobOpts{ID: "compliance.retain", RunOnStart: true})
}

// The faults of legal holds.
var (
	ErrHeld   = fault.New(fault.Conflict, "already_held", "There is a legal hold on this account.")
	ErrUnheld = fault.New(fault.NotFound, "not_held", "There is no legal hold on this account.")
)

// Hold keeps user's data from retention and from deletion until Release. The
// person isn't told.
func (s *Service) Hold(ctx context.Context, actor access.Actor, user id.User, reason string) error {
	ctx = postgres.AsSystem(ctx, "a legal hold: the entry about it is not for the person")
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if _, err := s.cfg.People.Lock(ctx, tx, user); err != nil {
			return fmt.Errorf("lock person: %w", err)
		}
		held, err := isHeld(ctx, tx, user)
		if err != nil {
			return fmt.Errorf("look for a legal hold: %w", err)
		}
		if held {
			return ErrHeld
		}
		hold := id.New[id.LegalHold]()
		if err := insertHold(ctx, tx, hold, user, reason, s.now()); err != nil {
			return fmt.Errorf("store hold: %w", err)
		}
		return audit.Record(ctx, tx, s.now(), audit.Entry{
			Actor: actor, Verb: "hold.place", Object: hold.String(), Detail: map[string]any{"user": user.String(), "reason": reason},
		})
	})
}

// Release ends the hold on user's data. ErrUnheld: there is none.
func (s *Service) Release(ctx context.Context, actor access.Actor, user id.User, reason string) error {
	ctx = postgres.AsSystem(ctx, "a legal hold: the entry about it is not for the person")
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		hold, err := releaseHold(ctx, tx, user, s.now())
		if errors.Is(err, fault.ErrNotFound) {
			return ErrUnheld
		}
		if err != nil {
			return fmt.Errorf("release hold: %w", err)
		}
		return audit.Record(ctx, tx, s.now(), audit.Entry{
			Actor: actor, Verb: "hold.release", Object: hold.String(), Detail: map[string]any{"user": user.String(), "reason": reason},
		})
	})
}
