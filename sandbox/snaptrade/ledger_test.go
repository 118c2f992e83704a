package snaptrade_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/prices"
	"flint/sandbox/snaptrade"
)

// exponent finds numbers that aren't written out.
var exponent = regexp.MustCompile(`[":][-0-9.]+[eE][-+]?[0-9]+["},]`)

type activity struct {
	ID     string
	Symbol *struct {
		Symbol string
		Type   struct{ Code string }
	}
	OptionSymbol              *struct{ Ticker string } `json:"option_symbol"`
	Price, Units, Amount, Fee decimal.Decimal
	Currency                  struct{ Code string }
	Type                      string
	TradeDate                 time.Time        `json:"trade_date"`
	SettlementDate            time.Time        `json:"settlement_date"`
	FXRate                    *decimal.Decimal `json:"fx_rate"`
	Ref                       *string          `json:"external_reference_id"`
}

func (a activity) ticker() string {
	switch {
	case a.Symbol != nil:
		return a.Symbol.Symbol
	case a.OptionSymbol != nil:
		return a.OptionSymbol.Ticker
	}
	return ""
}

// activities reads all pages of an account's activities, oldest first.
func (b *bench) activities(account string, query ...string) []activity {
	b.t.Helper()
	return b.pages(account, 1000, query...)
}

func (b *bench) pages(account string, size int, query ...string) []activity {
	b.t.Helper()
	var all []activity
	for {
		var page struct {
			Data       []activity
			Pagination struct{ Offset, Limit, Total int }
		}
		q := append(slices.Clone(query), "limit", strconv.Itoa(size), "offset", strconv.Itoa(len(all)))
		b.call("GET", "/accounts/"+account+"/activities", nil, q...).into(b.t, &page)
		all = append(all, page.Data...)
		if len(all) >= page.Pagination.Total || len(page.Data) == 0 {
			slices.Reverse(all)
			return all
		}
	}
}

var everyBroker = []string{"SCHWAB", "FIDELITY", "VANGUARD", "ROBINHOOD", "ETRADE", "INTERACTIVE-BROKERS-FLEX", "ALPACA", "COINBASE", "KRAKEN"}

// Right after the daily sync, what is shown is complete: the activities explain
// the holdings to the last digit. A day later they do again.
func TestActivitiesExplainPositionsAndCashExactly(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{42, 7} {
		b := newBench(t, func(c *snaptrade.Config) { c.Seed, c.Market = seed, prices.New(seed) })
		b.register("ada")
		for _, broker := range everyBroker {
			b.connect(broker)
		}
		for _, day := range []int{1, 2, 40} {
			b.clock.set(time.Date(2026, 11, 23+day, 6, 0, 1, 0, time.UTC))
			for _, c := range b.truth().Connections {
				for _, a := range c.Accounts {
					b.explain(a)
				}
			}
		}
	}
}

func (b *bench) explain(a snaptrade.TruthAccount) {
	b.t.Helper()
	units, cash := map[string]decimal.Decimal{}, map[string]decimal.Decimal{}
	for _, x := range b.activities(a.ID) {
		if s := x.ticker(); s != "" {
			units[s] = units[s].Add(x.Units)
		}
		cash[x.Currency.Code] = cash[x.Currency.Code].Add(x.Amount)
	}
	value := decimal.Zero
	for _, p := range a.Positions {
		if !units[p.Symbol].Equal(p.Units) {
			b.t.Errorf("%s: %s activities sum to %s, the position is %s", a.Name, p.Symbol, units[p.Symbol], p.Units)
		}
		delete(units, p.Symbol)
		if p.CashEquivalent {
			cash[p.Currency] = cash[p.Currency].Add(p.Value)
			continue
		}
		if p.Currency == "USD" {
			value = value.Add(p.Value)
		} else {
			value = value.Add(p.Value.Mul(decimal.New(110, -2)))
		}
	}
	for symbol, left := range units {
		if !left.IsZero() {
			b.t.Errorf("%s: %s of %s are left over", a.Name, left, symbol)
		}
	}
	for _, c := range a.Cash {
		if !cash[c.Currency].Equal(c.Cash) {
			b.t.Errorf("%s: amounts in %s sum to %s, the balance is %s", a.Name, c.Currency, cash[c.Currency], c.Cash)
		}
		if c.Currency == "USD" {
			value = value.Add(c.Cash)
		} else {
			value = value.Add(c.Cash.Mul(decimal.New(110, -2)))
		}
	}
	if !value.Round(2).Equal(a.Total) {
		b.t.Errorf("%s: positions and cash make %s, the total is %s", a.Name, value, a.Total)
	}
}

