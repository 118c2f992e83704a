package admin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Looking at somebody's data goes like this. The person consents, after proving
// that it's them, for at most a day, and gets a code, which they read to whom
// they talk to. With it one of the staff opens a look, bound to their own
// session, for at most an hour, for a reason. From then on a request of that
// session with the header X-Flint-Support and the look's id is answered as the
// person would be: it reads what operations declare (web.Op.Support) and does
// nothing. Each read stands in the person's log before it is answered.
//
// It ends when the hour is over, when the person takes their consent back or it
// runs out, when the member of the staff ends it or signs out, and when they no
// longer are staff: each request asks the database, so at once.
const (
	mostConsent = 24 * time.Hour
	mostLook    = time.Hour
)

// SupportHeader names the look that a request belongs to.
const SupportHeader = "X-Flint-Support"

// The faults of support.
var (
	ErrCode = fault.New(fault.Forbidden, "support_code_invalid", "This code doesn't work, or doesn't any more. Ask the person for a new one.")
	ErrOver = fault.New(fault.Forbidden, "support_over", "This look at somebody's account is over.")
)

// Consent is a person's leave to look at their data.
type Consent struct {
	ID        id.Consent
	UserID    id.User
	CreatedAt time.Time
	Until     time.Time
}

// Look is one of the staff looking.
type Look struct {
	ID     id.Support
	UserID id.User // whose data
	By     string  `db:"-"` // first name of who looks
	Until  time.Time
}

// Permit lets support look at actor's data for some hours and returns the code
// that they need. An earlier consent ends with it.
func (s *Service) Permit(ctx context.Context, actor access.Actor, hours int) (string, Consent, error) {
	length := time.Duration(hours) * time.Hour
	if length <= 0 || length > mostConsent {
		return "", Consent{}, fault.BadField("body.hours", "must be between 1 and 24")
	}
	code, now := newCode(), s.now()
	c := Consent{ID: id.New[id.Consent](), UserID: actor.User, CreatedAt: now, Until: now.Add(length)}
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if err := postgres.Serialize(ctx, tx, "support consent of "+actor.User.String()); err != nil {
			return err
		}
		if err := s.end(ctx, tx, actor.User, now); err != nil {
			return err
		}
		if err := insertConsent(ctx, tx, c.ID, c.UserID, hashCode(code), now, c.Until); err != nil {
			return fmt.Errorf("store consent: %w", err)
		}
		return s.cfg.People.Tell(ctx, tx, audit.Entry{
			Actor: actor, Subject: actor.User, Verb: "support.permit", Object: c.ID.String(), Detail: map[string]any{"hours": hours},
		})
	})
	return code, c, err
}

// Forbid takes actor's consent back and ends whatever look goes on.
func (s *Service) Forbid(ctx context.Context, actor access.Actor) error {
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		now := s.now()
		if _, err := findConsent(ctx, tx, actor.User, now); errors.Is(err, fault.ErrNotFound) {
			return nil // taken back is taken back
		} else if err != nil {
			return fmt.Errorf("find consent: %w", err)
		}
		if err := s.end(ctx, tx, actor.User, now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, now, audit.Entry{Actor: actor, Subject: actor.User, Verb: "support.forbid", Object: actor.User.String()})
	})
}

func (s *Service) end(ctx context.Context, tx pgx.Tx, owner id.User, now time.Time) error {
	if _, err := revokeConsents(ctx, tx, owner, now); err != nil {
		return fmt.Errorf("revoke consents: %w", err)
	}
	if err := endLooks(ctx, tx, owner, now); err != nil {
		return fmt.Errorf("end looks: %w", err)
	}
	return nil
}

// Permitted returns actor's consent and who looks right now; fault.ErrNotFound if
// there is none.
func (s *Service) Permitted(ctx context.Context, actor access.Actor) (Consent, []Look, error) {
	now := s.now()
	c, err := findConsent(ctx, s.cfg.Pool, actor.User, now)
	if err != nil {
		return c, nil, fmt.Errorf("find consent: %w", err)
	}
	looks, err := looksAt(postgres.AsSystem(ctx, "those who look are others, and so are their sessions"), s.cfg.Pool, actor.User, now)
	if err != nil {
		return c, nil, fmt.Errorf("list looks: %w", err)
	}
	return c, looks, nil
}

