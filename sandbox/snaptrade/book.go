package snaptrade

import (
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/prices"
)

// book is a broker's books for one account. Every change is a line, and
// nothing changes without one: what is held is the sum of the units, cash is
// the sum of the amounts.
type book struct {
	market *prices.Market
	lines  []line
	cash   map[string]decimal.Decimal // by currency
	held   map[string][]lot           // by symbol, oldest first
	order  []string                   // symbols in the order they first came
}

// line is one activity. Amount is what it did to the cash, fees included.
type line struct {
	At       time.Time
	Type     string // SnapTrade's words: BUY, DIVIDEND …
	Symbol   string // empty when it is about money only
	Units    decimal.Decimal
	Price    decimal.Decimal
	Amount   decimal.Decimal
	Fee      decimal.Decimal
	Currency string
	Text     string
	Option   string          // BUY_TO_OPEN …
	Ref      string          // what belongs together
	Rate     decimal.Decimal // of a currency exchange, else zero
}

// lot is what is left of one purchase.
type lot struct {
	at    time.Time
	units decimal.Decimal
	price decimal.Decimal // per unit
}

func newBook(m *prices.Market) *book {
	return &book{market: m, cash: map[string]decimal.Decimal{}, held: map[string][]lot{}}
}

// enter writes a line and does what it says to the cash.
func (b *book) enter(l line) {
	b.lines = append(b.lines, l)
	b.cash[l.Currency] = b.cash[l.Currency].Add(l.Amount)
}

// take adds a lot.
func (b *book) take(symbol string, l lot) {
	if !slices.Contains(b.order, symbol) {
		b.order = append(b.order, symbol)
	}
	b.held[symbol] = append(b.held[symbol], l)
}

// give removes units, oldest lots first, and returns how many there were.
func (b *book) give(symbol string, units decimal.Decimal) decimal.Decimal {
	left := units
	lots := b.held[symbol]
	for len(lots) > 0 && left.IsPositive() {
		part := decimal.Min(left, lots[0].units)
		left = left.Sub(part)
		if lots[0].units = lots[0].units.Sub(part); lots[0].units.IsZero() {
			lots = lots[1:]
		}
	}
	b.held[symbol] = lots
	return units.Sub(left)
}

func (b *book) units(symbol string) decimal.Decimal {
	sum := decimal.Zero
	for _, l := range b.held[symbol] {
		sum = sum.Add(l.units)
	}
	return sum
}

// multiplier is how many units of its price one unit of symbol is worth.
func multiplier(in prices.Instrument) decimal.Decimal {
	if in.Kind == prices.Option {
		return decimal.New(prices.Multiplier, 0)
	}
	return decimal.New(1, 0)
}

// at returns what symbol is and costs at a moment. Every symbol that gets into
// a book is in the market, so the zero answer is never seen.
func (b *book) quote(symbol string, at time.Time) (prices.Instrument, decimal.Decimal) {
	in, _ := prices.Lookup(symbol)
	price, _ := b.market.At(symbol, at)
	return in, price
}

// buy enters a purchase. kind is BUY, or REI when a dividend pays for it.
func (b *book) buy(at time.Time, kind, symbol string, units, fee decimal.Decimal) {
	in, price := b.quote(symbol, at)
	l := line{At: at, Type: kind, Symbol: symbol, Units: units, Price: price, Fee: fee, Currency: in.Currency}
	l.Amount = units.Mul(price).Mul(multiplier(in)).Round(2).Add(fee).Neg()
	l.Text = "BOUGHT " + units.String() + " " + in.Name
	if kind == "REI" {
		l.Text = "REINVESTMENT " + in.Name
	}
	if in.Kind == prices.Option {
		l.Option = "BUY_TO_OPEN"
	}
	b.enter(l)
	b.take(symbol, lot{at: at, units: units, price: price})
}

// spend buys for about money, fee included, in quantities of so many places.
// Too little money buys nothing.
func (b *book) spend(at time.Time, symbol string, money, fee decimal.Decimal, places int32) {
	in, price := b.quote(symbol, at)
	units := money.Sub(fee).Div(price.Mul(multiplier(in))).RoundFloor(places)
	if units.IsPositive() {
		b.buy(at, "BUY", symbol, units, fee)
	}
}

// sell enters a sale of at most what is held.
func (b *book) sell(at time.Time, symbol string, units, fee decimal.Decimal) {
	in, price := b.quote(symbol, at)
	units = b.give(symbol, units)
	if !units.IsPositive() {
		return
	}
	l := line{At: at, Type: "SELL", Symbol: symbol, Units: units.Neg(), Price: price, Fee: fee, Currency: in.Currency}
	l.Amount = units.Mul(price).Mul(multiplier(in)).Round(2).Sub(fee)
	l.Text = "SOLD " + units.String() + " " + in.Name
	if in.Kind == prices.Option {
		l.Option = "SELL_TO_CLOSE"
	}
	b.enter(l)
}

