package ingest_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/connection"
	"flint/internal/id"
	"flint/internal/ingest"
	"flint/internal/money"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
	"flint/internal/portfolio"
)

// serve answers the API for people, who sign in by their id.
func (p *person) serve() *webtest.Client {
	p.t.Helper()
	srv := web.New(web.Config{
		Policies: []string{"data", "write"}, Log: slog.New(slog.DiscardHandler),
		Authenticate: func(r *http.Request) (access.Actor, error) {
			user, err := id.Parse[id.User](strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
			if err != nil {
				return access.Actor{}, nil //nolint:nilerr // nobody
			}
			return access.Actor{User: user, Confirmed: true, Tier: access.Pro}, nil
		},
		Limit: func(context.Context, string, access.Actor, netip.Addr) (web.Decision, error) {
			return web.Decision{Allowed: true}, nil
		},
	})
	p.portfolio.Operations(srv)
	p.activity.Operations(srv)
	return webtest.New(p.t, srv.Handler(), "http://localhost:8080")
}

// as makes a scenario of p's.
func (p *person) as(s webtest.Scenario) webtest.Scenario {
	s.Bearer = p.user.String()
	return s
}

type transactionsPage struct {
	Transactions []struct {
		ID, AccountID, Description, Date, Merchant, Category, Note, Status string
		Amount                                                             money.Decimal
		MaybeDuplicateOf                                                   *string
	}
	NextCursor *string
	Totals     *struct{ In, Out, Net money.Amount }
}

func get[T any](p *person, c *webtest.Client, path string) (out T) {
	p.t.Helper()
	a := c.Do(p.t, p.as(webtest.Scenario{Path: path}))
	if a.Status != http.StatusOK {
		p.t.Fatalf("%s: %d %s", path, a.Status, a.Body)
	}
	a.JSON(p.t, &out)
	return out
}

func TestPagesOfTransactionsHoldEachOnce(t *testing.T) {
	t.Parallel()
	var lines []string
	for i := range 57 {
		lines = append(lines, fmt.Sprintf("t%d posted 2026-03-%02d -%d.10 SHOP %d", i, 1+i%19, i+1, i))
	}
	w, c := newWorld(t), newClock(noon())
	p := w.join(t, c, &answers{accounts: []ingest.FetchedAccount{told("a", "1111", "10", lines...)}})
	stranger := w.join(t, c, &answers{})
	p.sync(connection.TriggerLink)
	api := p.serve()
	seen := map[string]bool{}
	path, pages, last := "/api/transactions?limit=10", 0, "9999"
	for path != "" {
		page := get[transactionsPage](p, api, path)
		for _, x := range page.Transactions {
			if seen[x.ID] || x.Date > last {
				t.Errorf("%s of %s comes twice or out of order", x.ID, x.Date)
			}
			seen[x.ID], last = true, x.Date
		}
		if pages++; pages == 1 && (page.Totals == nil || !page.Totals.Net.Amount.Equal(page.Totals.Out.Amount) || page.Totals.Out.Amount.String() != "-1658.7") {
			t.Errorf("totals %+v", page.Totals)
		}
		path = ""
		if page.NextCursor != nil {
			path = "/api/transactions?limit=10&cursor=" + *page.NextCursor
		}
	}
	if len(seen) != 57 || pages != 6 {
		t.Errorf("%d transactions on %d pages", len(seen), pages)
	}
	cursor := *get[transactionsPage](p, api, "/api/transactions?limit=10").NextCursor
	api.Run(t,
		p.as(webtest.Scenario{Name: "a cursor of another filter", Path: "/api/transactions?q=SHOP&cursor=" + cursor, Status: 422, Contains: []string{"cursor_invalid"}}),
		stranger.as(webtest.Scenario{Name: "another person's cursor", Path: "/api/transactions?cursor=" + cursor, Status: 422, Contains: []string{"cursor_invalid"}}),
		p.as(webtest.Scenario{Name: "a made-up cursor", Path: "/api/transactions?cursor=AQAAAAAAAAAA", Status: 422, Contains: []string{"cursor_invalid"}}),
		p.as(webtest.Scenario{Name: "a search", Path: "/api/transactions?q=shop%2013&from=2026-03-01&to=2026-03-31&status=posted", Status: 200, Contains: []string{"SHOP 13"}, NeverContains: []string{"SHOP 12"}}),
		p.as(webtest.Scenario{Name: "a search for a wildcard", Path: "/api/transactions?q=%25", Status: 200, Contains: []string{`"transactions":[]`}}),
		p.as(webtest.Scenario{Name: "a day that is none", Path: "/api/transactions?from=2026-02-31", Status: 422, Contains: []string{"query.from"}}),
		p.as(webtest.Scenario{Name: "too many at once", Path: "/api/transactions?limit=201", Status: 422}),
		webtest.Scenario{Name: "nobody", Path: "/api/transactions", Status: 401},
	)
}

func TestPeopleWriteOnTheirOwnTransactionsOnly(t *testing.T) {
	t.Parallel()
	w, c := newWorld(t), newClock(noon())
	p := w.join(t, c, &answers{accounts: []ingest.FetchedAccount{told("a", "1111", "95", "t1 posted 2026-03-10 -5 COFFEE", "t2 posted 2026-03-11 -6 CAKE")}})
	stranger := w.join(t, c, &answers{})
	p.sync(connection.TriggerLink)
	api := p.serve()
	cake := "/api/transactions/" + get[transactionsPage](p, api, "/api/transactions").Transactions[0].ID
	api.Run(t,
		stranger.as(webtest.Scenario{Name: "a stranger writes", Method: "PATCH", Path: cake, Body: `{"note":"mine"}`, Status: 404, Contains: []string{"transaction_unknown"}}),
		stranger.as(webtest.Scenario{Name: "a stranger deletes", Method: "DELETE", Path: cake, Status: 404}),
		stranger.as(webtest.Scenario{Name: "a stranger sees nothing", Path: "/api/transactions", Status: 200, NeverContains: []string{"CAKE"}}),
		p.as(webtest.Scenario{Name: "an amount isn't theirs to write", Method: "PATCH", Path: cake, Body: `{"amount":"1"}`, Status: 422}),
		p.as(webtest.Scenario{Name: "the owner writes", Method: "PATCH", Path: cake, Body: `{"note":"birthday","category":"gifts"}`, Status: 200, Contains: []string{"birthday", "gifts"}}),
	)
	p.sync(connection.TriggerSchedule)
	if got := get[transactionsPage](p, api, "/api/transactions").Transactions[0]; got.Note != "birthday" || got.Category != "gifts" || got.Merchant != "cake" {
		t.Errorf("after a sync: %+v", got)
	}
	api.Check(t, p.as(webtest.Scenario{Method: "DELETE", Path: cake, Status: 204}))
	p.sync(connection.TriggerSchedule)
	api.Run(t,
		p.as(webtest.Scenario{Name: "deleted", Path: "/api/transactions", Status: 200, NeverContains: []string{"CAKE"}}),
		p.as(webtest.Scenario{Name: "deleted twice", Method: "DELETE", Path: cake, Status: 404}),
	)
	if p.netWorth() != "95" {
		t.Errorf("hiding a payment changed what the bank holds: %s", p.netWorth())
	}
	n := scalar[int](p, `select count(*)::int from audit_entries where subject_id = @user and verb like 'transaction.%'`, postgres.Args{"user": p.user})
	if n != 2 {
		t.Errorf("%d audit entries, want an edit and a delete", n)
	}
}

// D27: on any error the dashboard said zero.
func TestTheDashboardSaysNullForWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	unknown := told("a", "1111", "10")
	unknown.Told.Balance = nil
	bank := &answers{accounts: []ingest.FetchedAccount{unknown}}
	p := newWorld(t).join(t, newClock(noon()), bank)
	api := p.serve()
	api.Check(t, p.as(webtest.Scenario{Path: "/api/dashboard", Status: 200, Contains: []string{`"totalBalance":null`, `"accounts":[]`, `"needsConnection":true`}}))
	p.sync(connection.TriggerLink)
	api.Check(t, p.as(webtest.Scenario{Path: "/api/dashboard", Status: 200,
		Contains: []string{`"totalBalance":null`, `"balance":null`, `"complete":false`, `{"what":"balance","detail":"Checking"}`}, NeverContains: []string{`"0"`}}))
	known, foreign := told("a", "1111", "10.50"), told("b", "2222", "500")
	foreign.Told.Currency, foreign.Told.Name = "SEK", "Konto"
	bank.accounts = []ingest.FetchedAccount{known, foreign}
	p.sync(connection.TriggerSchedule)
	api.Check(t, p.as(webtest.Scenario{Path: "/api/dashboard", Status: 200, Contains: []string{
		`"totalBalance":{"amount":"10.5","currency":"USD"}`, `{"what":"rate","detail":"SEK"}`, `"balance":{"amount":"500","currency":"SEK"},"balanceInBase":null`}}))
}

