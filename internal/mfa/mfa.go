// Package mfa keeps people's second factors: authenticator apps (TOTP, RFC
// 6238), passkeys (WebAuthn) and backup codes.
//
// The life of an authenticator: Setup makes a secret, seals it and shows it
// once, as text and as a QR code. Until Confirm has seen a code made from it, it
// is pending and counts for nothing; an earlier authenticator goes on working.
// From then on each code opens one thing once: Use notes its 30-second step, and
// no code of that step or an earlier one works again. Disable removes it.
//
// The life of a passkey: its options carry a challenge that nothing stores, the
// browser answers with a public key bound to this origin, AddPasskey keeps it
// under a name. From then on an answer to other options, signed with its key
// after the device has verified its user, is proof enough by itself: it is two
// factors in one. A counter that goes back refuses it, RemovePasskey ends it.
//
// With the first factor come ten backup codes, for the day when the phone is
// gone. They are shown once, kept as keyed hashes (the key is in the ring, not in
// the database), and each works once. They are no factor by themselves, and go
// with the last one. Renew replaces them.
//
// Who has lost them all gets back in by AskRecovery, with password, mailbox and
// three days of patience; see recover.go.
//
// Guesses are counted per person (limit "factor"), whichever sign-in or session
// they come through: a new challenge is no new set of tries. Every change is
// recorded, told to the person by mail, and takes back what was proven in their
// other sessions.
//
// Package session asks who has what (Of), and Use whether an answer is right.
package mfa

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
	"flint/internal/platform/web"
	"flint/internal/ratelimit"
)

// The faults of mfa.
var (
	ErrCode    = fault.New(fault.Unauthenticated, "mfa_wrong", "That code isn't right, or it was used before. Wait for the next one.")
	ErrPending = fault.New(fault.Conflict, "factor_not_pending", "There is nothing to confirm. Start again.")
	ErrNone    = fault.New(fault.Conflict, "no_factor", "There is no second factor on this account.")
)

// Config is what the package needs.
type Config struct {
	Pool   *pgxpool.Pool
	Keys   *envelope.Keys
	People *identity.Service
	Limits *ratelimit.Limiter
	Origin config.Origin // what passkeys are bound to

	// Changed is told, within the transaction, that user's factors changed:
	// whether one is left, and whether actor has just proven one. It takes back
	// what was proven in other sessions.
	Changed func(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, left, proven bool) error

	// Jobs takes the mails of recoveries, and EndSessions ends everything that
	// user's sessions open, as identity.Config has it.
	Jobs        queue.Inserter
	EndSessions func(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, except id.Session, reason string) (int, error)
	// ResetWait is how long an operator's reset waits; default: a day.
	ResetWait time.Duration

	Now func() time.Time // default: time.Now
}

// Settings is what the operator decides about second factors.
type Settings struct {
	// ResetWait is how long an operator's reset of somebody's factors waits for
	// its owner to object.
	ResetWait time.Duration `env:"FLINT_MFA_RESET_DELAY,default=24h"`
}

// Validate reports what is wrong with the settings, by variable.
func (s Settings) Validate() error {
	if s.ResetWait < time.Hour || s.ResetWait > 30*24*time.Hour {
		return errors.New("FLINT_MFA_RESET_DELAY: between 1h and 720h")
	}
	return nil
}

// Service is mfa at work. It is safe for use by many goroutines.
type Service struct {
	cfg Config
	rp  *webauthn.WebAuthn // nil: no passkeys here
}

// New returns a Service.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.ResetWait = cmp.Or(cfg.ResetWait, 24*time.Hour)
	return &Service{cfg: cfg, rp: relyingParty(cfg.Origin)}
}

func (s *Service) now() time.Time { return s.cfg.Now().UTC() }

// Answer is what somebody gives as second factor.
type Answer struct {
	Method    access.Method
	Code      config.Secret
	Assertion []byte // of a passkey: the credential as JSON
}

// Typed is the answer in one field for every kind of code: six digits are an
// authenticator's, anything else is a backup code.
func Typed(code config.Secret) Answer {
	if _, ok := digitsOf(code.Reveal()); ok {
		return Answer{Method: access.TOTP, Code: code}
	}
	return Answer{Method: access.BackupCode, Code: code}
}

// Of returns which factors user has, as db sees it.
func (s *Service) Of(ctx context.Context, db postgres.DB, user id.User) (access.Factors, error) {
	f, err := factorsOf(ctx, db, user)
	if err != nil {
		return f, fmt.Errorf("look for second factors: %w", err)
	}
	return f, nil
}

// Attempt counts a try at user's second factor. Beyond the limit it is
// web.ErrTooMany, right code or wrong. Call undo once the answer was right.
func (s *Service) Attempt(ctx context.Context, user id.User) (undo func(), err error) {
	return s.AttemptOn(ctx, user, "")
}

// AttemptOn is Attempt on a device that user is known on; "" is none. It counts
// apart from all others, so that a stranger who has the password and tries codes
// doesn't lock the owner out.
func (s *Service) AttemptOn(ctx context.Context, user id.User, device string) (undo func(), err error) {
	who := user.String()
	if device != "" {
		who += " on " + device
	}
	d, err := s.cfg.Limits.AllowFor(ctx, "factor", who)
	switch {
	case err != nil:
		return nil, fmt.Errorf("count against limit factor: %w", err)
	case !d.Allowed:
		return nil, web.Refuse(d)
	case d.Undo == nil:
		return func() {}, nil
	}
	return d.Undo, nil
}

// Use checks an answer of user and uses it up in tx. A wrong one, and one that
// was used before, is ErrCode. Call Attempt first.
func (s *Service) Use(ctx context.Context, tx pgx.Tx, user id.User, a Answer) error {
	switch a.Method {
	case access.TOTP:
		if err := s.useTOTP(ctx, tx, user, a.Code); err != nil {
			return err
		}
		return s.notLost(ctx, tx, user)
	case access.BackupCode:
		if err := s.useBackup(ctx, tx, user, a.Code); err != nil {
			return err
		}
		return s.notLost(ctx, tx, user)
	case access.Passkey:
		return s.useAssertion(ctx, tx, user, a.Assertion)
	}
	return fault.Because(ErrCode, errors.New("not a method of second factors"))
}
