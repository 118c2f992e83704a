// Package market knows what currencies are worth in one another.
//
// Once per working day a job reads the European Central Bank's reference rates
// and keeps them in fx_rates. Whoever values something asks for the Rates of a
// day: each currency's last known rate, at most a week old, since there are none
// for weekends and holidays. From two rates against the euro the rate between
// any two currencies follows.
//
// A rate that isn't known is missing, and said to be missing. It is never taken
// to be one, and the amount never to be zero.
package market

import (
	"slices"
	"time"

	"flint/internal/money"
)

// MaxAge is how old a rate may be and still value something. Easter closes the
// ECB for four days; a week leaves room for an outage of ours.
const MaxAge = 7 * 24 * time.Hour

// euro is what all stored rates are against.
const euro money.Currency = "EUR"

// places is the precision of converted amounts, before anybody rounds them.
const places = 18

// subunits are codes that exchanges quote prices in, hundredths of a currency.
var subunits = map[money.Currency]money.Currency{"GBX": "GBP", "ZAC": "ZAR", "ILA": "ILS"}

// quote is what one euro was worth on a day.
type quote struct {
	day  time.Time
	rate money.Decimal
}

// Rates converts into one currency, with the rates known on one day. The zero
// Rates knows no rate at all.
type Rates struct {
	Base   money.Currency // what it converts into
	Day    time.Time      // the day it is for; midnight UTC
	quotes map[money.Currency]quote
}

// Convert returns a in the base currency, and false when no rate is known. An
// amount that is in the base currency already needs none.
func (r Rates) Convert(a money.Amount) (money.Amount, bool) {
	v, ok := r.Value(a.Amount, a.Currency)
	return money.Of(v, r.Base), ok
}

// Value is Convert for a bare number in currency c.
func (r Rates) Value(d money.Decimal, c money.Currency) (money.Decimal, bool) {
	if whole, ok := subunits[c]; ok && c != r.Base {
		d, c = d.Shift(-2), whole
	}
	if c == r.Base && c != "" {
		return d, true
	}
	from, ok1 := r.perEuro(c)
	to, ok2 := r.perEuro(r.Base)
	if !ok1 || !ok2 {
		return money.Zero, false
	}
	return d.Mul(to.rate).DivRound(from.rate, places), true
}

// AsOf returns the day of the rate that converts c: the older of the two that it
// is made of. It is zero when no rate is needed, and false when none is known.
func (r Rates) AsOf(c money.Currency) (time.Time, bool) {
	if whole, ok := subunits[c]; ok && c != r.Base {
		c = whole
	}
	if c == r.Base && c != "" {
		return time.Time{}, true
	}
	from, ok1 := r.perEuro(c)
	to, ok2 := r.perEuro(r.Base)
	switch {
	case !ok1 || !ok2:
		return time.Time{}, false
	case from.day.IsZero() || !to.day.IsZero() && to.day.Before(from.day):
		return to.day, true
	}
	return from.day, true
}

// perEuro returns what a euro is worth in c.
func (r Rates) perEuro(c money.Currency) (quote, bool) {
	if c == euro {
		return quote{rate: decimalOne}, true
	}
	q, ok := r.quotes[c]
	return q, ok && q.rate.IsPositive()
}

var decimalOne = money.MustParse("1")

// Calendar holds the rates of a range of days: for histories.
type Calendar struct {
	base money.Currency
	rows []row // by day
}

// row is a stored rate.
type row struct {
	Day      time.Time
	Currency money.Currency
	Rate     money.Decimal
}

// On returns the rates for day, which must lie in the calendar's range.
func (c Calendar) On(day time.Time) Rates {
	day = midnight(day)
	r := Rates{Base: c.base, Day: day, quotes: map[money.Currency]quote{}}
	oldest := day.Add(-MaxAge)
	i, _ := slices.BinarySearchFunc(c.rows, oldest, func(x row, d time.Time) int { return x.Day.Compare(d) })
	for _, x := range c.rows[i:] {
		if x.Day.After(day) {
			break
		}
		r.quotes[x.Currency] = quote{x.Day, x.Rate} // a later row wins
	}
	return r
}

// midnight returns the date of t as its UTC midnight.
func midnight(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
