package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/envelope/envelopetest"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/queue"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
	"flint/internal/webhook"
)

const (
	origin     = "https://flint.test"
	tellerPath = "/api/teller/webhook"
	snapPath   = "/api/snaptrade/webhooks"
	secret     = "teller-secret"
	key        = "consumer-key"
)

var now = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

type bench struct {
	t     *testing.T
	pool  *pgxpool.Pool
	http  *webtest.Client
	owner id.User
	bank  id.Connection // Teller's enr_1
	stock id.Connection // SnapTrade's auth-1

	service *webhook.Service
}

const authorization = "87b24961-b51e-4db8-9226-f198f6518a89"

func newBench(t *testing.T, change ...func(*webhook.Config)) *bench {
	t.Helper()
	b := &bench{t: t, pool: pgtest.New(t), owner: id.New[id.User]()}
	keys := envelopetest.New(t, b.pool)
	inserter, err := queue.NewInserter(b.pool)
	if err != nil {
		t.Fatal(err)
	}
	cfg := webhook.Config{
		Teller:    []config.Secret{config.NewSecret(secret), config.NewSecret("previous-" + secret)},
		SnapTrade: []config.Secret{config.NewSecret(key), config.NewSecret("previous-" + key)},
		Now:       func() time.Time { return now },
		Log:       slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&cfg)
	}
	server := web.New(web.Config{
		Origin: origin, Policies: []string{"webhook"}, Log: slog.New(slog.DiscardHandler),
		Limit: func(context.Context, string, access.Actor, netip.Addr) (web.Decision, error) {
			return web.Decision{Allowed: true}, nil
		},
	})
	b.service = webhook.New(b.pool, keys, inserter, cfg)
	b.service.Operations(server)
	b.http = webtest.New(t, server.Handler(), origin)
	b.exec(`insert into users (id, email_mac, sealed, password_hash, tier, created_at, updated_at) values (@id, 'ada@example.test', 'Ada', 'x', 'pro', @now, @now)`,
		postgres.Args{"id": b.owner, "now": now})
	b.exec(`insert into snaptrade_users (user_id, snaptrade_user_id, secret, created_at) values (@id, 'snap-ada', 'x', @at)`,
		postgres.Args{"id": b.owner, "at": now.Add(-time.Hour)})
	b.bank, b.stock = b.connection("teller", "enr_1"), b.connection("snaptrade", authorization)
	return b
}

func (b *bench) exec(sql string, args postgres.Args) {
	b.t.Helper()
	if err := postgres.Exec(b.t.Context(), b.pool, sql, args); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) count(sql string) int {
	b.t.Helper()
	n, err := postgres.Scalar[int](b.t.Context(), b.pool, sql, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func (b *bench) connection(provider, providerID string) id.Connection {
	c := id.New[id.Connection]()
	b.exec(`insert into connections (id, user_id, provider, provider_connection_id, kind, institution_id, institution_name, status, credential, created_at)
		values (@id, @owner, @provider, @pid, 'bank', 'first', 'First', 'healthy', 'sealed', @now)`,
		postgres.Args{"id": c, "owner": b.owner, "provider": provider, "pid": providerID, "now": now})
	return c
}

func (b *bench) status(c id.Connection) string {
	b.t.Helper()
	s, err := postgres.Scalar[string](b.t.Context(), b.pool, `select status || ' ' || status_reason from connections where id = @id`, postgres.Args{"id": c})
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(s)
}

// fromTeller is a delivery as Teller signs it.
func fromTeller(body, secret string, at time.Time) webtest.Scenario {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return webtest.Scenario{
		Method: "POST", Path: tellerPath, Body: body, Status: 200, Contains: []string{`"received":true`},
		Header: map[string]string{"Content-Type": "application/json", "Teller-Signature": fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))},
	}
}

func tellerEvent(event, kind, enrollment, reason string) string {
	return fmt.Sprintf(`{"id":%q,"type":%q,"timestamp":"2026-11-23T14:00:00Z","payload":{"enrollment_id":%q,"reason":%q}}`, event, kind, enrollment, reason)
}

