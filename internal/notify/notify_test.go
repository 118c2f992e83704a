package notify_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/notify"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
)

const origin = "http://localhost:8080"

func start(t *testing.T, pool *pgxpool.Pool) *notify.Hub {
	t.Helper()
	h := notify.New(pool, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	return h
}

func tell(t *testing.T, db postgres.DB, user id.User, topic, data string) {
	t.Helper()
	if err := postgres.Notify(t.Context(), db, notify.Channel, fmt.Sprintf(`{"user":%q,"topic":%q,"data":%s}`, user, topic, data)); err != nil {
		t.Fatal(err)
	}
}

func subscribe(t *testing.T, h *notify.Hub, user id.User) <-chan web.Event {
	t.Helper()
	events, leave, err := h.Subscribe(user)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(leave)
	expect(t, events, "hello", "{}")
	return events
}

func expect(t *testing.T, events <-chan web.Event, name, data string) {
	t.Helper()
	select {
	case e, ok := <-events:
		if !ok || e.Name != name || string(e.Data) != data {
			t.Errorf("got %s %s (open: %v), expected %s %s", e.Name, e.Data, ok, name, data)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("no %s came", name)
	}
}

func TestEventsReachTheirPersonAndNobodyElse(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	h := start(t, pool)
	ann, bob := id.New[id.User](), id.New[id.User]()
	one, two, other := subscribe(t, h, ann), subscribe(t, h, ann), subscribe(t, h, bob)
	tell(t, pool, ann, "wealth", `{"a":1}`)
	tell(t, pool, bob, "sync", `{"b":2}`)
	expect(t, one, "wealth", `{"a":1}`)
	expect(t, two, "wealth", `{"a":1}`)
	expect(t, other, "sync", `{"b":2}`) // and not ann's before it
}

func TestWhatWasRolledBackIsNotTold(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	h := start(t, pool)
	ann := id.New[id.User]()
	events := subscribe(t, h, ann)
	_ = postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		tell(t, tx, ann, "wealth", `{}`)
		return fault.ErrNotFound
	})
	if err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		tell(t, tx, ann, "transactions", `{}`)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	expect(t, events, "transactions", `{}`)
}

func TestRubbishIsDropped(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	h := start(t, pool)
	ann := id.New[id.User]()
	events := subscribe(t, h, ann)
	for _, payload := range []string{"", "{", `{"user":"x"}`, `{"topic":"wealth"}`, fmt.Sprintf(`{"user":%q,"topic":"two\nlines"}`, ann), fmt.Sprintf(`{"user":%q,"topic":"hello"}`, ann)} {
		if err := postgres.Notify(t.Context(), pool, notify.Channel, payload); err != nil {
			t.Fatal(err)
		}
	}
	tell(t, pool, ann, "wealth", `{}`)
	expect(t, events, "wealth", `{}`)
}

func TestAnInterruptionSaysHelloAgain(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	h := start(t, pool)
	ann := id.New[id.User]()
	events := subscribe(t, h, ann)
	killed, err := postgres.Scalar[int64](t.Context(), pool,
		`select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'flint live events' and datname = current_database()`, nil)
	if err != nil || killed != 1 {
		t.Fatalf("cut %d connections: %v", killed, err)
	}
	expect(t, events, "hello", "{}")
	tell(t, pool, ann, "wealth", `{}`)
	expect(t, events, "wealth", `{}`)
}

func TestASlowStreamLosesEventsAndLearnsThatItDid(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	h := start(t, pool)
	ann := id.New[id.User]()
	slow, watch := subscribe(t, h, ann), subscribe(t, h, ann)
	const many = 100
	for i := range many {
		tell(t, pool, ann, "sync", fmt.Sprint(i))
		expect(t, watch, "sync", fmt.Sprint(i)) // so the slow one has been sent it, too
	}
	seen, hellos := 0, 0
	for len(slow) > 0 {
		if e := <-slow; e.Name == notify.Hello {
			hellos++
		}
		seen++
	}
	if hellos != 1 || seen >= many {
		t.Errorf("%d events, of them %d hellos", seen, hellos)
	}
}

func TestStreamsAreCounted(t *testing.T) {
	t.Parallel()
	h := start(t, pgtest.New(t))
	ann := id.New[id.User]()
	var leave func()
	for range notify.MaxStreams {
		_, l, err := h.Subscribe(ann)
		if err != nil {
			t.Fatal(err)
		}
		leave = l
	}
	if _, _, err := h.Subscribe(ann); fault.KindOf(err) != fault.TooMany {
		t.Errorf("one more: %v", err)
	}
	if _, l, err := h.Subscribe(id.New[id.User]()); err != nil {
		t.Errorf("somebody else: %v", err)
	} else {
		l()
	}
	leave()
	leave() // twice is once
	if _, _, err := h.Subscribe(ann); err != nil {
		t.Errorf("after one has left: %v", err)
	}
	if n := h.Streams(); n != notify.MaxStreams {
		t.Errorf("%d streams", n)
	}
}

func TestStoppingEndsTheStreams(t *testing.T) {
	t.Parallel()
	h := start(t, pgtest.New(t))
	events := subscribe(t, h, id.New[id.User]())
	h.Stop()
	h.Stop()
	if _, open := <-events; open {
		t.Error("the stream goes on")
	}
	late, _, err := h.Subscribe(id.New[id.User]())
	if _, open := <-late; open || err != nil {
		t.Errorf("a late stream: open %v, %v", open, err)
	}
}

func TestAHubWithoutADatabaseDoesNotStart(t *testing.T) {
	t.Parallel()
	cfg := pgtest.New(t).Config()
	cfg.ConnConfig.Database = "no_such_database"
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	h := notify.New(pool, slog.Default())
	if err := h.Start(t.Context()); err == nil {
		t.Error("it starts")
	}
	h.Stop()
}

func TestTheStreamOverHTTP(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	h := start(t, pool)
	ann := access.Actor{User: id.New[id.User](), Session: id.New[id.Session]()}
	var over atomic.Bool
	s := web.New(web.Config{
		Origin: origin, Policies: []string{"stream"}, Heartbeat: 5 * time.Millisecond,
		Authenticate: func(r *http.Request) (access.Actor, error) {
			if r.Header.Get("Authorization") == "" || over.Load() {
				return access.Actor{}, web.ErrSignIn
			}
			return ann, nil
		},
		Limit: func(_ context.Context, policy string, _ access.Actor, _ netip.Addr) (web.Decision, error) {
			return web.Decision{Allowed: policy == "stream"}, nil
		},
	})
	h.Operations(s)
	c := webtest.New(t, s.Handler(), origin)
	c.Run(t, webtest.Scenario{Name: "strangers hear nothing", Path: "/api/events", Status: 401, Contains: []string{"NO_TOKEN"}})

	resp, err := c.HTTP.Do(c.Request(t, webtest.Scenario{Path: "/api/events", Bearer: "ann"}))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	next := func() string {
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				lines.Scan()
				return name + " " + lines.Text()
			}
		}
		return "the end"
	}
	if got := next(); got != "hello data: {}" {
		t.Error(got)
	}
	tell(t, pool, ann.User, "sync", `{"added": 12}`)
	if got := next(); got != `sync data: {"added":12}` {
		t.Error(got)
	}
	over.Store(true)
	if got := next(); got != "the end" {
		t.Errorf("after the session: %s", got)
	}
}
