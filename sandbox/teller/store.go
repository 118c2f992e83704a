package teller

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/world"
)

// book is what is remembered: every enrollment ever made, and a counter that
// names new things.
type book struct {
	Serial      int
	Enrollments map[string]*enrollment
}

// Limits of what is kept.
const (
	maxEnrollments = 500
	maxExtras      = 5000 // per enrollment
)

// enrollment is one login that was shared with one application.
type enrollment struct {
	ID          string
	Serial      int
	Token       string
	User        string
	Environment string // sandbox, development or production
	Institution string
	Username    string
	Created     time.Time
	Accounts    []string // keys of the bank's accounts that were shared
	Closed      []string // keys of accounts that were closed since
	Deleted     bool     // by DELETE /accounts
	Health      string   // empty, or "disconnected[.reason]"
	Breaks      string   // what Health becomes at the first data request
	Hidden      []string // "account entry" of the bank's book that no longer count
	Extras      []*extra
	Seen        world.Day         // the last day that a webhook told about
	Verified    map[string]string // account key → pending, completed, expired
}

// extra is an entry that was made on purpose.
type extra struct {
	ID           string
	Serial       int
	Account      string // key
	Day          world.Day
	Posts        world.Day // world.Never while pending
	Amount       decimal.Decimal
	Description  string
	Type         string
	Category     string // empty: not enriched yet
	Counterparty string
}

func (b *book) next() int {
	b.Serial++
	return b.Serial
}

// live lists the enrollments that weren't deleted, in the order of their making.
func (b *book) live() []*enrollment {
	var out []*enrollment
	for _, e := range b.Enrollments {
		if !e.Deleted {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(x, y *enrollment) int { return cmp.Compare(x.Serial, y.Serial) })
	return out
}

func (b *book) byToken(token string) *enrollment {
	for _, e := range b.Enrollments {
		if e.Token == token {
			return e
		}
	}
	return nil
}

// copy is a snapshot that may be read without the lock.
func (e *enrollment) copy() enrollment {
	c := *e
	c.Accounts = slices.Clone(e.Accounts)
	c.Closed = slices.Clone(e.Closed)
	c.Hidden = slices.Clone(e.Hidden)
	c.Verified = maps.Clone(e.Verified)
	c.Extras = make([]*extra, len(e.Extras))
	for i, x := range e.Extras {
		v := *x
		c.Extras[i] = &v
	}
	return c
}
