package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// ChangePassword gives actor another password. They prove that they know the
// present one; wrong tries count as those at a step-up do. Every other
// session ends, and so does every link that could open the account, in the
// transaction of the change. The person is told by mail.
func (s *Service) ChangePassword(ctx context.Context, actor access.Actor, present, next config.Secret) error {
	a, err := accountOf(ctx, s.pool, actor.User)
	if err != nil {
		return fmt.Errorf("find person: %w", err)
	}
	undo, err := s.countGuess(ctx, a.Email, "", Visitor{Session: actor.Session})
	if err != nil {
		return err
	}
	fits, err := s.hasher.verify(ctx, present, a.PasswordHash)
	if err != nil {
		return err
	}
	if !fits {
		if err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
			return audit.Record(ctx, tx, s.now(), audit.Entry{Actor: actor, Subject: a.ID, Verb: "password.refuse"})
		}); err != nil {
			return fmt.Errorf("record refused password: %w", err)
		}
		return in("body.currentPassword", ErrPasswordWrong)
	}
	undo()
	choice, err := s.choose(ctx, "body.newPassword", a, next)
	if err != nil {
		return err
	}
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		changed, err := s.replace(ctx, tx, actor, a, choice, "password.change")
		if err == nil && !changed { // it was changed meanwhile, so what was proven isn't the present one
			return in("body.currentPassword", ErrPasswordWrong)
		}
		return err
	})
}

// choose returns a password that a may take, or the fault that says
// why they may not.
func (s *Service) choose(ctx context.Context, field string, a account, next config.Secret) (chosen, error) {
	if err := s.checkChoice(field, next, a.FirstName, a.Email); err != nil {
		return chosen{}, err
	}
	past, err := pastPasswords(ctx, s.pool, a.ID)
	if err != nil {
		return chosen{}, fmt.Errorf("read earlier passwords: %w", err)
	}
	for _, phc := range append([]string{a.PasswordHash}, past...) {
		if phc == "" {
			continue
		}
		same, err := s.hasher.verify(ctx, next, phc)
		if err != nil {
			return chosen{}, err
		}
		if same {
			return chosen{}, in(field, ErrPasswordUsed)
		}
	}
	return s.prepare(ctx, field, next)
}

// replace stores a hash in tx and ends what the earlier password had opened,
// but for actor's own session. It reports false if the password isn't the one
// that a was read with any more.
//
// The order matters: with the person's row and their tokens locked first, a
// sign-in under way has either stored its session, which then ends here, or
// finds that what it proved has changed (StillProven) or that its link is over.
func (s *Service) replace(ctx context.Context, tx pgx.Tx, actor access.Actor, a account, c chosen, verb string) (bool, error) {
	if s.cfg.EndSessions == nil {
		return false, errors.New("change password: nothing ends sessions here")
	}
	now := s.now()
	changed, err := replacePassword(ctx, tx, a.ID, a.PasswordVersion, c, now)
	if err != nil || !changed {
		return false, wrap("store password", err)
	}
	if err := forgetPasswords(ctx, tx, a.ID); err != nil {
		return false, fmt.Errorf("forget old passwords: %w", err)
	}
	if err := endOpeners(ctx, tx, a.ID, now); err != nil {
		return false, fmt.Errorf("end links: %w", err)
	}
	ended, err := s.cfg.EndSessions(ctx, tx, actor, a.ID, actor.Session, "password")
	if err != nil {
		return false, fmt.Errorf("end sessions: %w", err)
	}
	e := audit.Entry{Actor: actor, Subject: a.ID, Verb: verb, Object: a.ID.String(), Detail: map[string]any{"sessions": ended}}
	if verb == "password.setup" { // they were invited to do that, and have just done it
		return true, audit.Record(ctx, tx, now, e)
	}
	return true, wrap("tell of the new password", s.Tell(ctx, tx, e))
}

// StillProven reports whether p's password is the one that p was read with, and
// p may still sign in. Until tx ends neither can change. Whoever lets somebody
// in by a password asks it in the transaction that does so.
func (s *Service) StillProven(ctx context.Context, tx pgx.Tx, p Person) (bool, error) {
	ok, err := unchanged(ctx, tx, p.ID, p.PasswordVersion)
	return ok, wrap("look at the password again", err)
}

// passwordOf returns who may use a mailed token, and the hash of the password
// that they choose. The token isn't used up by that: a refused choice must not
// cost the link.
func (s *Service) passwordOf(ctx context.Context, purpose Purpose, token, next config.Secret) (account, chosen, error) {
	user, err := tokenUser(ctx, s.pool, tokenHash(token), purpose, s.now())
	if fault.KindOf(err) == fault.NotFound {
		return account{}, chosen{}, fault.Because(ErrLink, err)
	}
	if err != nil {
		return account{}, chosen{}, fmt.Errorf("look at token: %w", err)
	}
	a, err := accountOf(ctx, s.pool, user)
	if err != nil {
		return account{}, chosen{}, fmt.Errorf("find person: %w", err)
	}
	if a.Banned() {
		return account{}, chosen{}, ErrLink
	}
	choice, err := s.choose(ctx, "body.password", a, next)
	return a, choice, err
}

// takeToken gives the holder of a mailed token the password that they choose.
// They aren't signed in by that, and second factors stay.
func (s *Service) takeToken(ctx context.Context, purpose Purpose, token, next config.Secret, verb string) error {
	ctx = postgres.AsSystem(ctx, "the link of a mail says who it is")
	a, choice, err := s.passwordOf(ctx, purpose, token, next)
	if err != nil {
		return err
	}
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		user, err := s.UseToken(ctx, tx, purpose, token)
		if err != nil {
			return err
		}
		if user != a.ID {
			return ErrLink
		}
		// Nobody but the owner of the address can have had the token.
		if !a.Confirmed() {
			if err := s.confirm(ctx, tx, a.ID); err != nil {
				return err
			}
		}
		changed, err := s.replace(ctx, tx, access.Actor{User: a.ID}, a, choice, verb)
		if err == nil && !changed {
			return ErrLink
		}
		return err
	})
}

// wrap is nil for nil, and otherwise says what was attempted.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// nobody is the person in the job for an address that nobody has: the job finds
// no one and ends. It is the same for the same address, so that asking twice
// does the same work as for somebody.
func (s *Service) nobody(email string) id.User {
	h := tokenHash(config.NewSecret(s.hasher.dummy + email))
	return id.User(h[:16])
}
