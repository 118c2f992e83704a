package session

import (
	"errors"
	"net/http"
	"strings"
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

func cookiesFor(cfg Config) cookies {
	prefix := ""
	if cfg.Origin.Secure() {
		prefix = "__Host-"
	}
	return cookies{
		access: prefix + "accessToken", refresh: prefix + "refreshToken", secure: cfg.Origin.Secure(),
		accessTTL: cfg.AccessTTL, refreshTTL: cfg.IdleTTL,
	}
}

func (s *Service) cookies() cookies { return s.jar }

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

// find returns the value of the one cookie called name in the Cookie headers,
// nothing if there is none. Two of one name are refused: one of them was put
// there by somebody else, and nothing tells which. net/http makes a list of all
// cookies for each that is asked for; this is done for every request.
func (c cookies) find(headers []string, name string) (config.Secret, error) {
	value, found := "", 0
	for _, rest := range headers {
		for rest != "" {
			var pair string
			pair, rest, _ = strings.Cut(rest, ";")
			n, v, _ := strings.Cut(pair, "=")
			if strings.Trim(n, " \t") == name {
				value = strings.Trim(v, " \t")
				found++
			}
		}
	}
	if found > 1 {
		return config.Secret{}, fault.Because(ErrToken, errors.New("several cookies of one name"))
	}
	return config.NewSecret(value), nil
}
