package portfolio_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/portfolio"
)

func dec(s string) money.Decimal   { return money.MustParse(s) }
func decp(s string) *money.Decimal { d := dec(s); return &d }
func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// rates knows dollars, euros and yen, and nothing else.
func rates(from, to money.Currency) (money.Decimal, bool) {
	perDollar := map[money.Currency]money.Decimal{"USD": dec("1"), "EUR": dec("0.9174"), "JPY": dec("151.37")}
	f, ok := perDollar[from]
	t, known := perDollar[to]
	if !ok || !known {
		return money.Zero, false
	}
	return t.DivRound(f, 12), true
}

// R10: money is exact. The parts that are shown add up to the totals that are
// shown, for any portfolio, to the last digit. FLINT_PORTFOLIOS sets how many.
func TestThePartsAddUpToTheTotal(t *testing.T) {
	t.Parallel()
	rounds := 200
	if n, err := strconv.Atoi(os.Getenv("FLINT_PORTFOLIOS")); err == nil {
		rounds = n / 100 // rapid runs each property 100 times
	}
	kinds := []portfolio.Kind{portfolio.Bank, portfolio.Card, portfolio.Loan, portfolio.Investment, portfolio.Crypto, portfolio.Manual}
	rapid.Check(t, func(t *rapid.T) {
		for range rounds {
			base := rapid.SampledFrom([]money.Currency{"USD", "EUR", "JPY"}).Draw(t, "base")
			n := rapid.IntRange(0, 12).Draw(t, "accounts")
			holdings := make([]portfolio.Holding, n)
			parts, counted, missing := money.Zero, 0, 0
			for i := range holdings {
				h := portfolio.Holding{
					Account:  id.New[id.Account](),
					Kind:     rapid.SampledFrom(kinds).Draw(t, "kind"),
					Currency: rapid.SampledFrom([]money.Currency{"USD", "EUR", "JPY", "XXX"}).Draw(t, "currency"),
				}
				if rapid.IntRange(0, 9).Draw(t, "known") > 0 {
					v := decimal.New(rapid.Int64Range(-1e12, 1e12).Draw(t, "value"), -int32(rapid.IntRange(0, 8).Draw(t, "scale")))
					h.Balance = &v
				}
				holdings[i] = h
				if h.Balance == nil {
					missing++
					continue
				}
				v, ok := portfolio.InBase(*h.Balance, h.Currency, base, rates)
				if !ok {
					missing++
					continue
				}
				parts = parts.Add(v)
				counted++
			}
			w := portfolio.Rollup(base, holdings, rates)
			if !w.NetWorth.Equal(parts) {
				t.Fatalf("net worth %s, parts %s", w.NetWorth, parts)
			}
			if !w.Assets.Add(w.Debts).Equal(w.NetWorth) || !w.Bank.Add(w.Investment).Add(w.Crypto).Equal(w.Assets) {
				t.Fatalf("the tiles don't add up: %+v", w)
			}
			if w.Counted != counted || w.Complete() != (missing == 0) {
				t.Fatalf("%d counted, complete %v; want %d and %d missing", w.Counted, w.Complete(), counted, missing)
			}
		}
	})
}

func TestWhatIsNotKnownIsNamedAndNeverZeroOrOneToOne(t *testing.T) {
	t.Parallel()
	old := id.New[id.Account]()
	w := portfolio.Rollup("USD", []portfolio.Holding{
		{Kind: portfolio.Bank, Currency: "USD", Balance: decp("100")},
		{Account: old, Kind: portfolio.Bank, Currency: "USD"},
		{Kind: portfolio.Bank, Currency: "SEK", Balance: decp("5000")},
	}, rates)
	if !w.NetWorth.Equal(dec("100")) || w.Counted != 1 {
		t.Errorf("net worth %s of %d accounts", w.NetWorth, w.Counted)
	}
	want := []portfolio.Missing{{What: "balance", Detail: old.String()}, {What: "rate", Detail: "SEK"}}
	if len(w.Missing) != 2 || w.Missing[0] != want[0] || w.Missing[1] != want[1] {
		t.Errorf("missing %v, want %v", w.Missing, want)
	}
}

func TestAnAccountOfWhichNothingIsKnownHasNoValue(t *testing.T) {
	t.Parallel()
	v, missing := portfolio.Worth("USD", []portfolio.Position{{Symbol: "ABC", Quantity: dec("3"), Multiplier: dec("1"), Currency: "USD"}}, nil, rates)
	if v != nil || len(missing) != 1 || missing[0] != (portfolio.Missing{What: "price", Detail: "ABC"}) {
		t.Errorf("value %v, missing %v", v, missing)
	}
	v, missing = portfolio.Worth("USD", nil, nil, rates)
	if v == nil || !v.IsZero() || len(missing) != 0 {
		t.Errorf("an empty account is worth %v, missing %v; want 0 and nothing", v, missing)
	}
}

// sync.md, threads 11 and 14: a money-market fund that the broker counts in cash
// and in positions made accounts exactly twice what they are.
func TestMoneyMarketFundsCountOnce(t *testing.T) {
	t.Parallel()
	positions := []portfolio.Position{
		{Symbol: "SPAXX", Quantity: dec("5000"), Price: decp("1"), Multiplier: dec("1"), Currency: "USD", CashEquivalent: true},
		{Symbol: "VTI", Quantity: dec("10"), Price: decp("250"), Multiplier: dec("1"), Currency: "USD"},
	}
	cash := portfolio.NetCash([]portfolio.Cash{{Currency: "USD", Cash: dec("5200.50")}}, positions)
	if !cash[0].Cash.Equal(dec("200.50")) {
		t.Errorf("cash %s", cash[0].Cash)
	}
	v, _ := portfolio.Worth("USD", positions, cash, rates)
	if !v.Equal(dec("7700.50")) {
		t.Errorf("worth %s, want 7700.50", v)
	}
}

// sync.md, thread 13: cash in a second currency was forgotten.
func TestCashOfEveryCurrencyCounts(t *testing.T) {
	t.Parallel()
	v, missing := portfolio.Worth("USD", nil, []portfolio.Cash{{Currency: "USD", Cash: dec("10")}, {Currency: "EUR", Cash: dec("91.74")}}, rates)
	if len(missing) != 0 || !v.Equal(dec("110")) {
		t.Errorf("worth %s, missing %v", v, missing)
	}
}

func TestOptionsCountPerContract(t *testing.T) {
	t.Parallel()
	p := portfolio.Position{Symbol: "AAPL  270115C00200000", Quantity: dec("-2"), Price: decp("3.15"), Multiplier: dec("100"), Currency: "USD"}
	if v := p.Value(); !v.Equal(dec("-630")) {
		t.Errorf("value %s", v)
	}
}
