package ingest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/connection"
	"flint/internal/ingest"
	"flint/internal/money"
	"flint/internal/platform/outbound"
	"flint/internal/platform/postgres"
	"flint/internal/portfolio"
)

func noon() time.Time { return time.Date(2026, 3, 20, 17, 0, 0, 0, time.UTC) }

// told is a bank account with a balance and records; see rec.
func told(providerID, mask, balance string, lines ...string) ingest.FetchedAccount {
	b := money.MustParse(balance)
	f := ingest.FetchedAccount{
		Told: portfolio.Told{ProviderID: providerID, Name: "Checking", Institution: "First Bank", Kind: portfolio.Bank, Currency: "USD",
			Mask: mask, Balance: &b, AsOf: noon()},
		Window: &ingest.Window{Complete: true},
	}
	for _, line := range lines {
		f.Records = append(f.Records, rec(line))
	}
	return f
}

// answers is a script whose answer can be changed.
type answers struct {
	accounts []ingest.FetchedAccount
	err      error
	plans    []ingest.Plan
	during   func()
}

func (a *answers) Fetch(_ context.Context, _ connection.Connection, plan ingest.Plan, _ func(ingest.Progress)) (ingest.Fetched, error) {
	a.plans = append(a.plans, plan)
	if a.during != nil {
		a.during()
	}
	return ingest.Fetched{Accounts: a.accounts}, a.err
}

func (p *person) status() string {
	p.t.Helper()
	return scalar[string](p, `select status || case when status_reason = '' then '' else ' ' || status_reason end from connections where id = @id`,
		postgres.Args{"id": p.connection})
}

func (p *person) netWorth() string {
	p.t.Helper()
	return scalar[money.Decimal](p, `select net_worth from wealth where user_id = @user`, postgres.Args{"user": p.user}).String()
}

// No lost wake-up: what changes at the provider while a sync reads is read by
// exactly one more sync; what changed before it began is not.
func TestAWakeUpDuringASyncIsNotLost(t *testing.T) {
	t.Parallel()
	c, bank := newClock(noon()), &answers{accounts: []ingest.FetchedAccount{told("a", "1111", "10")}}
	p := newWorld(t).join(t, c, bank)
	p.wake()
	if jobs := p.waiting(); len(jobs) != 1 || jobs[0] != connection.TriggerWebhook {
		t.Fatalf("a webhook queued %v", jobs)
	}
	bank.during = func() {
		c.pass(time.Second)
		p.wake()
		p.wake() // and its duplicate
	}
	p.sync(connection.TriggerWebhook)
	jobs := p.waiting()
	if len(jobs) == 0 || len(jobs) > 2 {
		t.Fatalf("wake-ups during the sync left %v", jobs)
	}
	bank.during = nil
	c.pass(time.Second)
	for _, job := range jobs {
		p.sync(job)
	}
	if dirty := scalar[bool](p, `select dirty_at is not null from connections where id = @id`, postgres.Args{"id": p.connection}); dirty {
		t.Error("the wake-up is still open")
	}
	if jobs := p.waiting(); len(jobs) != 0 {
		t.Errorf("a quiet sync queued %v", jobs)
	}
}

// Thread 6 and 7: a relink under new account ids doubled everything.
func TestARelinkedAccountGoesOn(t *testing.T) {
	t.Parallel()
	bank := &answers{accounts: []ingest.FetchedAccount{
		told("a", "1111", "10", "t1 posted 2026-03-10 -5 COFFEE"), told("b", "2222", "20", "t2 posted 2026-03-10 -6 CAKE")}}
	p := newWorld(t).join(t, newClock(noon()), bank)
	p.sync(connection.TriggerLink)
	bank.accounts = []ingest.FetchedAccount{
		told("new-a", "1111", "10", "n1 posted 2026-03-10 -5 COFFEE"), told("new-b", "2222", "20", "n2 posted 2026-03-10 -6 CAKE")}
	p.sync(connection.TriggerLink)
	p.sync(connection.TriggerLink)
	got := p.stored()
	if len(got) != 2 || got["new-a"].Posted != 1 || got["new-b"].Posted != 1 || p.netWorth() != "30" {
		t.Errorf("after the relink: %+v, net worth %s", got, p.netWorth())
	}
	t.Run("but not when it could be either of two", func(t *testing.T) {
		bank := &answers{accounts: []ingest.FetchedAccount{told("a", "1111", "10"), told("b", "1111", "20")}}
		p := newWorld(t).join(t, newClock(noon()), bank)
		p.sync(connection.TriggerLink)
		bank.accounts = []ingest.FetchedAccount{told("c", "1111", "10")}
		p.sync(connection.TriggerLink)
		if got := p.stored(); len(got) != 3 {
			t.Errorf("a guess was made: %+v", got)
		}
	})
}

