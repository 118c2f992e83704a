package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/money"
)

// recovery is how long after a restart everything may take to be as if nothing
// had happened (promise R7: a job goes on within 60 seconds).
const recovery = time.Minute

// ordeal is a demo that is killed again and again, and what the world was told
// to let happen meanwhile.
type ordeal struct {
	t      *testing.T
	dir    string
	d      *demo
	flint  *client
	posted map[string]money.Decimal // by description, with Flint's sign
	bank   string                   // the enrollment that is used
	broker string                   // the authorization that is used
	acked  map[string]bool          // webhooks that Flint said it has
}

func newOrdeal(t *testing.T) *ordeal {
	t.Helper()
	o := &ordeal{t: t, dir: demoDir(t), posted: map[string]money.Decimal{}, acked: map[string]bool{}}
	o.begin()
	var banks bankTruth
	o.d.world().get(t, "/control/state", &banks)
	for _, e := range banks.Teller.Enrollments {
		if e.Institution.ID == "chase" && e.Health == "healthy" {
			o.bank = e.ID
		}
	}
	var brokers brokerTruth
	o.d.world().get(t, "/control/snaptrade/truth", &brokers)
	for _, c := range brokers.Users[0].Connections {
		if c.Broker == "SCHWAB" {
			o.broker = c.ID
		}
	}
	if o.bank == "" || o.broker == "" {
		t.Fatal("the demo has no Chase or no Schwab")
	}
	return o
}

// begin starts the demo, after a kill too.
func (o *ordeal) begin() {
	o.t.Helper()
	began := time.Now()
	o.d = start(o.t, o.dir)
	if took := time.Since(began); took > quick() {
		o.t.Errorf("it serves only %s after the kill", took)
	}
	o.flint = o.d.signIn(o.t)
}

// purchase lets the bank post a purchase; its webhook starts a sync.
func (o *ordeal) purchase() string {
	o.t.Helper()
	what := fmt.Sprintf("ORDEAL %03d", len(o.posted)+1)
	amount := money.MustParse(fmt.Sprintf("-%d.%02d", 1+rand.IntN(90), rand.IntN(100)))
	o.d.world().post(o.t, "/control/teller/"+o.bank+"/transactions",
		map[string]string{"account": "checking", "amount": amount.String(), "description": what}, nil)
	o.posted[what] = amount
	return what
}

// deposit lets money come in at the broker.
func (o *ordeal) deposit() {
	o.t.Helper()
	o.d.world().post(o.t, "/control/snaptrade/"+o.broker+"/deposit", map[string]string{"amount": fmt.Sprintf("%d.25", 10+rand.IntN(90))}, nil)
}

// slow makes every answer of both providers late.
func (o *ordeal) slow(by time.Duration) {
	o.t.Helper()
	for _, provider := range []string{"teller", "snaptrade"} {
		o.d.world().post(o.t, "/control/misbehave", map[string]any{"provider": provider, "kind": "latency", "ms": by.Milliseconds()}, nil)
	}
}

// remember notes which webhooks Flint has acknowledged.
func (o *ordeal) remember() {
	o.t.Helper()
	var hooks struct{ Deliveries []struct{ ID, State string } }
	o.d.world().get(o.t, "/control/webhooks", &hooks)
	for _, h := range hooks.Deliveries {
		if h.State == "delivered" {
			o.acked[h.ID] = true
		}
	}
}

// syncing waits until the webhook of a purchase has set off a sync, which reads.
func (o *ordeal) syncing(db *pgx.Conn) {
	o.t.Helper()
	soon(o.t, recovery, "a sync begins", func() (bool, string) {
		var n int
		err := db.QueryRow(o.t.Context(), `
			select count(*) from sync_runs r join connections c on c.id = r.connection_id
			where c.provider_connection_id = $1 and r.finished_at is null and r.trigger = 'webhook'`, o.bank).Scan(&n)
		return err == nil && n > 0, fmt.Sprint(n, err)
	})
}

