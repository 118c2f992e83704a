package snaptrade_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/snaptrade"
	"flint/sandbox/world"
)

type syncStatus struct {
	Sync struct {
		Transactions struct {
			Done  bool    `json:"initial_sync_completed"`
			Last  *string `json:"last_successful_sync"`
			First *string `json:"first_transaction_date"`
		}
		Holdings struct {
			Last string `json:"last_successful_sync"`
		}
	} `json:"sync_status"`
}

func (b *bench) status(account string) syncStatus {
	b.t.Helper()
	var s syncStatus
	b.call("GET", "/accounts/"+account, nil).into(b.t, &s)
	return s
}

func TestFirstActivitiesTakeAWhileAndSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	state, err := world.OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(c *snaptrade.Config) { c.State, c.Delay = state, time.Hour })
	b.register("ada")
	auth, accounts := b.connect("SCHWAB")
	b.call("GET", "/accounts/"+accounts[0]+"/activities", nil).fails(t, http.StatusTooEarly, "3012")
	if s := b.status(accounts[0]).Sync.Transactions; s.Done || s.Last != nil || s.First != nil {
		t.Errorf("before the first sync: %+v", s)
	}
	if kinds := b.hooks.types(t); strings.Contains(kinds, "INITIAL_UPDATE") || !strings.Contains(kinds, "ACCOUNT_HOLDINGS_UPDATED") {
		t.Errorf("webhooks: %s", kinds)
	}
	before := b.truth()

	// The process ends before the sync does, and another one takes over.
	b.stop()
	if b.cfg.State, err = world.OpenState(dir); err != nil {
		t.Fatal(err)
	}
	b.cfg.Delay = 0
	b.start()
	if got := b.truth(); got.Connections[0].ID != auth || !got.Connections[0].Accounts[0].Total.Equal(before.Connections[0].Accounts[0].Total) {
		t.Errorf("after the restart: %+v", got)
	}
	s := b.status(accounts[0]).Sync.Transactions
	if !s.Done || s.Last == nil || *s.Last != "2026-11-22" || s.First == nil {
		t.Errorf("after the first sync: %+v", s)
	}
	if kinds := b.hooks.types(t); kinds != "ACCOUNT_TRANSACTIONS_INITIAL_UPDATE" {
		t.Errorf("webhooks: %s", kinds)
	}
	if n := len(b.activities(accounts[0])); n < 300 {
		t.Errorf("%d activities", n)
	}
}

func TestADisabledConnectionAnswersWhatItKnew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	auth, accounts := b.connect("COINBASE")
	b.hooks.types(t)
	known := string(b.call("GET", "/accounts/"+accounts[0]+"/positions/all", nil).body)
	if r := b.call("POST", "/authorizations/"+auth+"/disable", nil); r.status != http.StatusOK {
		t.Fatalf("disable answers %d", r.status)
	}
	b.call("POST", "/authorizations/"+auth+"/disable", nil).fails(t, http.StatusPaymentRequired, "3011")
	b.call("POST", "/authorizations/"+auth+"/refresh", nil).fails(t, http.StatusPaymentRequired, "3003")
	b.clock.set(monday.AddDate(0, 0, 9))
	b.order(auth+"/deposit", map[string]string{"amount": "55.50"}) // unknown to the connection
	if got := string(b.call("GET", "/accounts/"+accounts[0]+"/positions/all", nil).body); got != known {
		t.Errorf("nine days later it answers\n%s, it knew\n%s", got, known)
	}
	var wire struct {
		Disabled bool
		Date     *time.Time `json:"disabled_date"`
	}
	b.call("GET", "/authorizations/"+auth, nil).into(t, &wire)
	if !wire.Disabled || wire.Date == nil || !wire.Date.Equal(monday) {
		t.Errorf("connection: %+v", wire)
	}
	b.api.Tick(b.clock.now())
	if kinds := b.hooks.types(t); kinds != "CONNECTION_BROKEN" {
		t.Errorf("webhooks: %s", kinds)
	}
	b.order(auth+"/repair", nil)
	if got := string(b.call("GET", "/accounts/"+accounts[0]+"/positions/all", nil).body); got == known {
		t.Error("repaired, it still answers the old")
	}
	if kinds := b.hooks.types(t); kinds != "CONNECTION_FIXED ACCOUNT_HOLDINGS_UPDATED" {
		t.Errorf("webhooks: %s", kinds)
	}
}

