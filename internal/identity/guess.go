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

// Visitor is where a password is tried from.
type Visitor struct {
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
	_, err = s.countGuess(ctx, canonical, device, v.Address)
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

// countGuess counts one try at the password of email, which device (if any)
// sent. The returned func takes it back, for a try that was right.
func (s *Service) countGuess(ctx context.Context, email, device string, from netip.Addr) (undo func(), err error) {
	policy, who := "login-account", email
	place := ""
	switch {
	case device != "":
		policy, who = "login-known", email+" on "+device
		place = who
	case from.IsValid():
		place = email + " from " + network(from)
	}
	asks := []ratelimit.About{{Policy: policy, Identifier: who}}
	if place != "" {
		asks = append(asks, ratelimit.About{Policy: "login-delay", Identifier: place})
	}
	d, err := s.limits.AllowAll(ctx, asks...)
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