// money enters a line about cash alone.
func (b *book) money(at time.Time, kind, currency, text string, amount decimal.Decimal) {
	b.enter(line{At: at, Type: kind, Currency: currency, Text: text, Amount: amount})
}

// arrive enters shares that come from another broker, with what they once
// cost; leave enters units that go away.
func (b *book) arrive(at time.Time, symbol string, units, cost decimal.Decimal) {
	in, _ := b.quote(symbol, at)
	b.enter(line{At: at, Type: "EXTERNAL_ASSET_TRANSFER_IN", Symbol: symbol, Units: units, Price: cost,
		Currency: in.Currency, Text: "TRANSFER OF ASSETS ACAT RECEIVE " + in.Name})
	b.take(symbol, lot{at: at, units: units, price: cost})
}

func (b *book) leave(at time.Time, symbol string, units decimal.Decimal) {
	in, price := b.quote(symbol, at)
	units = b.give(symbol, units)
	if units.IsPositive() {
		b.enter(line{At: at, Type: "EXTERNAL_ASSET_TRANSFER_OUT", Symbol: symbol, Units: units.Neg(), Price: price,
			Currency: in.Currency, Text: "SENT " + units.String() + " " + in.Name})
	}
}

// split enters a share split: new units for nothing, old lots become cheaper.
func (b *book) split(at time.Time, symbol string, ratio int64) {
	before := b.units(symbol)
	if !before.IsPositive() {
		return
	}
	in, _ := prices.Lookup(symbol)
	n := decimal.New(ratio, 0)
	lots := make([]lot, 0, len(b.held[symbol]))
	for _, l := range b.held[symbol] {
		lots = append(lots, lot{at: l.at, units: l.units.Mul(n), price: l.price.DivRound(n, 6)})
	}
	b.held[symbol] = lots
	b.enter(line{At: at, Type: "SPLIT", Symbol: symbol, Units: before.Mul(n).Sub(before), Currency: in.Currency,
		Text: "STOCK SPLIT " + n.String() + " FOR 1 " + in.Name})
}

// dividend enters what a holding pays; with reinvest the money buys more of it.
func (b *book) dividend(at time.Time, symbol string, perUnit decimal.Decimal, reinvest bool, places int32) {
	held := b.units(symbol)
	amount := held.Mul(perUnit).Round(2)
	if !amount.IsPositive() {
		return
	}
	in, _ := b.quote(symbol, at)
	b.enter(line{At: at, Type: "DIVIDEND", Symbol: symbol, Price: perUnit, Amount: amount, Currency: in.Currency,
		Text: "DIVIDEND RECEIVED " + in.Name})
	if in.Currency == "EUR" { // Germany keeps 26.375 %
		tax := amount.Mul(decimal.New(26375, -5)).Round(2)
		b.enter(line{At: at, Type: "TAX", Symbol: symbol, Amount: tax.Neg(), Currency: in.Currency,
			Text: "FOREIGN TAX WITHHELD " + in.Name})
		return
	}
	if reinvest {
		b.reinvest(at.Add(time.Minute), symbol, amount, places)
	}
}

func (b *book) reinvest(at time.Time, symbol string, amount decimal.Decimal, places int32) {
	_, price := b.quote(symbol, at)
	if units := amount.DivRound(price, places+1).RoundFloor(places); units.IsPositive() {
		b.buy(at, "REI", symbol, units, decimal.Zero)
	}
}

// reward enters units that are paid out in kind, as staking does.
func (b *book) reward(at time.Time, symbol string, units decimal.Decimal) {
	in, price := b.quote(symbol, at)
	if !units.IsPositive() {
		return
	}
	b.enter(line{At: at, Type: "STOCK_DIVIDEND", Symbol: symbol, Units: units, Price: price, Currency: in.Currency,
		Text: "REWARD IN " + in.Name})
	b.take(symbol, lot{at: at, units: units, price: price})
}

// exchange enters both sides of a currency exchange.
func (b *book) exchange(at time.Time, from, to string, pay, rate decimal.Decimal, ref string) {
	text := "FOREIGN EXCHANGE " + from + " TO " + to
	b.enter(line{At: at, Type: "TRANSFER", Currency: from, Amount: pay.Neg(), Text: text, Ref: ref, Rate: rate})
	b.enter(line{At: at, Type: "TRANSFER", Currency: to, Amount: pay.Mul(rate).Round(2), Text: text, Ref: ref, Rate: rate})
}

// sweep keeps the dollars between nothing and keep: the rest lies in the
// money-market fund and comes back when it is needed.
func (b *book) sweep(at time.Time, fund string, keep decimal.Decimal) {
	cash := b.cash["USD"]
	switch {
	case fund == "":
	case cash.GreaterThan(keep.Mul(decimal.New(2, 0))):
		b.buy(at, "BUY", fund, cash.Sub(keep), decimal.Zero)
	case cash.IsNegative():
		b.sell(at, fund, decimal.Min(b.units(fund), keep.Sub(cash)), decimal.Zero)
	}
}
