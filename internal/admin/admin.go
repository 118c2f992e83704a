// Package admin is what staff do for people: look somebody up, change their
// plan, close and open their account, sign them out; keep their data for a court
// (hold.go), decide whether they are on a list (screening.go); and, with a
// person's consent, look at what that person sees.
//
// To be staff takes three layers: a session of one's own (never an API key), an
// address that the operator's list names (FLINT_ADMINS), and the flag that only
// the command line sets (`flint user role`). On top comes a fresh second factor:
// the operations here declare access.AdminLook or access.AdminAct, so the web
// server has checked all of it before anything here runs.
//
// Nothing here shows a balance or an account: that takes consent, see
// support.go. Every change needs a reason and stands in the log with what was
// before and after it, in the transaction that makes it; the person is told.
// Nobody acts on themself, nor on a super administrator.
package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/compliance"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/risk"
	"flint/internal/screening"
	"flint/internal/session"
)

// The faults of admin.
var (
	ErrYourself = fault.New(fault.Forbidden, "not_yourself", "You can't do that to your own account. Ask a colleague.")
	ErrAbove    = fault.New(fault.Forbidden, "not_a_super_admin", "Nobody can do that to a super administrator here. An operator can.")
	ErrSearch   = fault.BadField("query.q", "must be a whole e-mail address, or the id of an account: names and parts of addresses can't be looked for, since they are stored unreadable")
	ErrBanned   = fault.New(fault.Conflict, "already_banned", "This account is closed to sign-ins already.")
)

// Config is what Service needs.
type Config struct {
	Pool      *pgxpool.Pool
	People    *identity.Service
	Sessions  *session.Service
	Privacy   *compliance.Service
	Screening *screening.Service
	Risk      *risk.Service    // nil: nothing is judged
	Now       func() time.Time // default: time.Now
}

// Service is admin at work. It is safe for use by many goroutines.
type Service struct{ cfg Config }

// New returns a Service.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{cfg}
}

func (s *Service) now() time.Time { return s.cfg.Now().UTC() }

// Account is what staff see of somebody.
type Account struct {
	identity.Person
	Role     access.Role
	Sessions int              // live ones; of a single account only, as are
	Held     bool             // orders and transfers are stopped: they are on a list
	Judged   []risk.Explained // the latest decisions about its sign-ins
}

// Query is what staff look for.
type Query struct {
	Text  string // a whole address, or an account's id; empty: everybody
	After id.User
	Limit int
}

// List returns accounts, the newest first. Addresses and names are sealed, so that
// the database can't look for a part of one: ErrSearch.
func (s *Service) List(ctx context.Context, actor access.Actor, q Query) ([]Account, error) {
	ctx = postgres.AsSystem(ctx, "staff look for somebody by name or address")
	search := identity.Search{After: q.After, Limit: q.Limit}
	if text := strings.TrimSpace(q.Text); text != "" {
		var err error
		if search.User, err = id.Parse[id.User](text); err != nil {
			if search.Email, err = identity.CanonicalEmail(text); err != nil {
				return nil, ErrSearch
			}
		}
	}
	people, err := s.cfg.People.List(ctx, s.cfg.Pool, search)
	if err != nil {
		return nil, fmt.Errorf("list people: %w", err)
	}
	accounts := []Account{}
	for _, p := range people {
		accounts = append(accounts, Account{Person: p, Role: s.cfg.People.Role(p)})
	}
	return accounts, postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		return audit.Record(ctx, tx, s.now(), audit.Entry{Actor: actor, Verb: "staff.search", Detail: map[string]any{"found": len(accounts)}})
	})
}

