package bank

import (
	"github.com/shopspring/decimal"

	"flint/sandbox/world"
)

// Account is one account as its bank knows it.
type Account struct {
	Key         string // "chase/checking", unique in the sandbox
	Institution string
	Name        string
	Type        string // depository or credit
	Subtype     string
	LastFour    string
	Number      string // full account number
	Routing     string // ABA number of the bank
	Closed      bool
	NoDetails   bool            // the bank doesn't tell numbers of this account
	Opening     decimal.Decimal // balance before the first day
}

// Credit reports whether the balance is a debt.
func (a Account) Credit() bool { return a.Type == "credit" }

// Entry is one movement on an account.
type Entry struct {
	Key          string          // identity in the account: stream, day, number
	Day          world.Day       // authorised; pending from here
	Posts        world.Day       // posted from here, dated so; Never if it is dropped
	Drops        world.Day       // for a dropped one: no longer shown from here
	Held         decimal.Decimal // amount while pending
	Amount       decimal.Decimal // amount when posted
	Renamed      bool            // posts under another identity than it was pending
	Description  string
	Type         string // Teller's transaction type
	Category     string // Teller's category
	Counterparty string
	Person       bool // the counterparty is a person
	Pair         string
	Balance      decimal.Decimal // after posting
}

// Line is an entry as it is shown on some day.
type Line struct {
	Key          string // changes when a renamed entry posts
	Entry        string // doesn't change
	Pending      bool
	Date         world.Day
	Amount       decimal.Decimal
	Description  string
	Type         string
	Category     string
	Counterparty string
	Person       bool
	Pair         string // equal on the two sides of a transfer between own accounts
}

// shown returns how the entry looks on a day, if it shows at all.
func (e *Entry) shown(on world.Day) (Line, bool) {
	l := Line{
		Key: e.Key, Entry: e.Key, Date: e.Posts, Amount: e.Amount, Description: e.Description,
		Type: e.Type, Category: e.Category, Counterparty: e.Counterparty, Person: e.Person, Pair: e.Pair,
	}
	switch {
	case e.Day > on:
		return Line{}, false
	case e.Posts <= on:
		if e.Renamed {
			l.Key += "/posted"
		}
		return l, true
	case e.Posts == world.Never && e.Drops <= on:
		return Line{}, false
	}
	l.Pending, l.Date, l.Amount = true, e.Day, e.Held
	return l, true
}
