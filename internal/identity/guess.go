package identity

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web"
	"flint/internal/ratelimit"
)

// How guessing is stopped without helping anybody to lock the owner out.
//
// Wrong passwords count three times: for the address of the network that they
// come from (policy login, by package web), for the account from one address
// (login-delay: three at once, then ever longer waits), and for the account from
// wherever (login-account). Thousands of addresses get no further than the last.
//
// A browser that the person has signed in on before counts apart from all of
// that (login-known): whoever uses the account's limit up from elsewhere doesn't
// concern it. So a success ends the waits of the browser that had it. What is
// counted is what was typed, so an address that nobody has gets the same answers.

//
// Who is signed in and gives the password once more, as a proof, counts apart from
// all sign-ins: for the session (step-up) and for the account in all its sessions
// (step-up-account). So no stranger at the front door can keep the owner from
// proving who they are, and a stolen session is no place to guess from.

// Visitor is where a password is tried from.
type Visitor struct {
	// Session is the one in which its person gives the password once more; zero:
	// somebody signs in.
	Session id.Session
	// Address is the client's; invalid if it isn't known.
	Address netip.Addr
	// Device names the device that the visitor comes by, if user has signed in on
	// it before; else it returns "". Nil: the visitor shows no device at all.
	Device func(ctx context.Context, user id.User) (string, error)
}

// deviceOf returns the name of v's device if the owner of email is known on it.
// Who shows no device is counted before the database is asked anything.
func (s *Service) deviceOf(ctx context.Context, email string, v Visitor) (string, error) {
	if v.Device == nil {
		return "", nil
	}
	a, err := lookUp(ctx, s.pool, email)
	if err != nil {
		return "", fmt.Errorf("find person: %w", err)
	}
	user := a.ID
	if user.IsZero() {
		user = s.nobody(email)
	}
	name, err := v.Device(ctx, user)
	if err != nil {
		return "", fmt.Errorf("look for a known device: %w", err)
	}
	return name, nil
}

// KnownOn reports whether the owner of email is known on v's device. What it
// says must not reach a stranger.
func (s *Service) KnownOn(ctx context.Context, email string, v Visitor) (bool, error) {
	ctx = postgres.AsSystem(ctx, "a sign-in: whose address it is isn't known yet")
	canonical, err := CanonicalEmail(email)
	if err != nil {
		return false, nil //nolint:nilerr // nobody has that address
	}
	name, err := s.deviceOf(ctx, canonical, v)
	return name != "", err
}

// CountWrong counts a try at the password of email that was right and must not
// show: CheckFrom took it back. A limit that is used up by it refuses the next
// try, as it would after a wrong one.
func (s *Service) CountWrong(ctx context.Context, email string, v Visitor) error {
	canonical, err := CanonicalEmail(email)
	if err != nil {
		return nil //nolint:nilerr // nobody has that address
	}
	device, err := s.deviceOf(ctx, canonical, v)
	if err != nil {
		return err
	}
	_, err = s.countGuess(ctx, canonical, device, v)
	if errors.Is(err, web.ErrTooMany) {
		return nil // others used it up meanwhile
	}
	return err
}

// network is the part of an address that is one household: all of IPv4, a /64
// of IPv6.
func network(a netip.Addr) string {
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr().String()
		}
	}
	return a.String()
}

// counted says what a try at the password of email counts against.
func (v Visitor) counted(email, device string) []ratelimit.About {
	switch {
	case !v.Session.IsZero():
		return []ratelimit.About{{Policy: "step-up", Identifier: v.Session.String()}, {Policy: "step-up-account", Identifier: email}}
	case device != "":
		who := email + " on " + device
		return []ratelimit.About{{Policy: "login-known", Identifier: who}, {Policy: "login-delay", Identifier: who}}
	case v.Address.IsValid():
		return []ratelimit.About{{Policy: "login-account", Identifier: email}, {Policy: "login-delay", Identifier: email + " from " + network(v.Address)}}
	}
	return []ratelimit.About{{Policy: "login-account", Identifier: email}}
}

// countGuess counts one try at the password of email, which device (if any)
// sent. The returned func takes it back, for a try that was right.
func (s *Service) countGuess(ctx context.Context, email, device string, v Visitor) (undo func(), err error) {
	d, err := s.limits.AllowAll(ctx, v.counted(email, device)...)
	switch {
	case err != nil:
		return nil, fmt.Errorf("count a try at a password: %w", err)
	case !d.Allowed:
		return nil, fault.After(web.ErrTooMany, d.Retry)
	case d.Undo == nil:
		return func() {}, nil
	}
	return d.Undo, nil
}
