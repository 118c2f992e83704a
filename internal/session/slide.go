package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Sliding: when less than half of an access cookie's life is left, the answer to
// an ordinary request brings the next one. It is given as a refresh is, by what
// the database says then, never by the claims of the one before.
//
// The refresh token isn't rotated here. Answers get lost, since people leave
// pages while they load, and a lost child would look like a theft later. It must
// be there, though, be the newest one and come from the same browser: who has
// copied the access cookie alone gets nothing. And it must not be older than
// rotateAfter, so that a session in use all day still changes its refresh token,
// and a copy of both cookies is still found out.

// rotateAfter is how old a refresh token gets before cookies slide no more and
// the browser has to refresh.
const rotateAfter = 12 * time.Hour

// renewTime is how long an answer may wait for its cookie.
const renewTime = time.Second

// slide is one chance to renew an access token; each node takes it once.
type slide struct {
	session id.Session
	lapses  time.Time
}

// Renew adds an access cookie to w if less than half of the life of actor's is
// left, and nobody else has renewed it since. Whatever speaks against it, the
// answer goes out without.
func (s *Service) Renew(w http.ResponseWriter, r *http.Request, actor access.Actor) {
	half := s.cfg.AccessTTL / 2
	if actor.Lapses.IsZero() || actor.Session.IsZero() || actor.Lapses.Sub(s.now()) >= half {
		return
	}
	refresh, err := s.cookies().find(r.Header["Cookie"], s.cookies().refresh)
	if err != nil || refresh.IsZero() {
		return
	}
	chance := slide{actor.Session, actor.Lapses}
	if taken, _ := s.slides.ContainsOrAdd(chance, struct{}{}); taken {
		return
	}
	ctx, cancel := context.WithTimeout(postgres.AsUser(r.Context(), actor.User), renewTime)
	defer cancel()
	g, err := s.slide(ctx, actor, refresh, ClientOf(Web, r.UserAgent()))
	switch {
	case errors.Is(err, fault.ErrNotFound), errors.Is(err, ErrToken):
		return
	case err != nil:
		s.slides.Remove(chance)
		if r.Context().Err() == nil {
			s.cfg.Log.WarnContext(ctx, "an access cookie could not be renewed; the browser will refresh", "error", err)
		}
		return
	}
	c := s.cookies().make(s.cookies().access, g.Access.Reveal(), int(s.cfg.AccessTTL.Seconds()))
	http.SetCookie(w, &c)
}

// slide makes an access token for actor's session, if it is alive, wasn't renewed
// within half of a token's life and refresh is its newest refresh token. Else it
// is fault.ErrNotFound, or ErrToken for who may not be signed in any more.
func (s *Service) slide(ctx context.Context, actor access.Actor, refresh config.Secret, c Client) (Grant, error) {
	var g Grant
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		now := s.now()
		row, err := slideSession(ctx, tx, slideRow{
			Session: actor.Session, Owner: actor.User, Hash: hash(refresh), Device: c.Device, Address: addressOf(ctx),
			Now: now, Oldest: now.Add(-rotateAfter),
			Before: now.Add(time.Second - s.cfg.AccessTTL/2), // a token's end is cut to a second
		})
		if err != nil {
			return fmt.Errorf("slide session: %w", err)
		}
		p, err := s.mayStay(ctx, tx, row)
		if err != nil {
			return err
		}
		g, err = s.grant(p, row.SessionID, Web, row.proofRow, refresh)
		return err
	})
	return g, err
}