// recovers waits until everything is as if nothing had happened.
func (o *ordeal) recovers(within time.Duration) {
	o.t.Helper()
	db := connect(o.t, o.d)
	defer func() { _ = db.Close(context.WithoutCancel(o.t.Context())) }()
	soon(o.t, within, "everything is as if nothing had happened", func() (bool, string) {
		wrong := o.wrong(db)
		return len(wrong) == 0, strings.Join(wrong, "; ")
	})
}

// wrong lists what isn't as it should be: what is cheap to ask first. What can't
// get right any more ends the test at once.
func (o *ordeal) wrong(db *pgx.Conn) []string {
	o.t.Helper()
	var open, waiting int
	err := db.QueryRow(o.t.Context(), `
		select (select count(*) from sync_runs where finished_at is null),
			(select count(*) from webhook_inbox where processed_at is null)
				+ (select count(*) from river_job where kind = 'connection.sync' and state not in ('completed', 'cancelled', 'discarded'))`).
		Scan(&open, &waiting)
	if err != nil {
		o.t.Fatal(err)
	}
	if open+waiting > 0 {
		return []string{fmt.Sprintf("%d syncs are open, %d jobs and webhooks wait", open, waiting)}
	}
	found := map[string]money.Decimal{}
	for at, next := "/api/transactions?q=ORDEAL&limit=200", new(string); next != nil; {
		var page struct {
			Transactions []struct {
				Description string
				Amount      money.Decimal
			}
			NextCursor *string
		}
		o.flint.get(o.t, at, &page)
		for _, row := range page.Transactions {
			if _, twice := found[row.Description]; twice {
				o.t.Fatalf("%s is there twice", row.Description)
			}
			found[row.Description] = row.Amount
		}
		if next = page.NextCursor; next != nil {
			at = "/api/transactions?q=ORDEAL&limit=200&cursor=" + *next
		}
	}
	var wrong []string
	for what, amount := range o.posted {
		if got, ok := found[what]; !ok || !got.Equal(amount) {
			wrong = append(wrong, fmt.Sprintf("%s of %s is %v", what, amount, got))
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	for event := range o.acked {
		var n int
		if err := db.QueryRow(o.t.Context(), `select count(*) from webhook_inbox where event_id = $1`, event).Scan(&n); err != nil || n != 1 {
			o.t.Fatalf("the webhook %s was acknowledged and is there %d times (%v)", event, n, err)
		}
	}
	b := openBooks(o.t, o.d, o.flint)
	defer b.close()
	return b.differences(o.t)
}

func TestASyncThatIsKilledWhileItReadsIsMadeUpFor(t *testing.T) {
	t.Parallel()
	o := newOrdeal(t)
	db := connect(t, o.d)
	o.slow(3 * time.Second)
	o.purchase()
	o.syncing(db)
	o.remember()
	o.d.kill()
	o.begin()
	o.recovers(recovery)
}

// TestASyncThatIsKilledWhileItWritesIsMadeUpFor stops the transaction that
// applies a sync at different statements, by a lock of its own, and kills the
// program there.
func TestASyncThatIsKilledWhileItWritesIsMadeUpFor(t *testing.T) {
	t.Parallel()
	o := newOrdeal(t)
	for _, at := range []string{
		`lock table accounts in exclusive mode`,
		`lock table transactions in exclusive mode`,
		`lock table wealth in exclusive mode`,
	} {
		lock, watch := connect(t, o.d), connect(t, o.d)
		if _, err := lock.Exec(t.Context(), `begin; `+at); err != nil {
			t.Fatal(err)
		}
		o.purchase()
		o.syncing(watch)
		soon(t, recovery, "the sync waits at "+at, func() (bool, string) {
			var n int
			err := watch.QueryRow(t.Context(), `
				select count(*) from sync_runs r join connections c on c.id = r.connection_id
				where c.provider_connection_id = $1 and r.finished_at is null and r.phase = 'applying'
				  and exists (select from pg_stat_activity where wait_event_type = 'Lock')`, o.bank).Scan(&n)
			return err == nil && n > 0, fmt.Sprint(n, err)
		})
		o.remember()
		o.d.kill()
		o.begin()
		o.recovers(recovery)
	}
}

// TestADemoThatIsKilledAnywhereLosesNothing kills at random moments after things
// have happened at a bank and a broker. A webhook that wasn't acknowledged would
// be delivered again by a real provider; the sandbox dies with the program, so
// one more purchase stands in for that.
func TestADemoThatIsKilledAnywhereLosesNothing(t *testing.T) {
	t.Parallel()
	o := newOrdeal(t)
	for range 2 {
		wait := time.Duration(rand.Int64N(int64(1500 * time.Millisecond)))
		for range 3 {
			o.purchase()
		}
		o.deposit()
		<-time.After(wait)
		o.remember()
		t.Logf("killed %s after the last event", wait.Round(time.Millisecond))
		o.d.kill()
		o.begin()
		o.purchase()
		o.deposit()
		o.recovers(recovery)
	}
}

// TestADemoThatIsKilledBeforeItWasFurnishedBeginsAnew resets a demo and kills the
// new one at ever later moments; in the end it is as whole as any.
func TestADemoThatIsKilledBeforeItWasFurnishedBeginsAnew(t *testing.T) {
	t.Parallel()
	dir := demoDir(t)
	there := func(parts ...string) func() bool {
		return func() bool {
			_, err := os.Stat(filepath.Join(append([]string{dir}, parts...)...))
			return err == nil
		}
	}
	args := []string{"--reset"}
	for moment, reached := range []func() bool{
		there("postgres", "data.new"),
		there("postgres", "data", "postmaster.pid"),
		there("demo.json"),
		func() bool { // some institutions are linked
			text, _ := os.ReadFile(filepath.Join(dir, "sandbox", "teller.json"))
			var kept struct{ Enrollments map[string]json.RawMessage }
			return json.Unmarshal(text, &kept) == nil && len(kept.Enrollments) >= 2
		},
	} {
		d, err := launch(dir, args...)
		if err != nil {
			t.Fatal(err)
		}
		for began := time.Now(); !reached() && time.Since(began) < patience; {
			select {
			case <-d.ended:
				t.Fatalf("moment %d: the demo ended by itself: %s", moment, d.complaint())
			case <-time.After(time.Millisecond):
			}
		}
		if n := len(d.printed()); n > 0 {
			t.Errorf("moment %d: it was ready already", moment)
		}
		d.kill()
		args = nil
	}
	d := start(t, dir)
	f, err := template()
	if err != nil || d.ready.Password == f.first.Password {
		t.Errorf("the owner has the password of before the reset (%v)", err)
	}
	agree(t, d, d.signIn(t))
}

func TestWebhooksThatComeTwiceAndOutOfOrderCountOnce(t *testing.T) {
	t.Parallel()
	o := newOrdeal(t)
	db := connect(t, o.d)
	var before int
	if err := db.QueryRow(t.Context(), `select count(*) from webhook_inbox`).Scan(&before); err != nil {
		t.Fatal(err)
	}
	world := o.d.world()
	world.post(t, "/control/webhooks", map[string]any{"duplicate": 10, "reorder": true}, nil)
	for range 6 {
		o.purchase()
	}
	world.post(t, "/control/webhooks/flush", nil, nil)
	world.post(t, "/control/webhooks/wait", nil, nil)
	o.remember()
	o.recovers(recovery)
	var after, runs int
	err := db.QueryRow(t.Context(), `select (select count(*) from webhook_inbox), (select count(*) from sync_runs where trigger <> 'link')`).Scan(&after, &runs)
	if err != nil || after-before != 6 {
		t.Errorf("%d deliveries of 6 events are kept (%v)", after-before, err)
	}
	if runs > 14 {
		t.Errorf("6 events set off %d syncs", runs)
	}
}
