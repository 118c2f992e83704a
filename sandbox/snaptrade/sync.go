package snaptrade

import (
	"time"

	"flint/sandbox/world"
)

// dailyHour is when holdings and activities are synced each day, UTC.
const dailyHour = 6

// daily returns the last daily sync at or before t.
func daily(t time.Time) time.Time {
	cut := world.DayOf(t).Time().Add(dailyHour * time.Hour)
	if cut.After(t) {
		cut = cut.AddDate(0, 0, -1)
	}
	return cut
}

// until is the moment after which a connection learns nothing new.
func (c connection) until(now time.Time) time.Time {
	if !c.Disabled.IsZero() {
		return c.Disabled
	}
	return now
}

// asOf is the moment whose holdings a connection shows.
func (c connection) asOf(now time.Time) time.Time {
	return later(c.HoldingsAt, daily(c.until(now)))
}

// shown is the moment before which a connection shows every activity: the
// start of the day of its last daily sync, or later when a sync was ordered.
func (c connection) shown(now time.Time) time.Time {
	return later(c.Shown, world.DayOf(daily(c.until(now))).Time())
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func midnight(t time.Time) time.Time { return world.DayOf(t).Time() }

// populate ends the first sync of a connection's activities.
func (s *API) populate(id string) {
	c, err := s.change(id, func(c *connection) error { c.Populated = true; return nil })
	if err != nil {
		return // deleted meanwhile
	}
	for _, a := range c.accounts() {
		s.tell(event{User: c.User, Type: "ACCOUNT_TRANSACTIONS_INITIAL_UPDATE", Connection: c.ID, Account: s.accountID(c, a)})
	}
}

// resume takes up what the last process left undone.
func (s *API) resume() {
	var fresh, refreshing, deleting []connection
	var users []string
	s.state.Read(func(rec *records) {
		for _, c := range rec.Connections {
			switch {
			case c.Deleting:
				deleting = append(deleting, *c)
			case !c.Populated:
				fresh = append(fresh, *c)
			case c.Refreshing:
				refreshing = append(refreshing, *c)
			}
		}
		for _, u := range rec.Users {
			if u.Deleting {
				users = append(users, u.ID)
			}
		}
	})
	for _, c := range fresh {
		s.after(func() { s.populate(c.ID) })
	}
	for _, c := range refreshing {
		s.after(func() { s.refreshed(c.ID) })
	}
	for _, c := range deleting {
		s.after(func() { s.drop(c) })
	}
	for _, id := range users {
		s.after(func() { s.dropUser(id) })
	}
}

// Tick lets a new day bring its webhooks: holdings are synced whether or not
// they changed, activities are told of when there are new ones. It is called
// every minute or so.
func (s *API) Tick(now time.Time) {
	var due []connection
	cut := daily(now)
	err := s.state.Write(func(rec *records) error {
		for _, c := range rec.Connections {
			if c.Populated && !c.Deleting && c.Disabled.IsZero() && c.Created.Before(cut) && c.Daily.Before(cut) {
				due = append(due, *c)
				c.Daily = cut
			}
		}
		return nil
	})
	if err != nil {
		s.log.Error("daily sync", "err", err)
		return
	}
	for _, c := range due {
		for _, a := range c.accounts() {
			id := s.accountID(c, a)
			s.tell(holdingsUpdated(c, id))
			if lines := s.visible(c, a, now); len(lines) > len(s.visible(c, a, cut.Add(-time.Second))) {
				s.tell(event{User: c.User, Type: "ACCOUNT_TRANSACTIONS_UPDATED", Connection: c.ID, Account: id})
			}
		}
	}
}

// refreshed ends a refresh: holdings are as of now.
func (s *API) refreshed(id string) {
	c, err := s.change(id, func(c *connection) error {
		c.Refreshing = false
		if !c.Disabled.IsZero() {
			return errDisabled // broke meanwhile
		}
		c.HoldingsAt = s.now().UTC()
		return nil
	})
	if err != nil {
		return
	}
	for _, a := range c.accounts() {
		s.tell(holdingsUpdated(c, s.accountID(c, a)))
	}
}
