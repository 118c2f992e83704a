package bank

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/world"
)

// Book is the accounts of one household and what happened on them. It is safe
// for several goroutines.
type Book struct {
	name    string
	seed    uint64
	start   world.Day
	streams []stream

	mu       sync.Mutex
	next     world.Day // the first day that isn't played
	accounts []*ledger
}

// ledger is an account with its entries.
type ledger struct {
	Account
	balance   decimal.Decimal // posted
	entries   []*Entry        // as they were authorised
	open      []*Entry        // authorised, neither posted nor dropped
	posted    []*Entry        // as they posted
	statement decimal.Decimal // credit: owed at the last closing
}

// stream is one source of events. It adds the events of a day.
type stream func(t *today)

// today is the day that a book plays.
type today struct {
	*Book
	day world.Day
	n   int // events so far, for keys
}

func newBook(name string, seed uint64, start world.Day, accounts []Account, streams []stream) *Book {
	b := &Book{name: name, seed: seed, start: start, next: start, streams: streams}
	for _, a := range accounts {
		b.accounts = append(b.accounts, &ledger{Account: a, balance: a.Opening})
	}
	return b
}

// Accounts lists the accounts of an institution, or all for an empty one.
func (b *Book) Accounts(institution string) []Account {
	var out []Account
	for _, l := range b.accounts {
		if institution == "" || l.Institution == institution {
			out = append(out, l.Account)
		}
	}
	return out
}

// Lines returns what an account shows on a day: posted lines in the order in
// which they posted, then pending ones in the order of their authorisation.
func (b *Book) Lines(key string, on world.Day) []Line {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.play(on)
	l := b.find(key)
	var out []Line
	for _, e := range l.posted {
		if line, ok := e.shown(on); ok && !line.Pending {
			out = append(out, line)
		}
	}
	for _, e := range l.entries {
		if line, ok := e.shown(on); ok && line.Pending {
			out = append(out, line)
		}
	}
	return out
}

// play brings the book to the end of a day.
func (b *Book) play(to world.Day) {
	for ; b.next <= to; b.next++ {
		t := &today{Book: b, day: b.next}
		for _, s := range b.streams {
			s(t)
		}
		for _, l := range b.accounts {
			l.settle(b.next)
		}
	}
}

// settle posts what is due.
func (l *ledger) settle(day world.Day) {
	l.open = slices.DeleteFunc(l.open, func(e *Entry) bool {
		if e.Posts > day {
			return e.Posts == world.Never && e.Drops <= day
		}
		l.balance = l.balance.Add(e.Amount)
		e.Balance = l.balance
		l.posted = append(l.posted, e)
		return true
	})
}

func (b *Book) find(key string) *ledger {
	for _, l := range b.accounts {
		if l.Key == key {
			return l
		}
	}
	panic("bank: no account " + key) // a plan that names one it doesn't have
}

// rand is the chance of a stream on this day.
func (t *today) rand(stream string) *rand.Rand {
	return world.Rand(t.seed, t.name, stream, t.day)
}

// add authorises an entry. Posts defaults to this day, Held to Amount.
func (t *today) add(account string, e Entry) {
	t.n++
	e.Key = fmt.Sprintf("%s/%d", t.day, t.n)
	e.Day = t.day
	e.Posts = cmp.Or(e.Posts, t.day)
	if e.Held.IsZero() {
		e.Held = e.Amount
	}
	l := t.find(account)
	l.entries = append(l.entries, &e)
	l.open = append(l.open, &e)
}

// move transfers between two accounts of the household, with one key on both
// sides. A card's side is a payment.
func (t *today) move(from, to string, amount decimal.Decimal, out, in Entry) {
	pair := fmt.Sprintf("%s/%d", t.day, t.n+1)
	out.Pair, in.Pair = pair, pair
	out.Amount, in.Amount = amount.Neg(), amount
	if t.find(to).Credit() {
		in.Amount = amount.Neg() // owes less
	}
	t.add(from, out)
	t.add(to, in)
}

// on reports whether this is the workday on which something due on a day of
// the month happens; day 31 means the last.
func (t *today) on(dayOfMonth int) bool {
	now := t.day.Time()
	for _, month := range []time.Month{now.Month() - 1, now.Month()} { // the last of a month may move into the next
		first := world.Date(now.Year(), month, 1)
		last := world.Date(now.Year(), month+1, 1) - 1
		if min(first+world.Day(dayOfMonth)-1, last).NextWorkday() == t.day {
			return true
		}
	}
	return false
}
