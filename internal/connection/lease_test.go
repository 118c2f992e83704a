package connection_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/connection"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/queue"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// addUser stores a person of the given tier.
func addUser(t *testing.T, pool *pgxpool.Pool, tier string) id.User {
	t.Helper()
	u := id.New[id.User]()
	err := postgres.Exec(t.Context(), pool, `
		insert into users (id, email_mac, sealed, password_hash, email_verified_at, tier, created_at, updated_at)
		values (@id, @email::text::bytea, 'Ada', 'x', @now, @tier, @now, @now)`,
		postgres.Args{"id": u, "email": u.String() + "@example.test", "tier": tier, "now": noon})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// addConnection stores a healthy bank connection.
func addConnection(t *testing.T, pool *pgxpool.Pool, owner id.User, provider, providerID string) id.Connection {
	t.Helper()
	c := id.New[id.Connection]()
	err := postgres.Exec(t.Context(), pool, `
		insert into connections (id, user_id, provider, provider_connection_id, kind, institution_id, institution_name, status, created_at)
		values (@id, @owner, @provider, @pid, 'bank', 'first_example', 'First Example Bank', 'healthy', @now)`,
		postgres.Args{"id": c, "owner": owner, "provider": provider, "pid": providerID, "now": noon})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func inTx(t *testing.T, pool *pgxpool.Pool, fn func(pgx.Tx) error) error {
	t.Helper()
	return postgres.InTx(t.Context(), pool, fn)
}

func TestOneLeaseAtATimeAndFencesGrow(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	c := addConnection(t, pool, addUser(t, pool, "free"), connection.Teller, "enr_1")
	var wg sync.WaitGroup
	var took atomic.Int64
	for range 20 {
		wg.Go(func() {
			_, err := connection.TakeLease(t.Context(), pool, c, noon)
			if err == nil {
				took.Add(1)
			} else if !errors.Is(err, connection.ErrBusy) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if took.Load() != 1 {
		t.Fatalf("%d workers have the lease", took.Load())
	}
	later, err := connection.TakeLease(t.Context(), pool, c, noon.Add(connection.LeaseTime))
	if err != nil || later.Fence != 2 {
		t.Fatalf("after it ran out: fence %d, %v", later.Fence, err)
	}
	if err := later.Release(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	if l, err := connection.TakeLease(t.Context(), pool, c, noon.Add(connection.LeaseTime)); err != nil || l.Fence != 3 {
		t.Fatalf("after release: fence %d, %v", l.Fence, err)
	}
	if _, err := connection.TakeLease(t.Context(), pool, id.New[id.Connection](), noon); !errors.Is(err, fault.ErrNotFound) {
		t.Fatalf("no such connection: %v", err)
	}
}

func TestAnOvertakenWorkerCannotWrite(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	c := addConnection(t, pool, addUser(t, pool, "free"), connection.Teller, "enr_1")
	old, err := connection.TakeLease(t.Context(), pool, c, noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Renew(t.Context(), pool, noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	newer, err := connection.TakeLease(t.Context(), pool, c, noon.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Renew(t.Context(), pool, noon.Add(time.Hour)); !errors.Is(err, connection.ErrLeaseLost) {
		t.Errorf("renew: %v", err)
	}
	err = inTx(t, pool, func(tx pgx.Tx) error { _, err := old.Hold(t.Context(), tx); return err })
	if !errors.Is(err, connection.ErrLeaseLost) {
		t.Errorf("hold: %v", err)
	}
	err = inTx(t, pool, func(tx pgx.Tx) error {
		_, err := old.Finish(t.Context(), tx, connection.Outcome{At: noon, Succeeded: true, Status: connection.Healthy})
		return err
	})
	if !errors.Is(err, connection.ErrLeaseLost) {
		t.Errorf("finish: %v", err)
	}
	if err := old.Release(t.Context(), pool); err != nil {
		t.Errorf("release: %v", err)
	}
	if err := newer.Renew(t.Context(), pool, noon.Add(time.Hour)); err != nil {
		t.Errorf("the newer lease was disturbed: %v", err)
	}
}

func TestFinishKeepsOnlyWhatChangedSinceTheStart(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	q, err := queue.NewInserter(pool)
	if err != nil {
		t.Fatal(err)
	}
	c := addConnection(t, pool, addUser(t, pool, "free"), connection.Teller, "enr_1")
	wake := func(at time.Time) {
		t.Helper()
		if err := inTx(t, pool, func(tx pgx.Tx) error {
			_, err := connection.Wake(t.Context(), tx, q, c, connection.TriggerWebhook, at)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	finish := func(l connection.Lease, o connection.Outcome) (dirty bool) {
		t.Helper()
		if err := inTx(t, pool, func(tx pgx.Tx) (err error) { dirty, err = l.Finish(t.Context(), tx, o); return err }); err != nil {
			t.Fatal(err)
		}
		return dirty
	}
	wake(noon)
	l, err := connection.TakeLease(t.Context(), pool, c, noon.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	wake(noon.Add(2 * time.Second))
	if !finish(l, connection.Outcome{At: noon.Add(3 * time.Second), Succeeded: true, Full: true, Next: noon.Add(time.Hour), Status: connection.Healthy}) {
		t.Error("a wake-up during the sync was lost")
	}
	l, err = connection.TakeLease(t.Context(), pool, c, noon.Add(4*time.Second))
	if err != nil || l.LastSuccessAt == nil || l.LastFullAt == nil || !l.NextSyncAt.Equal(noon.Add(time.Hour)) || l.DirtyAt == nil {
		t.Fatalf("%+v, %v", l, err)
	}
	if finish(l, connection.Outcome{At: noon.Add(5 * time.Second), Status: connection.Degraded, Reason: "timeout"}) {
		t.Error("nothing new, yet dirty")
	}
	l, err = connection.TakeLease(t.Context(), pool, c, noon.Add(6*time.Second))
	if err != nil || l.ConsecutiveFailures != 1 || l.Status != connection.Degraded || l.DirtyAt == nil {
		t.Fatalf("after a failure: %+v, %v", l, err)
	}
}

func TestWakeUpsCollapseButNotIntoARunningSync(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	q, err := queue.NewInserter(pool)
	if err != nil {
		t.Fatal(err)
	}
	c := addConnection(t, pool, addUser(t, pool, "free"), connection.Teller, "enr_1")
	wake := func() {
		if err := inTx(t, pool, func(tx pgx.Tx) error {
			_, err := connection.Wake(t.Context(), tx, q, c, connection.TriggerWebhook, noon)
			return err
		}); err != nil {
			t.Error(err)
		}
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(wake)
	}
	wg.Wait()
	if n := jobs(t, pool, "connection.sync"); n != 1 {
		t.Fatalf("%d jobs wait", n)
	}
	// The job runs: River says so first, then the worker takes its lease.
	if err := postgres.Exec(t.Context(), pool, `update river_job set state = 'running', attempted_at = now(), attempt = 1`, nil); err != nil {
		t.Fatal(err)
	}
	wake()
	if n := jobs(t, pool, "connection.sync"); n != 1 {
		t.Fatalf("%d jobs: the worker hasn't begun, it will see the wake-up", n)
	}
	if _, err := connection.TakeLease(t.Context(), pool, c, noon); err != nil {
		t.Fatal(err)
	}
	wake()
	wake()
	if n := jobs(t, pool, "connection.sync"); n != 2 {
		t.Fatalf("%d jobs: a wake-up during the run needs one of its own, and only one", n)
	}
}

func jobs(t *testing.T, pool *pgxpool.Pool, kind string) int {
	t.Helper()
	n, err := postgres.Scalar[int](t.Context(), pool, `select count(*)::int from river_job where kind = @kind`, postgres.Args{"kind": kind})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
