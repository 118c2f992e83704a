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

const (
	// A deletion that has begun looks whether the providers have been told: at first
	// this often, then ever more rarely, since one that is down stays so for hours.
	lookAgain  = 5 * time.Second
	lookAtMost = 15 * time.Minute
	// heldFor is how often one looks whether its legal hold was released.
	heldFor = time.Hour
)

// EraseArgs asks for an account to be erased once its deletion is due.
type EraseArgs struct {
	Deletion id.Deletion `json:"deletion"`
	User     id.User     `json:"user"`
}

// Kind names the job.
func (EraseArgs) Kind() string { return "compliance.erase" }

// InsertOpts says where it runs. It mustn't give up: waiting costs no attempt,
// and failures are tried for weeks.
func (EraseArgs) InsertOpts() river.InsertOpts {
	o := queue.Options(queue.Default)
	o.MaxAttempts = 25
	return o
}

// EraseWorker runs EraseArgs.
type EraseWorker struct {
	queue.Defaults[EraseArgs]
	Service *Service
}

// Work takes the next step of a deletion, and waits for the one after.
func (w *EraseWorker) Work(ctx context.Context, job *river.Job[EraseArgs]) error {
	return queue.Again(w.Service.Proceed(ctx, job.Args.Deletion))
}

// Proceed takes the next step of a deletion and returns how long to wait for the
// one after; zero: it is over.
func (s *Service) Proceed(ctx context.Context, deletion id.Deletion) (wait time.Duration, err error) {
	ctx = postgres.AsSystem(ctx, "an erasure: what is the person's, wherever it is")
	err = postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		wait = 0
		d, err := lockDeletion(ctx, tx, deletion)
		if errors.Is(err, fault.ErrNotFound) {
			return nil // undone, or done
		}
		if err != nil {
			return fmt.Errorf("find deletion: %w", err)
		}
		if wait = d.DueAt.Sub(s.now()); wait > 0 {
			return nil
		}
		held, err := isHeld(ctx, tx, d.UserID)
		if err != nil {
			return fmt.Errorf("look for a legal hold: %w", err)
		}
		switch {
		case held:
			wait = heldFor
			return nil
		case d.BegunAt == nil:
			wait = lookAgain
			return s.begin(ctx, tx, d)
		}
		untold, failed, err := s.cfg.Untold(ctx, tx, d.UserID)
		if err != nil {
			return err
		}
		if untold > 0 {
			wait = min(max(lookAgain, s.now().Sub(*d.BegunAt)/4), lookAtMost)
			return nil
		}
		wait = 0
		return s.erase(ctx, tx, d, failed)
	})
	if err != nil {
		return 0, fmt.Errorf("erase an account: %w", err)
	}
	return wait, nil
}

// by is who carries deletions out.
func by(user id.User) access.Actor { return access.SystemActor("erasure", user) }

// begin closes the account and tells the providers. From here there is no way
// back.
func (s *Service) begin(ctx context.Context, tx pgx.Tx, d Deletion) error {
	now, actor := s.now(), by(d.UserID)
	p, err := s.cfg.People.Lock(ctx, tx, d.UserID)
	if err != nil {
		return fmt.Errorf("lock person: %w", err)
	}
	if !p.Banned() {
		if err := s.cfg.People.Ban(ctx, tx, actor, d.UserID, "deletion"); err != nil {
			return err
		}
	}
	if _, err := s.cfg.EndSessions(ctx, tx, actor, d.UserID, id.Session{}, "deletion"); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	if err := s.cfg.Leave(ctx, tx, actor, d.UserID); err != nil {
		return fmt.Errorf("leave the providers: %w", err)
	}
	if err := beginDeletion(ctx, tx, d.ID, now); err != nil {
		return fmt.Errorf("begin deletion: %w", err)
	}
	return audit.Record(ctx, tx, now, audit.Entry{Actor: actor, Subject: d.UserID, Verb: "account.begin_deletion", Object: d.ID.String()})
}

// erase removes the person's rows, and then what opens those that backups hold.
// The entry about it comes first: written afterwards, what is personal in it would
// ask for a key of somebody whose keys are being destroyed.
func (s *Service) erase(ctx context.Context, tx pgx.Tx, d Deletion, failed int) error {
	now := s.now()
	if err := endDeletion(ctx, tx, d.ID, failed, now); err != nil {
		return fmt.Errorf("end deletion: %w", err)
	}
	err := audit.Record(ctx, tx, now, audit.Entry{
		Actor: by(d.UserID), Subject: d.UserID, Verb: "account.erase", Object: d.ID.String(), Detail: map[string]any{"unrevoked": failed},
	})
	if err != nil {
		return err
	}
	if err := removeDeliveries(ctx, tx, d.UserID); err != nil {
		return fmt.Errorf("remove what providers told: %w", err)
	}
	if err := s.cfg.People.Erase(ctx, tx, d.UserID); err != nil {
		return err
	}
	if _, err := s.cfg.Keys.Shred(ctx, tx, d.UserID); err != nil {
		return err
	}
	if failed > 0 {
		s.cfg.Log.WarnContext(ctx, "an account was erased, but a provider couldn't be told", "deletion", d.ID.String(), "failed", failed)
	}
	return nil
}
