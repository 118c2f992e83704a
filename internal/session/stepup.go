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
)

// ErrProof says that what was given as proof isn't.
var ErrProof = fault.New(fault.Forbidden, "proof_wrong", "That isn't right. Try again.")

// Proof is what a person gives to show that it is still them.
type Proof struct {
	Method    access.Method
	Password  config.Secret
	Code      config.Secret // of an authenticator, or on paper
	Assertion []byte        // of a passkey
}

// StepUp renews the proofs of actor's session. What is wrong is ErrProof, is
// recorded, and counts: a stolen session is no place to guess from. Passwords count
// for the session and for all of its person's, apart from sign-ins, so that nobody
// who fails at the front door locks out who is in. Tokens stay as they are.
func (s *Service) StepUp(ctx context.Context, actor access.Actor, proof Proof) (access.Proofs, error) {
	if proof.Method != access.Password {
		return s.stepUpByFactor(ctx, actor, proof)
	}
	p, err := s.people.Person(ctx, actor.User)
	if err != nil {
		return access.Proofs{}, fmt.Errorf("find person: %w", err)
	}
	found, refused, err := s.people.CheckFrom(ctx, p.Email, proof.Password, identity.Visitor{Session: actor.Session})
	if err != nil {
		return access.Proofs{}, err
	}
	if refused != identity.NotRefused || found.ID != actor.User {
		return access.Proofs{}, s.doubt(ctx, actor, proof.Method)
	}
	var proofs access.Proofs
	err = postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		now := s.now()
		proofs, err = s.prove(ctx, tx, actor, &now, nil)
		if err != nil {
			return err
		}
		return s.recordStepUp(ctx, tx, actor, proof.Method)
	})
	return proofs, err
}

// stepUpByFactor is StepUp by a second factor. Tries are counted as those at
// sign-in are, and together with them.
func (s *Service) stepUpByFactor(ctx context.Context, actor access.Actor, proof Proof) (access.Proofs, error) {
	if s.cfg.Factors == nil {
		return access.Proofs{}, ErrProof
	}
	undo, err := s.cfg.Factors.Attempt(ctx, actor.User)
	if err != nil {
		return access.Proofs{}, err
	}
	var proofs access.Proofs
	err = postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		now := s.now()
		if err := s.cfg.Factors.Use(ctx, tx, actor.User, mfa.Answer{Method: proof.Method, Code: proof.Code, Assertion: proof.Assertion}); err != nil {
			return err
		}
		if proofs, err = s.prove(ctx, tx, actor, nil, &now); err != nil {
			return err
		}
		return s.recordStepUp(ctx, tx, actor, proof.Method)
	})
	if errors.Is(err, mfa.ErrCode) {
		return access.Proofs{}, s.doubt(ctx, actor, proof.Method)
	}
	if err != nil {
		return access.Proofs{}, err
	}
	undo()
	return proofs, nil
}

// prove stores when actor proved themselves in their session (nil: not now) and
// announces it.
func (s *Service) prove(ctx context.Context, tx pgx.Tx, actor access.Actor, password, factor *time.Time) (access.Proofs, error) {
	row, err := setProofs(ctx, tx, actor.User, actor.Session, s.now(), password, factor)
	if errors.Is(err, fault.ErrNotFound) {
		return access.Proofs{}, fault.Because(ErrToken, errors.New("the session is over"))
	}
	if err != nil {
		return access.Proofs{}, fmt.Errorf("store proofs: %w", err)
	}
	return row.proofs(), postgres.Notify(ctx, tx, Revoked, actor.Session.String())
}

func (s *Service) recordStepUp(ctx context.Context, tx pgx.Tx, actor access.Actor, m access.Method) error {
	return audit.Record(ctx, tx, s.now(), audit.Entry{
		Actor: actor, Subject: actor.User, Verb: "session.step_up", Object: actor.Session.String(), Detail: map[string]any{"how": string(m)},
	})
}

// doubt records a proof that wasn't one and returns ErrProof.
func (s *Service) doubt(ctx context.Context, actor access.Actor, m access.Method) error {
	reason := string(wrongFactor)
	if m == access.Password {
		reason = string(identity.WrongPassword)
	}
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		return audit.Record(ctx, tx, s.now(), audit.Entry{
			Actor: actor, Subject: actor.User, Verb: "session.refuse_step_up", Object: actor.Session.String(), Detail: map[string]any{"reason": reason},
		})
	})
	if err != nil {
		return fmt.Errorf("record refused step-up: %w", err)
	}
	return ErrProof
}

// Proofs returns actor with their proofs and factors as they are stored now; it
// doesn't ask the cache. Package web calls it before it demands a step-up.
func (s *Service) Proofs(ctx context.Context, actor access.Actor) (access.Actor, error) {
	st, err := s.read(ctx, actor.Session)
	if err != nil {
		return access.Actor{}, err
	}
	if st.user != actor.User {
		return access.Actor{}, fault.Because(ErrToken, errors.New("a session of somebody else"))
	}
	fresh := st.actor(actor.Session)
	fresh.Lapses = actor.Lapses
	return fresh, nil
}

// ForgetProofs takes back, within tx, what was proven in every session of user
// but one (none excepted if except is zero): whoever changes how they prove
// themselves calls it, and whoever sits in another session has to prove it anew.
func (s *Service) ForgetProofs(ctx context.Context, tx pgx.Tx, user id.User, except id.Session) error {
	if err := clearProofs(ctx, tx, user, except); err != nil {
		return fmt.Errorf("forget proofs: %w", err)
	}
	return postgres.Notify(ctx, tx, identity.Changed, user.String())
}
