package session

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/telemetry"
	"flint/internal/risk"
)

// What package risk makes of a sign-in, and what follows.
//
// A sign-in is judged when its first step was right and before anything begins,
// in the same transaction. If it is blocked the answer is that of a wrong
// password, sessions that began in the same network end, and its owner is told.
// If it is held, a code goes to the mailbox, and
// the browser that asked gets a challenge: it takes both to go on. Whoever is
// signed in elsewhere isn't touched by either.

// The faults of a sign-in that waits for its mailbox.
var (
	ErrVerify   = fault.New(fault.Unauthenticated, "verification_required", "We sent you a code by mail, because this sign-in is unusual. Type it in to go on.")
	ErrMailCode = fault.New(fault.Unauthenticated, "verification_wrong", "That isn't the code in the newest mail. Try again.")
)

const (
	holdTTL   = 10 * time.Minute
	holdTries = 5
)

// wrongMailCode is why a held sign-in was refused.
const wrongMailCode identity.Refusal = "mail_code"

// judge asks package risk about o, and keeps in it what was decided.
func (s *Service) judge(ctx context.Context, tx pgx.Tx, o *opening, action risk.Action) (risk.Outcome, error) {
	if s.cfg.Risk == nil {
		return risk.Allow, nil
	}
	user, now := o.person.ID, s.now()
	earlier, err := audit.Happened(ctx, tx, user, "session.start")
	if err != nil {
		return "", fmt.Errorf("look for earlier sign-ins: %w", err)
	}
	breached, err := s.people.PasswordBreached(ctx, tx, user)
	if err != nil {
		return "", err
	}
	standing, err := s.standing(ctx, tx, user, o.client)
	if err != nil {
		return "", err
	}
	factors, err := s.factorsOf(ctx, tx, user)
	if err != nil {
		return "", err
	}
	d, err := s.cfg.Risk.Judge(ctx, tx, risk.Attempt{
		User: user, Email: o.person.Email, Action: action, Address: telemetry.Address(ctx), Agent: o.client.Device, Device: standing, Hints: o.client.hints,
		At: now, TimeZone: o.person.TimeZone, Factor: factors.Any(), Breached: breached, Earlier: earlier,
	})
	if err != nil {
		return "", fmt.Errorf("judge a sign-in: %w", err)
	}
	o.decision = d.ID
	outcome := d.Does()
	if outcome == risk.VerifyEmail && (!o.person.Confirmed() || !s.cfg.Mails) {
		return risk.Allow, nil // there is no mailbox to ask; what isn't confirmed opens nothing yet
	}
	if outcome == risk.Block {
		if err := s.endFrom(ctx, tx, user, telemetry.Address(ctx)); err != nil {
			return "", err
		}
		return outcome, s.people.Tell(ctx, tx, audit.Entry{
			Subject: user, Verb: "session.block", Object: d.ID.String(),
			Detail: map[string]any{"how": string(action), "score": d.Score, "delivery": string(o.client.Delivery), "device": o.client.Device},
		})
	}
	return outcome, nil
}

// endFrom ends the sessions of user that began in the network of addr: whoever is
// stopped there knows the password, and may be in already.
func (s *Service) endFrom(ctx context.Context, tx pgx.Tx, user id.User, addr netip.Addr) error {
	from := risk.Neighbourhood(addr)
	if from == "" {
		return nil
	}
	live, err := listLive(ctx, tx, user, s.now())
	if err != nil {
		return fmt.Errorf("list sessions: %w", err)
	}
	for _, l := range live {
		if began, err := netip.ParseAddr(l.Address); err != nil || risk.Neighbourhood(began) != from {
			continue
		}
		if _, err := s.revoke(ctx, tx, access.SystemActor("risk", user), user, l.ID, "stopped"); err != nil {
			return err
		}
	}
	return nil
}

// hold makes a challenge for a sign-in that waits for its mailbox, and queues the
// mail. The job makes the code, so that none waits in a queue.
func (s *Service) hold(ctx context.Context, tx pgx.Tx, o opening) (config.Secret, error) {
	if err := s.people.CountMail(ctx, o.person); err != nil {
		return config.Secret{}, err
	}
	token, now := newRefresh(), s.now()
	h := holdRow{
		ID: id.New[id.Hold](), UserID: o.person.ID, DecisionID: o.decision, Delivery: o.client.Delivery, Agent: o.client.Device, Address: addressOf(ctx),
		CreatedAt: now, ExpiresAt: now.Add(holdTTL),
	}
	if err := insertHold(ctx, tx, hash(token), h); err != nil {
		return config.Secret{}, fmt.Errorf("store a sign-in that waits: %w", err)
	}
	if _, err := s.cfg.Queue.InsertTx(ctx, tx, HoldArgs{Hold: h.ID}, nil); err != nil {
		return config.Secret{}, fmt.Errorf("queue the mail with the code: %w", err)
	}
	return token, audit.Record(ctx, tx, now, audit.Entry{
		Subject: o.person.ID, Verb: "session.ask_mailbox", Object: o.decision.String(),
		Detail: map[string]any{"how": o.proven.How, "delivery": string(o.client.Delivery), "device": o.client.Device},
	})
}