func TestHiddenAccountsCountInNoTotal(t *testing.T) {
	t.Parallel()
	w, c := newWorld(t), newClock(noon())
	card := told("c", "3333", "-30", "t3 posted 2026-03-12 -30 SHOES")
	card.Told.Kind = portfolio.Card
	p := w.join(t, c, &answers{accounts: []ingest.FetchedAccount{
		told("a", "1111", "10", "t1 posted 2026-03-10 -5 COFFEE"), told("b", "2222", "20", "t2 posted 2026-03-11 -6 CAKE"), card}})
	stranger := w.join(t, c, &answers{})
	p.sync(connection.TriggerLink)
	api := p.serve()
	b := scalar[id.Account](p, `select id from accounts where user_id = @user and provider_account_id = 'b'`, postgres.Args{"user": p.user})
	path := "/api/accounts/" + b.String()
	api.Run(t,
		p.as(webtest.Scenario{Name: "totals", Path: "/api/portfolio/summary", Status: 200, Contains: []string{
			`"netWorth":{"amount":"0","currency":"USD"}`, `"debt":{"amount":"-30","currency":"USD"}`, `"cash":{"amount":"30","currency":"USD"}`}}),
		stranger.as(webtest.Scenario{Name: "a stranger sees nothing", Path: path, Status: 404, Contains: []string{"account_unknown"}}),
		stranger.as(webtest.Scenario{Name: "a stranger hides nothing", Method: "PATCH", Path: path, Body: `{"hidden":true}`, Status: 404}),
		p.as(webtest.Scenario{Name: "a name of one's own", Method: "PATCH", Path: path, Body: `{"nickname":" Rainy day "}`, Status: 200, Contains: []string{`"accountName":"Rainy day"`}}),
		p.as(webtest.Scenario{Name: "hidden", Method: "PATCH", Path: path, Body: `{"hidden":true}`, Status: 200, Contains: []string{`"hidden":true`}}),
		p.as(webtest.Scenario{Name: "totals without it", Path: "/api/portfolio/summary", Status: 200, Contains: []string{`"netWorth":{"amount":"-20","currency":"USD"}`}}),
		p.as(webtest.Scenario{Name: "not on the dashboard", Path: "/api/dashboard", Status: 200, NeverContains: []string{"Rainy day"}}),
		p.as(webtest.Scenario{Name: "its past", Path: path, Status: 200, Contains: []string{`{"day":"2026-03-11","balance":"20","quality":"estimated"}`}}),
	)
	history := get[struct {
		DataPoints []struct {
			Day   string
			Value money.Decimal
		}
	}](p, api, "/api/portfolio/history?period=1M").DataPoints
	if last := history[len(history)-1]; last.Day != "2026-03-20" || !last.Value.Equal(money.MustParse("-20")) {
		t.Errorf("the chart ends in %+v, the headline says -20", last)
	}
	// The day before the shoes: the card was at zero, hidden savings don't count.
	if first := history[0]; first.Day != "2026-03-09" || !first.Value.Equal(money.MustParse("15")) {
		t.Errorf("the chart begins with %+v", first)
	}
	p.sync(connection.TriggerSchedule)
	if p.netWorth() != "-20" {
		t.Errorf("a sync brought it back: %s", p.netWorth())
	}
}

