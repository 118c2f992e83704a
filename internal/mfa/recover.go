package mfa

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

// A lost factor: a way back that takes both the password and the mailbox, three
// days, and nobody who objects.
//
// AskRecovery is the begin, for who has given the password at sign-in. The owner
// is told by mail, at once and halfway, with a link that stops it. Once it is due
// a last mail brings the link that removes the factors and ends all sessions. It
// stops by itself as soon as any factor is used, the password changes, or a week
// after it was due.
//
// An operator's reset waits too, a day unless configured otherwise. It needs no
// link at the end, since they have made sure of who it is; the links that stop it
// are the same. A second operator can shorten the wait with the code that the
// first one was given.

const (
	recoveryWait = 72 * time.Hour
	recoveryLife = 7 * 24 * time.Hour // after it is due
)

// The purposes of a recovery's tokens.
const (
	toStop   = "stop"
	toFinish = "finish"
	toHurry  = "hurry" // a second operator's
)

// The ends of a recovery.
const (
	recoveryDone    = "done"
	recoveryStopped = "stopped"
	recoveryUsed    = "used" // the factor wasn't lost
	replaced        = "replaced"
	lapsed          = "lapsed"
)

// ErrRecovery says that a recovery's link, or an operator's code, is good for
// nothing (any more).
var ErrRecovery = fault.New(fault.Gone, "recovery_over", "This link doesn't work any more. If you still can't sign in, ask again.")

// ErrTooSoon says that a recovery isn't due.
var ErrTooSoon = fault.New(fault.Conflict, "recovery_too_soon", "This has to wait a little longer.")

// Recovery is a removal of somebody's factors that waits.
type Recovery struct {
	ID    id.Recovery
	User  id.User
	Due   time.Time
	Hurry string // what a second operator gives to finish it now; for operators alone
}

// AskRecovery begins the removal of user's factors in tx. The caller has seen
// that it is them by their password. If one waits already, that one is returned,
// and nothing else happens.
func (s *Service) AskRecovery(ctx context.Context, tx pgx.Tx, user id.User, device string) (Recovery, error) {
	return s.beginRecovery(ctx, tx, access.Actor{}, user, "owner", recoveryWait, map[string]any{"device": device})
}

// AskReset begins the removal of user's factors on behalf of actor, an operator.
// ErrNone: there is nothing to remove.
func (s *Service) AskReset(ctx context.Context, actor access.Actor, user id.User) (r Recovery, err error) {
	ctx = postgres.AsUser(ctx, user)
	err = postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		f, err := factorsOf(ctx, tx, user)
		if err != nil {
			return fmt.Errorf("look for second factors: %w", err)
		}
		if !f.Any() {
			return ErrNone
		}
		r, err = s.beginRecovery(ctx, tx, actor, user, "operator", s.cfg.ResetWait, nil)
		return err
	})
	return r, err
}

func (s *Service) beginRecovery(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, by string, wait time.Duration, detail map[string]any) (Recovery, error) {
	now := s.now()
	if err := lockPerson(ctx, tx, user); err != nil { // of two at once, one finds the other's
		return Recovery{}, fmt.Errorf("lock person: %w", err)
	}
	row, err := waitingRecovery(ctx, tx, user)
	switch {
	case err == nil && row.AskedBy == by && now.Before(row.DueAt.Add(recoveryLife)):
		return s.recovery(row), nil
	case err == nil:
		end := replaced
		if by == row.AskedBy {
			end = lapsed
		}
		if err := endRecovery(ctx, tx, row.ID, end, now); err != nil {
			return Recovery{}, fmt.Errorf("end the earlier recovery: %w", err)
		}
	case !errors.Is(err, fault.ErrNotFound):
		return Recovery{}, fmt.Errorf("find recovery: %w", err)
	}
	row = recoveryRow{ID: id.New[id.Recovery](), UserID: user, AskedBy: by, CreatedAt: now, DueAt: now.Add(wait)}
	if err := insertRecovery(ctx, tx, row); err != nil {
		return Recovery{}, fmt.Errorf("store recovery: %w", err)
	}
	for which, at := range map[string]time.Time{mailAsked: now, mailHalfway: now.Add(wait / 2), mailDue: row.DueAt} {
		o := RecoveryArgs{}.InsertOpts()
		o.ScheduledAt = at
		if _, err := s.cfg.Jobs.InsertTx(ctx, tx, RecoveryArgs{Recovery: row.ID, User: user, Step: which}, &o); err != nil {
			return Recovery{}, fmt.Errorf("queue mail: %w", err)
		}
	}
	return s.recovery(row), audit.Record(ctx, tx, now, audit.Entry{
		Actor: actor, Subject: user, Verb: "factor.ask_recovery", Object: row.ID.String(), Detail: detail,
	})
}

func (s *Service) recovery(row recoveryRow) Recovery {
	return Recovery{ID: row.ID, User: row.UserID, Due: row.DueAt.UTC(), Hurry: s.recoveryToken(row.ID, toHurry).Reveal()}
}

// StopRecovery ends the recovery whose stop token this is. ErrRecovery: it is
// over, or never was.
func (s *Service) StopRecovery(ctx context.Context, token config.Secret) error {
	return s.withRecovery(ctx, token, toStop, func(ctx context.Context, tx pgx.Tx, row recoveryRow) error {
		if err := endRecovery(ctx, tx, row.ID, recoveryStopped, s.now()); err != nil {
			return fmt.Errorf("end recovery: %w", err)
		}
		return s.recordStop(ctx, tx, access.Actor{User: row.UserID}, row.ID, "link")
	})
}

