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
				newLife(t, w, uint64(seed+i)).run(40)
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
	l := &life{seed: seed, rng: rand.New(rand.NewPCG(seed, 7)), bank: b}
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

// crash ends a sync at a random step, by an error or a panic, and lets the lease
// run out.
func (l *life) crash() {
	left, panics := l.rng.IntN(11), l.rng.IntN(2) == 0
	l.note("crash after step %d, panic: %v", left, panics)
	l.onCommit(func(context.Context, string) error {
		if left--; left >= 0 {
			return nil
		}
		if panics {
			panic(errCrash)
		}
		return errCrash
	})
	defer func() {
		if v := recover(); v != nil && v != any(errCrash) {
			panic(v)
		}
		l.onCommit(nil)
		l.clock.pass(connection.LeaseTime + time.Second)
	}()
	if err := l.ingest.Sync(l.t.Context(), l.connection, connection.TriggerSchedule); err != nil && !errors.Is(err, errCrash) {
		l.errorf("crashed sync: %v", err)
	}
}

// killed ends a sync at a random statement, as kill -9 does, or the connection
// that the statement goes through.
func (l *life) killed() {
	n := l.rng.IntN(40)
	var terminate func(context.Context, uint32)
	if l.rng.IntN(2) == 0 {
		terminate = func(ctx context.Context, pid uint32) {
			if _, err := postgres.Scalar[bool](ctx, l.pool, `select pg_terminate_backend(@pid, 2000)`, postgres.Args{"pid": int32(pid)}); err != nil {
				l.errorf("terminate: %v", err)
			}
		}
	}
	l.note("killed at statement %d, connection alone: %v", n, terminate != nil)
	l.onCommit(nil)
	l.kill.arm(n, terminate)
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
	rows := slices.DeleteFunc(l.seen(), func(r seen) bool { return r.said.Description != p.text || !r.Amount.Equal(p.amount) })
	if len(rows) != 1 {
		l.errorf("%s %s is shown %d times", p.text, p.amount, len(rows))
		return id.Transaction{}
	}
	return rows[0].ID
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