func TestAnAccountThatIsNoLongerListedCountsNoMoreAfterTwoAnswers(t *testing.T) {
	t.Parallel()
	a, b := told("a", "1111", "10"), told("b", "2222", "20")
	bank := &answers{accounts: []ingest.FetchedAccount{a, b}}
	p := newWorld(t).join(t, newClock(noon()), bank)
	p.sync(connection.TriggerLink)
	for _, step := range []struct {
		accounts []ingest.FetchedAccount
		worth    string
	}{
		{[]ingest.FetchedAccount{a}, "30"},
		{nil, "30"}, // an empty list proves nothing
		{[]ingest.FetchedAccount{a, b}, "30"},
		{[]ingest.FetchedAccount{a}, "30"},
		{[]ingest.FetchedAccount{a}, "10"},
		{[]ingest.FetchedAccount{a, b}, "30"}, // it is back
	} {
		bank.accounts = step.accounts
		p.sync(connection.TriggerSchedule)
		if got := p.netWorth(); got != step.worth {
			t.Errorf("%d accounts listed: net worth %s, want %s", len(step.accounts), got, step.worth)
		}
	}
}

// D26, D31, thread 27: a provider's failure wrote zeros, deleted accounts, or
// asked people to reconnect.
func TestAFailureChangesNoFigure(t *testing.T) {
	t.Parallel()
	failure := func(class outbound.Class, code string) error {
		return &outbound.Error{Provider: "teller", Op: "accounts", Class: class, Code: code}
	}
	for _, c := range []struct {
		name   string
		err    error
		after  []string // the connection's status after each failure
		mended bool     // it goes on by itself
	}{
		{"a bank that is slow is silent at first", failure(outbound.Transient, "timeout"), []string{"healthy", "healthy", "degraded timeout"}, true},
		{"a limit is waited for", failure(outbound.RateLimited, "budget"), []string{"healthy", "healthy", "healthy"}, true},
		{"a provider that is down is silent at first", failure(outbound.ProviderDown, "circuit_open"), []string{"healthy", "healthy", "degraded circuit_open"}, true},
		{"a sign-in that ended needs the person", failure(outbound.Reauth, "enrollment.disconnected.credentials_invalid"), []string{"reauth credentials_invalid"}, false},
		{"what isn't there has ended", failure(outbound.NotFound, "not_found"), []string{"disconnected not_found"}, false},
		{"what we don't understand is set aside after three", failure(outbound.Bug, "bad_answer.json"), []string{"healthy", "healthy", "quarantined bad_answer.json"}, true},
		{"as is a fault of our own", errors.New("boom"), []string{"healthy", "healthy", "quarantined internal"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bank := &answers{accounts: []ingest.FetchedAccount{told("a", "1111", "10", "t1 posted 2026-03-10 -5 COFFEE")}}
			p := newWorld(t).join(t, newClock(noon()), bank)
			p.sync(connection.TriggerLink)
			before := p.fingerprint()
			bank.err = c.err
			for i, want := range c.after {
				p.sync(connection.TriggerSchedule)
				if got := p.status(); got != want {
					t.Errorf("after failure %d the connection is %q, want %q", i+1, got, want)
				}
			}
			if p.fingerprint() != before {
				t.Error("a figure changed")
			}
			next := scalar[*time.Time](p, `select next_sync_at from connections where id = @id`, postgres.Args{"id": p.connection})
			if (next != nil) != c.mended || next != nil && (!next.After(p.clock.now()) || next.After(p.clock.now().Add(25*time.Hour))) {
				t.Errorf("the next sync is at %v", next)
			}
			if !c.mended {
				return
			}
			bank.err = nil
			p.sync(connection.TriggerSchedule)
			if got := p.status(); got != "healthy" {
				t.Errorf("mended, it is %q", got)
			}
		})
	}
}

func (p *person) fingerprint() string {
	p.t.Helper()
	return (&life{person: p}).fingerprint()
}

