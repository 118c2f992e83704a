package portfolio

import (
	"cmp"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"flint/internal/money"
)

// Quality says how a figure of the past is known.
type Quality string

// The qualities. A sum is only as good as its worst part.
const (
	Complete  Quality = "complete"  // seen at the time, or settled since
	Estimated Quality = "estimated" // worked out backwards, or carried from another day
)

// Flow is what posted on one day: a change of the ledger.
type Flow struct {
	Day    time.Time // UTC midnight
	Amount money.Decimal
}

// Point is the closing balance of one day.
type Point struct {
	Day     time.Time // UTC midnight
	Balance money.Decimal
	Quality Quality
}

// Balances works out the closing balance of each day from a known one and the
// flows around it: backwards before the anchor's day, forwards after it. The
// anchor already holds the flows of its own day. The first point is the day
// before the first flow, or the anchor's day: earlier days aren't known, so they
// are absent and not zero. Days before watched, when Flint hadn't seen the
// account yet, are estimated.
func Balances(anchor money.Decimal, anchorDay, watched, last time.Time, flows []Flow) []Point {
	byDay := map[time.Time]money.Decimal{}
	first := anchorDay
	for _, f := range flows {
		byDay[f.Day] = byDay[f.Day].Add(f.Amount)
		if before := f.Day.AddDate(0, 0, -1); before.Before(first) {
			first = before
		}
	}
	if last.Before(anchorDay) {
		last = anchorDay
	}
	var points []Point
	for day, b := anchorDay, anchor; !day.Before(first); day = day.AddDate(0, 0, -1) {
		points = append(points, Point{day, b, quality(day, watched)})
		b = b.Sub(byDay[day])
	}
	slices.Reverse(points)
	for day, b := anchorDay.AddDate(0, 0, 1), anchor; !day.After(last); day = day.AddDate(0, 0, 1) {
		b = b.Add(byDay[day])
		points = append(points, Point{day, b, Estimated}) // nobody has told us yet
	}
	return points
}

func quality(day, watched time.Time) Quality {
	if day.Before(watched) {
		return Estimated
	}
	return Complete
}

// Trade is an activity of an investment account: what it did to one holding and
// to cash on one day.
type Trade struct {
	Day      time.Time
	Symbol   string
	Quantity money.Decimal  // units, positive = position up
	Price    *money.Decimal // per unit
	Amount   money.Decimal  // change of cash
	Currency money.Currency
	Split    bool // units were exchanged for others: nothing was bought or paid
}

// Backcast estimates what an investment account was worth on the days before the
// first snapshot that Flint took, in the account's currency. Quantities and cash
// are rolled back trade by trade; prices are those of the account's own trades,
// drawn in a straight line from one to the next and on to the snapshot's. It
// stops at the first day, going back, for which some holding has no price of
// that day or before: those days aren't known. The result ends the day before
// the snapshot; all of it is estimated.
func Backcast(positions []Position, cash []Cash, day time.Time, currency money.Currency, trades []Trade, rate Rate) []Point {
	if len(trades) == 0 {
		return nil
	}
	b := newBackcast(positions, cash, day, trades)
	var points []Point
	for d := day.AddDate(0, 0, -1); !d.Before(b.first); d = d.AddDate(0, 0, -1) {
		b.undo(d.AddDate(0, 0, 1))
		v, ok := b.worth(d, currency, rate)
		if !ok {
			break
		}
		points = append(points, Point{d, v, Estimated})
	}
	slices.Reverse(points)
	return points
}

type quote struct {
	day   time.Time
	price money.Decimal
}

type backcast struct {
	first  time.Time
	held   map[string]Position // by symbol; quantities of the day in hand
	cash   map[money.Currency]money.Decimal
	byDay  map[time.Time][]Trade
	quotes map[string][]quote       // by symbol, oldest first, ending with the snapshot's; per unit of today
	units  map[string]money.Decimal // units of today that one of the day in hand became

	factors map[split]money.Decimal // units that a split made of one
}

type split struct {
	symbol string
	day    time.Time
}

