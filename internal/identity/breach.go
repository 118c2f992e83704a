package identity

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/platform/postgres"
)

// Breaches knows how often a password occurs in known breaches. An error says
// that it can't say. Package provider/hibp is one.
type Breaches interface {
	Seen(ctx context.Context, password config.Secret) (int, error)
}

// ErrPasswordBreached refuses a password that others have, too.
var ErrPasswordBreached = fault.New(fault.Invalid, "password_breached",
	"That password is known from a breach of another service, so others have it. Choose another.")

const (
	// recheck is after how long a password is compared with breaches again,
	// which grow.
	recheck = 30 * 24 * time.Hour
	// lookTime bounds a look at a password after its sign-in.
	lookTime = 5 * time.Second
)

// breached asks whether p is known from a breach. When that can't be found out
// it says so by known, and the password is taken: somebody else's service being
// down must not keep people from signing up or from changing a password, and
// lookAgain asks at their next sign-in.
func (s *Service) breached(ctx context.Context, p config.Secret) (yes, known bool) {
	if s.cfg.Breaches == nil {
		return false, false
	}
	n, err := s.cfg.Breaches.Seen(ctx, p)
	if err != nil {
		s.unanswered.Add(1)
		s.cfg.Log.WarnContext(ctx, "a password wasn't compared with breaches; that is made up for at the next sign-in",
			"error", err, "unanswered", s.unanswered.Load())
		return false, false
	}
	return n > 0, true
}

// Unanswered returns how many passwords couldn't be compared with breaches
// since the start.
func (s *Service) Unanswered() int64 { return s.unanswered.Load() }

// chosen is a password that its owner may take, ready to be stored.
type chosen struct {
	hash      string
	checkedAt *time.Time // when breaches were asked about it; nil: they couldn't be
}

// notBreached refuses a breached password, and says when that was found out.
func (s *Service) notBreached(ctx context.Context, field string, p config.Secret) (*time.Time, error) {
	yes, known := s.breached(ctx, p)
	switch {
	case yes:
		return nil, in(field, ErrPasswordBreached)
	case known:
		now := s.now()
		return &now, nil
	}
	return nil, nil
}

// lookAgain compares a password with breaches that has just opened a session,
// if that wasn't done for long or couldn't be. The sign-in doesn't wait for it,
// and it keeps nobody out: whoever has such a password is told by mail, once.
// With too many under way it is left to the next sign-in.
func (s *Service) lookAgain(ctx context.Context, a account, p config.Secret) {
	if s.cfg.Breaches == nil || (a.PasswordCheckedAt != nil && s.now().Sub(*a.PasswordCheckedAt) < recheck) {
		return
	}
	select {
	case s.again <- struct{}{}:
	default:
		return
	}
	s.running.Go(func() {
		defer func() { <-s.again }()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
		defer cancel()
		yes, known := s.breached(ctx, p)
		if !known {
			return
		}
		if err := s.noteBreach(ctx, a, yes); err != nil {
			s.cfg.Log.LogAttrs(ctx, slog.LevelError, "note what breaches know of a password", slog.Any("person", a.Person), slog.String("error", err.Error()))
		}
	})
}

// noteBreach keeps what was found out about a's password, unless it has changed.
func (s *Service) noteBreach(ctx context.Context, a account, yes bool) error {
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		news, err := noteChecked(ctx, tx, a.ID, a.PasswordVersion, yes, s.now())
		if err != nil || !news {
			return wrap("store that the password was checked", err)
		}
		return wrap("tell of the breach", s.Tell(ctx, tx, audit.Entry{
			Actor: access.SystemActor("identity.breaches", a.ID), Subject: a.ID, Verb: "password.breached", Object: a.ID.String(),
		}))
	})
}

// Settle waits for what sign-ins have left to be done.
func (s *Service) Settle() { s.running.Wait() }

// Close is Settle, and ends the process that hashes.
func (s *Service) Close() {
	s.Settle()
	s.hasher.helper.stop()
}

// prepare is for a newcomer what choose is for a person: it refuses a breached
// password and hashes it.
func (s *Service) prepare(ctx context.Context, field string, p config.Secret) (chosen, error) {
	checked, err := s.notBreached(ctx, field, p)
	if err != nil {
		return chosen{}, err
	}
	phc, err := s.hasher.hash(ctx, p)
	if err != nil {
		return chosen{}, fmt.Errorf("prepare password: %w", err)
	}
	return chosen{phc, checked}, nil
}
