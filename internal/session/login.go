package session

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/mfa"
	"flint/internal/platform/postgres"
	"flint/internal/platform/telemetry"
)

// Credentials are what somebody types to sign in.
type Credentials struct {
	Email    string
	Password config.Secret
	Code     config.Secret // of the second factor, if they were asked for it together
}

// SignIn starts a session for whoever is behind an address and a password. An
// unknown address, a wrong password and a banned person are all ErrCredentials,
// and are recorded. Who has a second factor and gave no code gets ErrFactor with
// a challenge; with a wrong one, mfa.ErrCode. before is the refresh token that the browser still holds,
// if any: its session ends, so that a browser has one session and never one
// that somebody else put there.
func (s *Service) SignIn(ctx context.Context, given Credentials, before config.Secret, c Client) (Grant, error) {
	ctx = postgres.AsSystem(ctx, "a sign-in: who it is turns out here")
	p, refused, err := s.people.CheckFrom(ctx, given.Email, given.Password, s.visitor(ctx, c))
	if err != nil {
		return Grant{}, err
	}
	if refused != identity.NotRefused {
		return Grant{}, s.refuseFor(ctx, given.Email, p, refused, c)
	}
	var answer *mfa.Answer
	right := func() {}
	if !given.Code.IsZero() && p.SecondFactor {
		typed := mfa.Typed(given.Code)
		answer = &typed
		if right, err = s.attempt(ctx, p.ID, c); err != nil {
			return Grant{}, err
		}
	}
	var g Grant
	var ask asked
	err = postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		// The password may have changed while it was hashed; what it opened then
		// has ended already, and this must not come after it.
		still, err := s.people.StillProven(ctx, tx, p)
		if err != nil {
			return err
		}
		if !still {
			return ErrCredentials
		}
		now := s.now()
		g, ask, err = s.admit(ctx, tx, opening{person: p, proven: proofRow{How: "password", PasswordAt: &now}, before: before, client: c}, answer)
		return err
	})
	switch {
	case errors.Is(err, mfa.ErrCode):
		return Grant{}, s.refuseFactor(ctx, p, c, err)
	case err != nil:
		return Grant{}, err
	case ask.why == ErrCredentials: // blocked: in everything that can be seen the password was wrong
		return Grant{}, cmp.Or(s.people.CountWrong(ctx, given.Email, s.visitor(ctx, c)), ask.fault())
	case ask.more():
		return Grant{}, ask.fault()
	}
	right()
	return g, nil
}

// refuse records an attempt and returns ErrCredentials.
func (s *Service) refuse(ctx context.Context, p identity.Person, why identity.Refusal, c Client) error {
	return s.refuseFor(ctx, "", p, why, c)
}

// refuseFor is refuse for a password that was typed for email.
func (s *Service) refuseFor(ctx context.Context, email string, p identity.Person, why identity.Refusal, c Client) error {
	err := postgres.InTx(postgres.AsSystem(ctx, "a sign-in that failed is recorded as nobody's"), s.pool, func(tx pgx.Tx) error {
		if err := s.failed(ctx, tx, email, why); err != nil {
			return err
		}
		return audit.Record(ctx, tx, s.now(), audit.Entry{
			Actor: access.Actor{}, Subject: p.ID, Verb: "session.refuse",
			Detail: map[string]any{"reason": string(why), "delivery": string(c.Delivery), "device": c.Device},
		})
	})
	if err != nil {
		return fmt.Errorf("record refused sign-in: %w", err)
	}
	return ErrCredentials
}

// IssueLink returns a link that signs user in once, within ttl. Whoever holds
// it is user, so it goes to them alone and into no log.
func (s *Service) IssueLink(ctx context.Context, actor access.Actor, user id.User, ttl time.Duration) (config.Secret, error) {
	ctx = postgres.AsUser(ctx, user)
	var link config.Secret
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		token, err := s.people.MakeToken(ctx, tx, user, identity.SignInLink, ttl)
		if err != nil {
			return err
		}
		link = config.NewSecret(s.cfg.Origin.Link("/signin/link", token))
		return audit.Record(ctx, tx, s.now(), audit.Entry{Actor: actor, Subject: user, Verb: "session.issue_link"})
	})
	return link, err
}

