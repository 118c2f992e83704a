// Package portfolio holds what a person owns and owes: accounts, balances,
// positions, and how their sum moved from day to day.
//
// An account begins when a sync first lists it (package ingest) or when a person
// imports a statement; it ends closed (its past stays, it counts no more) or
// deleted. Its figures come from one of two places. Banks, cards and loans state
// a balance. Investment and crypto accounts state positions and cash, which are
// swapped in whole as a snapshot; their balance is the sum of these.
//
// Everything derived is derived in the transaction that changes what it rests
// on, by Rebuild: balances by day (history.go), net worth by day, and the one
// row that the dashboard reads (wealth.go). So the parts add up to the totals at
// any moment, also while a sync runs, and reading costs the same for one account
// as for forty.
//
// Sign: positive is towards the person's net worth; what is owed is negative.
// What isn't known is null and is named in "missing"; it is never 0.
package portfolio

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/money"
)

// Kind is what an account is.
type Kind string

// The kinds of accounts.
const (
	Bank       Kind = "bank"
	Card       Kind = "card"
	Loan       Kind = "loan"
	Investment Kind = "investment"
	Crypto     Kind = "crypto"
	Manual     Kind = "manual"
)

// Valid reports whether k is a kind that Flint knows.
func (k Kind) Valid() bool {
	switch k {
	case Bank, Card, Loan, Investment, Crypto, Manual:
		return true
	}
	return false
}

// The states of an account.
const (
	Open   = "open"
	Closed = "closed" // its past stays, it counts no more
)

// Account is one account of a person, with the health of its connection.
type Account struct {
	ID                id.Account
	ConnectionID      id.Connection // zero: made by hand or by an import
	ProviderAccountID *string
	Name              string  `db:"-"` // this and what else isn't a column is sealed: see Words
	Nickname          *string `db:"-"`
	InstitutionName   string  `db:"-"`
	Kind              Kind
	Subtype           string
	Currency          money.Currency
	Mask              string `db:"-"`
	Status            string
	Balance           *money.Decimal
	Available         *money.Decimal
	CreditLimit       *money.Decimal
	BalanceAsOf       *time.Time
	OpeningBalance    *money.Decimal
	Drift             *money.Decimal
	SnapshotID        id.Snapshot
	Watermark         json.RawMessage
	Hidden            bool
	Sealed            []byte
	MatchMac          []byte
	CreatedAt         time.Time
	UpdatedAt         time.Time

	Provider         *string // of the connection; nil: none
	ConnectionStatus *string

	said Words // what Sealed says
}

// Title is what people call the account.
func (a Account) Title() string {
	if a.Nickname != nil && *a.Nickname != "" {
		return *a.Nickname
	}
	return a.Name
}

// holds reports whether a's past follows from what it holds: a change of cash
// there says nothing about its worth.
func (a Account) holds() bool {
	return !a.SnapshotID.IsZero() || a.Kind == Investment || a.Kind == Crypto
}

// counts reports whether the account is part of the totals: it is shown and open.
func (a Account) counts() bool { return !a.Hidden && a.Status == Open }

// Faults of this package.
var (
	ErrUnknownAccount = fault.New(fault.NotFound, "account_unknown", "There is no such account.")
)

// Config is what a Service needs.
type Config struct {
	Pool *pgxpool.Pool
	Keys *envelope.Keys
	Now  func() time.Time
}

// Service reads and derives what people own.
type Service struct{ cfg Config }

// New returns a Service.
func New(cfg Config) *Service { return &Service{cfg} }

// Zone is where Flint's days begin and end: at midnight in New York, as the
// markets' do.
func Zone() *time.Location { return zone() }

// zone reads the file of the zone once: every dashboard asks for it.
var zone = sync.OnceValue(func() *time.Location {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		return time.FixedZone("EST", -5*60*60) // no time zone data on this machine
	}
	return zone
})

// BusinessDay returns the day that t belongs to, as UTC midnight.
func BusinessDay(t time.Time) time.Time {
	y, m, d := t.In(Zone()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
