package ingest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"flint/internal/activity"
	"flint/internal/connection"
	"flint/internal/ingest"
	"flint/internal/money"
	"flint/internal/platform/outbound"
	"flint/internal/portfolio"
)

// payment is one real-world payment at the fake bank. Its identity is the
// pointer: ids come and go.
type payment struct {
	account int
	id      string
	pending bool
	amount  money.Decimal
	date    time.Time
	text    string
	link    string   // id of its pending record, told with the posted one
	ids     []string // every id it ever had
	touched bool     // changed since Flint last stored it; it is left alone until then
	told    bool     // it was in the last answer
	stored  bool     // Flint has stored it as it is now
	gone    bool
	hidden  int // answers it stays away from

	deleted bool              // by the person
	edits   map[string]string // by the person
}

// bank is a Feed that can emit any legal history. It is safe for two workers.
type bank struct {
	mu       sync.Mutex
	rng      *rand.Rand
	today    time.Time
	payments []*payment
	opening  []money.Decimal // by account
	next     int
	empty    int // answers that will lack all transactions
	fails    int // answers that will fail
	class    outbound.Class
	during   func() // called in the middle of a fetch
}

func newBank(seed uint64, today time.Time) *bank {
	b := &bank{rng: rand.New(rand.NewPCG(seed, 42)), today: today}
	for range 1 + b.rng.IntN(2) {
		b.opening = append(b.opening, decimal.New(b.rng.Int64N(1_000_000), -2))
	}
	for range b.rng.IntN(15) {
		b.post(b.today.AddDate(0, 0, -b.rng.IntN([]int{3, 200}[b.rng.IntN(2)])))
	}
	return b
}

func (b *bank) newID() string {
	b.next++
	return "t" + strconv.Itoa(b.next)
}

// fresh makes a payment of a sum that no other has.
func (b *bank) fresh(date time.Time) *payment {
	merchants := []string{"CORNER BAKERY", "SHELL OIL", "NETFLIX", "WHOLE FOODS", "ACME PAYROLL"}
	p := &payment{account: b.rng.IntN(len(b.opening)), id: b.newID(), date: date}
	p.text = merchants[b.rng.IntN(len(merchants))] + " " + strconv.Itoa(b.next)
	p.amount = decimal.New(int64(b.next)*1000+b.rng.Int64N(1000)-500_000, -2)
	p.ids = []string{p.id}
	b.payments = append(b.payments, p)
	return p
}

func (b *bank) post(date time.Time) *payment { return b.fresh(date) }

