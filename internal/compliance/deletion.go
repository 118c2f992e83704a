package compliance

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// UndoTime is how long a deletion waits and can be undone.
const UndoTime = 14 * 24 * time.Hour

// remindBefore is how long before its end the person is reminded.
const remindBefore = 2 * 24 * time.Hour

// Deletion is an account's way out.
type Deletion struct {
	ID             id.Deletion
	UserID         id.User
	AskedBy        string // owner, or retention: nobody has been here for years
	AskedAt, DueAt time.Time
	BegunAt        *time.Time // it can't be undone since then
	EndedAt        *time.Time
	Unrevoked      int
}

// Ask begins the deletion of the actor's account. If it has begun already, that
// deletion is returned, and nothing else happens.
func (s *Service) Ask(ctx context.Context, actor access.Actor) (Deletion, error) {
	return s.askFor(ctx, actor, actor.User)
}

func (s *Service) askFor(ctx context.Context, actor access.Actor, user id.User) (Deletion, error) {
	var d Deletion
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) (err error) {
		if _, err = s.cfg.People.Lock(ctx, tx, user); err != nil { // of two at once, one finds the other's
			return fmt.Errorf("lock person: %w", err)
		}
		if d, err = waiting(ctx, tx, user); !errors.Is(err, fault.ErrNotFound) {
			return err
		}
		now := s.now()
		d = Deletion{ID: id.New[id.Deletion](), UserID: user, AskedBy: "owner", AskedAt: now, DueAt: now.Add(UndoTime)}
		if actor.System != "" {
			d.AskedBy = actor.System
		}
		if err := insertDeletion(ctx, tx, d); err != nil {
			return fmt.Errorf("store deletion: %w", err)
		}
		for step, at := range map[string]time.Time{stepAsked: now, stepReminder: d.DueAt.Add(-remindBefore)} {
			if err := s.queue(ctx, tx, LetterArgs{Deletion: d.ID, User: d.UserID, Step: step}, at); err != nil {
				return err
			}
		}
		if err := s.queue(ctx, tx, EraseArgs{Deletion: d.ID, User: d.UserID}, d.DueAt); err != nil {
			return err
		}
		return audit.Record(ctx, tx, now, audit.Entry{Actor: actor, Subject: user, Verb: "account.ask_deletion", Object: d.ID.String()})
	})
	if err != nil {
		return d, fmt.Errorf("ask for deletion: %w", err)
	}
	return d, nil
}

// queue adds a job to tx that runs at a time.
func (s *Service) queue(ctx context.Context, tx pgx.Tx, args job, at time.Time) error {
	o := args.InsertOpts()
	if at.After(s.now()) {
		o.ScheduledAt = at
	}
	if _, err := s.cfg.Jobs.InsertTx(ctx, tx, args, &o); err != nil {
		return fmt.Errorf("queue %s: %w", args.Kind(), err)
	}
	return nil
}

// Waiting returns the actor's deletion that isn't over. fault.ErrNotFound: none.
func (s *Service) Waiting(ctx context.Context, actor access.Actor) (Deletion, error) {
	return waiting(ctx, s.cfg.Pool, actor.User)
}

// Undo keeps the actor's account. ErrNoDeletion: nothing is to be undone;
// ErrTooLate: it has begun.
func (s *Service) Undo(ctx context.Context, actor access.Actor) error {
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		d, err := waiting(ctx, tx, actor.User)
		if errors.Is(err, fault.ErrNotFound) {
			return ErrNoDeletion
		}
		if err != nil {
			return fmt.Errorf("find deletion: %w", err)
		}
		return s.undo(ctx, tx, actor, d, "account")
	})
}

// UndoByLink keeps the account that a mail's token is for. ErrLink: there is
// nothing to undo (any more).
func (s *Service) UndoByLink(ctx context.Context, token config.Secret) error {
	deletion, err := s.readToken(token)
	if err != nil {
		return err
	}
	ctx = postgres.AsSystem(ctx, "the link of a mail says whose deletion it undoes")
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		d, err := lockDeletion(ctx, tx, deletion)
		if errors.Is(err, fault.ErrNotFound) {
			return fault.Because(ErrLink, errors.New("no deletion that waits"))
		}
		if err != nil {
			return fmt.Errorf("find deletion: %w", err)
		}
		return s.undo(ctx, tx, access.Actor{User: d.UserID}, d, "link")
	})
}

func (s *Service) undo(ctx context.Context, tx pgx.Tx, actor access.Actor, d Deletion, how string) error {
	n, err := undoDeletion(ctx, tx, d.ID, s.now())
	if err != nil {
		return fmt.Errorf("undo deletion: %w", err)
	}
	if n == 0 {
		return ErrTooLate
	}
	return audit.Record(ctx, tx, s.now(), audit.Entry{
		Actor: actor, Subject: d.UserID, Verb: "account.undo_deletion", Object: d.ID.String(), Detail: map[string]any{"how": how},
	})
}

// token returns what undoes a deletion. It is the same each time, so that a mail
// that is sent again is the same mail, and nothing of it is stored.
func (s *Service) token(deletion id.Deletion) config.Secret {
	mac := s.cfg.Keys.Mac("undo_deletion", deletion[:])
	return config.NewSecret(base64.RawURLEncoding.EncodeToString(append(deletion[:], mac...)))
}

func (s *Service) readToken(token config.Secret) (id.Deletion, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token.Reveal())
	var deletion id.Deletion
	if err != nil || len(raw) < len(deletion) {
		return deletion, fault.Because(ErrLink, errors.New("not a token"))
	}
	copy(deletion[:], raw)
	if !hmac.Equal([]byte(s.token(deletion).Reveal()), []byte(token.Reveal())) {
		return deletion, fault.Because(ErrLink, errors.New("not a token of ours"))
	}
	return deletion, nil
}

type job interface {
	river.JobArgs
	river.JobArgsWithInsertOpts
}
