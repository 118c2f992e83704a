package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Authenticate says on whose behalf r comes. It returns ErrNoToken,
// ErrExpired or ErrToken if that is nobody. Once the session is cached it takes
// no look at the database.
func (s *Service) Authenticate(r *http.Request) (access.Actor, error) {
	token, delivery, err := s.credential(r)
	if err != nil {
		return access.Actor{}, err
	}
	c, err := s.tokens.verify(token)
	if errors.Is(err, errUnknownKey) {
		s.meetUnknownKey(r.Context())
		c, err = s.tokens.verify(token)
	}
	if err == nil && !s.live.trusted() { // its key may have been revoked without our hearing of it
		if err = s.surely(r.Context()); err == nil {
			c, err = s.tokens.verify(token)
		}
	}
	if err != nil {
		return access.Actor{}, err
	}
	if c.Delivery != delivery {
		return access.Actor{}, fault.Because(ErrToken, errors.New("a token of the other delivery"))
	}
	st, err := s.state(r.Context(), c.Session)
	if err != nil {
		return access.Actor{}, err
	}
	if st.user != c.User || st.delivery != delivery {
		return access.Actor{}, fault.Because(ErrToken, errors.New("a token that contradicts its session"))
	}
	actor := st.actor(c.Session)
	if delivery == Web {
		actor.Lapses = c.ExpiresAt.Time
	}
	return actor, nil
}

// credential takes the access token out of r, from the one place where it may
// be.
func (s *Service) credential(r *http.Request) (config.Secret, Delivery, error) {
	if given := r.Header.Values("Authorization"); len(given) > 0 {
		scheme, token, _ := strings.Cut(given[0], " ")
		switch {
		case len(given) > 1:
			return config.Secret{}, "", fault.Because(ErrToken, errors.New("several Authorization headers"))
		case !strings.EqualFold(scheme, "Bearer") || token == "":
			return config.Secret{}, "", ErrNoToken
		}
		return config.NewSecret(token), Mobile, nil
	}
	if r.Header.Get(mobileHeader) == "true" {
		return config.Secret{}, "", ErrNoToken
	}
	token, err := s.cookies().find(r.Header["Cookie"], s.cookies().access)
	if err != nil {
		return config.Secret{}, "", err
	}
	if token.IsZero() {
		return config.Secret{}, "", ErrNoToken
	}
	return token, Web, nil
}

// List returns the live sessions of actor, the newest first.
func (s *Service) List(ctx context.Context, actor access.Actor) ([]Live, error) {
	list, err := listLive(ctx, s.pool, actor.User, s.now())
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return list, nil
}

// Revoke ends one session of actor. One that isn't theirs, or is over, is
// fault.ErrNotFound.
func (s *Service) Revoke(ctx context.Context, actor access.Actor, session id.Session) error {
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		ended, err := s.revoke(ctx, tx, actor, actor.User, session, "revoked")
		if err == nil && !ended {
			return fault.ErrNotFound
		}
		if err != nil {
			return err
		}
		return forgetDevice(ctx, tx, actor.User, session)
	})
}

// RevokeOthers ends every session of actor but the one that they use. It
// returns how many those were.
func (s *Service) RevokeOthers(ctx context.Context, actor access.Actor) (int, error) {
	n := 0
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		n, err = s.EndAll(ctx, tx, actor, actor.User, actor.Session, "revoked")
		return err
	})
	return n, err
}

// RevokeAll ends every session of actor, the one that they use included.
func (s *Service) RevokeAll(ctx context.Context, actor access.Actor) error {
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := s.EndAll(ctx, tx, actor, actor.User, id.Session{}, "revoked")
		return err
	})
}

// EndEverywhere ends every session of user on behalf of actor, an operator. It
// returns how many those were.
func (s *Service) EndEverywhere(ctx context.Context, actor access.Actor, user id.User) (int, error) {
	ctx = postgres.AsUser(ctx, user)
	n := 0
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		n, err = s.EndAll(ctx, tx, actor, user, id.Session{}, "operator")
		return err
	})
	return n, err
}

// EndAll ends every session of user but one (none excepted if except is zero)
// within tx: what changes a person's proof calls it. Their other devices become
// unknown, so that the next sign-in there is told.
func (s *Service) EndAll(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, except id.Session, reason string) (int, error) {
	live, err := listLive(ctx, tx, user, s.now())
	if err != nil {
		return 0, fmt.Errorf("list sessions: %w", err)
	}
	if err := s.endWaiting(ctx, tx, user); err != nil {
		return 0, err
	}
	if err := forgetDevices(ctx, tx, user, except); err != nil {
		return 0, fmt.Errorf("forget devices: %w", err)
	}
	if s.cfg.Factors != nil && (reason == "password" || reason == "email") {
		if err := s.cfg.Factors.PasswordChanged(ctx, tx, user); err != nil {
			return 0, err
		}
	}
	n := 0
	for _, l := range live {
		if l.ID == except {
			continue
		}
		ended, err := s.revoke(ctx, tx, actor, user, l.ID, reason)
		if err != nil {
			return 0, err
		}
		if ended {
			n++
		}
	}
	return n, nil
}

// Ban keeps user out and ends all of their sessions.
func (s *Service) Ban(ctx context.Context, actor access.Actor, user id.User, reason string) error {
	ctx = postgres.AsUser(ctx, user)
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.people.Ban(ctx, tx, actor, user, reason); err != nil {
			return err
		}
		_, err := s.EndAll(ctx, tx, actor, user, id.Session{}, "banned")
		return err
	})
}

// SignOut ends the session of actor, and that of a refresh token if one is
// given: a client whose access token has expired still signs out for good.
func (s *Service) SignOut(ctx context.Context, actor access.Actor, refresh config.Secret, d Delivery) error {
	ctx = postgres.AsSystem(ctx, "signing out: the refresh token may be of another session than the access token")
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if !actor.Session.IsZero() {
			if _, err := s.revoke(ctx, tx, actor, actor.User, actor.Session, "signed_out"); err != nil {
				return err
			}
		}
		if refresh.IsZero() {
			return nil
		}
		r, err := findRefresh(ctx, tx, hash(refresh))
		if errors.Is(err, fault.ErrNotFound) || (err == nil && r.Delivery != d) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("find refresh token: %w", err)
		}
		_, err = s.revoke(ctx, tx, access.Actor{User: r.UserID}, r.UserID, r.SessionID, "signed_out")
		return err
	})
}

// revoke ends a session of owner in tx, records and announces it. It reports
// false if there was none to end.
func (s *Service) revoke(ctx context.Context, tx pgx.Tx, actor access.Actor, owner id.User, session id.Session, reason string) (bool, error) {
	now := s.now()
	n, err := endSession(ctx, tx, owner, session, now, reason)
	if err != nil {
		return false, fmt.Errorf("end session: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	if err := postgres.Notify(ctx, tx, Revoked, session.String()); err != nil {
		return false, err
	}
	return true, audit.Record(ctx, tx, now, audit.Entry{
		Actor: actor, Subject: owner, Verb: "session.end", Object: session.String(), Detail: map[string]any{"reason": reason},
	})
}