func TestHoldingsChangeOnlyWhenTheyAreSynced(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *snaptrade.Config) { c.RefreshEvery = time.Minute })
	b.register("ada")
	auth, accounts := b.connect("KRAKEN")
	b.hooks.types(t)
	read := func() string { return string(b.call("GET", "/accounts/"+accounts[0]+"/positions/all", nil).body) }
	first := read()
	b.clock.set(monday.Add(2 * time.Hour))
	if read() != first {
		t.Error("prices moved between syncs")
	}
	b.call("POST", "/authorizations/"+auth+"/refresh", nil)
	if read() == first {
		t.Error("a refresh changed nothing")
	}
	b.call("POST", "/authorizations/"+auth+"/refresh", nil).fails(t, http.StatusTooManyRequests, "throttled")
	if kinds := b.hooks.types(t); kinds != "ACCOUNT_HOLDINGS_UPDATED" {
		t.Errorf("webhooks: %s", kinds)
	}
	b.clock.set(time.Date(2026, 11, 24, 6, 0, 5, 0, time.UTC))
	if s := b.status(accounts[0]).Sync; s.Holdings.Last != "2026-11-24 06:00:00.000000+00:00" || *s.Transactions.Last != "2026-11-23" {
		t.Errorf("after the daily sync: %+v", s)
	}
	b.api.Tick(b.clock.now())
	b.api.Tick(b.clock.now())
	if kinds := b.hooks.types(t); !strings.HasPrefix(kinds, "ACCOUNT_HOLDINGS_UPDATED") || strings.Count(kinds, "HOLDINGS") != 1 {
		t.Errorf("webhooks of the day: %s", kinds)
	}
}

func TestActivitiesComeADayLate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	_, accounts := b.connect("SCHWAB")
	for d := range 40 {
		now := monday.AddDate(0, 0, d)
		b.clock.set(now)
		var newest struct{ Data []activity }
		b.call("GET", "/accounts/"+accounts[0]+"/activities", nil, "limit", "1").into(t, &newest)
		if last := newest.Data[0].TradeDate; !last.Before(now.Truncate(24 * time.Hour)) {
			t.Errorf("at %s there is an activity of %s", now, last)
		}
	}
}

func TestControlMakesThingsHappenNow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	auth, accounts := b.connect("SCHWAB")
	b.hooks.types(t)
	before := b.truth().Connections[0].Accounts[0]
	count := len(b.activities(accounts[0]))

	var after snaptrade.TruthConnection
	b.clock.set(monday.Add(time.Minute))
	b.order(auth+"/trade-day", map[string]string{"symbol": "DIS", "units": "3"}).into(t, &after)
	a := after.Accounts[0]
	held := a.Positions[len(a.Positions)-1]
	if held.Symbol != "DIS" || !held.Units.Equal(decimal.New(3, 0)) {
		t.Errorf("bought %+v", held)
	}
	all := b.activities(accounts[0])
	if len(all) <= count || all[count].Type != "BUY" || all[count].ticker() != "DIS" || !all[count].Amount.Equal(held.Value.Round(2).Neg()) {
		t.Errorf("activities after the purchase: %+v", all[count:])
	}
	if kinds := b.hooks.types(t); kinds != "ACCOUNT_HOLDINGS_UPDATED ACCOUNT_TRANSACTIONS_UPDATED" {
		t.Errorf("webhooks: %s", kinds)
	}
	b.clock.set(monday.Add(2 * time.Minute))
	b.order(auth+"/deposit", map[string]any{"amount": "1234.56", "currency": "EUR", "account": accounts[0]}).into(t, &after)
	if got := after.Accounts[0].Cash[1].Cash.Sub(before.Cash[1].Cash); !got.Equal(decimal.RequireFromString("1234.56")) {
		t.Errorf("the deposit brought %s euros", got)
	}
	b.clock.set(monday.Add(3 * time.Minute))
	b.order(auth+"/trade-day", map[string]string{"symbol": "DIS", "units": "-3"}).into(t, &after)
	for _, p := range after.Accounts[0].Positions {
		if p.Symbol == "DIS" {
			t.Error("still held")
		}
	}
	b.clock.set(time.Date(2026, 11, 24, 6, 1, 0, 0, time.UTC))
	b.explain(b.truth().Connections[0].Accounts[0])

	for path, body := range map[string]map[string]string{
		auth + "/trade-day": {"symbol": "NOPE", "units": "1"}, auth + "/trade-day?x": {"symbol": "DIS", "units": "0"},
		auth + "/trade-day?y": {"symbol": "DIS", "units": "-3"}, auth + "/deposit": {"amount": "0.001"}, auth + "/deposit?x": {"amount": "1", "currency": "XXX"},
		auth + "/deposit?y": {"amount": "1", "surprise": "!"},
	} {
		b.order(path, body).fails(t, http.StatusBadRequest, "1012")
	}
	b.order("nobody/deposit", map[string]string{"amount": "1"}).fails(t, http.StatusNotFound, "1011")
	b.order(auth+"/deposit", map[string]string{"amount": "1", "account": "nobody"}).fails(t, http.StatusNotFound, "1011")
	b.order("connect", map[string]string{"userId": "nobody", "broker": "SCHWAB"}).fails(t, http.StatusNotFound, "1011")
}

