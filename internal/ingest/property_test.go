package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/activity"
	"flint/internal/connection"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
)

// TestSyncsConverge is the heart's property test. A fake bank lives any legal
// life while Flint syncs it: repeated, concurrent, overtaken, woken by duplicate
// webhooks, and killed at every step and statement; and the person edits and
// deletes in between. Whatever happened, at the end
//
//	(a) people see the bank's posted and live pending payments, each once
//	(b) opening + posted = ledger, and the history ends in it
//	(c) syncing again changes nothing
//	(d) what the person wrote stands
//	(e) what the person deleted is gone
//	(f) two workers are one worker
//	(g) a kill is no kill
//
// FLINT_SYNC_HISTORIES sets how many lives (default 24), FLINT_SYNC_SEED where
// they begin.
func TestSyncsConverge(t *testing.T) {
	t.Parallel()
	histories, seed := envInt("FLINT_SYNC_HISTORIES", 24), envInt("FLINT_SYNC_SEED", 1)
	const lanes = 3
	for lane := range lanes {
		t.Run(strconv.Itoa(lane), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for i := lane; i < histories && !t.Failed(); i += lanes {
				newLife(t, w, uint64(seed+i)).run(40) //nolint:gosec // a seed
			}
		})
	}
}

func envInt(name string, fallback int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return fallback
}

// life is one history of one person.
type life struct {
	*person
	seed   uint64
	rng    *rand.Rand
	bank   *bank
	actor  access.Actor
	log    []string
	failed bool
}

func newLife(t *testing.T, w *world, seed uint64) *life {
	c := newClock(time.Date(2026, 3, 2, 17, 0, 0, 0, time.UTC))
	b := newBank(seed, c.today())
	l := &life{seed: seed, rng: rand.New(rand.NewPCG(seed, 7)), bank: b} //nolint:gosec // it must be repeatable
	l.person = w.join(t, c, b)
	l.actor = access.Actor{User: l.user, Confirmed: true}
	return l
}

func (l *life) note(format string, args ...any) { l.log = append(l.log, fmt.Sprintf(format, args...)) }

func (l *life) errorf(format string, args ...any) {
	l.t.Helper()
	l.failed = true
	l.t.Errorf("seed %d: %s", l.seed, fmt.Sprintf(format, args...))
}

func (l *life) run(acts int) {
	l.t.Helper()
	for range acts {
		switch n := l.rng.IntN(20); {
		case n < 8:
			l.note("bank: %s", l.bank.live())
		case n < 11:
			l.quietSync(connection.TriggerSchedule)
		case n < 12:
			l.crash()
		case n < 13:
			l.killed()
		case n < 14:
			l.twoWorkers()
		case n < 15:
			l.overtaken()
		case n < 16:
			l.webhooks()
		case n < 18:
			l.edit()
		case n < 19:
			l.delete()
		default:
			l.days(1 + l.rng.IntN(3))
		}
	}
	l.settle()
	l.check()
	if l.failed {
		l.t.Logf("seed %d lived so:\n%s", l.seed, strings.Join(l.log, "\n"))
	}
}

// days lets time pass.
func (l *life) days(n int) {
	l.note("%d days pass", n)
	l.clock.pass(time.Duration(n) * 24 * time.Hour)
	l.bank.mu.Lock()
	defer l.bank.mu.Unlock()
	l.bank.today = l.clock.today()
}

// onCommit makes the bank learn of every answer that was stored.
func (l *life) onCommit(then func(context.Context, string) error) {
	l.step = func(ctx context.Context, step string) error {
		if step == "committed" {
			l.bank.stored()
		}
		if then != nil {
			return then(ctx, step)
		}
		return nil
	}
}

func (l *life) quietSync(trigger string) {
	l.t.Helper()
	l.note("sync")
	l.onCommit(nil)
	l.sync(trigger)
}

// crash ends a sync at a random step, and lets the lease run out.
func (l *life) crash() {
	left := l.rng.IntN(11)
	l.note("crash after step %d", left)
	l.onCommit(func(context.Context, string) error {
		if left--; left < 0 {
			return errCrash
		}
		return nil
	})
	if err := l.ingest.Sync(l.t.Context(), l.connection, connection.TriggerSchedule); err != nil && !errors.Is(err, errCrash) {
		l.errorf("crashed sync: %v", err)
	}
	l.onCommit(nil)
	l.clock.pass(connection.LeaseTime + time.Second)
}

// killed ends a sync at a random statement, as kill -9 does.
func (l *life) killed() {
	n := l.rng.IntN(60)
	l.note("killed at statement %d", n)
	l.onCommit(nil)
	l.kill.arm(n)
	_ = l.ingest.Sync(l.t.Context(), l.connection, connection.TriggerSchedule)
	l.kill.disarm()
	l.clock.pass(connection.LeaseTime + time.Second)
}