// Get returns one account. The person sees in their log that somebody looked.
func (s *Service) Get(ctx context.Context, actor access.Actor, user id.User) (Account, error) {
	ctx = postgres.AsUser(ctx, user)
	var a Account
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) (err error) {
		if a.Person, err = s.cfg.People.PersonIn(ctx, tx, user); err != nil {
			return fmt.Errorf("find person: %w", err)
		}
		a.Role = s.cfg.People.Role(a.Person)
		if a.Sessions, err = countSessions(ctx, tx, user, s.now()); err != nil {
			return fmt.Errorf("count sessions: %w", err)
		}
		if err := s.cfg.Screening.Gate(ctx, tx, user); err != nil {
			if a.Held = errors.Is(err, screening.ErrHeld); !a.Held {
				return err
			}
		}
		return audit.Record(ctx, tx, s.now(), audit.Entry{Actor: actor, Subject: user, Verb: "account.look", Object: user.String()})
	})
	if err != nil {
		return a, err
	}
	a.Judged, err = s.cfg.Risk.Decisions(ctx, user, id.Decision{}, 20)
	return a, err
}

// SetTier gives user another tier. What they have connected stays, even beyond
// what the new tier allows; only adding more is refused.
func (s *Service) SetTier(ctx context.Context, actor access.Actor, user id.User, tier access.Tier, reason string) error {
	return s.act(ctx, actor, user, reason, func(ctx context.Context, tx pgx.Tx, _ identity.Person, reason string) error {
		return s.cfg.People.SetTier(ctx, tx, actor, user, tier, reason)
	})
}

// Ban keeps user out and ends all of their sessions.
func (s *Service) Ban(ctx context.Context, actor access.Actor, user id.User, reason string) error {
	return s.act(ctx, actor, user, reason, func(ctx context.Context, tx pgx.Tx, p identity.Person, reason string) error {
		if p.Banned() {
			return ErrBanned
		}
		if err := s.cfg.People.Ban(ctx, tx, actor, user, reason); err != nil {
			return err
		}
		_, err := s.cfg.Sessions.EndAll(ctx, tx, actor, user, id.Session{}, "banned")
		return err
	})
}

// Unban lets user sign in again.
func (s *Service) Unban(ctx context.Context, actor access.Actor, user id.User, reason string) error {
	return s.act(ctx, actor, user, reason, func(ctx context.Context, tx pgx.Tx, _ identity.Person, reason string) error {
		return s.cfg.People.Unban(ctx, tx, actor, user, reason)
	})
}

// SignOut ends every session of user and returns how many those were.
func (s *Service) SignOut(ctx context.Context, actor access.Actor, user id.User, reason string) (int, error) {
	n := 0
	err := s.act(ctx, actor, user, reason, func(ctx context.Context, tx pgx.Tx, _ identity.Person, reason string) (err error) {
		n, err = s.signOut(ctx, tx, actor, user, reason)
		return err
	})
	return n, err
}

func (s *Service) signOut(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, reason string) (int, error) {
	n, err := s.cfg.Sessions.EndAll(ctx, tx, actor, user, id.Session{}, "operator")
	if err != nil {
		return 0, err
	}
	return n, s.cfg.People.Tell(ctx, tx, audit.Entry{
		Actor: actor, Subject: user, Verb: "account.sign_out", Object: user.String(), Detail: map[string]any{"before": n, "after": 0, "reason": reason},
	})
}

// act runs fn on somebody whom actor may act on, for a reason.
func (s *Service) act(ctx context.Context, actor access.Actor, user id.User, why string, fn func(context.Context, pgx.Tx, identity.Person, string) error) error {
	why, err := reason(why)
	if err != nil {
		return err
	}
	ctx = postgres.AsUser(ctx, user)
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		p, err := s.cfg.People.Lock(ctx, tx, user)
		switch {
		case err != nil:
			return fmt.Errorf("find person: %w", err)
		case user == actor.User:
			return ErrYourself
		case p.IsSuperAdmin:
			return ErrAbove
		}
		return fn(ctx, tx, p, why)
	})
}

// reason returns why something is done, if it says something.
func reason(s string) (string, error) {
	s = strings.TrimSpace(s)
	if n := utf8.RuneCountInString(s); n < 3 || n > 500 || strings.ContainsFunc(s, unicode.IsControl) {
		return "", fault.BadField("body.reason", "must say why, in 3 to 500 characters on one line")
	}
	return s, nil
}
