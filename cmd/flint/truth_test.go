package main_test

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"flint/internal/money"
)

// The sandbox's truth, as its control API tells it.
type (
	bankTruth struct {
		Teller struct {
			Enrollments []struct {
				ID          string
				Institution struct{ ID, Name string }
				Health      string
				Accounts    []struct {
					ID, Type, Status, Currency, Ledger, Available, PostedSum, PendingSum string
					Posted, Pending                                                      int
					PendingRows                                                          []struct{ ID, Amount, Description string }
				}
			}
		}
	}
	brokerTruth struct {
		Users []struct {
			Connections []struct {
				ID, Broker string
				Accounts   []struct {
					ID, Name, Currency string
					Total              money.Decimal
					Activities         int
					Cash               []struct {
						Currency      string
						Cash, Settled money.Decimal
					}
					Positions []struct {
						Symbol, Currency                string
						Units, Price, Multiplier, Value money.Decimal
					}
				}
			}
		}
	}
)

// amount is money in the API; a nil one isn't known.
type amount struct {
	Amount   money.Decimal
	Currency string
}

// What the API shows.
type (
	account struct {
		ID, Provider, AccountName, Type, Status string
		Balance, BalanceInBase, Available       *amount
		NeedsReconnection, Hidden, Stale        bool
	}
	dashboard struct {
		TotalBalance, BankBalance, InvestmentBalance, CryptoValue, TotalAssets, TotalDebts *amount
		Currency                                                                           string
		Complete                                                                           bool
		Missing                                                                            []struct{ What, Detail string }
		Accounts                                                                           []account
	}
	transaction struct {
		ID, AccountID, Description, Status, Date, Currency string
		Amount                                             money.Decimal
	}
)

// expected is what an account must show, worked out from the truth alone.
type expected struct {
	name         string
	balance      money.Decimal // signed towards net worth
	transactions int
	sum          *money.Decimal // of all transactions; nil: not told
}

// books compares a demo's API with the sandbox's truth.
type books struct {
	d     *demo
	flint *client
	db    *pgx.Conn
	byID  map[string]string        // the provider's account id by ours
	euro  map[string]money.Decimal // what one euro buys, by the stored rates
}

// openBooks reads what the API doesn't tell: which account is which at its provider,
// and the exchange rates in use.
func openBooks(t testing.TB, d *demo, flint *client) *books {
	t.Helper()
	b := &books{d: d, flint: flint, db: connect(t, d), byID: map[string]string{}, euro: map[string]money.Decimal{"EUR": money.MustParse("1")}}
	rows, err := b.db.Query(t.Context(), `select id::text, provider_account_id from accounts where provider_account_id is not null and deleted_at is null`)
	if err != nil {
		t.Fatal(err)
	}
	var ours, theirs string
	if _, err := pgx.ForEachRow(rows, []any{&ours, &theirs}, func() error { b.byID[ours] = theirs; return nil }); err != nil {
		t.Fatal(err)
	}
	rows, err = b.db.Query(t.Context(), `select distinct on (currency) currency, rate::text from fx_rates order by currency, day desc`)
	if err != nil {
		t.Fatal(err)
	}
	var currency, rate string
	if _, err := pgx.ForEachRow(rows, []any{&currency, &rate}, func() error { b.euro[currency] = money.MustParse(rate); return nil }); err != nil {
		t.Fatal(err)
	}
	return b
}

func connect(t testing.TB, d *demo) *pgx.Conn {
	t.Helper()
	db, err := pgx.Connect(t.Context(), d.ready.Database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.WithoutCancel(t.Context())) })
	return db
}

// inDollars converts by the stored rates, unrounded.
func (b *books) inDollars(t testing.TB, v money.Decimal, currency string) money.Decimal {
	t.Helper()
	if currency == "USD" {
		return v
	}
	from, ok1 := b.euro[currency]
	to, ok2 := b.euro["USD"]
	if !ok1 || !ok2 {
		t.Logf("no rate is stored from %s to USD", currency)
		return money.Zero // and a difference
	}
	return v.Mul(to).DivRound(from, 18)
}

// truth returns what each account must show, by the provider's id.
func (b *books) truth(t testing.TB) map[string]expected {
	t.Helper()
	want := map[string]expected{}
	var banks bankTruth
	b.d.world().get(t, "/control/state", &banks)
	for _, e := range banks.Teller.Enrollments {
		for _, a := range e.Accounts {
			x := expected{name: e.Institution.Name + " " + a.Type, balance: money.MustParse(a.Ledger), transactions: a.Posted + a.Pending}
			sum := money.MustParse(a.PostedSum).Add(money.MustParse(a.PendingSum))
			if a.Type == "credit" { // there, what is owed is positive
				x.balance, sum = x.balance.Neg(), sum.Neg()
			}
			x.sum = &sum
			want[a.ID] = x
		}
	}
	var brokers brokerTruth
	b.d.world().get(t, "/control/snaptrade/truth", &brokers)
	for _, u := range brokers.Users {
		for _, c := range u.Connections {
			for _, a := range c.Accounts {
				worth := money.Zero
				for _, p := range a.Positions {
					worth = worth.Add(b.inDollars(t, p.Units.Mul(p.Price).Mul(p.Multiplier), p.Currency))
				}
				for _, k := range a.Cash {
					worth = worth.Add(b.inDollars(t, k.Settled, k.Currency))
				}
				want[a.ID] = expected{name: a.Name, balance: worth.RoundBank(2), transactions: a.Activities}
			}
		}
	}
	return want
}