// Threads 16 and 17: every day has a value, and the chart ends in the headline,
// also for people whose bank said nothing for days.
func TestEveryDayIsCarriedForward(t *testing.T) {
	t.Parallel()
	c := newClock(noon())
	p := newWorld(t).join(t, c, &answers{accounts: []ingest.FetchedAccount{told("a", "1111", "10", "t1 posted 2026-03-10 -5 COFFEE")}})
	p.sync(connection.TriggerLink)
	c.pass(5 * 24 * time.Hour)
	for range 2 {
		if failed, err := p.portfolio.CloseDay(t.Context(), slog.New(slog.DiscardHandler)); failed != 0 || err != nil {
			t.Fatal(failed, err)
		}
	}
	days, err := postgres.Many[struct {
		Day     time.Time
		Value   string
		Quality string
	}](t.Context(), p.pool, `select day, net_worth::float8::text as value, quality from net_worth_days where user_id = @user order by day`, postgres.Args{"user": p.user})
	if err != nil || len(days) != 17 {
		t.Fatalf("%d days, want 17 (%v)", len(days), err)
	}
	for i, d := range days[1:] { // the first is before the coffee
		if !d.Day.Equal(days[i].Day.AddDate(0, 0, 1)) || d.Value != "10" {
			t.Errorf("%+v", d)
		}
	}
}

