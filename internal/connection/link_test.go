package connection_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/connection"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

var none id.Connection

func TestLinkingABankDoesEverythingAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.person(access.Free)
	c, err := b.service.FinishTeller(t.Context(), ada, b.visit(ada, "token_1", "enr_1", none))
	if err != nil {
		t.Fatal(err)
	}
	if c.Status != connection.Pending || c.InstitutionName != "Bank first_example" || c.Kind != connection.Bank || c.Provider != connection.Teller {
		t.Errorf("got %+v", c)
	}
	credential, err := b.service.Credential(t.Context(), b.pool, c)
	if err != nil || credential.Token.Reveal() != "token_1" {
		t.Errorf("credential: %v", err)
	}
	sealed, err := postgres.Scalar[[]byte](t.Context(), b.pool, `select credential from connections`, nil)
	if err != nil || len(sealed) == 0 || bytes.Contains(sealed, []byte("token_1")) {
		t.Errorf("the token is stored in clear, or not at all: %q", sealed)
	}
	if n := jobs(t, b.pool, "connection.sync"); n != 1 {
		t.Errorf("%d syncs queued", n)
	}
	if n := b.scalar(`select count(*)::int from audit_entries where verb = 'connection.link' and subject_id = @u`, postgres.Args{"u": ada.User}); n != 1 {
		t.Errorf("%d audit entries", n)
	}
}

func TestASignatureIsNeeded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.person(access.Free)
	good := b.visit(ada, "token_1", "enr_1", none)
	for name, change := range map[string]func(*connection.TellerEnrollment){
		"none":              func(e *connection.TellerEnrollment) { e.Signatures = nil },
		"another token":     func(e *connection.TellerEnrollment) { e.Token = config.NewSecret("token_stolen") },
		"another enrolment": func(e *connection.TellerEnrollment) { e.EnrollmentID = "enr_2" },
		"of another visit":  func(e *connection.TellerEnrollment) { e.Attempt = b.visit(ada, "token_1", "enr_1", none).Attempt },
	} {
		e := good
		change(&e)
		if _, err := b.service.FinishTeller(t.Context(), ada, e); !errors.Is(err, connection.ErrSignature) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if n := b.scalar(`select count(*)::int from connections`, nil); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestAnAttemptIsForOnePersonOneTimeAndHalfAnHour(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada, eve := b.person(access.Pro), b.person(access.Pro)
	e := b.visit(ada, "token_1", "enr_1", none)
	if _, err := b.service.FinishTeller(t.Context(), eve, e); !errors.Is(err, connection.ErrAttempt) {
		t.Errorf("somebody else's: %v", err)
	}
	if _, err := b.service.FinishSnapTrade(t.Context(), ada, e.Attempt, uuid.NewString()); !errors.Is(err, connection.ErrAttempt) {
		t.Errorf("of another provider: %v", err)
	}
	if _, err := b.service.FinishTeller(t.Context(), ada, e); err != nil {
		t.Fatal(err)
	}
	if _, err := b.service.FinishTeller(t.Context(), ada, e); !errors.Is(err, connection.ErrAttempt) {
		t.Errorf("used twice: %v", err)
	}
	late := b.visit(ada, "token_2", "enr_2", none)
	b.clock.advance(30*time.Minute + time.Second)
	if _, err := b.service.FinishTeller(t.Context(), ada, late); !errors.Is(err, connection.ErrAttempt) {
		t.Errorf("too late: %v", err)
	}
}

func TestLinkHonoursThePlanEvenFromEightTabs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		tier access.Tier
		want int64
	}{{access.Free, 1}, {access.Basic, 3}, {access.Pro, 8}} {
		t.Run(string(tc.tier), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			ada := b.person(tc.tier)
			visits := make([]connection.TellerEnrollment, 8)
			for i := range visits {
				visits[i] = b.visit(ada, fmt.Sprint("token_", i), fmt.Sprint("enr_", i), none)
			}
			var linked atomic.Int64
			var wg sync.WaitGroup
			for _, v := range visits {
				wg.Go(func() {
					_, err := b.service.FinishTeller(t.Context(), ada, v)
					if err == nil {
						linked.Add(1)
					} else if !errors.Is(err, connection.ErrPlanLimit) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if linked.Load() != tc.want || b.scalar(`select count(*)::int from connections`, nil) != int(tc.want) {
				t.Errorf("%d linked, want %d", linked.Load(), tc.want)
			}
			if n := jobs(t, b.pool, "connection.revoke"); n != 8-int(tc.want) {
				t.Errorf("%d of the refused are given back", n)
			}
			if tc.want < 8 {
				if _, err := b.service.StartTeller(t.Context(), ada, none); !errors.Is(err, connection.ErrPlanLimit) {
					t.Errorf("start: %v", err)
				}
			}
		})
	}
}

func TestTheSameEnrollmentAgainIsAReconnect(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.person(access.Basic)
	first, err := b.service.FinishTeller(t.Context(), ada, b.visit(ada, "token_1", "enr_1", none))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 6 {
		v := b.visit(ada, fmt.Sprint("token_again_", i), "enr_1", none)
		wg.Go(func() {
			if c, err := b.service.FinishTeller(t.Context(), ada, v); err != nil || c.ID != first.ID {
				t.Errorf("got %v, %v", c.ID, err)
			}
		})
	}
	wg.Wait()
	if n := b.scalar(`select count(*)::int from connections`, nil); n != 1 {
		t.Errorf("%d connections", n)
	}
	if credential, err := b.service.Credential(t.Context(), b.pool, first); err != nil || !strings.HasPrefix(credential.Token.Reveal(), "token_again_") {
		t.Errorf("the token wasn't renewed: %v", err)
	}
}

func TestRepairKeepsTheConnection(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.person(access.Free) // no room for a second one
	c, err := b.service.FinishTeller(t.Context(), ada, b.visit(ada, "token_1", "enr_1", none))
	if err != nil {
		t.Fatal(err)
	}
	start, err := b.service.StartTeller(t.Context(), ada, c.ID)
	if err != nil || start.EnrollmentID != "enr_1" {
		t.Fatalf("start: %+v, %v", start, err)
	}
	// A fresh enrollment at the same bank takes the old one's place.
	got, err := b.service.FinishTeller(t.Context(), ada, b.bank.handOver(start.Attempt, start.Nonce, "token_new", "enr_new"))
	if err != nil || got.ID != c.ID || got.ProviderConnectionID != "enr_new" || got.Status != connection.Pending {
		t.Fatalf("repair: %+v, %v", got, err)
	}
	b.work("connection.revoke", func(args connection.RevokeArgs) error {
		return (&connection.RevokeWorker{Service: b.service}).Work(t.Context(), &river.Job[connection.RevokeArgs]{Args: args})
	})
	if len(b.bank.deleted) != 1 || b.bank.deleted[0] != "token_1" {
		t.Errorf("the bank was told to forget %v", b.bank.deleted)
	}
	// But another bank is another connection, which the plan has no room for.
	if _, err := b.service.FinishTeller(t.Context(), ada, b.visit(ada, "token_2", "enr_second", c.ID)); !errors.Is(err, connection.ErrPlanLimit) {
		t.Errorf("another bank: %v", err)
	}
	// Nobody repairs what isn't theirs.
	eve := b.person(access.Free)
	if _, err := b.service.StartTeller(t.Context(), eve, c.ID); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("a stranger: %v", err)
	}
}

func TestSomebodyElsesEnrollmentTellsNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada, eve := b.person(access.Free), b.person(access.Free)
	if _, err := b.service.FinishTeller(t.Context(), ada, b.visit(ada, "token_1", "enr_1", none)); err != nil {
		t.Fatal(err)
	}
	_, err := b.service.FinishTeller(t.Context(), eve, b.visit(eve, "token_1", "enr_1", none))
	f := fault.Of(err)
	if f == nil || f.Code != "connection_conflict" || f.Kind != fault.Conflict || strings.Contains(f.Detail, "else") {
		t.Fatalf("got %v", err)
	}
	if jobs(t, b.pool, "connection.revoke") != 0 {
		t.Error("Ada's enrollment would be given back")
	}
}

func TestAProviderThatFailsLeavesTheAttemptAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.person(access.Free)
	v := b.visit(ada, "token_1", "enr_1", none)
	b.bank.down = 500
	if _, err := b.service.FinishTeller(t.Context(), ada, v); !errors.Is(err, connection.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	b.bank.down = 403
	if _, err := b.service.FinishTeller(t.Context(), ada, v); !errors.Is(err, connection.ErrRefused) {
		t.Fatalf("got %v", err)
	}
	b.bank.down = 0
	if _, err := b.service.FinishTeller(t.Context(), ada, v); err != nil {
		t.Fatalf("again: %v", err)
	}
	if _, err := b.service.FinishTeller(t.Context(), ada, b.visit(b.person(access.Free), "t", "e_empty", none)); !errors.Is(err, connection.ErrAttempt) {
		t.Fatalf("got %v", err)
	}
	bob := b.person(access.Free)
	if _, err := b.service.FinishTeller(t.Context(), bob, b.visit(bob, "t", "e_empty", none)); !errors.Is(err, connection.ErrRefused) {
		t.Fatalf("no accounts: %v", err)
	}
}