func newBackcast(positions []Position, cash []Cash, day time.Time, trades []Trade) *backcast {
	b := &backcast{
		first: day, held: map[string]Position{}, cash: map[money.Currency]money.Decimal{},
		byDay: map[time.Time][]Trade{}, quotes: map[string][]quote{},
	}
	for _, t := range trades {
		if t.Day.After(day) {
			continue
		}
		b.byDay[t.Day] = append(b.byDay[t.Day], t)
		if t.Day.Before(b.first) {
			b.first = t.Day
		}
		// A dividend's price is what a unit paid, not what it was worth.
		if t.Symbol != "" && !t.Quantity.IsZero() && t.Price != nil && t.Price.IsPositive() {
			b.quotes[t.Symbol] = append(b.quotes[t.Symbol], quote{t.Day, *t.Price})
			if _, ok := b.held[t.Symbol]; !ok {
				b.held[t.Symbol] = Position{Symbol: t.Symbol, Multiplier: money.MustParse("1"), Currency: t.Currency}
			}
		}
	}
	for _, p := range positions {
		if old, ok := b.held[p.Symbol]; ok {
			p.Quantity = p.Quantity.Add(old.Quantity) // lots of one symbol
		}
		b.held[p.Symbol] = p
		if p.Price != nil {
			b.quotes[p.Symbol] = append(b.quotes[p.Symbol], quote{day, *p.Price})
		}
	}
	for symbol := range b.quotes {
		slices.SortStableFunc(b.quotes[symbol], func(x, y quote) int { return cmp.Compare(x.day.Unix(), y.day.Unix()) })
	}
	b.adjust(trades)
	for _, c := range cash {
		b.cash[c.Currency] = b.cash[c.Currency].Add(c.Cash)
	}
	return b
}

// adjust brings the prices before a split to the units after it, so that the
// line between two quotes means the same all along. A split multiplies the units
// by after/before, and divides the price by that.
func (b *backcast) adjust(trades []Trade) {
	b.units, b.factors = map[string]money.Decimal{}, map[split]money.Decimal{}
	splits := slices.DeleteFunc(slices.Clone(trades), func(t Trade) bool { return !t.Split })
	slices.SortStableFunc(splits, func(x, y Trade) int { return y.Day.Compare(x.Day) }) // newest first
	for _, s := range splits {
		factor, ok := b.factor(s)
		if !ok {
			continue
		}
		b.factors[split{s.Symbol, s.Day}] = factor
		for i, q := range b.quotes[s.Symbol] {
			if q.day.Before(s.Day) {
				b.quotes[s.Symbol][i].price = q.price.DivRound(factor, 18)
			}
		}
	}
}

// factor returns how many units s made of one, before anything was undone.
func (b *backcast) factor(s Trade) (money.Decimal, bool) {
	after := b.held[s.Symbol].Quantity
	for day, trades := range b.byDay {
		for _, t := range trades {
			if day.After(s.Day) && t.Symbol == s.Symbol {
				after = after.Sub(t.Quantity)
			}
		}
	}
	before := after.Sub(s.Quantity)
	if !before.IsPositive() || !after.IsPositive() {
		return money.Zero, false
	}
	return after.DivRound(before, 18), true
}

// undo takes back what happened on day.
func (b *backcast) undo(day time.Time) {
	for _, t := range b.byDay[day] {
		b.cash[t.Currency] = b.cash[t.Currency].Sub(t.Amount)
		if p, ok := b.held[t.Symbol]; ok {
			if factor, ok := b.factors[split{t.Symbol, t.Day}]; ok && t.Split {
				b.units[t.Symbol] = b.unit(t.Symbol).Mul(factor)
			}
			p.Quantity = p.Quantity.Sub(t.Quantity)
			b.held[t.Symbol] = p
		}
	}
}

func (b *backcast) worth(day time.Time, currency money.Currency, rate Rate) (money.Decimal, bool) {
	total := money.Zero
	for symbol, p := range b.held {
		if p.Quantity.IsZero() {
			continue
		}
		price, ok := b.price(symbol, day)
		if !ok {
			return money.Zero, false
		}
		v, ok := convert(p.Quantity.Mul(price).Mul(b.unit(symbol)).Mul(p.Multiplier), p.Currency, currency, rate)
		if !ok {
			return money.Zero, false
		}
		total = total.Add(v)
	}
	for c, v := range b.cash {
		x, ok := convert(v, c, currency, rate)
		if !ok {
			return money.Zero, false
		}
		total = total.Add(x)
	}
	return money.Of(total, currency).Rounded().Amount, true
}

func (b *backcast) unit(symbol string) money.Decimal {
	if u, ok := b.units[symbol]; ok {
		return u
	}
	return money.MustParse("1")
}

// price returns the price of day on the line between the quotes around it.
func (b *backcast) price(symbol string, day time.Time) (money.Decimal, bool) {
	quotes := b.quotes[symbol]
	after, _ := slices.BinarySearchFunc(quotes, day, func(q quote, d time.Time) int {
		if q.day.After(d) {
			return 1
		}
		return -1
	})
	if after == 0 {
		return money.Zero, false
	}
	q := quotes[after-1]
	if after == len(quotes) || q.day.Equal(day) {
		return q.price, true
	}
	next := quotes[after]
	span := days(next.day.Sub(q.day))
	part := days(day.Sub(q.day))
	return q.price.Add(next.price.Sub(q.price).Mul(part).DivRound(span, 10)), true
}

// days returns a span in whole days.
func days(d time.Duration) money.Decimal {
	return decimal.NewFromInt(int64(d / (24 * time.Hour)))
}