func (l *life) twoWorkers() {
	l.note("two workers")
	l.onCommit(nil)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			err := l.ingest.Sync(l.t.Context(), l.connection, connection.TriggerPerson)
			if err != nil && !errors.Is(err, connection.ErrBusy) {
				l.errorf("one of two workers: %v", err)
			}
		})
	}
	wg.Wait()
}

// overtaken lets a worker sleep over its lease with an answer in its hands. A
// second one syncs; then the first wakes up and must change nothing.
func (l *life) overtaken() {
	l.note("overtaken")
	slept := false
	l.onCommit(func(context.Context, string) error { return nil })
	inner := l.step
	l.step = func(ctx context.Context, step string) error {
		if step == "fetched" && !slept {
			slept = true
			l.clock.pass(connection.LeaseTime + time.Second)
			if err := l.ingest.Sync(ctx, l.connection, connection.TriggerSchedule); err != nil {
				l.errorf("the second worker: %v", err)
			}
			before := l.fingerprint()
			l.step = func(ctx context.Context, step string) error {
				l.errorf("the overtaken worker got as far as %q", step)
				return inner(ctx, step)
			}
			defer func() {
				if after := l.fingerprint(); after != before {
					l.errorf("the overtaken worker changed something")
				}
			}()
			return nil
		}
		return inner(ctx, step)
	}
	if err := l.ingest.Sync(l.t.Context(), l.connection, connection.TriggerSchedule); err != nil {
		l.errorf("the overtaken worker: %v", err)
	}
	l.onCommit(nil)
}

func (l *life) webhooks() {
	n := 1 + l.rng.IntN(3)
	l.note("%d webhooks", n)
	for range n {
		l.wake()
	}
	jobs := l.waiting()
	if len(jobs) != 1 {
		l.errorf("%d webhooks made %d jobs, want one", n, len(jobs))
	}
	l.quietSync(connection.TriggerWebhook)
}

// row finds the row of a payment as it stands.
func (l *life) row(p *payment) id.Transaction {
	l.t.Helper()
	rows, err := postgres.Many[id.Transaction](l.t.Context(), l.pool, `
		select t.id from transactions t where t.user_id = @user and t.description = @text and t.amount = @amount and t.deleted_at is null`,
		postgres.Args{"user": l.user, "text": p.text, "amount": p.amount})
	if err != nil {
		l.t.Fatal(err)
	}
	if len(rows) != 1 {
		l.errorf("%s %s is shown %d times", p.text, p.amount, len(rows))
		return id.Transaction{}
	}
	return rows[0]
}

// known returns a payment that people see as it is now, or nil.
func (l *life) known() *payment {
	return l.bank.pick(func(p *payment) bool {
		return p.stored && !p.touched && !p.deleted && p.hidden == 0 && (!p.pending || !p.date.Before(l.bank.today.AddDate(0, 0, -11)))
	})
}

func (l *life) edit() {
	p := l.known()
	if p == nil {
		return
	}
	field := []string{activity.FieldMerchant, activity.FieldCategory, activity.FieldNote}[l.rng.IntN(3)]
	value := "mine " + strconv.Itoa(l.rng.IntN(1000))
	l.note("edit %s of %s", field, p.text)
	e := activity.Edit{}
	switch field {
	case activity.FieldMerchant:
		e.Merchant = &value
	case activity.FieldCategory:
		e.Category = &value
	default:
		e.Note = &value
	}
	row := l.row(p)
	if row.IsZero() {
		return
	}
	if _, err := l.activity.Edit(l.t.Context(), l.actor, row, e); err != nil {
		l.errorf("edit: %v", err)
	}
	if p.edits == nil {
		p.edits = map[string]string{}
	}
	p.edits[field] = value
}

func (l *life) delete() {
	p := l.known()
	if p == nil {
		return
	}
	l.note("delete %s", p.text)
	row := l.row(p)
	if row.IsZero() {
		return
	}
	if err := l.activity.Delete(l.t.Context(), l.actor, row); err != nil {
		l.errorf("delete: %v", err)
	}
	p.deleted = true
}

// settle lets the bank tell the whole truth until all is known: what it no
// longer lists needs two answers, what it withholds comes back.
func (l *life) settle() {
	l.note("all settles")
	l.bank.mu.Lock()
	l.bank.empty, l.bank.fails = 0, 0
	l.bank.mu.Unlock()
	for range 5 {
		l.exec(`update connections set last_full_at = null where id = @id`, postgres.Args{"id": l.connection})
		l.quietSync(connection.TriggerSchedule)
	}
}

