package snaptrade

import (
	"slices"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/prices"
	"flint/sandbox/world"
)

// account is one account at a broker, as a login finds it. Its key names it in
// the world: the same key is the same account through every connection.
type account struct {
	Key     string // "SCHWAB/alex/0"
	Broker  broker
	Opening opening
	Secret  bool // its activities aren't shown (the scenario "No transactions")
}

// accounts lists what a connection's login finds at its broker.
func (c connection) accounts() []account {
	b, _ := brokerOf(c.Broker)
	var out []account
	for i, o := range b.openings(c.Scenario) {
		key := b.Slug + "/" + c.Login + "/" + strconv.Itoa(i)
		if c.Scenario == cashOnly {
			key += "/cash"
		}
		out = append(out, account{Key: key, Broker: b, Opening: o, Secret: c.Scenario == noTransactions})
	}
	return out
}

// mostPlayed is how many accounts' books are kept; a book is about 200 kB.
const mostPlayed = 300

// played is an account's book as of a moment, kept until it is asked for
// another one.
type played struct {
	at     time.Time
	extras int
	book   *book
}

// play returns the books of an account as of a moment. The same account and
// moment give the same books; a later moment gives the same lines and more.
func (s *API) play(a account, extras []extra, at time.Time) *book {
	s.mu.Lock()
	p, ok := s.played[a.Key]
	s.mu.Unlock()
	if ok && p.at.Equal(at) && p.extras == len(extras) {
		return p.book
	}
	var opening world.Day
	s.state.Read(func(r *records) { opening = r.Opening })
	life := &life{seed: s.cfg.Seed, key: a.Key, plan: a.Opening.Profile, market: s.cfg.Market, rate: s.cfg.Rate, opening: opening}
	b := life.run(extras, at)
	s.mu.Lock()
	if len(s.played) >= mostPlayed {
		clear(s.played)
	}
	s.played[a.Key] = played{at: at, extras: len(extras), book: b}
	s.mu.Unlock()
	return b
}

// life plays an account day by day.
type life struct {
	seed    uint64
	key     string
	plan    *profile
	market  *prices.Market
	rate    func(base, quote string, on world.Day) (decimal.Decimal, bool)
	opening world.Day
	book    *book
	first   world.Day // first trading day
}

// deed is something that happens at a moment. What exactly is decided then,
// from what the books hold.
type deed struct {
	at time.Time
	do func(at time.Time)
}

func (l *life) run(extras []extra, until time.Time) *book {
	l.book = newBook(l.market)
	l.first = l.opening
	for !prices.TradingDay(l.first.Time()) {
		l.first++
	}
	for d := l.first; d <= world.DayOf(until); d++ {
		deeds := l.day(d)
		for _, x := range extras {
			if world.DayOf(x.At) == d {
				deeds = append(deeds, deed{x.At, func(at time.Time) { l.extra(at, x) }})
			}
		}
		slices.SortStableFunc(deeds, func(a, b deed) int { return a.at.Compare(b.at) })
		for _, e := range deeds {
			if !e.at.After(until) {
				e.do(e.at)
			}
		}
	}
	return l.book
}

func (l *life) extra(at time.Time, x extra) {
	switch {
	case x.Symbol == "":
		l.book.money(at, "CONTRIBUTION", x.Currency, "ELECTRONIC FUNDS TRANSFER RECEIVED", x.Amount)
	case x.Units.IsNegative():
		l.book.sell(at, x.Symbol, x.Units.Neg(), decimal.Zero)
	default:
		l.book.buy(at, "BUY", x.Symbol, x.Units, decimal.Zero)
	}
	if l.plan.Fund != "" && l.book.cash["USD"].IsNegative() {
		l.book.sweep(at.Add(time.Second), l.plan.Fund, decimal.Zero)
	}
}

