package identity

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// ErrKnown says to an operator that an address is taken. It is never shown to
// somebody who isn't one.
var ErrKnown = fault.New(fault.Conflict, "email_known", "There is an account with this address.")

// Person returns who user is, or fault.ErrNotFound.
func (s *Service) Person(ctx context.Context, user id.User) (Person, error) {
	return find(ctx, s.pool, user)
}

// PersonIn is Person as db sees it. Within a transaction it is the one to use:
// waiting there for another connection of the pool could wait for ever.
func (s *Service) PersonIn(ctx context.Context, db postgres.DB, user id.User) (Person, error) {
	return find(ctx, db, user)
}

// PersonByEmail returns who has the address, or fault.ErrNotFound. It is for
// operators and the demo; what it says must not reach a stranger.
func (s *Service) PersonByEmail(ctx context.Context, email string) (Person, error) {
	ctx = postgres.AsSystem(ctx, "an operator looks for somebody by address")
	email, err := CanonicalEmail(email)
	if err != nil {
		return Person{}, err
	}
	user, err := ownerOf(ctx, s.pool, email)
	if err != nil {
		return Person{}, fmt.Errorf("find person: %w", err)
	}
	return find(ctx, s.pool, user)
}

// Refusal is why Check refused, for the audit log alone.
type Refusal string

// The refusals. NotRefused is the empty one.
const (
	NotRefused    Refusal = ""
	Unknown       Refusal = "unknown"
	WrongPassword Refusal = "password"
	IsBanned      Refusal = "banned"
)

// Check says who is behind an address and a password. It takes the same time
// whether there is nobody, the password is wrong or the person is banned; the
// person is returned in the last two cases as well, without their name, so that
// the attempt can be recorded as theirs. An error says that nothing could be found out.
func (s *Service) Check(ctx context.Context, email string, password config.Secret) (Person, Refusal, error) {
	return s.CheckFrom(ctx, email, password, Visitor{})
}

// CheckFrom is Check for somebody who comes from v, which decides what a wrong
// password counts against; see guess.go.
func (s *Service) CheckFrom(ctx context.Context, email string, password config.Secret, v Visitor) (Person, Refusal, error) {
	ctx = postgres.AsSystem(ctx, "a password says who it is, or that it is nobody")
	if s.hasher.full() { // known before the database is asked, which others need
		return Person{}, NotRefused, fault.After(ErrBusy, s.hasher.wait)
	}
	canonical, err := CanonicalEmail(email)
	if err != nil {
		canonical = "" // nobody has that address, but the time passes all the same
	}
	device, err := s.deviceOf(ctx, canonical, v)
	if err != nil {
		return Person{}, NotRefused, err
	}
	undo, err := s.countGuess(ctx, canonical, device, v)
	if err != nil {
		return Person{}, NotRefused, err
	}
	row, err := lookUp(ctx, s.pool, canonical)
	if err != nil {
		undo()
		return Person{}, NotRefused, fmt.Errorf("find person: %w", err)
	}
	fits, err := s.hasher.verify(ctx, password, row.PasswordHash)
	if err != nil {
		undo() // nothing was learnt; and in a flood of others nobody is to lock themselves out by trying again
		return Person{}, NotRefused, err
	}
	switch {
	case row.ID.IsZero():
		return Person{}, Unknown, nil
	case !fits:
		return row.Person, WrongPassword, nil
	case row.Banned():
		return row.Person, IsBanned, nil
	}
	undo()
	a, err := openAccount(ctx, s.pool, row, nil)
	if err != nil {
		return Person{}, NotRefused, fmt.Errorf("open person: %w", err)
	}
	s.rehash(ctx, a, password)
	s.lookAgain(ctx, a, password)
	return a.Person, NotRefused, nil
}

// Ban keeps user from signing in, in tx. Package session ends what is already
// signed in, in the same transaction.
func (s *Service) Ban(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, reason string) error {
	now := s.now()
	if err := setBanned(ctx, tx, user, now); err != nil {
		return fmt.Errorf("ban: %w", err)
	}
	if err := postgres.Notify(ctx, tx, Changed, user.String()); err != nil {
		return err
	}
	return audit.Record(ctx, tx, now, audit.Entry{
		Actor: actor, Subject: user, Verb: "account.ban", Object: user.String(), Detail: map[string]any{"before": "open", "after": "closed", "reason": reason},
	})
}