// codeMac is what is kept of a code. The key makes a million guesses useless to
// whoever reads the table.
func (s *Service) codeMac(hold id.Hold, code string) []byte {
	return s.keys.Mac("session.hold", []byte(hold.String()+" "+code))
}

// newCode returns six random digits.
func newCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", fmt.Errorf("make a code: %w", err)
	}
	return fmt.Sprintf("%06d", n), nil
}

// SignInVerified goes on with a sign-in that waits for its mailbox. A challenge
// that is over, was tried five times, or was given to another kind of client, is
// ErrChallenge; a wrong code is ErrMailCode and counts as a try.
func (s *Service) SignInVerified(ctx context.Context, challenge config.Secret, code string, before config.Secret, c Client) (Grant, error) {
	ctx = postgres.AsSystem(ctx, "a sign-in: the challenge says who it is")
	var g Grant
	var wrong *identity.Person
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		h, err := findHold(ctx, tx, hash(challenge), c.Delivery, s.now())
		if errors.Is(err, fault.ErrNotFound) {
			return fault.Because(ErrChallenge, err)
		}
		if err != nil {
			return fmt.Errorf("find a sign-in that waits: %w", err)
		}
		p, err := s.people.PersonIn(ctx, tx, h.UserID)
		if err != nil {
			return fmt.Errorf("find person: %w", err)
		}
		// As with challenges: whatever ends sessions locks the person first.
		still, err := s.people.StillProven(ctx, tx, p)
		if err != nil {
			return err
		}
		// Of six tries at once five are counted, and the sixth finds nothing.
		n, err := tryHold(ctx, tx, h.ID, s.now())
		if err != nil {
			return fmt.Errorf("count a try: %w", err)
		}
		if !still || n == 0 {
			return ErrChallenge
		}
		if len(h.CodeMac) == 0 || !hmac.Equal(h.CodeMac, s.codeMac(h.ID, code)) {
			wrong = &p
			return nil // the try stays counted
		}
		if err := useHold(ctx, tx, h.ID, s.now()); err != nil {
			return fmt.Errorf("use a sign-in that waits: %w", err)
		}
		o := opening{person: p, proven: proofRow{How: "password", PasswordAt: &h.CreatedAt}, before: before, client: c, decision: h.DecisionID}
		g, err = s.open(ctx, tx, o)
		return err
	})
	if err == nil && wrong != nil {
		return Grant{}, s.doubtCode(ctx, *wrong, c)
	}
	return g, err
}

// doubtCode records a wrong code and returns ErrMailCode.
func (s *Service) doubtCode(ctx context.Context, p identity.Person, c Client) error {
	if err := s.refuse(ctx, p, wrongMailCode, c); !errors.Is(err, ErrCredentials) {
		return err
	}
	return ErrMailCode
}

// open is begin for a sign-in that was judged.
func (s *Service) open(ctx context.Context, tx pgx.Tx, o opening) (Grant, error) {
	if s.cfg.Risk != nil {
		if err := s.cfg.Risk.Began(ctx, tx, o.person.ID, o.decision, s.now()); err != nil {
			return Grant{}, err
		}
	}
	return s.begin(ctx, tx, o.person, o.before, o.client, o.proven)
}

// failed tells package risk of a wrong password for email, whoever's that is.
func (s *Service) failed(ctx context.Context, tx pgx.Tx, email string, why identity.Refusal) error {
	if s.cfg.Risk == nil || email == "" || why != identity.Unknown && why != identity.WrongPassword {
		return nil
	}
	return s.cfg.Risk.Failed(ctx, tx, email, telemetry.Address(ctx))
}

// standing says what is known of the device that c comes by.
func (s *Service) standing(ctx context.Context, db postgres.DB, user id.User, c Client) (risk.Standing, error) {
	token := s.deviceToken(user, c)
	if token.IsZero() {
		return risk.Standing{}, nil
	}
	d, err := findDevice(ctx, db, hash(token), user, s.now().Add(-deviceTTL))
	if errors.Is(err, fault.ErrNotFound) {
		return risk.Standing{}, nil
	}
	if err != nil {
		return risk.Standing{}, fmt.Errorf("find device: %w", err)
	}
	return risk.Standing{Known: true, Trusted: d.trusted(s.now()), Agent: d.Agent, Hints: d.Hints}, nil
}

// endWaiting ends user's sign-ins that wait for a second step or the mailbox.
func (s *Service) endWaiting(ctx context.Context, tx pgx.Tx, user id.User) error {
	if err := endChallenges(ctx, tx, user); err != nil {
		return fmt.Errorf("end challenges: %w", err)
	}
	if err := endHolds(ctx, tx, user); err != nil {
		return fmt.Errorf("end sign-ins that wait for a mailbox: %w", err)
	}
	return nil
}