// SignInByLink starts a session for the holder of a link's token. A token that
// isn't good any more, or of somebody who may not sign in, is identity.ErrLink.
// Who has a second factor gets ErrFactor with a challenge; the link is used up.
func (s *Service) SignInByLink(ctx context.Context, token, before config.Secret, c Client) (Grant, error) {
	ctx = postgres.AsSystem(ctx, "a sign-in: the link says who it is")
	var g Grant
	var ask asked
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		user, err := s.people.UseToken(ctx, tx, identity.SignInLink, token)
		if err != nil {
			return err
		}
		p, err := s.people.PersonIn(ctx, tx, user)
		if err != nil {
			return fmt.Errorf("find person: %w", err)
		}
		if p.Banned() {
			return identity.ErrLink
		}
		g, ask, err = s.admit(ctx, tx, opening{person: p, proven: proofRow{How: "link"}, before: before, client: c}, nil)
		return err
	})
	if err == nil && ask.more() {
		return Grant{}, ask.fault()
	}
	return g, err
}

// begin makes a session in tx, with what was proven to get it.
func (s *Service) begin(ctx context.Context, tx pgx.Tx, p identity.Person, before config.Secret, c Client, proven proofRow) (Grant, error) {
	now := s.now()
	if !before.IsZero() {
		if err := s.replace(ctx, tx, before, c); err != nil {
			return Grant{}, err
		}
	}
	row := sessionRow{
		ID: id.New[id.Session](), UserID: p.ID, Delivery: c.Delivery, Device: c.Device, Address: addressOf(ctx),
		CreatedAt: now, LastUsedAt: now, ExpiresAt: now.Add(s.cfg.MaxTTL),
		proofRow: proven,
	}
	if err := insertSession(ctx, tx, row); err != nil {
		return Grant{}, fmt.Errorf("store session: %w", err)
	}
	refresh := newRefresh()
	if err := insertRefresh(ctx, tx, hash(refresh), row.ID, now, s.idleEnd(now, row.ExpiresAt)); err != nil {
		return Grant{}, fmt.Errorf("store refresh token: %w", err)
	}
	known, err := s.arrive(ctx, tx, p, row.ID, c, audit.Entry{
		Actor: access.Actor{User: p.ID}, Subject: p.ID, Verb: "session.start", Object: row.ID.String(),
		Detail: map[string]any{"how": proven.How, "level": string(proven.proofs().Level()), "delivery": string(c.Delivery), "device": c.Device},
	})
	if err != nil {
		return Grant{}, err
	}
	g, err := s.grant(p, row.ID, c.Delivery, proven, refresh)
	g.Device = known
	return g, err
}

// replace ends the session that a browser had before. A token that means
// nothing is no error: the browser is about to lose it anyway.
func (s *Service) replace(ctx context.Context, tx pgx.Tx, before config.Secret, c Client) error {
	r, err := findRefresh(ctx, tx, hash(before))
	if fault.KindOf(err) == fault.NotFound || (err == nil && r.Delivery != c.Delivery) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the earlier session: %w", err)
	}
	_, err = s.revoke(ctx, tx, access.Actor{User: r.UserID}, r.UserID, r.SessionID, "replaced")
	return err
}

// grant signs an access token for a session and puts it together with the rest.
func (s *Service) grant(p identity.Person, session id.Session, d Delivery, proven proofRow, refresh config.Secret) (Grant, error) {
	token, err := s.tokens.issue(claims{
		Session: session, User: p.ID, Tier: p.Tier, Confirmed: p.Confirmed(), Delivery: d,
		Level: proven.proofs().Level(), Methods: proven.references(),
	})
	if err != nil {
		return Grant{}, err
	}
	return Grant{Person: p, Session: session, Access: token, Refresh: refresh}, nil
}

// idleEnd is when a refresh token made now stops working.
func (s *Service) idleEnd(now, sessionEnd time.Time) time.Time {
	if idle := now.Add(s.cfg.IdleTTL); idle.Before(sessionEnd) {
		return idle
	}
	return sessionEnd
}

func newRefresh() config.Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails; it ends the program if the system has no randomness
	return config.NewSecret(base64.RawURLEncoding.EncodeToString(b[:]))
}

func hash(t config.Secret) []byte {
	h := sha256.Sum256([]byte(t.Reveal()))
	return h[:]
}

func addressOf(ctx context.Context) string {
	if a := telemetry.Address(ctx); a.IsValid() {
		return a.String()
	}
	return ""
}

// ClientOf describes the client of a request by its User-Agent, which is kept
// to a line of 200 characters.
func ClientOf(d Delivery, userAgent string) Client {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(userAgent, ""))
	if r := []rune(clean); len(r) > 200 {
		clean = string(r[:200])
	}
	return Client{Delivery: d, Device: clean}
}