// Open begins a look by actor, one of the staff, with a person's code. The person
// is told by mail.
func (s *Service) Open(ctx context.Context, actor access.Actor, code, why string) (Look, error) {
	why, err := reason(why)
	if err != nil {
		return Look{}, err
	}
	ctx = postgres.AsSystem(ctx, "the code says whose data it is")
	var l Look
	err = postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		now := s.now()
		c, err := byCode(ctx, tx, hashCode(code), now)
		switch {
		case errors.Is(err, fault.ErrNotFound):
			return ErrCode
		case err != nil:
			return fmt.Errorf("find consent: %w", err)
		case c.UserID == actor.User:
			return ErrYourself
		}
		l = Look{ID: id.New[id.Support](), UserID: c.UserID, Until: now.Add(mostLook)}
		if c.Until.Before(l.Until) {
			l.Until = c.Until
		}
		if err := insertLook(ctx, tx, l, c, actor.User, actor.Session, now); err != nil {
			return fmt.Errorf("store look: %w", err)
		}
		return s.cfg.People.Tell(ctx, tx, audit.Entry{
			Actor: actor, Subject: c.UserID, Verb: "support.open", Object: l.ID.String(), Detail: map[string]any{"reason": why, "until": l.Until},
		})
	})
	return l, err
}

// Close ends a look of actor's. One that isn't theirs, or is over, is
// fault.ErrNotFound.
func (s *Service) Close(ctx context.Context, actor access.Actor, look id.Support) error {
	ctx = postgres.AsSystem(ctx, "the look says whose data it is")
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		now := s.now()
		user, err := endLook(ctx, tx, look, actor.User, now)
		if err != nil {
			return fmt.Errorf("end look: %w", err)
		}
		return audit.Record(ctx, tx, now, audit.Entry{Actor: actor, Subject: user, Verb: "support.close", Object: look.String()})
	})
}

// Behind returns who acts when actor comes with the header that names a look: the
// person looked at, with actor behind them, who may only read. ErrOver if there
// is no such look, or no longer, or actor isn't staff with a second factor.
func (s *Service) Behind(ctx context.Context, actor access.Actor, header string) (access.Actor, error) {
	look, err := id.Parse[id.Support](header)
	if err != nil || !access.RoleOf(actor).Has(access.ViewAllUsers) || !actor.Factors.Any() || actor.Proofs.FactorAt.IsZero() {
		return access.Actor{}, ErrOver
	}
	ctx = postgres.AsSystem(ctx, "authentication: the look says whose data it is")
	now := s.now()
	l, err := findLook(ctx, s.cfg.Pool, look, actor.User, actor.Session, now)
	if errors.Is(err, fault.ErrNotFound) {
		return access.Actor{}, ErrOver
	}
	if err != nil {
		return access.Actor{}, fmt.Errorf("find look: %w", err)
	}
	p, err := s.cfg.People.Person(ctx, l.UserID)
	if err != nil {
		return access.Actor{}, fmt.Errorf("find person: %w", err)
	}
	a := s.cfg.People.Actor(p, now)
	a.Session, a.Level = actor.Session, access.AAL1
	a.Behind, a.ReadOnly, a.Support = actor.User, true, access.Support{ID: l.ID, By: l.By, Until: l.Until}
	return a, nil
}

// Looked records that support is about to read something in somebody's place.
func (s *Service) Looked(ctx context.Context, actor access.Actor, operation string) error {
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		return audit.Record(ctx, tx, s.now(), audit.Entry{
			Actor: access.Actor{User: actor.Behind, Session: actor.Session}, Subject: actor.User, Verb: "support.read",
			Object: actor.Support.ID.String(), Detail: map[string]any{"what": operation},
		})
	})
}

// letters are those of a code: no two of them look or sound alike (Crockford).
const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newCode returns sixty random bits as people read them out: XXXX-XXXX-XXXX.
func newCode() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails; it ends the program if the system has no randomness
	s := base32.NewEncoding(letters).WithPadding(base32.NoPadding).EncodeToString(b[:])
	return s[:4] + "-" + s[4:8] + "-" + s[8:12]
}

// hashCode hashes a code as it was typed: case, dashes and look-alikes don't count.
func hashCode(typed string) []byte {
	plain := strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(typed))
	h := sha256.Sum256([]byte("support code " + plain))
	return h[:]
}
