package snaptrade

import (
	"net/http"
	"slices"
	"time"
)

// find returns a connection of a user.
func (s *API) find(userID, id string) (connection, error) {
	var c connection
	err := error(errNotFound)
	s.state.Read(func(rec *records) {
		if got := rec.Connections[id]; got != nil && got.User == userID {
			c, err = *got, nil
		}
	})
	return c, err
}

// change alters a stored connection and returns what it is then.
func (s *API) change(id string, fn func(c *connection) error) (connection, error) {
	var out connection
	err := s.state.Write(func(rec *records) error {
		c := rec.Connections[id]
		if c == nil {
			return errNotFound
		}
		c.Updated = s.now().UTC()
		err := fn(c)
		out = *c
		return err
	})
	return out, err
}

// connect makes a connection as the end of a portal visit does, or returns the
// one that this login has already; that one works again then.
func (s *API) connect(userID, slug, login, scenario, kind string) (connection, error) {
	b, ok := brokerOf(slug)
	switch {
	case !ok:
		return connection{}, errNotFound
	case kind != "read" && kind != "trade" && kind != "trade-if-available":
		return connection{}, errInput
	case scenario != "" && (b.Slug != sandboxBroker || !slices.Contains(scenarios, scenario)):
		return connection{}, errInput
	}
	if kind == "trade-if-available" {
		kind = "read"
		if b.Trades {
			kind = "trade"
		}
	}
	if kind == "trade" && !b.Trades {
		return connection{}, errInput
	}
	var out, before connection
	known := false
	now := s.now().UTC()
	err := s.state.Write(func(rec *records) error {
		if rec.Users[userID] == nil {
			return errNotFound
		}
		for _, c := range rec.of(userID) {
			if c.Broker == b.Slug && c.Login == login && !c.Deleting {
				before, known = c, true
				heal(rec.Connections[c.ID], kind, now)
				out = *rec.Connections[c.ID]
				return nil
			}
		}
		n := rec.next()
		out = connection{
			ID: s.uid("connection", userID, n), Serial: n, User: userID, Broker: b.Slug, Login: login, Scenario: scenario,
			Type: kind, Created: now, Updated: now, HoldingsAt: now, Shown: midnight(now),
		}
		c := out
		rec.Connections[c.ID] = &c
		return nil
	})
	switch {
	case err != nil:
		return out, err
	case known:
		s.healed(before, out)
	default:
		s.added(out)
	}
	return out, nil
}

// heal makes a connection work again, with holdings as of now.
func heal(c *connection, kind string, now time.Time) {
	c.Disabled, c.HoldingsAt, c.Updated, c.Type = time.Time{}, now, now, kind
	c.Shown = later(c.Shown, midnight(now))
}

// healed tells what a renewed login changed.
func (s *API) healed(before, after connection) {
	kind := "CONNECTION_UPDATED"
	if !before.Disabled.IsZero() {
		kind = "CONNECTION_FIXED"
	}
	s.tell(event{User: after.User, Type: kind, Connection: after.ID})
	for _, a := range after.accounts() {
		s.tell(holdingsUpdated(after, s.accountID(after, a)))
	}
}

// added tells about a new connection and begins to fetch its activities.
func (s *API) added(c connection) {
	s.tell(
		event{User: c.User, Type: "CONNECTION_ATTEMPTED", Broker: c.Broker, Result: "SUCCESS"},
		event{User: c.User, Type: "CONNECTION_ADDED", Broker: c.Broker, Connection: c.ID},
	)
	for _, a := range c.accounts() {
		id := s.accountID(c, a)
		s.tell(event{User: c.User, Type: "NEW_ACCOUNT_AVAILABLE", Connection: c.ID, Account: id}, holdingsUpdated(c, id))
	}
	s.after(func() { s.populate(c.ID) })
}

func (s *API) listConnections(_ *http.Request, userID string) (any, error) {
	out := []wireConnection{}
	for _, c := range s.connections(userID) {
		out = append(out, s.wire(c))
	}
	return out, nil
}

func (s *API) connections(userID string) []connection {
	var out []connection
	s.state.Read(func(rec *records) { out = rec.of(userID) })
	return out
}