func TestSnapTradeIsRegisteredOnceAndAskedItself(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada, eve := b.person(access.Basic), b.person(access.Basic)
	starts := make([]connection.SnapTradeStart, 6)
	var wg sync.WaitGroup
	for i := range starts {
		wg.Go(func() {
			var err error
			if starts[i], err = b.service.StartSnapTrade(t.Context(), ada, "", none); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if b.broker.registered != 1 {
		t.Fatalf("registered %d times", b.broker.registered)
	}
	if want := "https://flint.test/connect/return/" + starts[0].Attempt.String(); !strings.Contains(strings.Join(b.broker.redirects, " "), want) {
		t.Errorf("redirects %v", b.broker.redirects)
	}
	authorization := b.broker.connect(ada.User, "COINBASE", "Cryptocurrency Exchange", false)
	c, err := b.service.FinishSnapTrade(t.Context(), ada, starts[0].Attempt, authorization)
	if err != nil || c.Kind != connection.Crypto || c.InstitutionName != "coinbase" || c.ProviderConnectionID != authorization {
		t.Fatalf("%+v, %v", c, err)
	}
	if credential, err := b.service.Credential(t.Context(), b.pool, c); err != nil || credential.User.Secret.Reveal() != "user-secret-1" {
		t.Errorf("credential: %v", err)
	}
	again, err := b.service.FinishSnapTrade(t.Context(), ada, starts[1].Attempt, authorization)
	if err != nil || again.ID != c.ID {
		t.Errorf("again: %v, %v", again.ID, err)
	}
	before := jobs(t, b.pool, "connection.sync")
	again, err = b.service.FinishSnapTrade(t.Context(), ada, starts[0].Attempt, authorization)
	if err != nil || again.ID != c.ID || jobs(t, b.pool, "connection.sync") != before {
		t.Errorf("the page loaded again: %v, %v", again.ID, err)
	}
	theirs, err := b.service.StartSnapTrade(t.Context(), eve, "", none)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.service.FinishSnapTrade(t.Context(), eve, theirs.Attempt, authorization); !errors.Is(err, connection.ErrRefused) {
		t.Errorf("somebody else's authorization: %v", err)
	}
	if _, err := b.service.FinishSnapTrade(t.Context(), eve, starts[0].Attempt, authorization); !errors.Is(err, connection.ErrAttempt) {
		t.Errorf("somebody else's attempt and authorization: %v", err)
	}
	broken := b.broker.connect(ada.User, "ROBINHOOD", "Traditional Brokerage", true)
	if c, err := b.service.FinishSnapTrade(t.Context(), ada, starts[2].Attempt, broken); err != nil || c.Status != connection.Reauth || c.Kind != connection.Brokerage {
		t.Errorf("a disabled one: %+v, %v", c, err)
	}
}

func TestALostSnapTradeUserIsMadeAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.person(access.Basic)
	b.broker.secrets[ada.User.String()] = "the answer was lost" // code 1010
	start, err := b.service.StartSnapTrade(t.Context(), ada, "", none)
	if err != nil {
		t.Fatal(err)
	}
	c, err := b.service.FinishSnapTrade(t.Context(), ada, start.Attempt, b.broker.connect(ada.User, "ROBINHOOD", "Traditional Brokerage", false))
	if err != nil {
		t.Fatal(err)
	}
	b.broker.secrets[ada.User.String()] = "changed behind our back" // code 1083
	if _, err := b.service.StartSnapTrade(t.Context(), ada, "", c.ID); err != nil {
		t.Fatal(err)
	}
	line, err := b.service.Get(t.Context(), ada, c.ID)
	if err != nil || line.Status != connection.Reauth || b.broker.registered != 2 {
		t.Errorf("%+v, registered %d, %v", line, b.broker.registered, err)
	}
}

func TestRemoveDestroysTheCredentialAndTellsTheProvider(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada, eve := b.person(access.Basic), b.person(access.Basic)
	c, err := b.service.FinishTeller(t.Context(), ada, b.visit(ada, "token_1", "enr_1", none))
	if err != nil {
		t.Fatal(err)
	}
	lease, err := connection.TakeLease(t.Context(), b.pool, c.ID, b.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.service.Remove(t.Context(), eve, c.ID, true); !errors.Is(err, fault.ErrNotFound) {
		t.Fatalf("a stranger: %v", err)
	}
	if err := b.service.Remove(t.Context(), ada, c.ID, true); err != nil {
		t.Fatal(err)
	}
	if n := b.scalar(`select count(*)::int from connections where credential is null and deleted_at is not null`, nil); n != 1 {
		t.Error("the credential is still there")
	}
	if err := lease.Renew(t.Context(), b.pool, b.clock.now()); !errors.Is(err, connection.ErrLeaseLost) {
		t.Errorf("a running sync may go on: %v", err)
	}
	if len(b.removed) != 1 || b.removed[0] != fmt.Sprint(c.ID, " true") {
		t.Errorf("told %v", b.removed)
	}
	if err := b.service.Remove(t.Context(), ada, c.ID, true); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	b.work("connection.revoke", func(args connection.RevokeArgs) error {
		return (&connection.RevokeWorker{Service: b.service}).Work(t.Context(), &river.Job[connection.RevokeArgs]{Args: args})
	})
	if len(b.bank.deleted) != 1 || b.bank.deleted[0] != "token_1" {
		t.Errorf("the bank was told %v", b.bank.deleted)
	}
	if args, err := postgres.Scalar[string](t.Context(), b.pool, `select args::text from river_job where kind = 'connection.revoke'`, nil); err != nil || strings.Contains(args, "token_1") {
		t.Errorf("the job holds the token in clear: %v", err)
	}
	// The place is free again, and the same enrollment may come back.
	if _, err := b.service.FinishTeller(t.Context(), ada, b.visit(ada, "token_1", "enr_1", none)); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestRefreshSaysWhyNot(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.person(access.Basic)
	c, err := b.service.FinishTeller(t.Context(), ada, b.visit(ada, "token_1", "enr_1", none))
	if err != nil {
		t.Fatal(err)
	}
	lease, err := connection.TakeLease(t.Context(), b.pool, c.ID, b.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	b.clock.advance(20 * time.Second)
	err = b.service.Refresh(t.Context(), ada, c.ID)
	if f := fault.Of(err); !errors.Is(err, connection.ErrTooSoon) || f.Retry != 40*time.Second {
		t.Errorf("too soon: %v", err)
	}
	b.clock.advance(41 * time.Second)
	if err := b.service.Refresh(t.Context(), ada, c.ID); err != nil {
		t.Errorf("after a minute: %v", err)
	}
	if n := jobs(t, b.pool, "connection.sync"); n != 2 { // the link's, which is as good as running, and this one
		t.Errorf("%d jobs", n)
	}
	_ = lease
	if err := b.service.Refresh(t.Context(), b.person(access.Free), c.ID); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("a stranger: %v", err)
	}
	if err := postgres.Exec(t.Context(), b.pool, `update connections set status = 'disconnected'`, nil); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(time.Hour)
	if err := b.service.Refresh(t.Context(), ada, c.ID); !errors.Is(err, connection.ErrEnded) {
		t.Errorf("disconnected: %v", err)
	}
}

func TestAConnectionWhoseBrowserNeverCameBackIsAdopted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.person(access.Free)
	if _, err := b.service.StartSnapTrade(t.Context(), ada, "", none); err != nil {
		t.Fatal(err)
	}
	first, second := b.broker.connect(ada.User, "ROBINHOOD", "Traditional Brokerage", false), b.broker.connect(ada.User, "FIDELITY", "Traditional Brokerage", false)
	for range 2 {
		if err := b.service.Adopt(t.Context(), ada.User, first); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.service.Adopt(t.Context(), ada.User, second); err != nil { // over the limit
		t.Fatal(err)
	}
	if err := b.service.Adopt(t.Context(), ada.User, uuid.NewString()); err != nil { // not there
		t.Fatal(err)
	}
	if n := b.scalar(`select count(*)::int from connections where provider_connection_id = @a`, postgres.Args{"a": first}); n != 1 || b.scalar(`select count(*)::int from connections`, nil) != 1 {
		t.Error("not exactly the first is linked")
	}
	b.work("connection.revoke", func(args connection.RevokeArgs) error {
		return (&connection.RevokeWorker{Service: b.service}).Work(t.Context(), &river.Job[connection.RevokeArgs]{Args: args})
	})
	if len(b.broker.deleted) != 1 || b.broker.deleted[0] != second {
		t.Errorf("deleted there: %v", b.broker.deleted)
	}
}