// FinishRecovery removes the factors of the holder of a finish token, and ends
// their sessions. ErrTooSoon: it isn't due; ErrRecovery: it is over.
func (s *Service) FinishRecovery(ctx context.Context, token config.Secret) error {
	return s.withRecovery(ctx, token, toFinish, func(ctx context.Context, tx pgx.Tx, row recoveryRow) error {
		if s.now().Before(row.DueAt) {
			return ErrTooSoon
		}
		return s.finishRecovery(ctx, tx, access.Actor{User: row.UserID}, row)
	})
}

// HurryReset finishes an operator's reset before it is due, on behalf of actor,
// who was given the code by the operator who began it.
func (s *Service) HurryReset(ctx context.Context, actor access.Actor, user id.User, code config.Secret) error {
	return s.withRecovery(ctx, code, toHurry, func(ctx context.Context, tx pgx.Tx, row recoveryRow) error {
		if row.AskedBy != "operator" || row.UserID != user {
			return ErrRecovery
		}
		return s.finishRecovery(ctx, tx, actor, row)
	})
}

// withRecovery runs fn with the waiting recovery that token is for.
func (s *Service) withRecovery(ctx context.Context, token config.Secret, purpose string, fn func(context.Context, pgx.Tx, recoveryRow) error) error {
	recovery, err := s.readRecoveryToken(token, purpose)
	if err != nil {
		return err
	}
	ctx = postgres.AsSystem(ctx, "the token of a recovery says whose it is")
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		row, err := lockRecovery(ctx, tx, recovery)
		if errors.Is(err, fault.ErrNotFound) || (err == nil && !s.now().Before(row.DueAt.Add(recoveryLife))) {
			return fault.Because(ErrRecovery, errors.New("no recovery that waits"))
		}
		if err != nil {
			return fmt.Errorf("find recovery: %w", err)
		}
		return fn(ctx, tx, row)
	})
}

// finishRecovery removes every factor and ends every session of row's person.
func (s *Service) finishRecovery(ctx context.Context, tx pgx.Tx, actor access.Actor, row recoveryRow) error {
	if err := endRecovery(ctx, tx, row.ID, recoveryDone, s.now()); err != nil {
		return fmt.Errorf("end recovery: %w", err)
	}
	if err := s.removeAll(ctx, tx, actor, row.UserID, "recovery"); err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	if s.cfg.EndSessions == nil {
		return nil
	}
	if _, err := s.cfg.EndSessions(ctx, tx, actor, row.UserID, id.Session{}, "factor"); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// notLost ends in tx what waits to remove user's factors: one was just used.
func (s *Service) notLost(ctx context.Context, tx pgx.Tx, user id.User) error {
	return s.stopWaiting(ctx, tx, user, recoveryUsed, "factor")
}

// PasswordChanged ends in tx the recovery that was asked for with the password
// before. An operator's goes on: it didn't rest on that.
func (s *Service) PasswordChanged(ctx context.Context, tx pgx.Tx, user id.User) error {
	row, err := waitingRecovery(ctx, tx, user)
	if errors.Is(err, fault.ErrNotFound) || (err == nil && row.AskedBy != "owner") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find recovery: %w", err)
	}
	return s.stopWaiting(ctx, tx, user, recoveryStopped, "password")
}

func (s *Service) stopWaiting(ctx context.Context, tx pgx.Tx, user id.User, outcome, why string) error {
	row, err := waitingRecovery(ctx, tx, user)
	if errors.Is(err, fault.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find recovery: %w", err)
	}
	if err := endRecovery(ctx, tx, row.ID, outcome, s.now()); err != nil {
		return fmt.Errorf("end recovery: %w", err)
	}
	return s.recordStop(ctx, tx, access.Actor{User: user}, row.ID, why)
}

func (s *Service) recordStop(ctx context.Context, tx pgx.Tx, actor access.Actor, recovery id.Recovery, how string) error {
	return audit.Record(ctx, tx, s.now(), audit.Entry{
		Actor: actor, Subject: actor.User, Verb: "factor.stop_recovery", Object: recovery.String(), Detail: map[string]any{"how": how},
	})
}

// recoveryToken returns the token of a recovery for a purpose. It is the same
// each time, so that a mail that is sent again is the same mail.
func (s *Service) recoveryToken(recovery id.Recovery, purpose string) config.Secret {
	mac := s.cfg.Keys.Mac("mfa_recovery", append([]byte(purpose), recovery[:]...))
	return config.NewSecret(base64.RawURLEncoding.EncodeToString(append(recovery[:], mac...)))
}

func (s *Service) readRecoveryToken(token config.Secret, purpose string) (id.Recovery, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token.Reveal())
	var recovery id.Recovery
	if err != nil || len(raw) < len(recovery) {
		return recovery, fault.Because(ErrRecovery, errors.New("not a token"))
	}
	copy(recovery[:], raw)
	if !hmac.Equal([]byte(s.recoveryToken(recovery, purpose).Reveal()), []byte(token.Reveal())) {
		return recovery, fault.Because(ErrRecovery, errors.New("not a token of ours, or for something else"))
	}
	return recovery, nil
}

// RecoveryArgs asks for one step of a recovery: a mail, or an operator's removal.
type RecoveryArgs struct {
	Recovery id.Recovery `json:"recovery"`
	User     id.User     `json:"user"`
	Step     string      `json:"step"`
}

// Kind names the job.
func (RecoveryArgs) Kind() string { return "mfa.recovery" }

var _ river.JobArgs = RecoveryArgs{}