func TestConnectingAgainFindsTheConnection(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	auth, accounts := b.connect("VANGUARD")
	again, same := b.connect("vanguard")
	if again != auth || len(same) != 2 || same[0] != accounts[0] {
		t.Errorf("connected %s then %s", auth, again)
	}
	b.call("DELETE", "/connection/"+auth, nil)
	third, other := b.connect("VANGUARD")
	if third == auth || other[0] == accounts[0] {
		t.Error("after a deletion the ids are the same")
	}
	if kinds := b.hooks.types(t); !strings.Contains(kinds, "CONNECTION_UPDATED") || !strings.Contains(kinds, "CONNECTION_DELETED") {
		t.Errorf("webhooks: %s", kinds)
	}
}

func TestDeletionIsQueuedAndSurvivesARestart(t *testing.T) {
	t.Parallel()
	state, err := world.OpenState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(c *snaptrade.Config) { c.State, c.Delay = state, time.Hour })
	b.register("ada")
	auth, _ := b.connect("SCHWAB")
	b.hooks.types(t)
	if r := b.call("DELETE", "/connection/"+auth, nil); !strings.Contains(string(r.body), "queued for deletion") {
		t.Errorf("answers %s", r.body)
	}
	if r := b.call("GET", "/authorizations/"+auth, nil); r.status != http.StatusOK {
		t.Errorf("while it is queued it answers %d", r.status)
	}
	b.stop()
	b.cfg.Delay = 0
	b.start()
	b.call("GET", "/authorizations/"+auth, nil).fails(t, http.StatusNotFound, "1011")
	if kinds := b.hooks.types(t); kinds != "CONNECTION_DELETED" {
		t.Errorf("webhooks: %s", kinds)
	}
	b.connect("FIDELITY")
	b.hooks.types(t)
	b.call("DELETE", "/snapTrade/deleteUser", nil)
	if kinds := b.hooks.types(t); kinds != "CONNECTION_DELETED USER_DELETED" {
		t.Errorf("webhooks: %s", kinds)
	}
	b.call("GET", "/accounts", nil).fails(t, http.StatusUnauthorized, "1083")
}

func TestWebhooksCarryWhatTheLiveOnesCarry(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	auth, accounts := b.connect("SCHWAB")
	if err := b.hooks.sender.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.hooks.mu.Lock()
	defer b.hooks.mu.Unlock()
	ids := map[any]bool{}
	for _, p := range b.hooks.got {
		if p["webhookId"] != p["webookId"] || ids[p["webhookId"]] || p["clientId"] != snaptrade.DefaultClientID || p["userId"] != "ada" {
			t.Errorf("webhook %v", p)
		}
		ids[p["webhookId"]] = true
		if p["eventTimestamp"] != "2026-11-23T19:30:15.000000+00:00" {
			t.Errorf("at %v", p["eventTimestamp"])
		}
		switch kind := p["eventType"].(string); {
		case kind == "CONNECTION_ADDED" && (p["brokerageAuthorizationId"] != auth || p["brokerageId"] == nil),
			strings.HasPrefix(kind, "ACCOUNT_") && (p["accountId"] != accounts[0] || p["brokerageAuthorizationId"] != auth),
			kind == "ACCOUNT_HOLDINGS_UPDATED" && (p["details"] == nil || p["brokerageId"] == nil),
			kind == "CONNECTION_ATTEMPTED" && p["connectionAttemptedResult"] != "SUCCESS":
			t.Errorf("%s is %v", kind, p)
		}
	}
	if b.hooks.bad > 0 {
		t.Errorf("%d are signed wrongly", b.hooks.bad)
	}
}