// What the API answers is the truth, number for number.
func TestTheAPIAnswersTheTruth(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	for _, broker := range everyBroker {
		b.connect(broker)
	}
	for _, c := range b.truth().Connections {
		for _, a := range c.Accounts {
			var balances []struct {
				Currency struct{ Code string }
				Cash     decimal.Decimal
			}
			b.call("GET", "/accounts/"+a.ID+"/balances", nil).into(t, &balances)
			for i, x := range balances {
				if x.Currency.Code != a.Cash[i].Currency || !x.Cash.Equal(a.Cash[i].Cash) {
					t.Errorf("%s: balance %v, truth %v", a.Name, x, a.Cash[i])
				}
			}
			var positions struct {
				Results []struct {
					Instrument     struct{ Kind, Symbol string }
					Units, Price   decimal.Decimal
					CashEquivalent bool                                 `json:"cash_equivalent"`
					Lots           []struct{ Quantity decimal.Decimal } `json:"tax_lots"`
				}
				Freshness struct {
					AsOf time.Time `json:"as_of"`
				} `json:"data_freshness"`
			}
			r := b.call("GET", "/accounts/"+a.ID+"/positions/all", nil)
			r.into(t, &positions)
			if len(positions.Results) != len(a.Positions) || !positions.Freshness.AsOf.Equal(c.AsOf) {
				t.Fatalf("%s: %d positions as of %s, truth %d as of %s", a.Name, len(positions.Results), positions.Freshness.AsOf, len(a.Positions), c.AsOf)
			}
			for i, p := range positions.Results {
				want := a.Positions[i]
				if p.Instrument.Symbol != want.Symbol || !p.Units.Equal(want.Units) || !p.Price.Equal(want.Price) || p.CashEquivalent != want.CashEquivalent {
					t.Errorf("%s: position %+v, truth %+v", a.Name, p, want)
				}
				sum := decimal.Zero
				for _, l := range p.Lots {
					sum = sum.Add(l.Quantity)
				}
				if len(p.Lots) > 0 && !sum.Equal(p.Units) {
					t.Errorf("%s: lots of %s hold %s of %s", a.Name, want.Symbol, sum, want.Units)
				}
			}
			if exponent.Match(r.body) {
				t.Errorf("%s: an exponent in %s", a.Name, r.body)
			}
			var account struct {
				Balance struct {
					Total struct{ Amount decimal.Decimal }
				}
			}
			b.call("GET", "/accounts/"+a.ID, nil).into(t, &account)
			if !account.Balance.Total.Amount.Equal(a.Total) {
				t.Errorf("%s: total %s, truth %s", a.Name, account.Balance.Total.Amount, a.Total)
			}
		}
	}
}

