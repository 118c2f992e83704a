package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"flint/internal/config"
	"flint/internal/connection"
	"flint/internal/ingest"
	"flint/internal/market"
	"flint/internal/money"
	"flint/internal/platform/postgres"
	"flint/internal/provider/marketdata"
	"flint/internal/provider/snaptrade"
	"flint/internal/provider/teller"
	"flint/sandbox"
)

// startSandbox runs the providers' far end, with its clock at c.
func startSandbox(t *testing.T, c *clock) *sandbox.Server {
	t.Helper()
	s, err := sandbox.New(sandbox.Config{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// order sends the sandbox's control site an order and reads the answer.
func order[T any](t *testing.T, method, url string, in any) (out T) {
	t.Helper()
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, &body)
	if err != nil {
		t.Fatal(err)
	}
	if in == nil {
		req.ContentLength, req.Body = 0, http.NoBody
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s (%v)", method, url, resp.StatusCode, data, err)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return out
}

type enrollment struct {
	AccessToken string
	Enrollment  struct{ ID string }
}

type bankState struct {
	Enrollments []struct {
		ID       string
		Accounts []struct {
			ID, Type, Status, Ledger, Available string
			Posted, Pending                     int
		}
	}
}

// stored is an account as Flint has it.
type stored struct {
	ProviderAccountID string
	Kind              string
	Status            string
	Balance           *money.Decimal
	Drift             *money.Decimal
	Posted, Pending   int
	Days, Positions   int
}

func (p *person) stored() map[string]stored {
	p.t.Helper()
	rows, err := postgres.Many[stored](p.t.Context(), p.pool, `
		select a.provider_account_id, a.kind, a.status, a.balance, a.drift,
			(select count(*)::int from transactions t where t.account_id = a.id and t.status = 'posted' and t.deleted_at is null) as posted,
			(select count(*)::int from transactions t where t.account_id = a.id and t.status = 'pending' and t.deleted_at is null) as pending,
			(select count(*)::int from balance_days d where d.account_id = a.id) as days,
			(select count(*)::int from positions x where x.snapshot_id = a.snapshot_id) as positions
		from accounts a where a.user_id = @user and a.connection_id = @connection`,
		postgres.Args{"user": p.user, "connection": p.connection})
	if err != nil {
		p.t.Fatal(err)
	}
	out := map[string]stored{}
	for _, r := range rows {
		out[r.ProviderAccountID] = r
	}
	return out
}

func TestABankOfTheSandboxIsReadToTheCent(t *testing.T) {
	t.Parallel()
	c := newClock(time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC))
	box := startSandbox(t, c)
	credentials := box.Credentials()
	client, err := teller.New(teller.Config{
		BaseURL: box.URLs().Teller, ApplicationID: credentials.TellerApplication, Environment: "sandbox", CertFile: credentials.TellerCertFile,
		KeyFile: credentials.TellerKeyFile, CAFile: credentials.TellerCAFile, SigningKey: credentials.TellerSigningKey, PerMinute: 6000,
	}, c.now, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	site := box.URLs().Site + "/control/teller/"
	e := order[enrollment](t, "POST", site+"enroll", map[string]string{"institution": "chase", "nonce": "n"})
	feed := ingest.NewTellerFeed(client, func(context.Context, connection.Connection) (config.Secret, error) {
		return config.NewSecret(e.AccessToken), nil
	}, c.now)
	p := newWorld(t).join(t, c, feed)
	check := func(when string) {
		t.Helper()
		got := p.stored()
		for _, want := range order[bankState](t, "GET", site+"enrollments", nil).Enrollments[0].Accounts {
			a, ok := got[want.ID]
			if !ok {
				t.Errorf("%s: account %s is missing", when, want.ID)
				continue
			}
			if want.Status == "closed" {
				continue
			}
			ledger := money.MustParse(want.Ledger)
			if want.Type == "credit" {
				ledger = ledger.Neg()
			}
			if a.Balance == nil || !a.Balance.Equal(ledger) || a.Posted != want.Posted || a.Pending != want.Pending || a.Drift == nil || !a.Drift.IsZero() {
				t.Errorf("%s: %+v; the bank says %+v", when, a, want)
			}
			if a.Days < 30 {
				t.Errorf("%s: only %d days of history", when, a.Days)
			}
		}
	}
	p.sync(connection.TriggerLink)
	check("at first")
	order[any](t, "POST", site+e.Enrollment.ID+"/transactions", map[string]any{"amount": "-12.34", "description": "LUNCH", "pending": true})
	p.sync(connection.TriggerWebhook)
	check("with a pending lunch")
	order[any](t, "POST", site+e.Enrollment.ID+"/post-pending", map[string]any{})
	c.pass(time.Hour)
	p.sync(connection.TriggerWebhook)
	check("with a tip")
	order[any](t, "POST", site+e.Enrollment.ID+"/close", map[string]any{"account": "checking"})
	p.sync(connection.TriggerWebhook)
	check("with a closed account")
	open := scalar[int](p, `select count(*)::int from accounts where user_id = @user and status = 'open'`, postgres.Args{"user": p.user})
	if counted := scalar[int](p, `select counted from wealth where user_id = @user`, postgres.Args{"user": p.user}); counted != open || open != len(p.stored())-1 {
		t.Errorf("%d accounts count, %d of %d are open", counted, open, len(p.stored()))
	}
	order[any](t, "POST", site+e.Enrollment.ID+"/disconnect", map[string]any{"reason": "credentials_invalid"})
	before := p.stored()
	p.sync(connection.TriggerPerson)
	status := scalar[string](p, `select status || ' ' || status_reason from connections where id = @id`, postgres.Args{"id": p.connection})
	if status != "reauth credentials_invalid" {
		t.Errorf("disconnected at the bank, the connection is %q", status)
	}
	for k, a := range p.stored() {
		if was := before[k]; a.Posted != was.Posted || !a.Balance.Equal(*was.Balance) {
			t.Errorf("a disconnect touched the data: %+v, was %+v", a, was)
		}
	}
}

type brokerState struct {
	Users []struct {
		Connections []struct {
			ID       string
			Accounts []struct {
				ID         string
				Total      money.Decimal
				Activities int
				Positions  []struct{ Symbol string }
			}
		}
	}
}

func TestABrokerOfTheSandboxIsReadToTheCent(t *testing.T) {
	t.Parallel()
	for _, broker := range []struct {
		slug string
		kind connection.Kind
	}{{"SCHWAB", connection.Brokerage}, {"INTERACTIVE-BROKERS-FLEX", connection.Brokerage}, {"COINBASE", connection.Crypto}} {
		t.Run(broker.slug, func(t *testing.T) {
			t.Parallel()
			c := newClock(time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC))
			box := startSandbox(t, c)
			log := slog.New(slog.DiscardHandler)
			client, err := snaptrade.New(snaptrade.Config{
				BaseURL: box.URLs().SnapTrade, ClientID: box.Credentials().SnapTradeClient, ConsumerKey: config.NewSecret(box.Credentials().SnapTradeKey),
				PortalOrigin: box.URLs().Site, PerMinute: 6000,
			}, c.now, log, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			user, err := client.Register(t.Context(), "ann")
			if err != nil {
				t.Fatal(err)
			}
			site := box.URLs().Site + "/control/snaptrade/"
			auth := order[struct{ AuthorizationID string }](t, "POST", site+"connect", map[string]string{"userId": "ann", "broker": broker.slug}).AuthorizationID
			p := newWorld(t).join(t, c, ingest.NewSnapTradeFeed(client, func(context.Context, connection.Connection) (snaptrade.User, error) { return user, nil }, c.now))
			p.exec(`update connections set provider_connection_id = @auth, kind = @kind where id = @id`,
				postgres.Args{"id": p.connection, "auth": auth, "kind": string(broker.kind)})
			ecb, err := marketdata.New(marketdata.Config{BaseURL: box.URLs().ECB + "/stats/eurofxref"}, c.now, log, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := market.New(market.Config{Pool: p.pool, Source: ecb, Now: c.now, Log: log}).Update(t.Context()); err != nil {
				t.Fatal(err)
			}
			check := func(when string) {
				t.Helper()
				got := p.stored()
				for _, want := range order[brokerState](t, "GET", site+"truth?userId=ann", nil).Users[0].Connections[0].Accounts {
					a := got[want.ID]
					if a.Balance == nil || !a.Balance.Equal(want.Total) || a.Posted != want.Activities || a.Positions != len(want.Positions) ||
						a.Drift == nil || !a.Drift.IsZero() || a.Days < 30 {
						t.Errorf("%s: %+v, balance %v, drift %v; the broker says %s, %d activities, %d positions", when, a, a.Balance, a.Drift,
							want.Total, want.Activities, len(want.Positions))
					}
				}
			}
			p.sync(connection.TriggerLink)
			check("at first")
			c.pass(24 * time.Hour)
			p.sync(connection.TriggerSchedule)
			check("a day later")

			// A disabled connection goes on answering; nobody must take that for news.
			order[any](t, "POST", site+auth+"/disable", nil)
			before := p.fingerprint()
			p.sync(connection.TriggerSchedule)
			if got := p.status(); got != "reauth connection_disabled" || p.fingerprint() != before {
				t.Errorf("disabled at the broker, the connection is %q", got)
			}
		})
	}
}
