package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/connection"
	"flint/internal/envelope/envelopetest"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/queue"
	"flint/internal/platform/web"
	"flint/internal/provider/snaptrade"
	"flint/internal/provider/teller"
	"flint/internal/webhook"
	"flint/sandbox"
)

// world is the sandbox with a Flint of connections and webhooks beside it.
type world struct {
	*bench
	sandbox     *sandbox.Server
	connections *connection.Service
	ada         access.Actor
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := sandbox.New(sandbox.Config{Retries: []time.Duration{10 * time.Millisecond, 10 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Stop(ctx)
	})
	w := &world{bench: &bench{t: t, pool: pgtest.New(t), owner: id.New[id.User]()}, sandbox: s}
	w.exec(`insert into users (id, email_mac, sealed, password_hash, tier, created_at, updated_at) values (@id, 'ada@example.test', 'Ada', 'x', 'pro', @now, @now)`,
		postgres.Args{"id": w.owner, "now": now})
	w.ada = access.Actor{User: w.owner, Tier: access.Pro, Confirmed: true}
	w.build()
	return w
}

// build puts the two services together, as package app does.
func (w *world) build() {
	t, c := w.t, w.sandbox.Credentials()
	t.Helper()
	keys := envelopetest.New(t, w.pool)
	inserter, err := queue.NewInserter(w.pool)
	if err != nil {
		t.Fatal(err)
	}
	tellerConfig := teller.Config{
		BaseURL: w.sandbox.URLs().Teller, ApplicationID: c.TellerApplication, Environment: "sandbox",
		CertFile: c.TellerCertFile, KeyFile: c.TellerKeyFile, CAFile: c.TellerCAFile, SigningKey: c.TellerSigningKey,
	}
	for _, s := range c.TellerSecrets {
		tellerConfig.WebhookSecrets = append(tellerConfig.WebhookSecrets, config.NewSecret(s))
	}
	tellerClient, err := teller.New(tellerConfig, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	snaptradeConfig := snaptrade.Config{
		BaseURL: w.sandbox.URLs().SnapTrade, ClientID: c.SnapTradeClient, ConsumerKey: config.NewSecret(c.SnapTradeKey), PortalOrigin: w.sandbox.URLs().Site,
	}
	snaptradeClient, err := snaptrade.New(snaptradeConfig, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.connections = connection.New(w.pool, keys, inserter, connection.Config{
		Origin: "https://flint.test", Teller: tellerClient, TellerConfig: tellerConfig, SnapTrade: snaptradeClient,
		RoleOf:  func(context.Context, postgres.DB, id.User) (access.Role, error) { return access.ProUser, nil },
		Removed: func(context.Context, pgx.Tx, id.User, id.Connection, bool) error { return nil },
	})
	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handler.ServeHTTP(rw, r) }))
	t.Cleanup(srv.Close)
	server := web.New(web.Config{
		Origin: srv.URL, Policies: []string{"webhook"}, Log: slog.New(slog.DiscardHandler),
		Limit: func(context.Context, string, access.Actor, netip.Addr) (web.Decision, error) {
			return web.Decision{Allowed: true}, nil
		},
	})
	webhook.New(w.pool, keys, inserter, webhook.Config{
		Teller: tellerConfig.WebhookSecrets, SnapTrade: snaptradeConfig.WebhookKeys(), Log: slog.New(slog.DiscardHandler),
	}).Operations(server)
	handler = server.Handler()
	w.sandbox.SetWebhooks(srv.URL+tellerPath, srv.URL+snapPath)
}

// control orders the sandbox to do something and waits for its webhooks.
func (w *world) control(path string, in, out any) {
	w.t.Helper()
	body, _ := json.Marshal(in)
	answer, err := http.Post(w.sandbox.URLs().Site+"/control/"+path, "application/json", bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	data, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %d %s", path, answer.StatusCode, data)
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.sandbox.Settled(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// ran makes as if all syncs that waited had run.
func (w *world) ran() {
	w.exec(`update connections set fence = fence + 1, dirty_at = null, status = 'healthy', status_reason = ''`, nil)
	w.exec(`delete from river_job`, nil)
}

func TestABankOfTheSandboxIsLinkedAndSpeaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start, err := w.connections.StartTeller(t.Context(), w.ada, id.Connection{})
	if err != nil {
		t.Fatal(err)
	}
	var e struct {
		AccessToken      string
		User, Enrollment struct{ ID string }
		Signatures       []string
	}
	w.control("teller/enroll", map[string]any{"institution": "capital_one", "nonce": start.Nonce}, &e)
	c, err := w.connections.FinishTeller(t.Context(), w.ada, connection.TellerEnrollment{
		Attempt: start.Attempt, Token: config.NewSecret(e.AccessToken), UserID: e.User.ID, EnrollmentID: e.Enrollment.ID, Signatures: e.Signatures,
	})
	if err != nil || c.InstitutionName != "Capital One" {
		t.Fatalf("%+v, %v", c, err)
	}
	w.ran()
	w.control("teller/"+e.Enrollment.ID+"/transactions", map[string]any{"amount": "-4.50", "description": "COFFEE"}, nil)
	if n := w.count(`select count(*)::int from river_job where kind = 'connection.sync' and args->>'trigger' = 'webhook'`); n != 1 {
		t.Errorf("a purchase queued %d syncs", n)
	}
	// Doubled and out of order it comes to the same.
	w.ran()
	w.control("webhooks", map[string]any{"duplicate": 5}, nil)
	w.control("teller/"+e.Enrollment.ID+"/transactions", map[string]any{"amount": "-5.50", "description": "TEA"}, nil)
	if n := w.count(`select count(*)::int from river_job where kind = 'connection.sync'`); n != 1 {
		t.Errorf("a doubled delivery queued %d syncs", n)
	}
	w.control("teller/"+e.Enrollment.ID+"/disconnect", map[string]any{"reason": "account_locked"}, nil)
	if got := w.status(c.ID); got != "reauth account_locked" {
		t.Errorf("disconnected: %s", got)
	}
}

func TestABrokerOfTheSandboxIsLinkedAndSpeaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start, err := w.connections.StartSnapTrade(t.Context(), w.ada, "", id.Connection{})
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ AuthorizationID string }
	w.control("snaptrade/connect", map[string]any{"userId": w.owner.String(), "broker": "COINBASE"}, &made)
	if n := w.count(`select count(*)::int from river_job where kind = 'connection.adopt'`); n != 1 {
		t.Errorf("%d adoptions wait", n)
	}
	c, err := w.connections.FinishSnapTrade(t.Context(), w.ada, start.Attempt, made.AuthorizationID)
	if err != nil || c.Kind != connection.Crypto {
		t.Fatalf("%+v, %v", c, err)
	}
	if err := w.connections.Adopt(t.Context(), w.owner, made.AuthorizationID); err != nil || w.count(`select count(*)::int from connections`) != 1 {
		t.Errorf("adopted although the browser came back: %v", err)
	}
	w.ran()
	w.control("snaptrade/"+made.AuthorizationID+"/disable", nil, nil)
	if got := w.status(c.ID); got != "reauth broken" {
		t.Errorf("disabled: %s", got)
	}
	w.control("snaptrade/"+made.AuthorizationID+"/repair", nil, nil)
	if got := w.status(c.ID); got != "healthy" {
		t.Errorf("repaired: %s", got)
	}
	if err := w.connections.Remove(t.Context(), w.ada, c.ID, true); err != nil {
		t.Fatal(err)
	}
}
