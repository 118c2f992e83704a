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
	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// A copy of somebody's data. Asked for after a fresh proof, it is made by a job,
// kept sealed under the person's key, and can be downloaded for a day, each time
// after a fresh proof: whoever has a session only for a moment gets nothing. A
// download changes nothing, so one that breaks off can be tried again.

const (
	exportLife = 24 * time.Hour
	exportMost = 3        // a day, per person
	exportSize = 64 << 20 // bytes of one archive
)

// The faults of exports.
var (
	ErrExports  = fault.New(fault.TooMany, "too_many_exports", "You have asked for three copies within a day. Try again later.")
	ErrNotReady = fault.New(fault.Conflict, "export_not_ready", "This copy is still being made.")
	ErrOver     = fault.New(fault.Gone, "export_over", "The day of this copy is over. Ask for another.")
)

// Export is a copy, or one that is being made.
type Export struct {
	ID        id.Export
	AskedAt   time.Time
	ReadyAt   *time.Time
	ExpiresAt *time.Time
	FetchedAt *time.Time
	Failed    bool
	Bytes     int64
}

// Status says how e stands at now: making, ready, expired or failed.
func (e Export) Status(now time.Time) string {
	switch {
	case e.Failed:
		return "failed"
	case e.ReadyAt == nil:
		return "making"
	case !now.Before(*e.ExpiresAt):
		return "expired"
	}
	return "ready"
}

// Places are where compliance keeps sealed values.
func Places() []envelope.Place {
	return []envelope.Place{{Table: "privacy_exports", Column: "archive", Row: "id", Owner: "user_id"}, holdPlace()}
}

func exportRef(owner id.User, export id.Export) envelope.Ref {
	return envelope.Ref{Owner: owner, Place: "privacy_exports.archive", Row: export.String()}
}

// AskExport begins a copy of the actor's data, or returns the one that is being
// made.
func (s *Service) AskExport(ctx context.Context, actor access.Actor) (e Export, err error) {
	now := s.now()
	err = postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if err := postgres.Serialize(ctx, tx, "exports:"+actor.User.String()); err != nil {
			return err
		}
		recent, err := exportsSince(ctx, tx, actor.User, now.Add(-exportLife))
		if err != nil {
			return fmt.Errorf("list exports: %w", err)
		}
		for _, r := range recent {
			if r.Status(now) == "making" {
				e = r
				return nil
			}
		}
		if len(recent) >= exportMost {
			return fault.After(ErrExports, recent[len(recent)-1].AskedAt.Add(exportLife).Sub(now))
		}
		e = Export{ID: id.New[id.Export](), AskedAt: now}
		if err := insertExport(ctx, tx, actor.User, e); err != nil {
			return fmt.Errorf("store export: %w", err)
		}
		if _, err := s.cfg.Jobs.InsertTx(ctx, tx, ExportArgs{Export: e.ID, User: actor.User}, nil); err != nil {
			return fmt.Errorf("queue export: %w", err)
		}
		return audit.Record(ctx, tx, now, audit.Entry{Actor: actor, Subject: actor.User, Verb: "export.ask", Object: e.ID.String()})
	})
	if err != nil {
		return e, fmt.Errorf("ask for an export: %w", err)
	}
	return e, nil
}

// Exports lists the actor's of the last days, the newest first.
func (s *Service) Exports(ctx context.Context, actor access.Actor) ([]Export, error) {
	return exportsSince(ctx, s.cfg.Pool, actor.User, s.now().Add(-7*24*time.Hour))
}

// FetchExport returns a copy's archive.
func (s *Service) FetchExport(ctx context.Context, actor access.Actor, export id.Export) (archive []byte, err error) {
	now := s.now()
	err = postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		e, err := lockExport(ctx, tx, actor.User, export)
		if err != nil {
			return err
		}
		switch e.Status(now) {
		case "making":
			return ErrNotReady
		case "ready":
		default:
			return ErrOver
		}
		if archive, err = s.cfg.Keys.Open(ctx, exportRef(actor.User, export), e.Archive); err != nil {
			return fmt.Errorf("open the archive: %w", err)
		}
		if err := fetchExport(ctx, tx, actor.User, export, now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, now, audit.Entry{Actor: actor, Subject: actor.User, Verb: "export.fetch", Object: export.String()})
	})
	if err != nil {
		return nil, fmt.Errorf("fetch export: %w", err)
	}
	return archive, nil
}

// ExportArgs asks for a copy to be made.
type ExportArgs struct {
	Export id.Export `json:"export"`
	User   id.User   `json:"user"`
}

// Kind names the job.
func (ExportArgs) Kind() string { return "compliance.export" }

// InsertOpts says where it runs.
func (ExportArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Default) }

// ExportWorker makes them.
type ExportWorker struct {
	queue.Defaults[ExportArgs]
	Service *Service
}

// Timeout bounds one attempt.
func (*ExportWorker) Timeout(*river.Job[ExportArgs]) time.Duration { return 5 * time.Minute }

// Work makes the copy, unless it is made or its person is gone.
func (w *ExportWorker) Work(ctx context.Context, job *river.Job[ExportArgs]) error {
	s, owner, export := w.Service, job.Args.User, job.Args.Export
	ctx = postgres.AsUser(ctx, owner)
	now := s.now()
	archive, err := s.archive(ctx, owner, now)
	if errors.Is(err, errTooLarge) {
		return failExport(ctx, s.cfg.Pool, owner, export)
	}
	if err != nil {
		return fmt.Errorf("make an export: %w", err)
	}
	if archive == nil {
		return nil
	}
	sealed, err := s.cfg.Keys.Seal(ctx, exportRef(owner, export), archive)
	if err != nil {
		return fmt.Errorf("seal an export: %w", err)
	}
	if err := storeExport(ctx, s.cfg.Pool, owner, export, sealed, len(archive), now, now.Add(exportLife)); err != nil {
		return fmt.Errorf("store an export: %w", err)
	}
	return nil
}
