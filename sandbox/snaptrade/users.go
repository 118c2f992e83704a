package snaptrade

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

type credentials struct {
	UserID     string `json:"userId"`
	UserSecret string `json:"userSecret"`
}

func (s *API) registerUser(r *http.Request) (any, error) {
	var in credentials
	if err := read(r, &in); err != nil {
		return nil, err
	}
	if strings.TrimSpace(in.UserID) == "" || len(in.UserID) > 200 {
		return nil, errInput
	}
	var out credentials
	err := s.state.Write(func(rec *records) error {
		n := rec.next()
		if rec.Users[in.UserID] != nil {
			return errUserExists
		}
		u := &user{ID: in.UserID, Secret: s.uid("secret", in.UserID, n), Created: n}
		rec.Users[u.ID] = u
		out = credentials{u.ID, u.Secret}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.tell(event{User: in.UserID, Type: "USER_REGISTERED"})
	return out, nil
}

func (s *API) listUsers(*http.Request) (any, error) {
	ids := []string{}
	s.state.Read(func(rec *records) { ids = append(ids, rec.userIDs()...) })
	return ids, nil
}

func (s *API) deleteUser(r *http.Request) (any, error) {
	id := r.URL.Query().Get("userId")
	err := s.state.Write(func(rec *records) error {
		u := rec.Users[id]
		if u == nil || u.Deleting {
			return errNotFound
		}
		u.Deleting = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.after(func() { s.dropUser(id) })
	return map[string]string{
		"status": "deleted", "userId": id,
		"detail": "User queued for deletion; please wait for webhook for confirmation.",
	}, nil
}

// dropUser forgets a user with all connections, and says so.
func (s *API) dropUser(id string) {
	var gone []connection
	err := s.state.Write(func(rec *records) error {
		gone = rec.of(id)
		for _, c := range gone {
			delete(rec.Connections, c.ID)
		}
		delete(rec.Users, id)
		return nil
	})
	if err != nil {
		s.log.Error("delete user", "err", err)
		return
	}
	for _, c := range gone {
		s.tell(event{User: id, Type: "CONNECTION_DELETED", Broker: c.Broker, Connection: c.ID})
	}
	s.tell(event{User: id, Type: "USER_DELETED"})
}

func (s *API) resetSecret(r *http.Request) (any, error) {
	var in, out credentials
	if err := read(r, &in); err != nil {
		return nil, err
	}
	err := s.state.Write(func(rec *records) error {
		u := rec.Users[in.UserID]
		if u == nil || u.Deleting || u.Secret != in.UserSecret {
			return errUser
		}
		u.Secret = s.uid("secret", u.ID, rec.next())
		out = credentials{u.ID, u.Secret}
		return nil
	})
	return out, err
}

// linkLife is how long a portal link can be opened.
const linkLife = 5 * time.Minute

// loginBody is what a portal link is asked for with.
type loginBody struct {
	Broker         string `json:"broker"`
	ConnectionType string `json:"connectionType"`
	CustomRedirect string `json:"customRedirect"`
	Immediate      bool   `json:"immediateRedirect"`
	Reconnect      string `json:"reconnect"`
	ShowClose      *bool  `json:"showCloseButton"`
	DarkMode       bool   `json:"darkMode"`
	Locale         string `json:"locale"`
	Version        string `json:"connectionPortalVersion"`
}

func (s *API) login(r *http.Request, userID string) (any, error) {
	var in loginBody
	if err := read(r, &in); err != nil {
		return nil, err
	}
	visit, err := s.visit(in)
	if err != nil {
		return nil, err
	}
	visit.User = userID
	err = s.state.Write(func(rec *records) error {
		if in.Reconnect != "" {
			c := rec.Connections[in.Reconnect]
			if c == nil || c.User != userID || c.Deleting {
				return errNotFound
			}
			visit.Broker, visit.Fixed = c.Broker, true
		}
		n := rec.next()
		visit.ID, visit.Token = s.uid("session", n), s.uid("link", n)
		for id, old := range rec.Sessions {
			if s.now().Sub(old.Expires) > 24*time.Hour {
				delete(rec.Sessions, id)
			}
		}
		rec.Sessions[visit.ID] = &visit
		return nil
	})
	if err != nil {
		return nil, err
	}
	q := url.Values{
		"token": {visit.Token}, "clientId": {s.cfg.ClientID}, "sessionId": {visit.ID}, "connectionPortalVersion": {"v4"},
	}
	if visit.Broker != "" {
		q.Set("broker", visit.Broker)
	}
	if visit.Dark {
		q.Set("darkMode", "true")
	}
	return map[string]string{
		"redirectURI": s.cfg.SiteURL() + "/snaptrade/portal/redeem?" + q.Encode(),
		"sessionId":   visit.ID,
	}, nil
}

// visit checks what a link is asked for.
func (s *API) visit(in loginBody) (session, error) {
	v := session{
		Expires: s.now().Add(linkLife), Type: in.ConnectionType, Redirect: in.CustomRedirect,
		Immediate: in.Immediate, Reconnect: in.Reconnect, Dark: in.DarkMode, Close: in.ShowClose == nil || *in.ShowClose,
	}
	switch v.Type {
	case "":
		v.Type = "read"
	case "read", "trade", "trade-if-available":
	default:
		return v, errInput
	}
	switch strings.ToLower(strings.ReplaceAll(in.Locale, "_", "-")) {
	case "", "en", "pt-br", "en-us", "en-gb", "en-ca", "pt":
	default:
		return v, errInput
	}
	if in.Broker != "" {
		b, ok := brokerOf(in.Broker)
		if !ok {
			return v, errNotFound
		}
		v.Broker, v.Fixed = b.Slug, true
	}
	if in.CustomRedirect != "" {
		u, err := url.Parse(in.CustomRedirect)
		if err != nil || u.Scheme == "" || slices.Contains([]string{"javascript", "data", "vbscript", "blob", "file"}, u.Scheme) {
			return v, errInput
		}
	}
	return v, nil
}
