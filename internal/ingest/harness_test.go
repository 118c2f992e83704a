package ingest_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/activity"
	"flint/internal/connection"
	"flint/internal/envelope"
	"flint/internal/envelope/envelopetest"
	"flint/internal/id"
	"flint/internal/ingest"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/queue"
	"flint/internal/portfolio"
)

var errCrash = errors.New("the process died here")

// clock is a clock that only moves when told to.
type clock struct{ at atomic.Pointer[time.Time] }

func newClock(t time.Time) *clock {
	c := &clock{}
	c.at.Store(&t)
	return c
}

func (c *clock) now() time.Time       { return *c.at.Load() }
func (c *clock) pass(d time.Duration) { t := c.now().Add(d); c.at.Store(&t) }
func (c *clock) today() time.Time     { return portfolio.BusinessDay(c.now()) }

// killer ends the statement that it is told to, and all after it, as a killed
// process would; or it breaks that statement's connection, as a database that is
// restarted does.
type killer struct {
	mu        sync.Mutex
	after     int // statements that still pass; negative: all
	terminate func(ctx context.Context, pid uint32)
}

func (k *killer) arm(after int, terminate func(context.Context, uint32)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.after, k.terminate = after, terminate
}

func (k *killer) disarm() { k.arm(-1, nil) }

// TraceQueryStart hands a dead context to statements from the fatal one on.
func (k *killer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.after < 0:
		return ctx
	case k.after > 0:
		k.after--
		return ctx
	case k.terminate != nil:
		k.after = -1
		k.terminate(ctx, conn.PgConn().PID())
		return ctx
	}
	dead, cancel := context.WithCancelCause(ctx)
	cancel(errCrash)
	return dead
}

// TraceQueryEnd does nothing.
func (k *killer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// world is one database with people who sync.
type world struct {
	pool   *pgxpool.Pool // never killed
	mortal *pgxpool.Pool // what the syncs run on
	kill   *killer
	keys   *envelope.Keys
	jobs   queue.Inserter
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{pool: pgtest.New(t), kill: &killer{after: -1}}
	cfg := w.pool.Config()
	cfg.ConnConfig.Tracer = w.kill
	var err error
	if w.mortal, err = pgxpool.NewWithConfig(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.mortal.Close)
	w.keys = envelopetest.New(t, w.pool)
	if w.jobs, err = queue.NewInserter(w.pool); err != nil {
		t.Fatal(err)
	}
	return w
}

// person is somebody with one connection to a fake bank.
type person struct {
	*world
	t          *testing.T
	clock      *clock
	user       id.User
	connection id.Connection
	bank       ingest.Feed
	portfolio  *portfolio.Service
	activity   *activity.Service
	ingest     *ingest.Service
	step       func(ctx context.Context, step string) error
}

// join makes a person with a pending connection that feed answers for.
func (w *world) join(t *testing.T, clock *clock, feed ingest.Feed) *person {
	t.Helper()
	p := &person{world: w, t: t, clock: clock, user: id.New[id.User](), connection: id.New[id.Connection](), bank: feed}
	p.exec(`insert into users (id, email_mac, sealed, password_hash, tier, created_at, updated_at)
		values (@id, @email::text::bytea, 'Ann', '', 'pro', @now, @now)`, postgres.Args{"id": p.user, "email": p.user.String() + "@example.com", "now": clock.now()})
	p.exec(`insert into connections (id, user_id, provider, provider_connection_id, kind, institution_id, institution_name, status, created_at)
		values (@id, @user, 'teller', @enrollment, 'bank', 'fake', 'Fake Bank', 'pending', @now)`,
		postgres.Args{"id": p.connection, "user": p.user, "enrollment": p.connection.String(), "now": clock.now()})
	p.portfolio = portfolio.New(portfolio.Config{Pool: w.pool, Keys: w.keys, Now: clock.now})
	p.activity = activity.New(activity.Config{Pool: w.pool, Keys: w.keys, Portfolio: p.portfolio, Now: clock.now})
	p.ingest = ingest.New(ingest.Config{
		Pool: w.mortal, Queue: w.jobs, Feeds: map[string]ingest.Feed{connection.Teller: feed}, Portfolio: p.portfolio, Activity: p.activity,
		Now: clock.now, Log: slog.New(slog.DiscardHandler),
		Step: func(ctx context.Context, step string) error {
			if p.step != nil {
				return p.step(ctx, step)
			}
			return nil
		},
	})
	return p
}

func (p *person) exec(sql string, args postgres.Args) {
	p.t.Helper()
	if err := postgres.Exec(p.t.Context(), p.pool, sql, args); err != nil {
		p.t.Fatal(err)
	}
}

// sync runs one sync and fails the test if that fails.
func (p *person) sync(trigger string) {
	p.t.Helper()
	if err := p.ingest.Sync(p.t.Context(), p.connection, trigger); err != nil {
		p.t.Fatalf("sync: %v", err)
	}
}

// scalar reads one value.
func scalar[T any](p *person, sql string, args postgres.Args) T {
	p.t.Helper()
	v, err := postgres.Scalar[T](p.t.Context(), p.pool, sql, args)
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// waiting returns how many sync jobs wait for the connection, and takes them.
func (p *person) waiting() []string {
	p.t.Helper()
	jobs, err := postgres.Many[string](p.t.Context(), p.pool, `
		delete from river_job where kind = 'connection.sync' and args->>'connection' = @id and state = 'available' returning args->>'trigger'`,
		postgres.Args{"id": p.connection.String()})
	if err != nil {
		p.t.Fatal(err)
	}
	return jobs
}

func (p *person) wake() {
	p.t.Helper()
	err := postgres.InTx(p.t.Context(), p.pool, func(tx pgx.Tx) error {
		_, err := connection.Wake(p.t.Context(), tx, p.jobs, p.connection, connection.TriggerWebhook, p.clock.now())
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
}
