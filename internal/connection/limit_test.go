package connection_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"flint/internal/access"
	"flint/internal/connection"
	"flint/internal/platform/postgres"
)

// eight calls fn eight times at once and returns how many linked. Anything but
// success and the plan's limit is a failure of the test.
func eight(t *testing.T, fn func(i int) error) int {
	t.Helper()
	var linked atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 8 {
		wg.Go(func() {
			<-start
			switch err := fn(i); {
			case err == nil:
				linked.Add(1)
			case !errors.Is(err, connection.ErrPlanLimit):
				t.Error(err)
			}
		})
	}
	close(start)
	wg.Wait()
	return int(linked.Load())
}

func (b *bench) live() int {
	b.t.Helper()
	return b.scalar(`select count(*)::int from connections where deleted_at is null`, nil)
}

// TestD36TheLimitHoldsAtEveryDoorAtOnce goes through each door, and through all of
// them, eight times at the same moment. The first one also is D32: the plans that
// have no limit are not refused.
func TestD36TheLimitHoldsAtEveryDoorAtOnce(t *testing.T) {
	t.Parallel()
	doors := map[string]func(b *bench, ada access.Actor) func(i int) error{
		"the bank's widget": func(b *bench, ada access.Actor) func(int) error {
			visits := make([]connection.TellerEnrollment, 8)
			for i := range visits {
				visits[i] = b.visit(ada, fmt.Sprint("token_", i), fmt.Sprint("enr_", i), none)
			}
			return func(i int) error {
				_, err := b.service.FinishTeller(t.Context(), ada, visits[i])
				return err
			}
		},
		"the way back from the portal": func(b *bench, ada access.Actor) func(int) error {
			starts, made := make([]connection.SnapTradeStart, 8), make([]string, 8)
			for i := range starts {
				var err error
				if starts[i], err = b.service.StartSnapTrade(t.Context(), ada, "", none); err != nil {
					t.Fatal(err)
				}
				made[i] = b.broker.connect(ada.User, "ROBINHOOD", "Traditional Brokerage", false)
			}
			return func(i int) error {
				_, err := b.service.FinishSnapTrade(t.Context(), ada, starts[i].Attempt, made[i])
				return err
			}
		},
		"the webhook of whom nobody saw again": func(b *bench, ada access.Actor) func(int) error {
			if _, err := b.service.StartSnapTrade(t.Context(), ada, "", none); err != nil {
				t.Fatal(err)
			}
			made := make([]string, 8)
			for i := range made {
				made[i] = b.broker.connect(ada.User, "ROBINHOOD", "Traditional Brokerage", false)
			}
			return func(i int) error { // it says nothing of the limit: nobody would read it
				before := b.scalar(`select count(*)::int from connections where provider_connection_id = @id`, postgres.Args{"id": made[i]})
				if err := b.service.Adopt(t.Context(), ada.User, made[i]); err != nil || before == 1 {
					return errors.Join(err, errors.New("or linked before it was adopted"))
				}
				if b.scalar(`select count(*)::int from connections where provider_connection_id = @id`, postgres.Args{"id": made[i]}) == 0 {
					return connection.ErrPlanLimit
				}
				return nil
			}
		},
		"all doors": func(b *bench, ada access.Actor) func(int) error {
			visits := make([]connection.TellerEnrollment, 8)
			starts, made := make([]connection.SnapTradeStart, 8), make([]string, 8)
			for i := range visits {
				visits[i] = b.visit(ada, fmt.Sprint("token_", i), fmt.Sprint("enr_", i), none)
				var err error
				if starts[i], err = b.service.StartSnapTrade(t.Context(), ada, "", none); err != nil {
					t.Fatal(err)
				}
				made[i] = b.broker.connect(ada.User, "ROBINHOOD", "Traditional Brokerage", false)
			}
			return func(i int) error {
				if i%2 == 0 {
					_, err := b.service.FinishTeller(t.Context(), ada, visits[i])
					return err
				}
				_, err := b.service.FinishSnapTrade(t.Context(), ada, starts[i].Attempt, made[i])
				return err
			}
		},
	}
	for name, door := range doors {
		for tier, want := range map[access.Tier]int{access.Free: 1, access.Basic: 3, access.Pro: 8, access.Premium: 8} {
			t.Run(name+" on "+string(tier), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				ada := b.person(tier)
				linked := eight(t, door(b, ada))
				if linked != want || b.live() != want {
					t.Errorf("%d linked, %d are there, want %d", linked, b.live(), want)
				}
				if n := jobs(t, b.pool, "connection.revoke"); n != 8-want {
					t.Errorf("%d of the %d refused are ended at the provider", n, 8-want)
				}
			})
		}
	}
}

func TestARepairNeverCountsTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.person(access.Free)
	c, err := b.service.FinishTeller(t.Context(), ada, b.visit(ada, "token", "enr", none))
	if err != nil {
		t.Fatal(err)
	}
	visits := make([]connection.TellerEnrollment, 8)
	for i := range visits { // some come back with the same connection, some with one in its place
		visits[i] = b.visit(ada, fmt.Sprint("token_", i), fmt.Sprint("enr", i%3), c.ID)
	}
	if n := eight(t, func(i int) error {
		repaired, err := b.service.FinishTeller(t.Context(), ada, visits[i])
		if err == nil && repaired.ID != c.ID {
			err = fmt.Errorf("another connection: %s", repaired.ID)
		}
		return err
	}); n != 8 || b.live() != 1 {
		t.Errorf("%d repairs, %d connections", n, b.live())
	}
}

func TestASmallerPlanKeepsWhatIsThereAndTakesNothingNew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.person(access.Pro)
	var kept []connection.Connection
	for i := range 4 {
		c, err := b.service.FinishTeller(t.Context(), ada, b.visit(ada, fmt.Sprint("token_", i), fmt.Sprint("enr_", i), none))
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, c)
	}
	pending := b.visit(ada, "token_late", "enr_late", none)
	if err := postgres.Exec(t.Context(), b.pool, `update users set tier = 'basic' where id = @id`, postgres.Args{"id": ada.User}); err != nil {
		t.Fatal(err)
	}
	// The actor still says Pro: what counts is what the transaction reads.
	if _, err := b.service.FinishTeller(t.Context(), ada, pending); !errors.Is(err, connection.ErrPlanLimit) {
		t.Errorf("a visit that began on the larger plan: %v", err)
	}
	if _, err := b.service.StartTeller(t.Context(), ada, none); !errors.Is(err, connection.ErrPlanLimit) {
		t.Errorf("a new visit: %v", err)
	}
	list, err := b.service.List(t.Context(), ada)
	if err != nil || list.Used != 4 || list.Limit != 3 {
		t.Errorf("%d of %d: %v", list.Used, list.Limit, err)
	}
	if _, err := b.service.FinishTeller(t.Context(), ada, b.visit(ada, "token_new", "enr_0", kept[0].ID)); err != nil {
		t.Errorf("a repair: %v", err)
	}
	if b.live() != 4 {
		t.Errorf("%d connections are left", b.live())
	}
}