// A balance in another currency appears as soon as its rate is known.
func TestNewRatesRevalueWhatIsForeign(t *testing.T) {
	t.Parallel()
	foreign := told("b", "2222", "500", "t1 posted 2026-03-10 -5 FIKA")
	foreign.Told.Currency = "SEK"
	p := newWorld(t).join(t, newClock(noon()), &answers{accounts: []ingest.FetchedAccount{foreign}})
	p.sync(connection.TriggerLink)
	p.exec(`insert into fx_rates (day, currency, rate, source) select d::date, c, r, 'test'
		from generate_series(date '2026-03-01', date '2026-03-20', interval '1 day') d, (values ('SEK', 10), ('USD', 1.25)) as v (c, r)`, nil)
	if failed, err := p.portfolio.Revalue(t.Context(), slog.New(slog.DiscardHandler)); failed != 0 || err != nil {
		t.Fatal(failed, err)
	}
	if got := p.netWorth(); got != "62.5" {
		t.Errorf("net worth %s, want 500 SEK at 8 to the dollar", got)
	}
	days := scalar[int](p, `select count(*)::int from net_worth_days where user_id = @user`, postgres.Args{"user": p.user})
	if days != 12 {
		t.Errorf("%d days of history, want 12: the past has its rates, too", days)
	}
}

// The totals know what they leave out by its id alone: its name is sealed, and what
// people call it is what the page says.
func TestAnAccountOfNoKnownBalanceIsCalledAsPeopleCallIt(t *testing.T) {
	t.Parallel()
	unknown := told("b", "2222", "0")
	unknown.Told.Balance = nil
	bank := &answers{accounts: []ingest.FetchedAccount{told("a", "1111", "10"), unknown}}
	p := newWorld(t).join(t, newClock(noon()), bank)
	p.sync(connection.TriggerLink)
	b := scalar[id.Account](p, `select id from accounts where user_id = @user and provider_account_id = 'b'`, postgres.Args{"user": p.user})
	api := p.serve()
	missing := func(name string) webtest.Scenario {
		return p.as(webtest.Scenario{Path: "/api/dashboard", Status: 200, Contains: []string{`"missing":[{"what":"balance","detail":"` + name + `"}]`}})
	}
	rename := func(to string) webtest.Scenario {
		return p.as(webtest.Scenario{Method: "PATCH", Path: "/api/accounts/" + b.String(), Body: `{"nickname":"` + to + `"}`, Status: 200})
	}
	api.Run(t, missing("Checking"), rename("Rainy day"), missing("Rainy day"))
	p.sync(connection.TriggerSchedule)
	api.Run(t, missing("Rainy day"), rename(""), missing("Checking"))
	stored := scalar[string](p, `select w.missing::text from wealth w where w.user_id = @user`, postgres.Args{"user": p.user})
	if !strings.Contains(stored, b.String()) || strings.Contains(stored, "Checking") {
		t.Errorf("the database says %s", stored)
	}
}
