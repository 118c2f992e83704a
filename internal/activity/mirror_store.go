package activity

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
)

// mirrorRow is a row of provider_transactions.
type mirrorRow struct {
	AccountID  id.Account
	ProviderID string
	Status     Status
	Amount     money.Decimal
	Currency   money.Currency
	Date       time.Time
	Sealed     []byte // Details
	PendingOf  *string
	Absences   int
	Removed    bool
}

// mirrorAround reads every generation of the wanted ids, everything in the
// windows and the eight days before, and all that is pending.
func mirrorAround(ctx context.Context, tx pgx.Tx, keyring *envelope.Keys, owner id.User, wants []Want) ([]Mirrored, error) {
	var of, idsOf []id.Account
	var from []time.Time
	var ids []string
	for _, w := range wants {
		of, from = append(of, w.Account), append(from, w.From)
		for _, x := range w.IDs {
			idsOf, ids = append(idsOf, w.Account), append(ids, x)
		}
	}
	rows, err := postgres.Many[mirrorRow](ctx, tx, `
		with wants as (
			select account_id, first from unnest(@accounts::uuid[], @from::date[]) as w (account_id, first)
		), ids as (
			select account_id, provider_id from unnest(@ids_of::uuid[], @ids::text[]) as i (account_id, provider_id)
		)
		select p.account_id, p.provider_id, p.status, p.amount, p.currency, p.date, p.sealed, p.pending_of,
			p.absences, p.removed_at is not null as removed
		from wants w join provider_transactions p on p.account_id = w.account_id and p.user_id = @owner
		where p.date >= w.first - 8 or (p.status = 'pending' and p.removed_at is null) or p.provider_id like '%#%'
			or exists (select 1 from ids i where i.account_id = p.account_id and i.provider_id = p.provider_id)
		order by p.account_id, p.provider_id`,
		postgres.Args{"owner": owner, "accounts": of, "from": from, "ids_of": idsOf, "ids": ids})
	if err != nil {
		return nil, err
	}
	out := make([]Mirrored, len(rows))
	for i, r := range rows {
		m := Mirrored{Account: r.AccountID, Key: r.ProviderID, Absences: r.Absences, Removed: r.Removed}
		m.ID = baseID(r.ProviderID)
		m.Status, m.Amount, m.Currency, m.Date = r.Status, r.Amount, r.Currency, r.Date
		if r.PendingOf != nil {
			m.PendingOf = *r.PendingOf
		}
		if err := keyring.Unpack(ctx, mirrorRef(owner, r.AccountID, r.ProviderID), r.Sealed, &m.Details); err != nil {
			return nil, fmt.Errorf("record %s: %w", r.ProviderID, err)
		}
		out[i] = m
	}
	return out, nil
}

func saveMirror(ctx context.Context, tx pgx.Tx, keyring *envelope.Keys, owner id.User, mirror []Mirrored, now time.Time) error {
	if len(mirror) == 0 {
		return nil
	}
	var c struct {
		of                       []id.Account
		keys, states, currencies []string
		sealed                   [][]byte
		amounts                  []money.Decimal
		days                     []time.Time
		links                    []*string
		absences                 []int32
		removed                  []bool
	}
	for _, m := range mirror {
		sealed, err := keyring.Pack(ctx, mirrorRef(owner, m.Account, m.Key), m.Details)
		if err != nil {
			return err
		}
		c.of, c.keys, c.states = append(c.of, m.Account), append(c.keys, m.Key), append(c.states, string(m.Status))
		c.currencies, c.sealed = append(c.currencies, string(m.Currency)), append(c.sealed, sealed)
		c.amounts, c.days, c.links = append(c.amounts, m.Amount), append(c.days, m.Date), append(c.links, optional(m.PendingOf))
		c.absences, c.removed = append(c.absences, int32(m.Absences)), append(c.removed, m.Removed)
	}
	return postgres.Exec(ctx, tx, `
		insert into provider_transactions (account_id, provider_id, user_id, status, amount, currency, date, sealed,
			pending_of, first_seen, last_seen, absences, removed_at)
		select t.account_id, t.provider_id, @owner::uuid, t.status, t.amount, t.currency, t.date, t.sealed,
			t.pending_of, @now::timestamptz, @now, t.absences, case when t.removed then @now end
		from unnest(@accounts::uuid[], @keys::text[], @states::text[], @amounts::numeric[], @currencies::text[], @days::date[],
				@sealed::bytea[], @links::text[], @absences::int[], @removed::bool[])
			as t (account_id, provider_id, status, amount, currency, date, sealed, pending_of, absences, removed)
		order by t.account_id, t.provider_id
		on conflict (account_id, provider_id) do update set status = excluded.status, amount = excluded.amount, currency = excluded.currency,
			date = excluded.date, sealed = excluded.sealed, pending_of = excluded.pending_of,
			last_seen = case when excluded.absences = 0 then excluded.last_seen else provider_transactions.last_seen end,
			absences = excluded.absences, removed_at = case when excluded.removed_at is null then null
				else coalesce(provider_transactions.removed_at, excluded.removed_at) end
		where provider_transactions.user_id = excluded.user_id`,
		postgres.Args{"owner": owner, "now": now, "accounts": c.of, "keys": c.keys, "states": c.states, "amounts": c.amounts,
			"currencies": c.currencies, "days": c.days, "sealed": c.sealed, "links": c.links,
			"absences": c.absences, "removed": c.removed})
}

// accountSum is a sum of one account.
type accountSum struct {
	AccountID id.Account
	Amount    money.Decimal
}

func postedSums(ctx context.Context, db postgres.DB, owner id.User, of []id.Account) ([]accountSum, error) {
	return postgres.Many[accountSum](ctx, db, `
		select account_id, sum(amount) as amount from provider_transactions
		where user_id = @owner and account_id = any(@accounts::uuid[]) and status = 'posted' and removed_at is null
		group by account_id`,
		postgres.Args{"owner": owner, "accounts": of})
}

func erase(ctx context.Context, tx pgx.Tx, owner id.User, of []id.Account) error {
	args := postgres.Args{"owner": owner, "accounts": of}
	err := postgres.Exec(ctx, tx, `delete from transactions where user_id = @owner and account_id = any(@accounts::uuid[])`, args)
	if err != nil {
		return err
	}
	return postgres.Exec(ctx, tx, `delete from provider_transactions where user_id = @owner and account_id = any(@accounts::uuid[])`, args)
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
