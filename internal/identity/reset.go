package identity

import (
	"context"
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

// How long the links of this file work.
const (
	resetTTL = time.Hour
	setupTTL = 72 * time.Hour
)

// beat is the grain of time in which strangers are answered.
const beat = 5 * time.Millisecond

// RequestReset queues a mail with a link to choose another password, if there
// is somebody with that address. The caller can't tell.
func (s *Service) RequestReset(ctx context.Context, email string) error {
	return s.ask(ctx, email, "password.ask_reset", func(user id.User) river.JobArgs { return ResetArgs{User: user} })
}

// ask queues the mail that somebody wants for an address, and records that they
// did. For an address that nobody has it does the same work: the job is for no
// one and ends.
func (s *Service) ask(ctx context.Context, email, verb string, job func(id.User) river.JobArgs) error {
	ctx = postgres.AsSystem(ctx, "a mail that a stranger asks for by address")
	email, err := CanonicalEmail(email)
	if err != nil {
		return err
	}
	if err := s.mayMail(ctx, email); err != nil {
		return err
	}
	defer s.onTheBeat(ctx)()
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		a, err := lookUp(ctx, tx, email)
		if err != nil {
			return fmt.Errorf("find person: %w", err)
		}
		addressee := s.nobody(email)
		if !a.ID.IsZero() {
			addressee = a.ID
		}
		if err := audit.Record(ctx, tx, s.now(), audit.Entry{Actor: access.From(ctx), Subject: a.ID, Verb: verb}); err != nil {
			return err
		}
		_, err = s.queue.InsertTx(ctx, tx, job(addressee), nil)
		return err
	})
}

// onTheBeat starts a count; the func that it returns waits for the next beat.
// What differs by microseconds between somebody and nobody, such as the page of
// an index that is written to, leaves in the same answer at the same time.
func (s *Service) onTheBeat(ctx context.Context) func() {
	start := time.Now() // of the machine, not of the story
	return func() {
		wait := time.NewTimer(s.beat - time.Since(start)%s.beat)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
		}
	}
}

// Reset gives the holder of a reset link's token the password that they choose.
// Every session and every other link of theirs ends. They aren't signed in, and
// their second factors stay. A token that isn't good any more is ErrLink; a
// password that is refused doesn't use the token up.
func (s *Service) Reset(ctx context.Context, token, next config.Secret) error {
	return s.takeToken(ctx, ResetPassword, token, next, "password.reset")
}

// Setup is Reset for the link of an invitation: the person's first password.
func (s *Service) Setup(ctx context.Context, token, next config.Secret) error {
	return s.takeToken(ctx, SetupPassword, token, next, "password.setup")
}

// Invite stores a person without a password on behalf of actor, an operator,
// and queues the mail with which they choose one. Until then nobody can sign in
// as them. If the address is known it returns ErrKnown.
func (s *Service) Invite(ctx context.Context, actor access.Actor, firstName, email string, tier access.Tier) (Person, error) {
	ctx = postgres.AsSystem(ctx, "an operator invites somebody who may be known already")
	email, emailErr := CanonicalEmail(email)
	name, nameErr := cleanName(firstName)
	if err := errors.Join(emailErr, nameErr); err != nil {
		return Person{}, err
	}
	if !tier.Valid() {
		return Person{}, fault.BadField("tier", "must be free, basic, pro or premium")
	}
	p := Person{ID: id.New[id.User](), Email: email, FirstName: name, Tier: tier, CreatedAt: s.now()}
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := admit(ctx, tx, p, chosen{}); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, p.CreatedAt, audit.Entry{
			Actor: actor, Subject: p.ID, Verb: "account.invite", Object: p.ID.String(), Detail: map[string]any{"tier": string(tier)},
		}); err != nil {
			return err
		}
		if err := s.joined(ctx, tx, p.ID, ""); err != nil {
			return err
		}
		_, err := s.queue.InsertTx(ctx, tx, SetupArgs{User: p.ID}, nil)
		return err
	})
	if err != nil {
		return Person{}, err
	}
	return s.Person(ctx, p.ID)
}