// A bank's "disconnected" that comes while a sync reads isn't washed away by it.
func TestWhatAWebhookSaysDuringASyncStands(t *testing.T) {
	t.Parallel()
	bank := &answers{accounts: []ingest.FetchedAccount{told("a", "1111", "10")}}
	p := newWorld(t).join(t, newClock(noon()), bank)
	p.sync(connection.TriggerLink)
	bank.during = func() {
		err := postgres.InTx(t.Context(), p.pool, func(tx pgx.Tx) error {
			_, err := connection.SetStatus(t.Context(), tx, p.user, p.connection, connection.Reauth, "account_locked")
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	p.sync(connection.TriggerSchedule)
	if got := p.status(); got != "reauth account_locked" {
		t.Errorf("the connection is %q", got)
	}
}

func TestARemovedConnectionStoresNothingMore(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{true, false} {
		bank := &answers{accounts: []ingest.FetchedAccount{told("a", "1111", "10", "t1 posted 2026-03-10 -5 COFFEE")}}
		p := newWorld(t).join(t, newClock(noon()), bank)
		p.sync(connection.TriggerLink)
		bank.accounts = []ingest.FetchedAccount{told("a", "1111", "99", "t1 posted 2026-03-10 -5 COFFEE", "t2 posted 2026-03-11 -6 CAKE")}
		bank.during = func() {
			p.exec(`update connections set deleted_at = now() where id = @id`, postgres.Args{"id": p.connection})
			err := postgres.InTx(t.Context(), p.pool, func(tx pgx.Tx) error {
				return p.ingest.Removed(t.Context(), tx, p.user, p.connection, keep)
			})
			if err != nil {
				t.Error(err)
			}
		}
		p.sync(connection.TriggerSchedule)
		rows := scalar[int](p, `select count(*)::int from transactions where user_id = @user`, postgres.Args{"user": p.user})
		days := scalar[int](p, `select count(*)::int from net_worth_days where user_id = @user`, postgres.Args{"user": p.user})
		if keep && (rows != 1 || days < 2) || !keep && (rows != 0 || days != 0) {
			t.Errorf("history kept: %v; but %d transactions and %d days are there", keep, rows, days)
		}
		if got := p.netWorth(); got != "0" {
			t.Errorf("net worth %s without any account", got)
		}
	}
}

// Threads 15 and D28: ghosts of sold positions, or none at all, while a sync ran.
func TestPositionsAreSwappedInWhole(t *testing.T) {
	t.Parallel()
	holds := func(positions ...portfolio.Position) ingest.FetchedAccount {
		return ingest.FetchedAccount{Told: portfolio.Told{ProviderID: "a", Name: "Brokerage", Institution: "Broker", Kind: portfolio.Investment,
			Currency: "USD", AsOf: noon(), Holds: &portfolio.Holds{Positions: positions,
				Cash: []portfolio.Cash{{Currency: "USD", Cash: money.MustParse("5")}}}}}
	}
	position := func(symbol, price string) portfolio.Position {
		p := portfolio.Position{Symbol: symbol, Kind: "stock", Quantity: money.MustParse("2"), Multiplier: money.MustParse("1"), Currency: "USD"}
		if price != "" {
			d := money.MustParse(price)
			p.Price = &d
		}
		return p
	}
	bank := &answers{}
	p := newWorld(t).join(t, newClock(noon()), bank)
	for _, c := range []struct {
		holds   ingest.FetchedAccount
		symbols int
		worth   string
		missing string
	}{
		{holds(position("AAA", "10"), position("BBB", "20")), 2, "65", "[]"},
		{holds(position("BBB", "21")), 1, "47", "[]"},
		{holds(position("BBB", "21"), position("NEW", "")), 2, "47", `[{"what": "price", "detail": "NEW"}]`},
		{holds(), 0, "5", "[]"},
	} {
		bank.accounts = []ingest.FetchedAccount{c.holds}
		p.sync(connection.TriggerSchedule)
		if got := p.stored()["a"]; got.Positions != c.symbols || p.netWorth() != c.worth {
			t.Errorf("%d positions, net worth %s; want %d and %s", got.Positions, p.netWorth(), c.symbols, c.worth)
		}
		if got := scalar[string](p, `select missing::text from wealth where user_id = @user`, postgres.Args{"user": p.user}); got != c.missing {
			t.Errorf("missing %s, want %s", got, c.missing)
		}
	}
	if n := scalar[int](p, `select count(*)::int from account_snapshots where user_id = @user`, postgres.Args{"user": p.user}); n != 2 {
		t.Errorf("%d snapshots are kept, want the first and the current", n)
	}
}

func TestLedgerAndTransactionsThatDifferAreShown(t *testing.T) {
	t.Parallel()
	bank := &answers{accounts: []ingest.FetchedAccount{told("a", "1111", "95", "t1 posted 2026-03-10 -5 COFFEE")}}
	p := newWorld(t).join(t, newClock(noon()), bank)
	p.sync(connection.TriggerLink)
	bank.accounts = []ingest.FetchedAccount{told("a", "1111", "80", "t1 posted 2026-03-10 -5 COFFEE", "t2 posted 2026-03-19 -10 CAKE")}
	p.sync(connection.TriggerSchedule)
	if a := p.stored()["a"]; a.Drift == nil || !a.Drift.Equal(money.MustParse("-5")) || p.netWorth() != "80" {
		t.Errorf("drift %v, net worth %s: the bank's word counts, and the difference is told", a.Drift, p.netWorth())
	}
}

func TestASyncAsksForTheWindowThatItsWatermarkSays(t *testing.T) {
	t.Parallel()
	c, bank := newClock(noon()), &answers{accounts: []ingest.FetchedAccount{told("a", "1111", "10", "t1 posted 2026-03-18 -5 COFFEE")}}
	p := newWorld(t).join(t, c, bank)
	for range 3 {
		p.sync(connection.TriggerSchedule)
		c.pass(5 * 24 * time.Hour)
	}
	if len(bank.plans[0].Marks) != 0 || !bank.plans[0].Full {
		t.Errorf("the first plan is %+v", bank.plans[0])
	}
	if m := bank.plans[1].Marks["a"]; m.Newest == nil || m.Newest.Format(time.DateOnly) != "2026-03-18" || bank.plans[1].Full {
		t.Errorf("the second plan is %+v", bank.plans[1])
	}
	if !bank.plans[2].Full {
		t.Error("after more than a week no full walk was asked for")
	}
}

// Accounts of two connections of one person, synced at once, add up.
func TestTwoConnectionsOfOnePersonSyncAtOnce(t *testing.T) {
	t.Parallel()
	w, c := newWorld(t), newClock(noon())
	p := w.join(t, c, &answers{accounts: []ingest.FetchedAccount{told("a", "1111", "10", "t1 posted 2026-03-10 -5 COFFEE")}})
	q := w.join(t, c, &answers{accounts: []ingest.FetchedAccount{told("b", "2222", "20", "t2 posted 2026-03-11 -6 CAKE")}})
	p.exec(`update connections set user_id = @user where id = @id`, postgres.Args{"user": p.user, "id": q.connection})
	q.user = p.user
	done := make(chan error, 6)
	for range 3 {
		go func() { done <- p.ingest.Sync(t.Context(), p.connection, connection.TriggerSchedule) }()
		go func() { done <- q.ingest.Sync(t.Context(), q.connection, connection.TriggerSchedule) }()
	}
	for range 6 {
		if err := <-done; err != nil && !errors.Is(err, connection.ErrBusy) {
			t.Error(err)
		}
	}
	if got := p.netWorth(); got != "30" {
		t.Errorf("net worth %s", got)
	}
}

func TestDueConnectionsAreQueuedOnce(t *testing.T) {
	t.Parallel()
	c := newClock(noon())
	p := newWorld(t).join(t, c, &answers{accounts: []ingest.FetchedAccount{told("a", "1111", "10")}})
	p.sync(connection.TriggerLink)
	if n, err := p.ingest.QueueDue(t.Context()); n != 0 || err != nil {
		t.Errorf("%d are due right after a sync (%v)", n, err)
	}
	c.pass(20 * time.Hour)
	for i, want := range []int{1, 0} {
		if n, err := p.ingest.QueueDue(t.Context()); n != want || err != nil {
			t.Errorf("round %d: %d are due (%v)", i, n, err)
		}
	}
	if jobs := p.waiting(); len(jobs) != 1 || jobs[0] != connection.TriggerSchedule {
		t.Errorf("queued %v", jobs)
	}
}

// What the database can't hold is the provider's fault or ours, but never a loop:
// it is set aside like everything that isn't understood, and changes nothing.
func TestAnAnswerThatCannotBeStoredIsSetAside(t *testing.T) {
	t.Parallel()
	bank := &answers{accounts: []ingest.FetchedAccount{told("a", "1111", "10", "t1 posted 2026-03-10 -5 COFFEE")}}
	p := newWorld(t).join(t, newClock(noon()), bank)
	p.sync(connection.TriggerLink)
	before := p.fingerprint()
	bank.accounts = []ingest.FetchedAccount{told("a", "1111", "99", "t\x001 posted 2026-03-10 -5 COFFEE")}
	for range 3 {
		p.sync(connection.TriggerSchedule)
	}
	if got := p.status(); got != "quarantined apply_22021" || p.fingerprint() != before {
		t.Errorf("the connection is %q", got)
	}
}

func TestAnAccountListedTwiceIsOne(t *testing.T) {
	t.Parallel()
	bank := &answers{accounts: []ingest.FetchedAccount{told("a", "1111", "10"), told("a", "1111", "12")}}
	p := newWorld(t).join(t, newClock(noon()), bank)
	p.sync(connection.TriggerLink)
	if len(p.stored()) != 1 || p.netWorth() != "12" {
		t.Errorf("%+v, net worth %s", p.stored(), p.netWorth())
	}
}