// seen is a row that people see.
type seen struct {
	Account     string
	Status      string
	Amount      money.Decimal
	Date        time.Time
	Description string
	Merchant    string
	Category    string
	Note        string
}

func (l *life) check() {
	l.t.Helper()
	rows, err := postgres.Many[seen](l.t.Context(), l.pool, `
		select a.provider_account_id as account, t.status, t.amount, t.date, t.description, t.merchant, t.category, t.note
		from transactions t join accounts a on a.id = t.account_id
		where t.user_id = @user and t.deleted_at is null order by t.date, t.description`, postgres.Args{"user": l.user})
	if err != nil {
		l.t.Fatal(err)
	}
	want := slices.DeleteFunc(l.bank.truth(), func(p *payment) bool { return p.deleted })
	for _, p := range want {
		i := slices.IndexFunc(rows, func(r seen) bool { return r.Description == p.text })
		if i < 0 {
			l.errorf("(a) %s %s (%v) is missing", p.text, p.amount, p.ids)
			continue
		}
		l.compare(p, rows[i])
		rows = slices.Delete(rows, i, i+1)
	}
	for _, r := range rows {
		l.errorf("(a, e) %s %s %s is shown, but isn't the bank's, or was deleted", r.Status, r.Description, r.Amount)
	}
	l.checkBalances()
	before := l.fingerprint()
	l.quietSync(connection.TriggerSchedule)
	if after := l.fingerprint(); after != before {
		l.errorf("(c) syncing again changed something")
	}
}

func (l *life) compare(p *payment, r seen) {
	l.t.Helper()
	status := "posted"
	if p.pending {
		status = "pending"
	}
	if r.Status != status || !r.Amount.Equal(p.amount) || !r.Date.Equal(p.date) || r.Account != "acc"+strconv.Itoa(p.account) {
		l.errorf("(a) %s is shown as %+v, the bank says %s %s %s", p.text, r, status, p.amount, p.date)
	}
	for field, value := range p.edits {
		got := map[string]string{activity.FieldMerchant: r.Merchant, activity.FieldCategory: r.Category, activity.FieldNote: r.Note}[field]
		if got != value {
			l.errorf("(d) the %s of %s is %q, the person wrote %q", field, p.text, got, value)
		}
	}
}

// checkBalances checks (b) and that the dashboard is the sum of the accounts and
// the last point of the chart.
func (l *life) checkBalances() {
	l.t.Helper()
	sum := money.Zero
	for i := range l.bank.opening {
		a, err := postgres.One[struct {
			Balance, Drift, LastDay money.Decimal
		}](l.t.Context(), l.pool, `
			select a.balance, coalesce(a.drift, 0) as drift, (select d.balance from balance_days d where d.account_id = a.id order by d.day desc limit 1) as last_day
			from accounts a where a.user_id = @user and a.provider_account_id = @id`, postgres.Args{"user": l.user, "id": "acc" + strconv.Itoa(i)})
		if err != nil {
			l.t.Fatal(err)
		}
		ledger := l.bank.ledger(i)
		sum = sum.Add(ledger)
		if !a.Balance.Equal(ledger) || !a.Drift.IsZero() || !a.LastDay.Equal(ledger) {
			l.errorf("(b) ledger %s: balance %s, drift %s, last day %s", ledger, a.Balance, a.Drift, a.LastDay)
		}
	}
	worth := scalar[money.Decimal](l.person, `select net_worth from wealth where user_id = @user`, postgres.Args{"user": l.user})
	last := scalar[money.Decimal](l.person, `select net_worth from net_worth_days where user_id = @user order by day desc limit 1`, postgres.Args{"user": l.user})
	if !worth.Equal(sum) || !last.Equal(sum) {
		l.errorf("(b) the accounts hold %s, the headline says %s, the chart ends in %s", sum, worth, last)
	}
}

// fingerprint is a hash of all that a sync may change and people may see.
func (l *life) fingerprint() string {
	l.t.Helper()
	return scalar[string](l.person, `
		select md5(
			(select coalesce(string_agg(md5(t::text), '' order by t.id), '') from transactions t where t.user_id = @user) ||
			(select coalesce(string_agg(md5(p::text), '' order by p.account_id, p.provider_id), '') from provider_transactions p where p.user_id = @user) ||
			(select coalesce(string_agg(md5(d::text), '' order by d.account_id, d.day), '') from balance_days d where d.user_id = @user) ||
			(select coalesce(string_agg(md5(n::text), '' order by n.day), '') from net_worth_days n where n.user_id = @user) ||
			(select coalesce(string_agg(md5(a::text), '' order by a.id), '') from accounts a where a.user_id = @user) ||
			(select coalesce(string_agg(md5(w::text), ''), '') from wealth w where w.user_id = @user))`,
		postgres.Args{"user": l.user})
}