func TestTheHouseholdIsRich(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	_, schwab := b.connect("SCHWAB")
	_, fidelity := b.connect("FIDELITY")
	_, coinbase := b.connect("COINBASE")
	_, robinhood := b.connect("ROBINHOOD")
	kinds := func(account string) map[string]int {
		n := map[string]int{}
		for _, a := range b.activities(account) {
			n[a.Type]++
		}
		return n
	}
	for account, want := range map[string]string{
		schwab[0]:    "BUY SELL DIVIDEND CONTRIBUTION WITHDRAWAL FEE INTEREST TAX SPLIT TRANSFER EXTERNAL_ASSET_TRANSFER_IN REI",
		fidelity[0]:  "BUY DIVIDEND REI CONTRIBUTION INTEREST",
		coinbase[0]:  "BUY SELL CONTRIBUTION STOCK_DIVIDEND EXTERNAL_ASSET_TRANSFER_OUT",
		robinhood[0]: "BUY SELL DIVIDEND CONTRIBUTION INTEREST",
	} {
		got := kinds(account)
		for _, kind := range strings.Fields(want) {
			if got[kind] == 0 {
				t.Errorf("no %s among %v", kind, got)
			}
		}
	}
	if first := b.activities(schwab[0])[0].TradeDate; first.After(monday.AddDate(-3, 0, 7)) {
		t.Errorf("history begins on %s", first)
	}
	byAccount := map[string]snaptrade.TruthAccount{}
	for _, c := range b.truth().Connections {
		for _, a := range c.Accounts {
			byAccount[a.ID] = a
		}
	}
	taxable := byAccount[schwab[0]]
	if len(taxable.Positions) < 9 || len(taxable.Cash) != 2 || !taxable.Cash[1].Cash.IsPositive() {
		t.Errorf("taxable: %d positions, cash %v", len(taxable.Positions), taxable.Cash)
	}
	if !slices.ContainsFunc(taxable.Positions, func(p snaptrade.TruthPosition) bool { return p.CashEquivalent && p.Value.IsPositive() }) {
		t.Error("taxable holds no money-market fund")
	}
	if !slices.ContainsFunc(byAccount[robinhood[0]].Positions, func(p snaptrade.TruthPosition) bool {
		return p.Kind == "option" && p.Multiplier.Equal(decimal.New(100, 0))
	}) {
		t.Error("Robinhood holds no option")
	}
	if !byAccount[robinhood[0]].Cash[0].Cash.IsNegative() {
		t.Log("Robinhood owes nothing on margin")
	}
	if !slices.ContainsFunc(byAccount[coinbase[0]].Positions, func(p snaptrade.TruthPosition) bool { return p.Units.Exponent() == -8 }) {
		t.Error("no coin has eight decimal places")
	}
}

func TestActivitiesArePagedNewestFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	_, accounts := b.connect("SCHWAB")
	all := b.pages(accounts[0], 100)
	seen := map[string]bool{}
	for i, a := range all {
		if seen[a.ID] {
			t.Fatalf("activity %s comes twice", a.ID)
		}
		seen[a.ID] = true
		if i > 0 && a.TradeDate.Before(all[i-1].TradeDate) {
			t.Errorf("%s comes after %s", a.TradeDate, all[i-1].TradeDate)
		}
		if a.SettlementDate.Before(a.TradeDate.Truncate(24 * time.Hour)) {
			t.Errorf("traded %s, settled %s", a.TradeDate, a.SettlementDate)
		}
	}
	some := b.activities(accounts[0], "startDate", "2026-01-01", "endDate", "2026-03-31", "type", "BUY,SELL")
	want := 0
	for _, a := range all {
		if d := a.TradeDate.Format(time.DateOnly); (a.Type == "BUY" || a.Type == "SELL") && d >= "2026-01-01" && d <= "2026-03-31" {
			want++
		}
	}
	if len(some) != want || want == 0 {
		t.Errorf("the filter finds %d of %d", len(some), want)
	}
	for _, q := range [][]string{{"limit", "0"}, {"offset", "-1"}, {"startDate", "yesterday"}, {"limit", "many"}} {
		b.call("GET", "/accounts/"+accounts[0]+"/activities", nil, q...).fails(t, 400, "1012")
	}
}

// The same seed and login are the same account, in whatever order things are
// asked, and the past doesn't change while the days pass.
func TestTheSameLoginIsTheSameAccountAndItsPastStays(t *testing.T) {
	t.Parallel()
	one, two := newBench(t), newBench(t)
	one.register("ada")
	two.register("ada")
	two.connect("KRAKEN") // other ids, same accounts
	_, a := one.connect("SCHWAB")
	_, b := two.connect("SCHWAB")
	past := one.activities(a[0])
	same := func(x, y activity) bool {
		x.ID, y.ID = "", ""
		p, _ := json.Marshal(x)
		q, _ := json.Marshal(y)
		return string(p) == string(q)
	}
	if !slices.EqualFunc(past, two.activities(b[0]), same) {
		t.Error("two worlds of one seed differ")
	}
	one.clock.set(monday.AddDate(0, 2, 3))
	later := one.activities(a[0])
	if len(later) <= len(past) {
		t.Fatalf("%d activities now, %d two months later", len(past), len(later))
	}
	for i, x := range past {
		if x.ID != later[i].ID || !same(x, later[i]) {
			t.Fatalf("activity %d was %+v and is %+v", i, x, later[i])
		}
	}
}
