package session

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
)

// Refresh exchanges a refresh token for its child and a fresh access token, in
// one transaction. Of many calls at once with one token, one makes the child and
// all get it. A token that was used more than the grace time ago, or by another
// client, was copied: its session is revoked. Whatever is wrong, the caller
// learns ErrToken and nothing more.
func (s *Service) Refresh(ctx context.Context, token config.Secret, c Client) (Grant, error) {
	ctx = postgres.AsSystem(ctx, "the refresh token says who it is")
	var g Grant
	var reused bool
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		g, reused = Grant{}, false
		child := s.childOf(token)
		parent, err := rotate(ctx, tx, hash(token), hash(child), c.Delivery, s.now())
		switch {
		case err == nil:
			g, err = s.renew(ctx, tx, parent, child, c)
		case errors.Is(err, fault.ErrNotFound):
			g, reused, err = s.again(ctx, tx, token, child, c)
		}
		return err
	})
	switch {
	case err != nil:
		return Grant{}, err
	case reused: // committed, so that the revocation holds
		return Grant{}, fault.Because(ErrToken, errors.New("a used refresh token came again"))
	}
	return g, nil
}

// childOf derives the token that follows t.
func (s *Service) childOf(t config.Secret) config.Secret {
	return config.NewSecret(base64.RawURLEncoding.EncodeToString(s.keys.Mac("refresh", []byte(t.Reveal()))))
}

// renew stores the child of a token that was just rotated.
func (s *Service) renew(ctx context.Context, tx pgx.Tx, parent refreshRow, child config.Secret, c Client) (Grant, error) {
	now := s.now()
	end, err := touchSession(ctx, tx, parent.UserID, parent.SessionID, c, addressOf(ctx), now)
	if errors.Is(err, fault.ErrNotFound) {
		return Grant{}, fault.Because(ErrToken, errors.New("the session is over"))
	}
	if err != nil {
		return Grant{}, fmt.Errorf("renew session: %w", err)
	}
	p, err := s.mayStay(ctx, tx, parent)
	if err != nil {
		return Grant{}, err
	}
	if err := insertRefresh(ctx, tx, hash(child), parent.SessionID, now, s.idleEnd(now, end)); err != nil {
		return Grant{}, fmt.Errorf("store refresh token: %w", err)
	}
	return s.grant(p, parent.SessionID, c.Delivery, parent.proofRow, child)
}

// mayStay returns whose the session is, unless they may not be signed in.
func (s *Service) mayStay(ctx context.Context, tx pgx.Tx, r refreshRow) (identity.Person, error) {
	p, err := s.people.PersonIn(ctx, tx, r.UserID)
	if errors.Is(err, fault.ErrNotFound) || (err == nil && p.Banned()) {
		return identity.Person{}, fault.Because(ErrToken, errors.New("the person is gone or banned"))
	}
	if err != nil {
		return identity.Person{}, fmt.Errorf("find person: %w", err)
	}
	return p, nil
}

// again decides about a token that can't be rotated: unknown, too old, of
// another delivery, or used before.
func (s *Service) again(ctx context.Context, tx pgx.Tx, token, child config.Secret, c Client) (g Grant, reused bool, err error) {
	r, err := findRefresh(ctx, tx, hash(token))
	if err != nil && !errors.Is(err, fault.ErrNotFound) {
		return Grant{}, false, fmt.Errorf("find refresh token: %w", err)
	}
	now := s.now()
	switch {
	case err != nil || r.Delivery != c.Delivery || r.RotatedAt == nil || r.RevokedAt != nil || !now.Before(r.SessionEnd):
		return Grant{}, false, fault.Because(ErrToken, errors.New("no refresh token of a live session"))
	case now.Sub(*r.RotatedAt) > s.cfg.Grace || !hmac.Equal(r.DeviceMac, deviceMac(s.keys, c.Device)):
		return Grant{}, true, s.copied(ctx, tx, r)
	}
	p, err := s.mayStay(ctx, tx, r)
	if err != nil {
		return Grant{}, false, err
	}
	g, err = s.grant(p, r.SessionID, c.Delivery, r.proofRow, child)
	return g, false, err
}

// copied revokes a session whose refresh token two clients hold.
func (s *Service) copied(ctx context.Context, tx pgx.Tx, r refreshRow) error {
	if err := s.people.Tell(ctx, tx, audit.Entry{
		Actor: access.Actor{}, Subject: r.UserID, Verb: "session.reuse", Object: r.SessionID.String(),
	}); err != nil {
		return err
	}
	if err := forgetDevice(ctx, tx, r.UserID, r.SessionID); err != nil {
		return fmt.Errorf("forget device: %w", err)
	}
	_, err := s.revoke(ctx, tx, access.SystemActor("session.reuse", r.UserID), r.UserID, r.SessionID, "reuse")
	return err
}
