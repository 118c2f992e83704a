package portfolio

import (
	"cmp"
	"slices"
	"time"

	"flint/internal/id"
	"flint/internal/money"
)

// Rate returns how many units of to one unit of from buys, and whether that is
// known. A rate that isn't known is never 1.
type Rate func(from, to money.Currency) (money.Decimal, bool)

// Missing names something that a total leaves out because it isn't known.
type Missing struct {
	What   string `json:"what" doc:"rate, price, balance" example:"rate"`
	Detail string `json:"detail" doc:"What it is missing for" example:"EUR"`
}

// The kinds of Missing.
const (
	MissingRate    = "rate"    // no exchange rate for a currency
	MissingPrice   = "price"   // no price for a symbol
	MissingBalance = "balance" // no balance for an account
)

// Position is a holding of one instrument in one account.
type Position struct {
	Symbol         string
	Description    string
	Kind           string // stock, etf, mutualfund, option, crypto, …
	Quantity       money.Decimal
	Price          *money.Decimal // per unit in Currency; nil: not known
	CostBasis      *money.Decimal // per unit
	Multiplier     money.Decimal  // units of the underlying per contract; 1 for all but options and futures
	Currency       money.Currency
	CashEquivalent bool // a money-market fund that the broker counts as cash, too
}

// Value returns what the position is worth in its currency, or nil if its price
// isn't known.
func (p Position) Value() *money.Decimal {
	if p.Price == nil {
		if p.Quantity.IsZero() {
			return &money.Decimal{}
		}
		return nil
	}
	v := p.Quantity.Mul(*p.Price).Mul(p.Multiplier)
	return &v
}

// Cash is an account's cash in one currency. It may be negative: margin.
type Cash struct {
	Currency    money.Currency
	Cash        money.Decimal
	BuyingPower *money.Decimal
}

// NetCash takes the cash-equivalent positions out of cash. Brokers list a
// money-market fund twice, as cash and as a position; it is money once.
func NetCash(cash []Cash, positions []Position) []Cash {
	equivalents := map[money.Currency]money.Decimal{}
	for _, p := range positions {
		if v := p.Value(); p.CashEquivalent && v != nil {
			equivalents[p.Currency] = equivalents[p.Currency].Add(*v)
		}
	}
	out := make([]Cash, 0, len(cash))
	for _, c := range cash {
		c.Cash = c.Cash.Sub(equivalents[c.Currency])
		out = append(out, c)
	}
	return out
}

// Worth returns what positions and cash (net, see NetCash) are worth together in
// currency, rounded to its places, and what couldn't be counted. It is nil if
// nothing at all could be.
func Worth(currency money.Currency, positions []Position, cash []Cash, rate Rate) (*money.Decimal, []Missing) {
	var missing missings
	total, counted := money.Zero, len(positions)+len(cash) == 0
	add := func(v money.Decimal, in money.Currency) {
		x, ok := convert(v, in, currency, rate)
		if !ok {
			missing.add(MissingRate, string(in))
			return
		}
		total, counted = total.Add(x), true
	}
	for _, p := range positions {
		if v := p.Value(); v != nil {
			add(*v, p.Currency)
		} else {
			missing.add(MissingPrice, p.Symbol)
		}
	}
	for _, c := range cash {
		add(c.Cash, c.Currency)
	}
	if !counted {
		return nil, missing
	}
	total = money.Of(total, currency).Rounded().Amount
	return &total, missing
}

// Holding is one account as the rollup counts it.
type Holding struct {
	Account  id.Account
	Kind     Kind
	Currency money.Currency
	Balance  *money.Decimal // signed towards net worth; nil: not known
	AsOf     *time.Time
	Missing  []Missing // what Balance itself leaves out
}

// Wealth is the rollup of everything a person owns and owes, in their currency.
// Debts are negative. Assets = Bank + Investment + Crypto and NetWorth = Assets +
// Debts, exactly: each account is rounded once, when it is converted, and the
// totals are sums of what is shown.
type Wealth struct {
	Currency   money.Currency
	NetWorth   money.Decimal
	Assets     money.Decimal
	Debts      money.Decimal
	Bank       money.Decimal
	Investment money.Decimal
	Crypto     money.Decimal
	Accounts   int        // accounts that count
	Counted    int        // of these, with a known balance and rate
	Missing    []Missing  // what isn't in the totals
	AsOf       *time.Time // oldest balance that counts
}

// Complete reports whether nothing is missing from the totals.
func (w Wealth) Complete() bool { return len(w.Missing) == 0 }

// Rollup adds up holdings in currency. What has no balance or no rate is named
// in Missing and counts nothing; it is never taken as 0 or 1:1 in silence.
func Rollup(currency money.Currency, holdings []Holding, rate Rate) Wealth {
	w := Wealth{Currency: currency, Accounts: len(holdings)}
	var missing missings
	for _, h := range holdings {
		for _, m := range h.Missing {
			missing.add(m.What, m.Detail)
		}
		if h.Balance == nil {
			missing.add(MissingBalance, h.Account.String()) // its name is sealed; see Standing
			continue
		}
		v, ok := InBase(*h.Balance, h.Currency, currency, rate)
		if !ok {
			missing.add(MissingRate, string(h.Currency))
			continue
		}
		w.Counted++
		if h.AsOf != nil && (w.AsOf == nil || h.AsOf.Before(*w.AsOf)) {
			w.AsOf = h.AsOf
		}
		switch h.Kind {
		case Card, Loan:
			w.Debts = w.Debts.Add(v)
		case Investment:
			w.Investment = w.Investment.Add(v)
		case Crypto:
			w.Crypto = w.Crypto.Add(v)
		default:
			w.Bank = w.Bank.Add(v)
		}
	}
	w.Assets = w.Bank.Add(w.Investment).Add(w.Crypto)
	w.NetWorth = w.Assets.Add(w.Debts)
	w.Missing = missing
	return w
}

// InBase converts a balance and rounds it to the places of the currency it is
// shown in. All totals are made of such values.
func InBase(v money.Decimal, from, to money.Currency, rate Rate) (money.Decimal, bool) {
	x, ok := convert(v, from, to, rate)
	if !ok {
		return money.Zero, false
	}
	return money.Of(x, to).Rounded().Amount, true
}

// convert is exact; it doesn't round. Zero is zero in any currency.
func convert(v money.Decimal, from, to money.Currency, rate Rate) (money.Decimal, bool) {
	if from == to || v.IsZero() {
		return v, true
	}
	if rate == nil {
		return money.Zero, false
	}
	r, ok := rate(from, to)
	if !ok {
		return money.Zero, false
	}
	return v.Mul(r), true
}

// missings is a sorted set.
type missings []Missing

func (m *missings) add(what, detail string) {
	x := Missing{what, detail}
	i, found := slices.BinarySearchFunc(*m, x, compareMissing)
	if !found {
		*m = slices.Insert(*m, i, x)
	}
}

func compareMissing(a, b Missing) int {
	return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Detail, b.Detail))
}
