package session

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/telemetry"
)

// visitor says where c comes from, for counting guesses. A client without any
// device's cookie is nowhere known, and nothing is looked up for it.
func (s *Service) visitor(ctx context.Context, c Client) identity.Visitor {
	v := identity.Visitor{Address: telemetry.Address(ctx)}
	if c.token != "" || c.Delivery == Web && strings.Contains(c.cookie, "device-") {
		v.Device = func(ctx context.Context, user id.User) (string, error) { return s.knownDevice(ctx, user, c) }
	}
	return v
}

// knownDevice names the device of c if user has signed in on it before; else it
// returns "". The name is not secret.
func (s *Service) knownDevice(ctx context.Context, user id.User, c Client) (string, error) {
	token := s.deviceToken(user, c)
	if token.IsZero() {
		return "", nil
	}
	name := hash(token)
	known, err := deviceKnown(ctx, s.pool, name, user, s.now().Add(-deviceTTL))
	if err != nil {
		return "", fmt.Errorf("find device: %w", err)
	}
	if !known {
		return "", nil
	}
	return hex.EncodeToString(name[:16]), nil
}

// attempt counts a try at user's second factor by c.
func (s *Service) attempt(ctx context.Context, user id.User, c Client) (undo func(), err error) {
	device, err := s.knownDevice(ctx, user, c)
	if err != nil {
		return nil, err
	}
	return s.cfg.Factors.AttemptOn(ctx, user, device)
}
