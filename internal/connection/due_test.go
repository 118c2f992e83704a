package connection_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/connection"
	"flint/internal/platform/postgres/pgtest"
)

func TestASyncWhoseWorkerDiedIsTakenUp(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	c := addConnection(t, pool, addUser(t, pool, "free"), connection.Teller, "enr_1")
	claimed := func(now time.Time) []connection.Due {
		t.Helper()
		var due []connection.Due
		err := inTx(t, pool, func(tx pgx.Tx) (err error) {
			due, err = connection.ClaimDue(t.Context(), tx, now, 10)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return due
	}
	lease, err := connection.TakeLease(t.Context(), pool, c, noon)
	if err != nil {
		t.Fatal(err)
	}
	if due := claimed(noon.Add(connection.LeaseTime - time.Second)); len(due) != 0 {
		t.Errorf("%v is due while it is being synced", due)
	}
	due := claimed(noon.Add(connection.LeaseTime))
	if len(due) != 1 || due[0].ID != c || due[0].Fence != lease.Fence || !due[0].Broken {
		t.Errorf("after the lease ran out %v is due", due)
	}
}

func TestAllLeasesCanBeReleasedAtTheStart(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	c := addConnection(t, pool, addUser(t, pool, "free"), connection.Teller, "enr_1")
	killed, err := connection.TakeLease(t.Context(), pool, c, noon)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := connection.ReleaseAll(t.Context(), pool); n != 1 || err != nil {
		t.Errorf("%d were released (%v)", n, err)
	}
	next, err := connection.TakeLease(t.Context(), pool, c, noon)
	if err != nil || next.Fence != killed.Fence+1 {
		t.Errorf("the next lease: fence %d (%v)", next.Fence, err)
	}
	if err := killed.Renew(t.Context(), pool, noon); err != connection.ErrLeaseLost { //nolint:errorlint // it is exactly this
		t.Errorf("the killed one renews: %v", err)
	}
}
