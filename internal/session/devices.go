package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	"flint/internal/risk"
)

// Which devices somebody has signed in on, so that a sign-in elsewhere is told
// to them by mail.
//
// A browser keeps a random token in a cookie of its own, one per person, that
// outlives the session. It proves nothing and opens nothing; whoever lacks it is
// merely announced. So it is never taken over from a request: a token that we
// don't know is answered with a new one, and nobody can plant a "known device".
// A mobile app has no cookies: one that says X-Flint-Device gets the token in the
// body and sends it there next time; each sign-in of one that doesn't is told.
//
// A person may trust a device that is theirs alone, after proving once more who
// they are. That makes an unusual sign-in on it count for less, and never makes
// it wait for the mailbox. It replaces no password and no second factor, and ends
// when all others are signed out, when the password changes, when the device
// calls itself another, and after 90 days without a sign-in.

// deviceTTL is how long a device is remembered after a sign-in on it.
const deviceTTL = 180 * 24 * time.Hour

// deviceCookie is the name under which user's browsers keep their token. It
// differs from person to person, so that a shared browser is known to each.
func (c cookies) device(user id.User) string {
	sum := sha256.Sum256([]byte("device " + user.String()))
	prefix := ""
	if c.secure {
		prefix = "__Host-"
	}
	return prefix + "device-" + hex.EncodeToString(sum[:6])
}

// arrive records e, the beginning of a session, and tells the person if the
// device is new to them. The first sign-in of all is no news. It returns the
// token that the browser is to keep.
func (s *Service) arrive(ctx context.Context, tx pgx.Tx, p identity.Person, session id.Session, c Client, e audit.Entry) (config.Secret, error) {
	before, err := audit.Happened(ctx, tx, p.ID, e.Verb)
	if err != nil {
		return config.Secret{}, fmt.Errorf("look for earlier sign-ins: %w", err)
	}
	token, known, err := s.meet(ctx, tx, p.ID, session, c)
	if err != nil {
		return config.Secret{}, err
	}
	if before && !known {
		return token, s.people.Tell(ctx, tx, e)
	}
	return token, audit.Record(ctx, tx, s.now(), e)
}

// deviceToken returns the token by which c shows that it is a device of user's,
// or nothing. Two cookies of one name are as good as none.
func (s *Service) deviceToken(user id.User, c Client) config.Secret {
	if c.Delivery == Mobile {
		return config.NewSecret(c.token)
	}
	token, err := s.cookies().find([]string{c.cookie}, s.cookies().device(user))
	if err != nil {
		return config.Secret{}
	}
	return token
}

// meet notes that user signed in on c's device, and reports whether they had
// before.
func (s *Service) meet(ctx context.Context, tx pgx.Tx, user id.User, session id.Session, c Client) (token config.Secret, known bool, err error) {
	if c.Delivery == Mobile && c.token == "" {
		return config.Secret{}, false, nil
	}
	now := s.now()
	if token = s.deviceToken(user, c); !token.IsZero() {
		was, err := findDevice(ctx, tx, hash(token), user, now.Add(-deviceTTL))
		if err == nil {
			trusted := was.trusted(now) && !risk.Changed(was.Agent, c.Device)
			err = useDevice(ctx, tx, was, user, session, c, addressOf(ctx), now, trusted)
		}
		if err == nil {
			return token, true, nil
		}
		if !errors.Is(err, fault.ErrNotFound) {
			return config.Secret{}, false, fmt.Errorf("find device: %w", err)
		}
	}
	token = newRefresh()
	if err := insertDevice(ctx, tx, hash(token), user, session, c, addressOf(ctx), now); err != nil {
		return config.Secret{}, false, fmt.Errorf("store device: %w", err)
	}
	return token, false, nil
}

type endAllIn struct {
	Caller
	Everywhere bool `query:"everywhere" doc:"Sign this device out too"`
}

func (s *Service) endAll(ctx context.Context, in *endAllIn) (*said, error) {
	actor := access.From(ctx)
	if !in.Everywhere {
		_, err := s.RevokeOthers(ctx, actor)
		return say("All other devices are signed out."), err
	}
	if err := s.RevokeAll(ctx, actor); err != nil {
		return nil, err
	}
	out := say("All devices are signed out, this one too.")
	if in.Authorization == "" {
		out.SetCookie = s.cookies().clear()
	}
	return out, nil
}