// clock returns a moment of d in UTC. Everything that happens by itself does so
// between 07:00 and 23:00: after the daily sync, and on one UTC day.
func clock(d world.Day, hour, minute int) time.Time {
	return d.Time().Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

func dollars(n int64) decimal.Decimal { return decimal.New(n, 0) }
func cents(n int64) decimal.Decimal   { return decimal.New(n, -2) }

// nth returns how many trading days of its month d is into, 0 if it is none.
func nth(d world.Day) int {
	if !prices.TradingDay(d.Time()) {
		return 0
	}
	n := 0
	for x := d; x.Time().Month() == d.Time().Month(); x-- {
		if prices.TradingDay(x.Time()) {
			n++
		}
	}
	return n
}

// day lists what a day brings.
func (l *life) day(d world.Day) []deed {
	out := []deed{{clock(d, 8, 0), l.splits}, {clock(d, 9, 0), l.dividends}, {clock(d, 21, 30), l.fund}}
	n := nth(d)
	month := d.Time().Month()
	r := world.Rand(l.seed, "snaptrade", l.key, d)
	if d == l.first {
		out = append(out, deed{clock(d, 7, 0), l.open})
	}
	if n == 1 && d > l.first+20 {
		out = append(out, deed{clock(d, 12, 0), func(at time.Time) {
			l.book.money(at, "CONTRIBUTION", "USD", "ELECTRONIC FUNDS TRANSFER RECEIVED", dollars(l.plan.Monthly))
		}})
	}
	if len(l.plan.Coins) > 0 {
		return append(out, l.coins(d, n)...)
	}
	switch {
	case n == 3 && d > l.first+20:
		out = append(out, deed{clock(d, 15, r.IntN(50)), l.invest})
	case n == 8 && world.Chance(r, l.plan.Sells) && d > l.first+60:
		out = append(out, deed{clock(d, 16, r.IntN(50)), l.trim})
	case n == 10 && l.plan.Euro > 0:
		out = append(out, deed{clock(d, 14, 40), l.euros})
	case n == 12 && l.plan.Options != "":
		out = append(out, deed{clock(d, 17, r.IntN(50)), l.options})
	case n == 15 && month == time.December && world.Chance(r, l.plan.Takes):
		out = append(out, deed{clock(d, 18, 0), func(at time.Time) {
			l.book.money(at, "WITHDRAWAL", "USD", "ELECTRONIC FUNDS TRANSFER PAID", world.Cents(r, 20000, 90000).Round(0).Neg())
		}})
	case n == 18 && month%3 == 0 && l.plan.Fee > 0:
		out = append(out, deed{clock(d, 18, 0), func(at time.Time) {
			l.book.money(at, "FEE", "USD", "QUARTERLY SERVICE FEE", cents(l.plan.Fee).Neg())
		}})
	}
	if n > 0 && l.plan.Fund != "" {
		out = append(out, deed{clock(d, 19, 45), func(at time.Time) { l.book.sweep(at, l.plan.Fund, dollars(400)) }})
	}
	if d.LastOfMonth() {
		out = append(out, deed{clock(d, 22, 0), l.interest})
	}
	return out
}

// open is the account's first day: money and shares come in, and the first
// purchases are made an hour into trading.
func (l *life) open(at time.Time) {
	b := l.book
	b.money(at, "CONTRIBUTION", "USD", "ELECTRONIC FUNDS TRANSFER RECEIVED", dollars(l.plan.Deposit))
	for _, h := range l.plan.Arrives {
		_, price := b.quote(h.Symbol, at)
		r := world.Rand(l.seed, "snaptrade", l.key, "arrives", h.Symbol)
		cost := price.Mul(decimal.New(60+r.Int64N(35), -2)).Round(2) // bought some time ago, for less
		b.arrive(at.Add(time.Minute), h.Symbol, dollars(h.Size), cost)
	}
	for i, h := range l.plan.Starts {
		b.spend(at.Add(9*time.Hour+time.Duration(i)*7*time.Minute), h.Symbol, dollars(h.Size), decimal.Zero, l.plan.Places)
	}
}

func (l *life) splits(at time.Time) {
	for _, symbol := range l.book.order {
		if ratio := prices.SplitOn(symbol, at); ratio > 1 {
			l.book.split(at, symbol, ratio)
		}
	}
}

func (l *life) dividends(at time.Time) {
	for i, symbol := range l.book.order {
		if in, _ := prices.Lookup(symbol); in.Kind == prices.MoneyMarket {
			continue
		}
		if per := l.market.DividendOn(symbol, at); per.IsPositive() {
			l.book.dividend(at.Add(time.Duration(i)*time.Minute), symbol, per, l.plan.Reinvest, max(l.plan.Places, 3))
		}
	}
}

// fund pays the money-market fund's month, always in more of the fund.
func (l *life) fund(at time.Time) {
	if l.plan.Fund != "" {
		if per := l.market.DividendOn(l.plan.Fund, at); per.IsPositive() {
			l.book.dividend(at, l.plan.Fund, per, true, 2)
		}
	}
}

// interest is paid on cash, or asked for on debt, at the end of a month.
func (l *life) interest(at time.Time) {
	for _, currency := range []string{"USD", "EUR"} {
		cash := l.book.cash[currency]
		rate, text := decimal.New(2, -4), "INTEREST ON CASH BALANCE" // 0.24 % a year
		if cash.IsNegative() {
			rate, text = decimal.New(6, -3), "MARGIN INTEREST CHARGED"
		}
		if amount := cash.Mul(rate).Round(2); !amount.IsZero() {
			l.book.money(at, "INTEREST", currency, text, amount)
		}
	}
}

// invest spends the month's money on the next one or two of the targets, whole
// shares or fractions of them.
func (l *life) invest(at time.Time) {
	if len(l.plan.Targets) == 0 {
		return
	}
	month := int(world.DayOf(at)-l.first) / 30
	idle := decimal.Max(decimal.Zero, l.book.units(l.plan.Fund).Sub(dollars(3000))) // put to work slowly
	money := dollars(l.plan.Monthly).Mul(decimal.New(96, -2)).Add(idle.Div(dollars(15))).Round(0)
	if l.plan.Margin {
		money = money.Add(dollars(int64(month%5) * 90)) // a little more than there is
	}
	half := money.DivRound(dollars(2), 2)
	for i := range 2 {
		target := l.plan.Targets[(2*month+i)%len(l.plan.Targets)]
		_, price := l.book.quote(target, at)
		budget := half
		if l.plan.Places == 0 && price.GreaterThan(half) {
			budget = price.Mul(decimal.New(101, -2)) // one whole share then
		}
		have := l.book.cash["USD"].Add(l.book.units(l.plan.Fund))
		if l.plan.Margin || have.GreaterThan(budget) {
			l.book.spend(at.Add(time.Duration(i)*3*time.Minute), target, budget, decimal.Zero, l.plan.Places)
		}
	}
}

// trim sells a part of the largest holding, and pays the exchange's fee for it.
func (l *life) trim(at time.Time) {
	var most decimal.Decimal
	var symbol string
	for _, x := range l.book.order {
		in, price := l.book.quote(x, at)
		if in.Kind == prices.MoneyMarket || in.Kind == prices.Option || in.Currency != "USD" {
			continue
		}
		if worth := l.book.units(x).Mul(price); worth.GreaterThan(most) {
			most, symbol = worth, x
		}
	}
	if symbol == "" {
		return
	}
	r := world.Rand(l.seed, "snaptrade", l.key, "trim", world.DayOf(at))
	units := l.book.units(symbol).Mul(decimal.New(5+r.Int64N(10), -2)).RoundFloor(l.plan.Places)
	if units.IsPositive() {
		l.book.sell(at, symbol, units, most.Mul(decimal.New(278, -7)).RoundCeil(2))
	}
}

// euros is the foreign side of an account: on the second month's tenth trading
// day a wire comes in and buys some SAP, and each spring some dollars follow.
func (l *life) euros(at time.Time) {
	d := world.DayOf(at)
	switch {
	case d > l.first+25 && d <= l.first+60:
		l.book.money(at, "CONTRIBUTION", "EUR", "WIRE FUNDS RECEIVED", dollars(l.plan.Euro))
		l.book.spend(at.Add(20*time.Minute), "SAP.DE", dollars(l.plan.Euro).Mul(decimal.New(55, -2)), cents(490), 0)
	case at.Month() == time.April && d > l.first+60:
		if rate, ok := l.rate("USD", "EUR", d); ok {
			l.book.exchange(at, "USD", "EUR", dollars(500), rate.Round(6), "FX"+d.String())
		}
	}
}

// options keeps one long call far from its end: bought once there is history,
// sold and bought anew two months before it expires.
func (l *life) options(at time.Time) {
	d := world.DayOf(at)
	if d < l.first+200 {
		return
	}
	for _, symbol := range slices.Clone(l.book.order) {
		in, _ := prices.Lookup(symbol)
		if in.Kind != prices.Option || !l.book.units(symbol).IsPositive() {
			continue
		}
		if in.Contract.Expires.Sub(at) > 60*24*time.Hour {
			return
		}
		l.book.sell(at, symbol, l.book.units(symbol), cents(65))
	}
	_, spot := l.book.quote(l.plan.Options, at)
	expires := time.Date(at.Year()+2, time.January, 1, 0, 0, 0, 0, time.UTC)
	expires = expires.AddDate(0, 0, (12-int(expires.Weekday()))%7+14) // third Friday
	strike := spot.Mul(decimal.New(108, -2)).Div(dollars(5)).Round(0).Mul(dollars(5))
	l.book.buy(at.Add(5*time.Minute), "BUY", prices.OCC(l.plan.Options, expires, true, strike), dollars(1), cents(65))
}

// coins is a day of a crypto account: regular purchases at odd hours, rewards
// at the month's end, a sale now and then.
func (l *life) coins(d world.Day, n int) []deed {
	var out []deed
	age := int(d - l.first)
	r := world.Rand(l.seed, "snaptrade", l.key, "coins", d)
	for i, c := range l.plan.Coins {
		at := clock(d, 8+r.IntN(13), r.IntN(60))
		if (age+3*i)%c.Every == 0 && age > 0 {
			out = append(out, deed{at, func(at time.Time) { l.coin(at, c) }})
		}
		if c.Reward > 0 && d.LastOfMonth() {
			monthly := decimal.NewFromFloat(c.Reward).Div(dollars(12))
			out = append(out, deed{clock(d, 22, i), func(at time.Time) {
				l.book.reward(at, c.Symbol, l.book.units(c.Symbol).Mul(monthly).RoundFloor(8))
			}})
		}
	}
	if n == 9 && age > 90 && world.Chance(r, l.plan.Sells) {
		out = append(out, deed{clock(d, 17, r.IntN(60)), func(at time.Time) {
			units := l.book.units("BTC").Mul(decimal.New(8+r.Int64N(12), -2)).RoundFloor(8)
			_, price := l.book.quote("BTC", at)
			l.book.sell(at, "BTC", units, units.Mul(price).Mul(decimal.New(6, -3)).Round(2))
		}})
	}
	if n == 14 && d.Time().Month() == time.August {
		out = append(out, deed{clock(d, 11, 20), func(at time.Time) {
			l.book.leave(at, "ETH", l.book.units("ETH").Mul(decimal.New(2, -1)).RoundFloor(6)) // to one's own wallet
		}})
	}
	if n == 15 && d.Time().Month() == time.December && world.Chance(r, l.plan.Takes) {
		out = append(out, deed{clock(d, 18, 0), func(at time.Time) {
			if l.book.cash["USD"].GreaterThan(dollars(400)) {
				l.book.money(at, "WITHDRAWAL", "USD", "WITHDRAWAL TO BANK ACCOUNT", dollars(-300))
			}
		}})
	}
	return out
}

// coin makes one regular purchase, with the exchange's 0.6 %, if the money is
// there.
func (l *life) coin(at time.Time, c coinPlan) {
	money := dollars(c.Dollars)
	if l.book.cash["USD"].LessThan(money) {
		return
	}
	fee := money.Mul(decimal.New(6, -3)).Round(2)
	l.book.spend(at, c.Symbol, money, fee, l.plan.Places)
}
