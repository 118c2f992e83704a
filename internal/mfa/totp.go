package mfa

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238's default, and all that many apps know; HMAC doesn't rest on collisions
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

const (
	issuer     = "Flint"
	period     = 30 // seconds
	digits     = 6
	secretSize = 20 // bytes, as long as a SHA-1 hash (RFC 4226, section 4)
	window     = 1  // steps before and after now, for clocks that differ
	pendingTTL = 15 * time.Minute
)

// Enrolment is what a new authenticator is set up with. It is shown once.
type Enrolment struct {
	Secret config.Secret // base32
	URI    config.Secret // otpauth://
	QR     config.Secret // the URI as a QR code, an SVG image
}

// Setup makes a secret for actor's authenticator. It counts once Confirm has
// seen a code made from it, within 15 minutes; a later Setup replaces it.
func (s *Service) Setup(ctx context.Context, actor access.Actor) (Enrolment, error) {
	p, err := s.cfg.People.Person(ctx, actor.User)
	if err != nil {
		return Enrolment{}, fmt.Errorf("find person: %w", err)
	}
	secret := make([]byte, secretSize)
	_, _ = rand.Read(secret) // never fails; it ends the program if the system has no randomness
	sealed, err := s.cfg.Keys.Seal(ctx, pendingRef(actor.User), secret)
	if err != nil {
		return Enrolment{}, err
	}
	if err := setPending(ctx, s.cfg.Pool, actor.User, sealed, s.now().Add(pendingTTL)); err != nil {
		return Enrolment{}, fmt.Errorf("store pending authenticator: %w", err)
	}
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
	uri := "otpauth://totp/" + url.PathEscape(issuer+":"+p.Email) + "?" + strings.Join([]string{
		"secret=" + text, "issuer=" + issuer, "algorithm=SHA1", fmt.Sprintf("digits=%d", digits), fmt.Sprintf("period=%d", period),
	}, "&")
	image, err := drawQR(uri)
	if err != nil {
		return Enrolment{}, err
	}
	return Enrolment{config.NewSecret(text), config.NewSecret(uri), config.NewSecret(image)}, nil
}

// Confirm makes actor's pending authenticator their second factor, if code was
// made by it, and returns new backup codes. It is the factor of their session
// from then on. ErrPending: there is none, or it took too long.
func (s *Service) Confirm(ctx context.Context, actor access.Actor, code config.Secret) ([]string, error) {
	undo, err := s.Attempt(ctx, actor.User)
	if err != nil {
		return nil, err
	}
	var codes []string
	err = postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		row, err := lockTOTP(ctx, tx, actor.User)
		if errors.Is(err, fault.ErrNotFound) || (err == nil && (row.Pending == nil || !s.now().Before(*row.PendingUntil))) {
			return ErrPending
		}
		if err != nil {
			return fmt.Errorf("find pending authenticator: %w", err)
		}
		secret, err := s.cfg.Keys.Open(ctx, pendingRef(actor.User), row.Pending)
		if err != nil {
			return err
		}
		step, ok := s.match(secret, code)
		if !ok {
			return fault.About(fault.ErrInvalid, "body.code", "isn't the code that the app shows now")
		}
		sealed, err := s.cfg.Keys.Seal(ctx, secretRef(actor.User), secret)
		if err != nil {
			return err
		}
		if err := confirmTOTP(ctx, tx, actor.User, sealed, step, s.now()); err != nil {
			return fmt.Errorf("store authenticator: %w", err)
		}
		if codes, err = s.replaceBackup(ctx, tx, actor.User); err != nil {
			return err
		}
		return s.changed(ctx, tx, actor, actor.User, true, audit.Entry{Verb: "factor.add", Detail: map[string]any{"how": string(access.TOTP)}})
	})
	if err != nil {
		return nil, err
	}
	undo()
	return codes, nil
}

// Disable removes actor's authenticator, and with the last factor their backup
// codes. ErrNone: there was none.
func (s *Service) Disable(ctx context.Context, actor access.Actor) error {
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		n, err := deleteTOTP(ctx, tx, actor.User)
		if err != nil {
			return fmt.Errorf("remove authenticator: %w", err)
		}
		if n == 0 {
			return ErrNone
		}
		return s.changed(ctx, tx, actor, actor.User, false, audit.Entry{Verb: "factor.remove", Detail: map[string]any{"how": string(access.TOTP)}})
	})
}

