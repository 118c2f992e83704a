// Package prices is the sandbox's stock exchange: about forty instruments with
// daily prices that behave like real ones and are not. EVERY PRICE IS SIMULATED.
// The names and tickers are real so that screens look familiar; the numbers have
// nothing to do with what these instruments ever cost.
//
// A price is a pure function of the seed, the symbol and the moment. Each
// calendar day draws its own random numbers from a key made of (seed, symbol,
// day), and prices walk forward from a fixed first day, so history never changes
// as time moves on: what a test saw yesterday it sees tomorrow.
//
// The walk is geometric, with the habits of real returns: volatility comes in
// clusters (GARCH), big days are too frequent for a bell curve (Student's t with
// five degrees of freedom), stocks follow a common market factor and crypto
// assets a factor of their own, and prices lean gently back to a long trend, so
// that no seed yields a ten-cent Apple. Shares trade on New York's business
// days, 09:30 to 16:00; crypto assets always; mutual funds have one price a
// day; a money-market fund always costs one; an option is priced from its
// underlying by Black and Scholes.
package prices

import (
	"math"
	"sync"
	"time"

	"github.com/shopspring/decimal"
)

// Notice is the sentence to show wherever these prices are shown.
const Notice = "Simulated prices: they do not describe any real market."

// Market answers what anything costs at any moment since 2020-01-02. It is safe
// for concurrent use.
type Market struct {
	seed uint64

	mu      sync.Mutex
	factors map[factor]*path
	series  map[string]*path
}

// New returns the market of a seed.
func New(seed uint64) *Market {
	return &Market{
		seed:    seed,
		factors: map[factor]*path{},
		series:  map[string]*path{},
	}
}

// Instruments lists what is traded, in a fixed order. Options aren't listed:
// every contract on a listed stock or ETF has a price (see Lookup).
func Instruments() []Instrument {
	out := make([]Instrument, len(table))
	copy(out, table)
	return out
}

// Lookup finds an instrument by its ticker, or an option by its 21-character
// OCC symbol such as "AAPL  281215C00240000".
func Lookup(symbol string) (Instrument, bool) {
	for _, in := range table {
		if in.Symbol == symbol {
			return in, true
		}
	}
	return parseOption(symbol)
}

// Close returns the last closing price on or before the calendar day of t
// (UTC). It is false for an unknown symbol or a day before 2020-01-02.
func (m *Market) Close(symbol string, t time.Time) (decimal.Decimal, bool) {
	return m.closeOn(symbol, dayOf(t))
}

func (m *Market) closeOn(symbol string, d day) (decimal.Decimal, bool) {
	in, ok := Lookup(symbol)
	if !ok || d < epoch {
		return decimal.Zero, false
	}
	switch in.Kind {
	case Option:
		return m.option(in, d.time().Add(21*time.Hour))
	case MoneyMarket:
		return decimal.New(1, 0), true
	default:
		return round(m.level(in, d), in), true
	}
}

// At returns the price at a moment: the last close while the market is shut,
// else a point on that day's path from open to close. It is false for an
// unknown symbol or a moment before 2020-01-03.
func (m *Market) At(symbol string, t time.Time) (decimal.Decimal, bool) {
	in, ok := Lookup(symbol)
	d := dayOf(t)
	if !ok || d <= epoch {
		return decimal.Zero, false
	}
	switch in.Kind {
	case Option:
		return m.option(in, t)
	case MoneyMarket:
		return decimal.New(1, 0), true
	default:
		return round(m.levelAt(in, t), in), true
	}
}

// levelAt is At without rounding, for everything that walks.
func (m *Market) levelAt(in Instrument, t time.Time) float64 {
	d := dayOf(t)
	from, to := session(in.Kind, d)
	switch {
	case !opens(in.Kind, d), t.Before(from):
		return m.level(in, d-1)
	case !t.Before(to):
		return m.level(in, d)
	case in.Kind == MutualFund:
		return m.level(in, d-1) // priced once, after the close
	}
	progress := float64(t.Sub(from)) / float64(to.Sub(from))
	return m.intraday(in, d, progress)
}

// Open reports whether trading in a kind of instrument goes on at t.
func Open(k Kind, t time.Time) bool {
	d := dayOf(t)
	if !opens(k, d) {
		return false
	}
	from, to := session(k, d)
	return !t.Before(from) && t.Before(to)
}

// TradingDay reports whether shares trade in New York on the calendar day of t.
func TradingDay(t time.Time) bool { return opens(Stock, dayOf(t)) }

// Split is one share becoming several.
type Split struct {
	Day   time.Time // the first day at the new price, midnight UTC
	Ratio int64     // new shares for an old one
}

// SplitOn returns the ratio if symbol splits on the calendar day of t, before
// the market opens, else 1.
func SplitOn(symbol string, t time.Time) int64 {
	in, ok := Lookup(symbol)
	if ok && in.splits(dayOf(t)) {
		return in.Split
	}
	return 1
}

// Splits lists the splits of symbol with from <= day <= to.
func Splits(symbol string, from, to time.Time) []Split {
	var out []Split
	in, ok := Lookup(symbol)
	if !ok || in.Split == 0 {
		return nil
	}
	for d := max(dayOf(from), epoch+1); d <= dayOf(to); d++ {
		if in.splits(d) {
			out = append(out, Split{Day: d.time(), Ratio: in.Split})
		}
	}
	return out
}

// DividendOn returns what one share of symbol pays on the calendar day of t,
// zero on most days. A money-market fund pays on the last day of each month.
func (m *Market) DividendOn(symbol string, t time.Time) decimal.Decimal {
	in, ok := Lookup(symbol)
	d := dayOf(t)
	if !ok || in.Yield == 0 || d <= epoch {
		return decimal.Zero
	}
	date := d.time()
	if in.Kind == MoneyMarket {
		if date.AddDate(0, 0, 1).Month() == date.Month() {
			return decimal.Zero
		}
		return decimal.NewFromFloat(in.Yield / 12).Round(6)
	}
	if in.Pays == 0 || d != payday(in, date) {
		return decimal.Zero
	}
	share := m.level(in, d-1) * in.Yield / float64(in.Pays)
	return decimal.NewFromFloat(share).Round(4)
}

// payday is the trading day on or after the instrument's pay day in the month
// of date, or 0 if it doesn't pay in that month.
func payday(in Instrument, date time.Time) day {
	every := 12 / in.Pays
	if (int(date.Month())-1)%every != in.PayMonth%every {
		return 0
	}
	d := dayOf(time.Date(date.Year(), date.Month(), in.PayDay, 0, 0, 0, 0, time.UTC))
	for !opens(Stock, d) {
		d++
	}
	return d
}

// round cuts a level to the decimal places its market quotes.
func round(level float64, in Instrument) decimal.Decimal {
	places := in.Places
	if places == 0 {
		places = 2
	}
	if math.IsNaN(level) || level <= 0 {
		return decimal.New(1, -places)
	}
	return decimal.NewFromFloat(level).Round(places)
}