// fromSnapTrade is a delivery as SnapTrade signs it.
func fromSnapTrade(body, key string) webtest.Scenario {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	return webtest.Scenario{
		Method: "POST", Path: snapPath, Body: body, Status: 200, Contains: []string{`"received":true`},
		Header: map[string]string{"Content-Type": "application/json", "Signature": base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}
}

func snapEvent(kind, authorization string, at time.Time) string {
	return fmt.Sprintf(`{"webhookId":%q,"clientId":"c","userId":"snap-ada","eventType":%q,"eventTimestamp":%q,"brokerageAuthorizationId":%q,"webhookSecret":"ignored"}`,
		uuid.NewString(), kind, at.Format("2006-01-02T15:04:05.000000+00:00"), authorization)
}

func named(name string, s webtest.Scenario, status int) webtest.Scenario {
	s.Name, s.Status = name, status
	if status != 200 {
		s.Contains, s.NeverContains = nil, []string{secret, key, "enr_1"}
	}
	return s
}

func TestOnlyGenuineDeliveriesAreTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	body := tellerEvent("wh_1", "transactions.processed", "enr_1", "")
	with := func(s webtest.Scenario, header, value string) webtest.Scenario {
		changed := map[string]string{}
		for k, v := range s.Header {
			changed[k] = v
		}
		if changed[header] = value; value == "" {
			delete(changed, header)
		}
		s.Header = changed
		return s
	}
	moved := fromTeller(body, secret, now)
	moved.Body = tellerEvent("wh_2", "transactions.processed", "enr_1", "")
	huge := `{"id":"wh_huge","type":"transactions.processed","payload":{},"pad":"` + strings.Repeat("x", 64<<10) + `"}`
	snap := snapEvent("ACCOUNT_HOLDINGS_UPDATED", authorization, now)
	b.http.Run(t,
		named("forged", fromTeller(body, "guess", now), 401),
		named("unsigned", with(fromTeller(body, secret, now), "Teller-Signature", ""), 401),
		named("of another body", moved, 401),
		named("old", fromTeller(body, secret, now.Add(-181*time.Second)), 401),
		named("future", fromTeller(body, secret, now.Add(2*time.Minute)), 401),
		named("huge", fromTeller(huge, secret, now), 413),
		named("a form", with(fromTeller(body, secret, now), "Content-Type", "application/x-www-form-urlencoded"), 415),
		named("not JSON, though signed", fromTeller("{", secret, now), 400),
		named("GET", webtest.Scenario{Method: "GET", Path: tellerPath}, 405),
		named("SnapTrade forged", fromSnapTrade(snap, "guess"), 401),
		named("SnapTrade unsigned", with(fromSnapTrade(snap, key), "Signature", ""), 401),
		named("SnapTrade with the deprecated secret only", with(fromSnapTrade(snap, key), "Signature", "ignored"), 401),
		named("SnapTrade a day old", fromSnapTrade(snapEvent("X", authorization, now.Add(-25*time.Hour)), key), 401),
		named("SnapTrade future", fromSnapTrade(snapEvent("X", authorization, now.Add(time.Hour)), key), 401),
		named("SnapTrade no event, though signed", fromSnapTrade(`{}`, key), 400),
	)
	if n := b.count(`select count(*)::int from webhook_inbox`) + b.count(`select count(*)::int from river_job`); n != 0 {
		t.Fatalf("%d rows came of deliveries that were refused", n)
	}
	b.http.Run(t,
		named("genuine", fromTeller(body, secret, now), 200),
		named("under the previous secret", fromTeller(tellerEvent("wh_3", "transactions.processed", "enr_1", ""), "previous-"+secret, now), 200),
		named("from another site", with(fromTeller(tellerEvent("wh_4", "transactions.processed", "enr_1", ""), secret, now), "Origin", "https://teller.io"), 200),
		named("SnapTrade genuine", fromSnapTrade(snap, key), 200),
		named("SnapTrade under the previous key", fromSnapTrade(snapEvent("ACCOUNT_HOLDINGS_UPDATED", authorization, now), "previous-"+key), 200),
		named("SnapTrade at the former address", func() webtest.Scenario {
			s := fromSnapTrade(snapEvent("ACCOUNT_HOLDINGS_UPDATED", authorization, now), key)
			s.Path = "/api/webhooks/snaptrade"
			return s
		}(), 200),
	)
	if n := b.count(`select count(*)::int from webhook_inbox where processed_at is not null and connection_id is not null`); n != 6 {
		t.Errorf("%d are stored", n)
	}
	if n := b.count(`select count(*)::int from river_job where kind = 'connection.sync'`); n != 2 {
		t.Errorf("%d syncs wait, want one per connection", n)
	}
	if n := b.count(`select count(*)::int from connections where dirty_at is not null`); n != 2 {
		t.Errorf("%d are dirty", n)
	}
	if n := b.count(`select count(*)::int from webhook_inbox where position('enr_1'::bytea in body) > 0`); n != 0 {
		t.Error("bodies are stored in clear")
	}
}

