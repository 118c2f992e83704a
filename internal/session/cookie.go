package session

import (
	"errors"
	"net/http"
	"time"

	"flint/internal/config"
	"flint/internal/fault"
)

// mobileHeader, with the value "true", is how the mobile app says what it is.
const mobileHeader = "X-Mobile-App"

// cookies knows the names and attributes of the two cookies. Over https the
// names begin with __Host-, which makes browsers refuse any that were set
// without Secure, for another path, or by another host of the domain.
type cookies struct {
	access, refresh string
	secure          bool
	accessTTL       time.Duration
	refreshTTL      time.Duration
}

func (s *Service) cookies() cookies {
	prefix := ""
	if s.cfg.Origin.Secure() {
		prefix = "__Host-"
	}
	return cookies{
		access: prefix + "accessToken", refresh: prefix + "refreshToken", secure: s.cfg.Origin.Secure(),
		accessTTL: s.cfg.AccessTTL, refreshTTL: s.cfg.IdleTTL,
	}
}

func (c cookies) make(name, value string, maxAge int) http.Cookie {
	return http.Cookie{ //nolint:gosec // Secure follows the origin: plain http is for this machine alone
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteStrictMode,
	}
}

// set returns the cookies of a grant.
func (c cookies) set(g Grant) []http.Cookie {
	set := []http.Cookie{
		c.make(c.access, g.Access.Reveal(), int(c.accessTTL.Seconds())),
		c.make(c.refresh, g.Refresh.Reveal(), int(c.refreshTTL.Seconds())),
	}
	if !g.Device.IsZero() {
		set = append(set, c.make(c.device(g.Person.ID), g.Device.Reveal(), int(deviceTTL.Seconds())))
	}
	return set
}

// clear returns the cookies that remove both. What the device is known by stays.
func (c cookies) clear() []http.Cookie {
	return []http.Cookie{c.make(c.access, "", -1), c.make(c.refresh, "", -1)}
}

// read returns the value of the one cookie in found, nothing if there is none.
// Two of one name are refused: one of them was put there by somebody else, and
// nothing tells which.
func (c cookies) read(found []*http.Cookie) (config.Secret, error) {
	switch len(found) {
	case 0:
		return config.Secret{}, nil
	case 1:
		return config.NewSecret(found[0].Value), nil
	}
	return config.Secret{}, fault.Because(ErrToken, errors.New("several cookies of one name"))
}
