package ingest_test

import (
	"slices"
	"strconv"
	"time"

	"flint/internal/activity"
	"flint/internal/connection"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
)

// seen is a row that people see.
type seen struct {
	ID       id.Transaction
	Account  string
	Status   string
	Amount   money.Decimal
	Date     time.Time
	Category string
	Sealed   []byte
	said     activity.Words
}

// seen lists the rows that people see.
func (l *life) seen() []seen {
	l.t.Helper()
	rows, err := postgres.Many[seen](l.t.Context(), l.pool, `
		select t.id, a.provider_account_id as account, t.status, t.amount, t.date, t.category, t.sealed
		from transactions t join accounts a on a.id = t.account_id
		where t.user_id = @user and t.deleted_at is null order by t.date, t.id`, postgres.Args{"user": l.user})
	for i := 0; i < len(rows) && err == nil; i++ {
		rows[i].said, err = activity.OpenWords(l.t.Context(), l.keys, l.user, rows[i].ID, rows[i].Sealed)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return rows
}

func (l *life) check() {
	l.t.Helper()
	rows := l.seen()
	want := slices.DeleteFunc(l.bank.truth(), func(p *payment) bool { return p.deleted })
	for _, p := range want {
		i := slices.IndexFunc(rows, func(r seen) bool { return r.said.Description == p.text })
		if i < 0 {
			l.errorf("(a) %s %s (%v) is missing", p.text, p.amount, p.ids)
			continue
		}
		l.compare(p, rows[i])
		rows = slices.Delete(rows, i, i+1)
	}
	for _, r := range rows {
		l.errorf("(a, e) %s %s %s is shown, but isn't the bank's, or was deleted", r.Status, r.said.Description, r.Amount)
	}
	l.checkBalances()
	l.checkKeys()
	before := l.fingerprint()
	l.quietSync(connection.TriggerSchedule)
	if after := l.fingerprint(); after != before {
		l.errorf("(c) syncing again changed something")
	}
}

// checkKeys compares the keys, which triggers keep, with the rows that have them.
func (l *life) checkKeys() {
	l.t.Helper()
	off, err := postgres.Many[string](l.t.Context(), l.pool, `
		with said as (
			select t.account_id, k.kind, k.key, t.user_id, t.id
			from transactions t, lateral (values ('posted', t.posted_ptx), ('pending', t.pending_ptx), ('import', t.import_key)) k (kind, key)
			where k.key is not null
		), kept as (
			select account_id, kind, key, user_id, transaction_id from transaction_keys
		)
		select x::text from ((table said except table kept) union all (table kept except table said)) x`, nil)
	if err != nil || len(off) > 0 {
		l.errorf("(a) keys and rows differ: %q, %v", off, err)
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
		got := map[string]string{activity.FieldMerchant: r.said.Merchant, activity.FieldCategory: r.Category, activity.FieldNote: r.said.Note}[field]
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