func TestWithoutASecretTheDoorStaysShut(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *webhook.Config) { c.Teller, c.SnapTrade = nil, nil })
	b.http.Run(t,
		named("teller", fromTeller(tellerEvent("wh_1", "transactions.processed", "enr_1", ""), "", now), 503),
		named("snaptrade", fromSnapTrade(snapEvent("X", authorization, now), ""), 503),
	)
}

func TestADeliveryIsActedOnOnceHoweverOftenItComes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	same := fromTeller(tellerEvent("wh_1", "transactions.processed", "enr_1", ""), secret, now)
	noID := fromSnapTrade(fmt.Sprintf(`{"eventType":"ACCOUNT_HOLDINGS_UPDATED","eventTimestamp":%q,"brokerageAuthorizationId":%q}`, now.Format(time.RFC3339), authorization), key)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { b.http.Check(t, same) })
		wg.Go(func() { b.http.Check(t, noID) })
	}
	wg.Wait()
	if n := b.count(`select count(*)::int from webhook_inbox`); n != 2 {
		t.Errorf("%d are stored", n)
	}
	if n := b.count(`select count(*)::int from river_job`); n != 2 {
		t.Errorf("%d syncs wait", n)
	}
	// After the sync has begun a replay must not wake it again.
	b.exec(`update connections set fence = fence + 1, dirty_at = null`, nil)
	b.http.Check(t, same)
	if b.count(`select count(*)::int from river_job`) != 2 || b.count(`select count(*)::int from connections where dirty_at is not null`) != 0 {
		t.Error("a replay had an effect")
	}
}

func TestStatusChangesAndNothingElse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	send := func(s webtest.Scenario) { t.Helper(); b.http.Check(t, s) }
	want := func(c id.Connection, status string) {
		t.Helper()
		if got := b.status(c); got != status {
			t.Errorf("got %q, want %q", got, status)
		}
	}
	send(fromTeller(tellerEvent("wh_1", "enrollment.disconnected", "enr_1", "disconnected.credentials_invalid"), secret, now))
	want(b.bank, "reauth credentials_invalid")
	send(fromTeller(tellerEvent("wh_2", "webhook.test", "", ""), secret, now))
	send(fromTeller(tellerEvent("wh_3", "something.new", "enr_1", ""), secret, now))
	want(b.bank, "reauth credentials_invalid")

	send(fromSnapTrade(snapEvent("CONNECTION_BROKEN", authorization, now), key))
	want(b.stock, "reauth broken")
	send(fromSnapTrade(snapEvent("CONNECTION_FIXED", authorization, now), key))
	want(b.stock, "healthy")
	send(fromSnapTrade(snapEvent("ACCOUNT_REMOVED", authorization, now), key))
	want(b.stock, "healthy")
	// Out of order: the broken one was sent before. The sync that it queues finds the truth.
	b.exec(`update connections set fence = fence + 1, dirty_at = null`, nil)
	before := b.count(`select count(*)::int from river_job where kind = 'connection.sync'`)
	send(fromSnapTrade(snapEvent("CONNECTION_BROKEN", authorization, now.Add(-time.Minute)), key))
	if b.count(`select count(*)::int from river_job where kind = 'connection.sync'`) != before+1 {
		t.Error("nobody looks whether it is true")
	}
	send(fromSnapTrade(snapEvent("CONNECTION_DELETED", authorization, now), key))
	want(b.stock, "disconnected deleted_at_provider")
	send(fromSnapTrade(snapEvent("CONNECTION_FIXED", authorization, now), key))
	send(fromSnapTrade(snapEvent("CONNECTION_BROKEN", authorization, now), key))
	want(b.stock, "disconnected deleted_at_provider")
	if n := b.count(`select count(*)::int from connections where deleted_at is null and credential is not null`); n != 2 {
		t.Errorf("a webhook deleted something: %d of 2 connections are whole", n)
	}
}

func TestUnknownThingsAreStoredAndForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.http.Run(t,
		named("enrollment", fromTeller(tellerEvent("wh_1", "transactions.processed", "enr_unknown", ""), secret, now), 200),
		named("authorization", fromSnapTrade(snapEvent("CONNECTION_BROKEN", uuid.NewString(), now), key), 200),
		named("type", fromSnapTrade(snapEvent("BRAND_NEW", uuid.NewString(), now), key), 200),
		named("odd characters", fromTeller(`{"id":"wh_\u0000\u2028","type":"a\u0000b","payload":{"enrollment_id":"enr_\u0000"}}`, secret, now), 200),
	)
	if n := b.count(`select count(*)::int from webhook_inbox where connection_id is null`); n != 4 {
		t.Errorf("%d are stored", n)
	}
	if n := b.count(`select count(*)::int from river_job`); n != 0 {
		t.Errorf("%d jobs", n)
	}
}

func TestAConnectionOfAKnownPersonIsAdopted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	fresh := uuid.NewString()
	for range 2 {
		b.http.Check(t, fromSnapTrade(snapEvent("CONNECTION_ADDED", fresh, now), key))
	}
	b.http.Check(t, fromSnapTrade(strings.Replace(snapEvent("CONNECTION_ADDED", uuid.NewString(), now), "snap-ada", "snap-nobody", 1), key))
	if n := b.count(`select count(*)::int from river_job where kind = 'connection.adopt' and state = 'scheduled'`); n != 1 {
		t.Errorf("%d adoptions wait", n)
	}
}

func TestADeletedUserEndsTheirConnectionsUnlessRegisteredAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.exec(`update snaptrade_users set created_at = @now`, postgres.Args{"now": now})
	b.http.Check(t, fromSnapTrade(snapEvent("USER_DELETED", "", now), key))
	if got := b.status(b.stock); got != "healthy" {
		t.Errorf("registered anew: %s", got)
	}
	b.exec(`update snaptrade_users set created_at = @at`, postgres.Args{"at": now.Add(-time.Hour)})
	b.http.Check(t, fromSnapTrade(snapEvent("USER_DELETED", "", now), key))
	if got := b.status(b.stock); got != "disconnected user_deleted" {
		t.Errorf("deleted: %s", got)
	}
	if got := b.status(b.bank); got != "healthy" {
		t.Errorf("Teller's: %s", got)
	}
}

func FuzzADelivery(f *testing.F) {
	f.Add(`{"id":"wh_1","type":"transactions.processed","payload":{"enrollment_id":"enr_1"}}`)
	f.Add(`{"id":"","type":"x","payload":null}`)
	f.Add(`{"id":"\ud800","type":"\u0000"}`)
	f.Add("[]")
	pool := pgtest.New(f)
	keys := envelopetest.New(f, pool)
	inserter, err := queue.NewInserter(pool)
	if err != nil {
		f.Fatal(err)
	}
	server := web.New(web.Config{
		Origin: origin, Policies: []string{"webhook"}, Log: slog.New(slog.DiscardHandler),
		Limit: func(context.Context, string, access.Actor, netip.Addr) (web.Decision, error) {
			return web.Decision{Allowed: true}, nil
		},
	})
	webhook.New(pool, keys, inserter, webhook.Config{
		Teller: []config.Secret{config.NewSecret(secret)}, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	}).Operations(server)
	client := webtest.New(f, server.Handler(), origin)
	f.Fuzz(func(t *testing.T, body string) {
		s := fromTeller(body, secret, now)
		if a := client.Do(t, s); a.Status != 200 && a.Status != 400 && a.Status != 413 {
			t.Fatalf("%q: %d %s", body, a.Status, a.Body)
		}
	})
}
