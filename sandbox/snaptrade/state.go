package snaptrade

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/world"
)

// records is all that this far end remembers.
type records struct {
	Opening     world.Day              `json:"opening"`     // first day of every account
	Users       map[string]*user       `json:"users"`       // by id
	Connections map[string]*connection `json:"connections"` // by id
	Sessions    map[string]*session    `json:"sessions"`    // portal visits, by id
	Extras      map[string][]extra     `json:"extras"`      // by account key: what Control did
	Serial      int                    `json:"serial"`      // counts everything that gets an id
}

type user struct {
	ID       string `json:"id"`
	Secret   string `json:"secret"`
	Created  int    `json:"created"` // serial: listUsers is in this order
	Deleting bool   `json:"deleting,omitempty"`
}

// connection is a brokerage authorization.
type connection struct {
	ID         string    `json:"id"`
	Serial     int       `json:"serial"` // listings are in this order
	User       string    `json:"user"`
	Broker     string    `json:"broker"` // slug
	Login      string    `json:"login"`  // the name used at the broker
	Scenario   string    `json:"scenario,omitempty"`
	Type       string    `json:"type"` // read, trade
	Created    time.Time `json:"created"`
	Updated    time.Time `json:"updated"`
	HoldingsAt time.Time `json:"holdingsAt"` // last sync that was not the daily one
	Shown      time.Time `json:"shown"`      // activities before this are out already, besides the daily ones
	Populated  bool      `json:"populated"`  // the first activities are there
	Daily      time.Time `json:"daily"`      // last daily sync that was told of
	Refreshed  time.Time `json:"refreshed"`  // last manual refresh, zero: never
	Refreshing bool      `json:"refreshing,omitempty"`
	Disabled   time.Time `json:"disabled"` // zero: it works
	Deleting   bool      `json:"deleting,omitempty"`
}

// extra is something that Control made happen in an account.
type extra struct {
	At       time.Time       `json:"at"`
	Symbol   string          `json:"symbol,omitempty"` // a trade
	Units    decimal.Decimal `json:"units"`            // bought; below zero: sold
	Amount   decimal.Decimal `json:"amount"`           // paid in, when Symbol is empty
	Currency string          `json:"currency,omitempty"`
}

// session is one visit to the Connection Portal.
type session struct {
	ID        string    `json:"id"`
	Token     string    `json:"token"` // of the link; empty once redeemed
	Expires   time.Time `json:"expires"`
	User      string    `json:"user"`
	Broker    string    `json:"broker,omitempty"` // asked for, or picked
	Fixed     bool      `json:"fixed,omitempty"`  // the link named the broker
	Type      string    `json:"type"`             // read, trade, trade-if-available
	Redirect  string    `json:"redirect,omitempty"`
	Immediate bool      `json:"immediate,omitempty"`
	Reconnect string    `json:"reconnect,omitempty"`
	Close     bool      `json:"close"`
	Dark      bool      `json:"dark,omitempty"`

	Login    string `json:"login,omitempty"` // accepted credentials
	Scenario string `json:"scenario,omitempty"`
	Result   string `json:"result,omitempty"` // connection id when done
}

// next makes the maps on first use and counts.
func (r *records) next() int {
	if r.Users == nil {
		r.Users, r.Connections = map[string]*user{}, map[string]*connection{}
		r.Sessions, r.Extras = map[string]*session{}, map[string][]extra{}
	}
	r.Serial++
	return r.Serial
}

// of lists a user's connections, oldest first.
func (r *records) of(userID string) []connection {
	var out []connection
	for _, c := range r.Connections {
		if c.User == userID {
			out = append(out, *c)
		}
	}
	slices.SortFunc(out, func(a, b connection) int {
		return a.Serial - b.Serial
	})
	return out
}

func (r *records) userIDs() []string {
	ids := slices.Collect(maps.Keys(r.Users))
	slices.SortFunc(ids, func(a, b string) int { return r.Users[a].Created - r.Users[b].Created })
	return ids
}

// uid makes the UUID (version 4 in form) that belongs to the keys. It is
// repeatable, and so guessable: nothing here needs protecting.
func (s *API) uid(keys ...any) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d", s.cfg.Seed)
	for _, k := range keys {
		fmt.Fprintf(h, "|%q", fmt.Sprint(k))
	}
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	x := hex.EncodeToString(b)
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}