// differences lists what the API shows otherwise than the truth; nothing if all
// is well. It doesn't look at each transaction, only at their number and sum.
func (b *books) differences(t testing.TB) []string {
	t.Helper()
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	want := b.truth(t)
	var list struct{ Accounts []account }
	b.flint.get(t, "/api/accounts", &list)
	total, seen := money.Zero, 0
	for _, a := range list.Accounts {
		x, known := want[b.byID[a.ID]]
		switch {
		case a.Balance == nil || a.BalanceInBase == nil:
			add("%s has no balance", a.AccountName)
			continue
		case known:
			seen++
		case a.Provider == "manual":
			x = loan()
		default:
			add("%s isn't known to the sandbox", a.AccountName)
			continue
		}
		total = total.Add(a.BalanceInBase.Amount)
		if !a.Balance.Amount.Equal(x.balance) {
			add("%s (%s): balance %s, in truth %s", a.AccountName, x.name, a.Balance.Amount, x.balance)
		}
		if got := b.inDollars(t, a.Balance.Amount, a.Balance.Currency).RoundBank(2); !got.Equal(a.BalanceInBase.Amount) {
			add("%s: %s in dollars, by the stored rates %s", a.AccountName, a.BalanceInBase.Amount, got)
		}
		n, sum := b.transactions(t, a.ID)
		if n != x.transactions {
			add("%s (%s): %d transactions, in truth %d", a.AccountName, x.name, n, x.transactions)
		}
		if x.sum != nil && !sum.Equal(*x.sum) {
			add("%s (%s): transactions add up to %s, in truth %s", a.AccountName, x.name, sum, x.sum)
		}
	}
	if seen != len(want) {
		add("%d accounts of %d are shown", seen, len(want))
	}
	return append(wrong, b.totals(t, total)...)
}

// totals compares the dashboard's totals with their parts.
func (b *books) totals(t testing.TB, total money.Decimal) []string {
	t.Helper()
	var d dashboard
	b.flint.get(t, "/api/dashboard", &d)
	if d.TotalBalance == nil || d.TotalAssets == nil || d.TotalDebts == nil {
		return []string{"the dashboard has no totals"}
	}
	var wrong []string
	check := func(what string, got *amount, want money.Decimal) {
		if got == nil || !got.Amount.Equal(want) || got.Currency != d.Currency {
			wrong = append(wrong, fmt.Sprintf("%s is %v, its parts are %s", what, got, want))
		}
	}
	parts := map[string]money.Decimal{}
	for _, a := range d.Accounts {
		if a.BalanceInBase != nil {
			parts[a.Type] = parts[a.Type].Add(a.BalanceInBase.Amount)
		}
	}
	assets := parts["bank"].Add(parts["manual"]).Add(parts["investment"]).Add(parts["crypto"])
	debts := parts["credit"].Add(parts["loan"])
	check("totalBalance", d.TotalBalance, total)
	check("bankBalance", d.BankBalance, parts["bank"].Add(parts["manual"]))
	check("investmentBalance", d.InvestmentBalance, parts["investment"])
	check("cryptoValue", d.CryptoValue, parts["crypto"])
	check("totalAssets", d.TotalAssets, assets)
	check("totalDebts", d.TotalDebts, debts)
	if !d.Complete || len(d.Missing) > 0 {
		wrong = append(wrong, fmt.Sprintf("something is missing from the totals: %v", d.Missing))
	}
	var past struct {
		DataPoints []struct {
			Day   string
			Value money.Decimal
		}
	}
	b.flint.get(t, "/api/portfolio/history?period=1Y", &past)
	if n := len(past.DataPoints); n == 0 || !past.DataPoints[n-1].Value.Equal(total) {
		wrong = append(wrong, fmt.Sprintf("the last of %d points of the history isn't the headline %s", n, total))
	}
	return wrong
}

// transactions counts an account's visible transactions, and returns what the
// API says that they add up to.
func (b *books) transactions(t testing.TB, of string) (n int, sum money.Decimal) {
	t.Helper()
	err := b.db.QueryRow(t.Context(), `select count(*) from transactions where account_id = $1 and deleted_at is null`, of).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	var page struct{ Totals *struct{ Net amount } }
	b.flint.get(t, "/api/transactions?limit=1&accountId="+of, &page)
	if page.Totals != nil {
		sum = page.Totals.Net.Amount
	}
	return n, sum
}

// list reads all pages of a list of transactions.
func (b *books) list(t testing.TB, filter url.Values) []transaction {
	t.Helper()
	filter.Set("limit", "200")
	var all []transaction
	for {
		var page struct {
			Transactions []transaction
			NextCursor   *string
		}
		b.flint.get(t, "/api/transactions?"+filter.Encode(), &page)
		all = append(all, page.Transactions...)
		if page.NextCursor == nil {
			return all
		}
		filter.Set("cursor", *page.NextCursor)
	}
}

// loan is the student loan that the demo imports: 412.50 a month for 36 months
// on 31,200.00 at 4.2 % a year, the interest cut to the cent.
func loan() expected {
	owed, sum := 3_120_000, 0
	for range 36 {
		interest := owed * 42 / 12_000
		owed += interest - 41_250
		sum += 41_250 - interest
	}
	cents := func(n int) money.Decimal { return money.MustParse(strconv.Itoa(n)).Shift(-2) }
	total := cents(sum)
	return expected{name: "student loan", balance: cents(-owed), transactions: 72, sum: &total}
}

// close lets go of the database.
func (b *books) close() { _ = b.db.Close(context.Background()) }

// agree waits until the API shows the truth: after a start, exchange rates and a
// new day's events may still be on their way.
func agree(t testing.TB, d *demo, flint *client) {
	t.Helper()
	soon(t, recovery, "the API shows the truth", func() (bool, string) {
		b := openBooks(t, d, flint)
		defer b.close()
		wrong := b.differences(t)
		return len(wrong) == 0, strings.Join(wrong, "; ")
	})
}
