package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/mfa"
	"flint/internal/platform/postgres"
	"flint/internal/risk"
)

// The faults of a sign-in that takes two steps.
var (
	ErrFactor    = fault.New(fault.Unauthenticated, "mfa_required", "Now the second step.")
	ErrChallenge = fault.New(fault.Gone, "challenge_over", "That took too long. Sign in again.")
)

// challengeTTL is how long the second step may take.
const challengeTTL = 5 * time.Minute

// wrongFactor is why a sign-in was refused whose first step was right.
const wrongFactor identity.Refusal = "factor"

// opening is a sign-in whose first step was right.
type opening struct {
	person identity.Person
	proven proofRow
	before config.Secret // of the browser's earlier session
	client Client

	decision id.Decision // of package risk, once it was asked
}

// asked is what somebody is sent back with who doesn't get in yet, or at all.
type asked struct {
	why       *fault.Fault // nil: nothing is asked for
	challenge config.Secret
	methods   []string
}

func (a asked) more() bool { return a.why != nil }

func (a asked) fault() error {
	if a.challenge.IsZero() {
		return a.why
	}
	return fault.Asking(a.why, fault.Proof{Challenge: a.challenge.Reveal(), Methods: a.methods})
}

// admit begins a session in tx, if package risk has nothing against it and o's
// person has no second factor or answer is right. Without an answer it makes a
// challenge.
func (s *Service) admit(ctx context.Context, tx pgx.Tx, o opening, answer *mfa.Answer) (Grant, asked, error) {
	action, no := risk.Password, ErrCredentials
	if o.proven.How == "link" {
		action, no = risk.Link, identity.ErrLink
	}
	outcome, err := s.judge(ctx, tx, &o, action)
	if err != nil {
		return Grant{}, asked{}, err
	}
	factors, err := s.factorsOf(ctx, tx, o.person.ID)
	if err != nil {
		return Grant{}, asked{}, err
	}
	switch {
	case outcome == risk.Block:
		return Grant{}, asked{why: no}, nil
	case outcome == risk.VerifyEmail && !factors.Any():
		token, err := s.hold(ctx, tx, o)
		return Grant{}, asked{ErrVerify, token, []string{"email"}}, err
	case !factors.Any():
		g, err := s.open(ctx, tx, o)
		return g, asked{}, err
	case answer == nil:
		token, err := s.challenge(ctx, tx, o)
		var methods []string
		for _, m := range factors.Methods() {
			methods = append(methods, string(m))
		}
		return Grant{}, asked{ErrFactor, token, methods}, err
	}
	g, err := s.finish(ctx, tx, o, *answer)
	return g, asked{}, err
}

// finish begins a session in tx if answer is right.
func (s *Service) finish(ctx context.Context, tx pgx.Tx, o opening, answer mfa.Answer) (Grant, error) {
	if err := s.cfg.Factors.Use(ctx, tx, o.person.ID, answer); err != nil {
		return Grant{}, err
	}
	now := s.now()
	o.proven.FactorAt = &now
	if o.proven.How == "password" {
		o.proven.How = string(answer.Method)
	}
	return s.open(ctx, tx, o)
}

// challenge notes a sign-in that waits for its second step, and tells so in the
// security log: whoever gets this far knows the password.
func (s *Service) challenge(ctx context.Context, tx pgx.Tx, o opening) (config.Secret, error) {
	token, now := newRefresh(), s.now()
	if err := insertChallenge(ctx, tx, hash(token), o.person.ID, o.client.Delivery, o.proven.How, o.decision, now, now.Add(challengeTTL)); err != nil {
		return config.Secret{}, fmt.Errorf("store challenge: %w", err)
	}
	return token, audit.Record(ctx, tx, now, audit.Entry{
		Subject: o.person.ID, Verb: "session.ask_factor",
		Detail: map[string]any{"how": o.proven.How, "delivery": string(o.client.Delivery), "device": o.client.Device},
	})
}