// removeAll removes every factor of user in tx, for those who have lost both the
// phone and the paper. Nothing proven in their sessions counts any more, and they
// are told. ErrNone: there was none.
func (s *Service) removeAll(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, how string) error {
	apps, err := deleteTOTP(ctx, tx, user)
	if err != nil {
		return fmt.Errorf("remove authenticator: %w", err)
	}
	keys, err := deletePasskeys(ctx, tx, user)
	if err != nil {
		return fmt.Errorf("remove passkeys: %w", err)
	}
	if apps+keys == 0 {
		return ErrNone
	}
	return s.changed(ctx, tx, actor, user, false, audit.Entry{Verb: "factor.remove", Detail: map[string]any{"how": how}})
}

// changed does what goes with every change of user's factors: their flag, the
// paper, the proofs of their sessions, the record and the mail.
func (s *Service) changed(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, proven bool, e audit.Entry) error {
	f, err := factorsOf(ctx, tx, user)
	if err != nil {
		return fmt.Errorf("look for second factors: %w", err)
	}
	if !f.Any() {
		if err := deleteBackup(ctx, tx, user); err != nil {
			return fmt.Errorf("remove backup codes: %w", err)
		}
	}
	if err := s.cfg.People.SetSecondFactor(ctx, tx, user, f.Any()); err != nil {
		return err
	}
	if err := s.cfg.Changed(ctx, tx, actor, user, f.Any(), proven); err != nil {
		return err
	}
	e.Actor, e.Subject, e.Object = actor, user, user.String()
	return s.cfg.People.Tell(ctx, tx, e)
}

// useTOTP uses up the 30-second step that code belongs to.
func (s *Service) useTOTP(ctx context.Context, tx pgx.Tx, user id.User, code config.Secret) error {
	row, err := lockTOTP(ctx, tx, user) // others wait, and then find the step used
	if errors.Is(err, fault.ErrNotFound) || (err == nil && row.Secret == nil) {
		return fault.Because(ErrCode, errors.New("there is no authenticator"))
	}
	if err != nil {
		return fmt.Errorf("find authenticator: %w", err)
	}
	secret, err := s.cfg.Keys.Open(ctx, secretRef(user), row.Secret)
	if err != nil {
		return err
	}
	step, ok := s.match(secret, code)
	switch {
	case !ok:
		return fault.Because(ErrCode, errors.New("no code of this time"))
	case step <= row.LastStep:
		return fault.Because(ErrCode, errors.New("a code that was used before"))
	}
	if err := setStep(ctx, tx, user, step); err != nil {
		return fmt.Errorf("note the used step: %w", err)
	}
	return nil
}

// match returns the step that code belongs to, of those around now.
func (s *Service) match(secret []byte, code config.Secret) (step int64, ok bool) {
	given, isCode := digitsOf(code.Reveal())
	if !isCode {
		return 0, false
	}
	now := s.now().Unix() / period
	for at := now - window; at <= now+window; at++ {
		if subtle.ConstantTimeCompare([]byte(codeAt(secret, at, digits)), []byte(given)) == 1 {
			step, ok = at, true // the latest, should two be the same
		}
	}
	return step, ok
}

// digitsOf returns the six digits of s, which may be grouped with spaces.
func digitsOf(s string) (string, bool) {
	s = strings.ReplaceAll(s, " ", "")
	if len(s) != digits || strings.Trim(s, "0123456789") != "" {
		return "", false
	}
	return s, true
}

// codeAt is RFC 4226's HOTP of n digits at a step.
func codeAt(secret []byte, step int64, n int) string {
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, step) // into memory
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	number := uint64(binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff)
	text := fmt.Sprintf("%010d", number)
	return text[len(text)-n:]
}

// Places are where factors keep sealed values.
func Places() []envelope.Place {
	return []envelope.Place{
		{Table: "totp_factors", Column: "secret", Row: "user_id", Owner: "user_id"},
		{Table: "totp_factors", Column: "pending", Row: "user_id", Owner: "user_id"},
		passkeyNames(),
	}
}

func secretRef(user id.User) envelope.Ref {
	return envelope.Ref{Owner: user, Place: "totp_factors.secret", Row: user.String()}
}

func pendingRef(user id.User) envelope.Ref {
	return envelope.Ref{Owner: user, Place: "totp_factors.pending", Row: user.String()}
}
