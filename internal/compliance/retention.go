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
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// Retained is how a rule stands.
type Retained struct {
	Rule
	Count
	Parts   *postgres.Partitions // of a table in partitions
	Removed int64                // rows, by this run: with their partitions or by themselves
	Dropped []string             // partitions, by this run
}

// Retain makes the partitions of the time to come, removes what is past its time,
// and records what it did. A rule that can't be carried out doesn't hold up the
// others.
func (s *Service) Retain(ctx context.Context) ([]Retained, error) {
	ctx = postgres.AsSystem(ctx, "retention is for everybody's data")
	now := s.now()
	var errs []error
	if _, err := postgres.MakePartitions(ctx, s.cfg.Pool); err != nil {
		errs = append(errs, err)
	}
	done := map[string]Retained{}
	for _, r := range Rules() {
		did, err := s.apply(ctx, r, now)
		if err != nil {
			errs = append(errs, fmt.Errorf("remove old %s: %w", r.Name, err))
		}
		done[r.Name] = did
	}
	if err := removeArchives(ctx, s.cfg.Pool, now); err != nil {
		errs = append(errs, fmt.Errorf("remove archives that expired: %w", err))
	}
	list, err := s.Retention(ctx)
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	for i, r := range list {
		list[i].Removed, list[i].Dropped = done[r.Name].Removed, done[r.Name].Dropped
	}
	return list, errors.Join(append(errs, s.record(ctx, list, now))...)
}

// apply carries one rule out.
func (s *Service) apply(ctx context.Context, r Rule, now time.Time) (did Retained, err error) {
	for r.parts != "" {
		d, err := postgres.DropPartition(ctx, s.cfg.Pool, r.parts)
		if err != nil {
			return did, err
		}
		if d.Name == "" {
			break
		}
		did.Dropped, did.Removed = append(did.Dropped, d.Name), did.Removed+d.Removed
	}
	for r.remove != nil {
		n, err := r.remove(ctx, s, now.Add(-r.Keep))
		if err != nil || n == 0 {
			return did, err
		}
		did.Removed += n
	}
	return did, nil
}

// record keeps what a run did.
func (s *Service) record(ctx context.Context, list []Retained, now time.Time) error {
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		var rows, partitions int64
		detail := map[string]any{}
		for _, r := range list {
			if r.remove == nil {
				continue
			}
			if err := insertRun(ctx, tx, r, now); err != nil {
				return fmt.Errorf("record a run: %w", err)
			}
			if r.Removed > 0 {
				detail[r.Name] = r.Removed
			}
			if len(r.Dropped) > 0 {
				detail["partitions of "+r.Name] = r.Dropped
			}
			if r.Held > 0 {
				detail["held of "+r.Name] = r.Held
			}
			rows, partitions = rows+r.Removed, partitions+int64(len(r.Dropped))
		}
		if rows == 0 && partitions == 0 {
			return nil
		}
		detail["rows"], detail["partitions"] = rows, partitions
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
		stands := Retained{Rule: r, Count: c}
		if r.parts != "" {
			p, err := postgres.PartitionsOf(ctx, s.cfg.Pool, r.parts)
			if err != nil {
				return nil, fmt.Errorf("look at the partitions of %s: %w", r.Name, err)
			}
			if p.Strays > 0 {
				s.cfg.Log.WarnContext(ctx, "rows fit into no partition: they are kept apart, and deleted one by one", "table", r.parts, "rows", p.Strays)
			}
			stands.Parts = &p
		}
		list = append(list, stands)
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
	queue.Defaults[RetainArgs]
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
	return queue.Every(day, RetainArgs{})
}