func (s *API) connectionDetail(r *http.Request, userID string) (any, error) {
	c, err := s.find(userID, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return s.wire(c), nil
}

func (s *API) refresh(r *http.Request, userID string) (any, error) {
	c, err := s.find(userID, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	now := s.now().UTC()
	c, err = s.change(c.ID, func(c *connection) error {
		switch {
		case !c.Disabled.IsZero():
			return errDisabled
		case !c.Refreshed.IsZero() && now.Sub(c.Refreshed) < s.cfg.RefreshEvery:
			return errTooSoon
		}
		c.Refreshed, c.Refreshing = now, true
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.after(func() { s.refreshed(c.ID) })
	return detail("Connection " + c.ID + " scheduled for refresh"), nil
}

func (s *API) syncTransactions(r *http.Request, userID string) (any, error) {
	c, err := s.find(userID, r.PathValue("id"))
	switch {
	case err != nil:
		return nil, err
	case !c.Disabled.IsZero():
		return nil, errDisabled
	}
	return detail("Connection " + c.ID + " scheduled for transactions sync"), nil
}

func (s *API) disable(r *http.Request, userID string) (any, error) {
	c, err := s.find(userID, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if err = s.breakOff(c.ID); err != nil {
		return nil, err
	}
	return detail("Connection " + c.ID + " has been disabled"), nil
}

// breakOff disables a connection, as a changed password does.
func (s *API) breakOff(id string) error {
	c, err := s.change(id, func(c *connection) error {
		if !c.Disabled.IsZero() {
			return errAlready
		}
		c.Disabled = s.now().UTC()
		return nil
	})
	if err == nil {
		s.tell(event{User: c.User, Type: "CONNECTION_BROKEN", Connection: c.ID})
	}
	return err
}

func (s *API) deleteConnection(r *http.Request, userID string) (any, error) {
	c, err := s.find(userID, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	c, err = s.change(c.ID, func(c *connection) error {
		if c.Deleting {
			return errNotFound
		}
		c.Deleting = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.after(func() { s.drop(c) })
	return map[string]string{
		"detail":        "Connection queued for deletion; please wait for webhook for confirmation.",
		"connection_id": c.ID,
	}, nil
}

// drop forgets a connection and says so.
func (s *API) drop(c connection) {
	err := s.state.Write(func(rec *records) error {
		if rec.Connections[c.ID] == nil {
			return errNotFound
		}
		delete(rec.Connections, c.ID)
		return nil
	})
	if err == nil {
		s.tell(event{User: c.User, Type: "CONNECTION_DELETED", Broker: c.Broker, Connection: c.ID})
	}
}

func detail(text string) map[string]string { return map[string]string{"detail": text} }

// wireConnection is a BrokerageAuthorization.
type wireConnection struct {
	ID           string     `json:"id"`
	CreatedDate  string     `json:"created_date"`
	UpdatedDate  string     `json:"updated_date"`
	Brokerage    wireBroker `json:"brokerage"`
	Name         string     `json:"name"`
	Type         string     `json:"type"`
	Disabled     bool       `json:"disabled"`
	DisabledDate *string    `json:"disabled_date"`
	Meta         struct{}   `json:"meta"`
	Freshness    string     `json:"data_freshness_mode"`
}

func (s *API) wire(c connection) wireConnection {
	b, _ := brokerOf(c.Broker)
	out := wireConnection{
		ID: c.ID, CreatedDate: stamp(c.Created), UpdatedDate: stamp(c.Updated), Brokerage: s.wireBroker(b),
		Name: b.Name + " connection", Type: c.Type, Disabled: !c.Disabled.IsZero(), Freshness: "delayed",
	}
	if out.Disabled {
		at := stamp(c.Disabled)
		out.DisabledDate = &at
	}
	return out
}

// stamp writes a moment as most of the API does; spaced as sync times are.
func stamp(t time.Time) string  { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
func spaced(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000+00:00") }
func whole(t time.Time) string  { return t.UTC().Format("2006-01-02T15:04:05Z") }
