package connection_test

import (
	"errors"
	"testing"
	"time"

	"flint/internal/connection"
	"flint/internal/platform/postgres/pgtest"
)

// A heartbeat that was under way when its sync ended must not lock the
// connection again.
func TestAReleasedLeaseCannotBeRenewed(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	c := addConnection(t, pool, addUser(t, pool, "free"), connection.Teller, "enr_1")
	lease, err := connection.TakeLease(t.Context(), pool, c, noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Release(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	if err := lease.Renew(t.Context(), pool, noon.Add(time.Second)); !errors.Is(err, connection.ErrLeaseLost) {
		t.Errorf("renewed: %v", err)
	}
	if _, err := connection.TakeLease(t.Context(), pool, c, noon.Add(2*time.Second)); err != nil {
		t.Errorf("nobody can take it now: %v", err)
	}
}