// SignInWithFactor takes the second step of a sign-in. A challenge that is over,
// or was given to another kind of client, is ErrChallenge; a wrong answer is
// mfa.ErrCode and leaves the challenge as it is, but counts against the person.
func (s *Service) SignInWithFactor(ctx context.Context, challenge config.Secret, answer mfa.Answer, before config.Secret, c Client) (Grant, error) {
	ctx = postgres.AsSystem(ctx, "a sign-in: the challenge says who it is")
	ch, err := findChallenge(ctx, s.pool, hash(challenge), c.Delivery, s.now())
	if errors.Is(err, fault.ErrNotFound) {
		return Grant{}, fault.Because(ErrChallenge, err)
	}
	if err != nil {
		return Grant{}, fmt.Errorf("find challenge: %w", err)
	}
	undo, err := s.attempt(ctx, ch.UserID, c)
	if err != nil {
		return Grant{}, err
	}
	var g Grant
	var p identity.Person
	err = postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if p, err = s.people.PersonIn(ctx, tx, ch.UserID); err != nil {
			return fmt.Errorf("find person: %w", err)
		}
		// Whatever ends sessions locks the person first and ends challenges too, so
		// either it finds the session made here, or this finds no challenge.
		still, err := s.people.StillProven(ctx, tx, p)
		if err != nil {
			return err
		}
		n, err := useChallenge(ctx, tx, hash(challenge), s.now())
		if err != nil {
			return fmt.Errorf("use challenge: %w", err)
		}
		if !still || n == 0 {
			return ErrChallenge
		}
		o := opening{person: p, proven: proofRow{How: ch.How}, before: before, client: c, decision: ch.DecisionID}
		if ch.How == "password" {
			o.proven.PasswordAt = &ch.CreatedAt
		}
		g, err = s.finish(ctx, tx, o, answer)
		return err
	})
	if errors.Is(err, mfa.ErrCode) {
		return Grant{}, s.refuseFactor(ctx, p, c, err)
	}
	if err != nil {
		return Grant{}, err
	}
	undo()
	return g, nil
}

// SignInByPasskey starts a session for the owner of a passkey. Their device has
// verified them, so that is both steps in one. Whatever is wrong is
// mfa.ErrPasskey.
func (s *Service) SignInByPasskey(ctx context.Context, assertion []byte, before config.Secret, c Client) (Grant, error) {
	ctx = postgres.AsSystem(ctx, "a sign-in: the passkey says who it is")
	var g Grant
	var user id.User
	blocked := false
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		if user, err = s.cfg.Factors.Assert(ctx, tx, assertion); err != nil {
			return err
		}
		p, err := s.people.PersonIn(ctx, tx, user)
		if err != nil {
			return fmt.Errorf("find person: %w", err)
		}
		still, err := s.people.StillProven(ctx, tx, p)
		if err != nil {
			return err
		}
		if !still {
			return fault.Because(mfa.ErrPasskey, errors.New("the person is banned"))
		}
		now := s.now()
		o := opening{person: p, proven: proofRow{How: string(access.Passkey), FactorAt: &now}, before: before, client: c}
		outcome, err := s.judge(ctx, tx, &o, risk.Passkey)
		if err != nil {
			return err
		}
		if outcome == risk.Block {
			blocked = true
			return nil // it stays recorded
		}
		g, err = s.open(ctx, tx, o)
		return err
	})
	if err == nil && blocked {
		return Grant{}, mfa.ErrPasskey
	}
	if errors.Is(err, mfa.ErrPasskey) {
		return Grant{}, s.refuseFactor(ctx, identity.Person{ID: user}, c, err)
	}
	return g, err
}

// refuseFactor records a second step that failed and returns why.
func (s *Service) refuseFactor(ctx context.Context, p identity.Person, c Client, why error) error {
	if err := s.refuse(ctx, p, wrongFactor, c); !errors.Is(err, ErrCredentials) {
		return err
	}
	return why
}

// factorsOf returns which second factors user has.
func (s *Service) factorsOf(ctx context.Context, db postgres.DB, user id.User) (access.Factors, error) {
	if s.cfg.Factors == nil {
		return access.Factors{}, nil
	}
	return s.cfg.Factors.Of(ctx, db, user)
}

// FactorsChanged is told by package mfa, within its transaction, that user's
// second factors changed. What was proven in other sessions counts no more; in
// actor's own the factor counts if it was just proven, and not if none is left.
func (s *Service) FactorsChanged(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, left, proven bool) error {
	own := actor.Session
	if actor.User != user {
		own = id.Session{}
	}
	if err := s.ForgetProofs(ctx, tx, user, own); err != nil {
		return err
	}
	if err := s.endWaiting(ctx, tx, user); err != nil {
		return err
	}
	if own.IsZero() {
		return nil
	}
	if !left {
		if err := clearFactor(ctx, tx, user, own); err != nil {
			return fmt.Errorf("forget factor: %w", err)
		}
	}
	if proven {
		now := s.now()
		_, err := s.prove(ctx, tx, actor, nil, &now)
		return err
	}
	return nil
}
