package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"golang.org/x/text/unicode/norm"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Newcomer is what somebody says about themselves when they sign up.
type Newcomer struct {
	FirstName string
	LastName  string // may be empty
	Email     string
	Password  config.Secret
	Terms     string // the version that they accept; empty: they weren't asked
}

func (s *Service) checkNewcomer(n Newcomer) (Newcomer, error) {
	email, emailErr := CanonicalEmail(n.Email)
	name, nameErr := cleanName(n.FirstName)
	last, lastErr := cleanLastName(n.LastName)
	words := []string{n.FirstName, n.Email}
	if last != "" {
		words = append(words, last)
	}
	var bad *fault.Fault
	for _, err := range []error{nameErr, lastErr, emailErr, s.checkChoice("body.password", n.Password, words...)} {
		if f := fault.Of(err); f != nil && bad == nil {
			bad = f
		} else if f != nil {
			bad = fault.About(bad, f.Fields[0].Where, f.Fields[0].Message)
		}
	}
	if bad != nil {
		return Newcomer{}, bad
	}
	if n.Terms != "" && s.cfg.CheckTerms != nil {
		if err := s.cfg.CheckTerms(n.Terms); err != nil {
			return Newcomer{}, err
		}
	}
	return Newcomer{FirstName: name, LastName: last, Email: email, Password: n.Password, Terms: n.Terms}, nil
}

// joined tells of somebody who is new; the zero user: who isn't.
func (s *Service) joined(ctx context.Context, tx pgx.Tx, user id.User, terms string) error {
	if s.cfg.Joined == nil {
		return nil
	}
	return s.cfg.Joined(ctx, tx, user, terms)
}

// cleanName accepts a line of 1 to 80 characters without control characters and
// without the marks that make text run backwards.
func cleanName(s string) (string, error) {
	s = norm.NFC.String(strings.TrimSpace(s))
	odd := strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == utf8.RuneError || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
	})
	if n := utf8.RuneCountInString(s); n < 1 || n > 80 || odd {
		return "", fault.BadField("body.firstName", "must be a name of 1 to 80 characters")
	}
	return s, nil
}

// cleanLastName is cleanName for what may be left out.
func cleanLastName(s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "", nil
	}
	clean, err := cleanName(s)
	if err != nil {
		return "", fault.BadField("body.lastName", "must be a name of at most 80 characters")
	}
	return clean, nil
}

// Register stores a newcomer and queues the mail that asks them to confirm.
// If the address is known it changes nothing and queues a mail to its owner; the
// caller can't tell the two apart.
func (s *Service) Register(ctx context.Context, n Newcomer) error {
	ctx = postgres.AsSystem(ctx, "a newcomer, or somebody who is known already")
	n, err := s.checkNewcomer(n)
	if err != nil {
		return err
	}
	choice, err := s.prepare(ctx, "body.password", n.Password) // also for a known address: it takes the time
	if err != nil {
		return err
	}
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		p := Person{
			ID: id.New[id.User](), Email: n.Email, FirstName: n.FirstName, LastName: n.LastName, Tier: s.cfg.NewUserTier, CreatedAt: s.now(),
		}
		owner, err := insertPerson(ctx, tx, p, choice)
		if err != nil {
			return fmt.Errorf("store person: %w", err)
		}
		verb, job, newcomer := "account.register", river.JobArgs(ConfirmArgs{User: owner}), owner
		switch {
		case owner.IsZero(): // whose it was can get it back, and has mails that say so
			verb, job = "account.register_again", NoticeArgs{User: s.nobody(n.Email)}
		case owner != p.ID:
			verb, job, newcomer = "account.register_again", NoticeArgs{User: owner}, id.User{}
		}
		if err := audit.Record(ctx, tx, p.CreatedAt, audit.Entry{
			Actor: access.From(ctx), Subject: owner, Verb: verb, Object: owner.String(),
		}); err != nil {
			return err
		}
		if err := s.joined(ctx, tx, newcomer, n.Terms); err != nil {
			return err
		}
		_, err = s.queue.InsertTx(ctx, tx, job, nil)
		return err
	})
}

// Resend queues another confirmation mail, if there is somebody to confirm. The
// caller can't tell.
func (s *Service) Resend(ctx context.Context, email string) error {
	return s.ask(ctx, email, "email.resend", func(user id.User) river.JobArgs { return ConfirmArgs{User: user} })
}

// Confirm takes back the token of a confirmation mail. It reports already when
// the same link had done its work before. Any other token is ErrLink.
func (s *Service) Confirm(ctx context.Context, token config.Secret) (already bool, err error) {
	ctx = postgres.AsSystem(ctx, "the link of a mail says who it is")
	err = postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		already = false
		user, err := s.UseToken(ctx, tx, ConfirmEmail, token)
		if errors.Is(err, ErrLink) {
			if already, err = usedByConfirmed(ctx, tx, tokenHash(token)); err == nil && !already {
				return ErrLink
			}
			return err
		}
		if err != nil {
			return err
		}
		return s.confirm(ctx, tx, user)
	})
	return already, err
}

func (s *Service) confirm(ctx context.Context, tx pgx.Tx, user id.User) error {
	now := s.now()
	if err := setConfirmed(ctx, tx, user, now); err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	if err := postgres.Notify(ctx, tx, Changed, user.String()); err != nil {
		return err
	}
	return audit.Record(ctx, tx, now, audit.Entry{
		Actor: access.From(ctx), Subject: user, Verb: "email.confirm", Object: user.String(),
	})
}

// Admit stores a confirmed person on behalf of actor, an operator or the demo.
// If the address is known it returns a Conflict.
func (s *Service) Admit(ctx context.Context, actor access.Actor, n Newcomer, tier access.Tier) (Person, error) {
	ctx = postgres.AsSystem(ctx, "an operator admits somebody who may be known already")
	n, err := s.checkNewcomer(n)
	if err != nil {
		return Person{}, err
	}
	if !tier.Valid() {
		return Person{}, fault.BadField("tier", "must be free, basic, pro or premium")
	}
	choice, err := s.prepare(ctx, "body.password", n.Password)
	if err != nil {
		return Person{}, err
	}
	p := Person{ID: id.New[id.User](), Email: n.Email, FirstName: n.FirstName, LastName: n.LastName, Tier: tier, CreatedAt: s.now()}
	err = postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := admit(ctx, tx, p, choice); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, p.CreatedAt, audit.Entry{
			Actor: actor, Subject: p.ID, Verb: "account.admit", Object: p.ID.String(), Detail: map[string]any{"tier": string(tier)},
		}); err != nil {
			return err
		}
		if err := s.joined(ctx, tx, p.ID, n.Terms); err != nil {
			return err
		}
		return s.confirm(access.With(ctx, actor), tx, p.ID)
	})
	if err != nil {
		return Person{}, err
	}
	return s.Person(ctx, p.ID)
}