// pick returns a random payment that satisfies ok, or nil.
func (b *bank) pick(ok func(*payment) bool) *payment {
	var fit []*payment
	for _, p := range b.payments {
		if !p.gone && ok(p) {
			fit = append(fit, p)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[b.rng.IntN(len(fit))]
}

func (b *bank) recent(p *payment) bool { return !p.date.Before(b.today.AddDate(0, 0, -9)) }

// live does one random thing that banks do. It returns its name.
func (b *bank) live() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	acts := []struct {
		name string
		do   func()
	}{
		{"authorise", func() { b.fresh(b.today.AddDate(0, 0, -b.rng.IntN(2))).pending = true }},
		{"authorise", func() { b.fresh(b.today).pending = true }},
		{"post", func() { b.post(b.today) }},
		{"post late", func() { b.post(b.today.AddDate(0, 0, -b.rng.IntN(9))) }},
		{"settle", func() { b.settle(func(p *payment) {}) }},
		{"settle under a new id", func() { b.settle(func(p *payment) { b.rename(p) }) }},
		{"settle under a new id, linked", func() {
			b.settle(func(p *payment) {
				p.link = p.id
				b.rename(p)
				p.amount = p.amount.Mul(money.MustParse("1.18")).Round(2)
			})
		}},
		{"settle with a tip, same id", func() { b.settle(func(p *payment) { p.amount = p.amount.Mul(money.MustParse("1.2")).Round(2) }) }},
		{"settle with a tip under a new id", func() {
			b.settle(func(p *payment) { // nobody can know that it is the same
				p.gone = true
				q := b.fresh(p.date)
				q.account, q.text, q.amount = p.account, p.text, p.amount.Mul(money.MustParse("1.2")).Round(2)
			})
		}},
		{"void", func() {
			if p := b.pick(func(p *payment) bool { return p.pending }); p != nil {
				p.gone = true
			}
		}},
		{"vanish for a while, then post", func() {
			if p := b.pick(func(p *payment) bool { return p.pending && !p.touched && p.stored && b.recent(p) }); p != nil {
				p.hidden, p.pending = 1+b.rng.IntN(2), false
				b.rename(p)
				p.touched = true
			}
		}},
		{"reverse", func() {
			if p := b.pick(func(p *payment) bool { return !p.pending && b.recent(p) && b.others(p) }); p != nil {
				p.gone = true
			}
		}},
		{"withhold", func() {
			if p := b.pick(func(p *payment) bool { return !p.touched && p.stored && b.recent(p) }); p != nil {
				p.hidden, p.touched = 1+b.rng.IntN(2), true
			}
		}},
		{"correct the amount", func() {
			if p := b.pick(func(p *payment) bool { return !p.pending && !p.touched && b.recent(p) }); p != nil {
				p.amount, p.touched = p.amount.Add(money.MustParse("0.37")), true
			}
		}},
		{"correct the text", func() {
			if p := b.pick(func(p *payment) bool { return !p.pending && !p.touched && b.recent(p) }); p != nil {
				p.text, p.touched = p.text+" *", true
			}
		}},
		{"renumber a day", b.renumber},
		{"answer without transactions", func() { b.empty = 1 + b.rng.IntN(2) }},
		{"be down", func() {
			b.fails = 1 + b.rng.IntN(2)
			b.class = []outbound.Class{outbound.Transient, outbound.RateLimited, outbound.ProviderDown}[b.rng.IntN(3)]
		}},
	}
	act := acts[b.rng.IntN(len(acts))]
	act.do()
	return act.name
}

// others reports whether the account lists something else, too. An answer
// without any transaction proves nothing to Flint, so the last one can't be
// taken back.
func (b *bank) others(p *payment) bool {
	return slices.ContainsFunc(b.payments, func(q *payment) bool {
		return q != p && q.account == p.account && !q.gone && !q.pending && !q.date.Before(b.today.AddDate(0, 0, -50))
	})
}

func (b *bank) settle(how func(*payment)) {
	// Only what has been told of as it is now: else the bank would change two
	// things at once, and no one could tell what became of what.
	p := b.pick(func(p *payment) bool { return p.pending && !p.touched && p.hidden == 0 && b.recent(p) })
	if p == nil {
		return
	}
	how(p)
	p.pending, p.touched = false, true
	if later := p.date.AddDate(0, 0, b.rng.IntN(4)); !later.After(b.today) {
		p.date = later
	}
}

func (b *bank) rename(p *payment) {
	p.id = b.newID()
	p.ids = append(p.ids, p.id)
}

// renumber moves the ids of a day's posted payments round, as banks have done.
func (b *bank) renumber() {
	calm := func(p *payment) bool { return !p.pending && !p.touched && p.hidden == 0 && b.recent(p) }
	one := b.pick(func(p *payment) bool {
		return calm(p) && slices.ContainsFunc(b.payments, func(q *payment) bool {
			return q != p && !q.gone && calm(q) && q.account == p.account && q.date.Equal(p.date)
		})
	})
	if one == nil {
		return
	}
	var day []*payment
	for _, p := range b.payments {
		if !p.gone && calm(p) && p.account == one.account && p.date.Equal(one.date) {
			day = append(day, p)
		}
	}
	if len(day) < 2 {
		return
	}
	first := day[0].id
	for i, p := range day {
		p.id, p.touched = first, true
		if i+1 < len(day) {
			p.id = day[i+1].id
		}
		p.ids = append(p.ids, p.id)
	}
}

// ledger is what an account holds: what it opened with and all that is posted.
func (b *bank) ledger(account int) money.Decimal {
	sum := b.opening[account]
	for _, p := range b.payments {
		if p.account == account && !p.gone && !p.pending {
			sum = sum.Add(p.amount)
		}
	}
	return sum
}

// Fetch answers like a bank that lists newest first and pages.
func (b *bank) Fetch(ctx context.Context, _ connection.Connection, plan ingest.Plan, progress func(ingest.Progress)) (ingest.Fetched, error) {
	if err := ctx.Err(); err != nil {
		return ingest.Fetched{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails > 0 {
		b.fails--
		return ingest.Fetched{}, &outbound.Error{Provider: "teller", Op: "transactions", Class: b.class, Code: "test"}
	}
	if b.during != nil {
		b.during()
	}
	for _, p := range b.payments {
		p.told = false
	}
	var out ingest.Fetched
	for i := range b.opening {
		balance := b.ledger(i)
		f := ingest.FetchedAccount{Told: portfolio.Told{
			ProviderID: "acc" + strconv.Itoa(i), Name: "Checking " + strconv.Itoa(i), Institution: "Fake Bank", Kind: portfolio.Bank,
			Currency: "USD", Mask: fmt.Sprintf("%04d", i), Balance: &balance, AsOf: b.today.Add(17 * time.Hour),
		}}
		w := ingest.Window{From: ingest.TellerFrom(plan.Marks[f.Told.ProviderID], plan.Full), Complete: true}
		f.Window = &w
		if b.empty == 0 {
			f.Records = b.list(i, w)
		}
		out.Accounts = append(out.Accounts, f)
	}
	if b.empty > 0 {
		b.empty--
	} else {
		for _, p := range b.payments {
			p.hidden = max(0, p.hidden-1)
		}
	}
	progress(ingest.Progress{Phase: ingest.PhaseTransactions, Accounts: len(out.Accounts)})
	return out, nil
}

// list returns an account's records in the window; now and then a page shifted
// and some come twice.
func (b *bank) list(account int, w ingest.Window) []activity.Record {
	var records []activity.Record
	for _, p := range b.payments {
		if p.account != account || p.gone || p.hidden > 0 || !w.Covers(p.date) {
			continue
		}
		p.told = true
		r := activity.Record{ID: p.id, PendingOf: p.link, Status: activity.Posted, Amount: p.amount, Currency: "USD", Date: p.date,
			Details: activity.Details{Description: p.text, Merchant: strings.ToLower(p.text), Category: "general"}}
		if p.pending {
			r.Status = activity.Pending
		}
		records = append(records, r)
	}
	slices.SortFunc(records, func(x, y activity.Record) int { return y.Date.Compare(x.Date) })
	if len(records) > 0 && b.rng.IntN(4) == 0 {
		records = append(records, records[b.rng.IntN(len(records)):]...)
		b.rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	}
	return records
}

// truth is what people should see: everything posted, and what is pending and
// not older than two weeks.
func (b *bank) truth() []*payment {
	var out []*payment
	for _, p := range b.payments {
		if !p.gone && (!p.pending || !p.date.Before(b.today.AddDate(0, 0, -14))) {
			out = append(out, p)
		}
	}
	return out
}

// stored is called when Flint has stored the last answer.
func (b *bank) stored() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.payments {
		if p.told {
			p.touched, p.stored = false, true
		}
	}
}
