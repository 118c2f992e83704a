package portfolio

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
)

// saveAccounts inserts or updates whole rows in one statement; rows that say
// nothing new aren't written. Hidden, which people set, isn't among the columns
// that an update sets; the nickname that they give goes with the other words.
func (s *Service) saveAccounts(ctx context.Context, tx pgx.Tx, owner id.User, rows []Account, now time.Time) error {
	var c struct {
		ids                                 []id.Account
		connections                         []id.Connection
		providerIDs                         []*string
		kinds, subtypes, currencies, states []string
		sealed, macs                        [][]byte
		balances, available, limits         []*money.Decimal
		asOf                                []*time.Time
		marks                               []string
	}
	for _, a := range rows {
		c.ids, c.connections, c.providerIDs = append(c.ids, a.ID), append(c.connections, a.ConnectionID), append(c.providerIDs, a.ProviderAccountID)
		sealed, err := s.seal(ctx, owner, a)
		if err != nil {
			return err
		}
		c.sealed, c.macs, c.kinds = append(c.sealed, sealed), append(c.macs, a.MatchMac), append(c.kinds, string(a.Kind))
		c.subtypes, c.currencies = append(c.subtypes, a.Subtype), append(c.currencies, string(a.Currency))
		c.states, c.marks = append(c.states, a.Status), append(c.marks, string(a.Watermark))
		c.balances, c.available, c.limits = append(c.balances, a.Balance), append(c.available, a.Available), append(c.limits, a.CreditLimit)
		c.asOf = append(c.asOf, a.BalanceAsOf)
	}
	return postgres.Exec(ctx, tx, `
		insert into accounts (id, user_id, connection_id, provider_account_id, sealed, kind, subtype, currency,
			status, balance, available, credit_limit, balance_as_of, watermark, match_mac, created_at, updated_at)
		select t.id, @owner::uuid, t.connection_id, t.provider_account_id, t.sealed, t.kind, t.subtype, t.currency,
			t.status, t.balance, t.available, t.credit_limit, t.balance_as_of, t.watermark::jsonb, t.match_mac, @now, @now
		from unnest(@ids::uuid[], @connections::uuid[], @provider_ids::text[], @sealed::bytea[], @kinds::text[],
				@subtypes::text[], @currencies::text[], @states::text[], @balances::numeric[], @available::numeric[],
				@limits::numeric[], @as_of::timestamptz[], @marks::text[], @macs::bytea[])
			as t (id, connection_id, provider_account_id, sealed, kind, subtype, currency, status, balance,
				available, credit_limit, balance_as_of, watermark, match_mac)
		on conflict (id) do update set connection_id = excluded.connection_id, provider_account_id = excluded.provider_account_id,
			sealed = coalesce(excluded.sealed, accounts.sealed), kind = excluded.kind, subtype = excluded.subtype,
			currency = excluded.currency, status = excluded.status, balance = excluded.balance,
			available = excluded.available, credit_limit = excluded.credit_limit, balance_as_of = excluded.balance_as_of,
			match_mac = excluded.match_mac, updated_at = excluded.updated_at
		where accounts.user_id = excluded.user_id and (excluded.sealed is not null
			or (accounts.connection_id, accounts.provider_account_id, accounts.kind, accounts.subtype, accounts.currency, accounts.status,
				accounts.balance, accounts.available, accounts.credit_limit, accounts.balance_as_of, accounts.match_mac)
			is distinct from (excluded.connection_id, excluded.provider_account_id, excluded.kind,
				excluded.subtype, excluded.currency, excluded.status, excluded.balance, excluded.available,
				excluded.credit_limit, excluded.balance_as_of, excluded.match_mac))`,
		postgres.Args{"owner": owner, "now": now, "ids": c.ids, "connections": c.connections, "provider_ids": c.providerIDs,
			"sealed": c.sealed, "kinds": c.kinds, "subtypes": c.subtypes, "currencies": c.currencies, "states": c.states, "balances": c.balances, "available": c.available, "limits": c.limits, "as_of": c.asOf,
			"marks": c.marks, "macs": c.macs})
}

// snapshot is a set of positions and net cash on its way to the database.
type snapshot struct {
	ID        id.Snapshot
	Account   id.Account
	AsOf      time.Time
	Total     *money.Decimal
	Positions []Position
	Cash      []Cash
}

// insertSnapshots writes snapshots in whole and points their accounts to them.
func insertSnapshots(ctx context.Context, tx pgx.Tx, owner id.User, snaps []snapshot, now time.Time) error {
	var ids []id.Snapshot
	var of []id.Account
	var asOf []time.Time
	var totals []*money.Decimal
	for _, s := range snaps {
		ids, of, asOf, totals = append(ids, s.ID), append(of, s.Account), append(asOf, s.AsOf), append(totals, s.Total)
	}
	err := postgres.Exec(ctx, tx, `
		insert into account_snapshots (id, user_id, account_id, as_of, complete, total, created_at)
		select t.id, @owner::uuid, t.account_id, t.as_of, true, t.total, @now
		from unnest(@ids::uuid[], @accounts::uuid[], @as_of::timestamptz[], @totals::numeric[]) as t (id, account_id, as_of, total)`,
		postgres.Args{"owner": owner, "now": now, "ids": ids, "accounts": of, "as_of": asOf, "totals": totals})
	if err != nil {
		return err
	}
	if err := insertPositions(ctx, tx, owner, snaps); err != nil {
		return err
	}
	if err := insertCash(ctx, tx, owner, snaps); err != nil {
		return err
	}
	return postgres.Exec(ctx, tx, `
		update accounts a set snapshot_id = t.id
		from unnest(@ids::uuid[], @accounts::uuid[]) as t (id, account_id)
		where a.user_id = @owner and a.id = t.account_id`,
		postgres.Args{"owner": owner, "ids": ids, "accounts": of})
}

func insertPositions(ctx context.Context, tx pgx.Tx, owner id.User, snaps []snapshot) error {
	var snapshots []id.Snapshot
	var of []id.Account
	var ordinals []int32
	var symbols, descriptions, kinds, currencies []string
	var quantities, multipliers []money.Decimal
	var prices, costs []*money.Decimal
	var equivalents []bool
	for _, s := range snaps {
		for i, p := range s.Positions {
			snapshots, of, ordinals = append(snapshots, s.ID), append(of, s.Account), append(ordinals, int32(i))
			symbols, descriptions, kinds = append(symbols, p.Symbol), append(descriptions, p.Description), append(kinds, p.Kind)
			currencies, quantities, multipliers = append(currencies, string(p.Currency)), append(quantities, p.Quantity), append(multipliers, p.Multiplier)
			prices, costs, equivalents = append(prices, p.Price), append(costs, p.CostBasis), append(equivalents, p.CashEquivalent)
		}
	}
	if len(snapshots) == 0 {
		return nil
	}
	return postgres.Exec(ctx, tx, `
		insert into positions (snapshot_id, user_id, account_id, ordinal, symbol, description, kind, quantity, price, cost_basis, multiplier, currency, cash_equivalent)
		select t.snapshot_id, @owner::uuid, t.account_id, t.ordinal, t.symbol, t.description, t.kind, t.quantity, t.price, t.cost_basis, t.multiplier, t.currency, t.cash_equivalent
		from unnest(@snapshots::uuid[], @accounts::uuid[], @ordinals::int[], @symbols::text[], @descriptions::text[], @kinds::text[],
				@quantities::numeric[], @prices::numeric[], @costs::numeric[], @multipliers::numeric[], @currencies::text[], @equivalents::bool[])
			as t (snapshot_id, account_id, ordinal, symbol, description, kind, quantity, price, cost_basis, multiplier, currency, cash_equivalent)`,
		postgres.Args{"owner": owner, "snapshots": snapshots, "accounts": of, "ordinals": ordinals, "symbols": symbols,
			"descriptions": descriptions, "kinds": kinds, "quantities": quantities, "prices": prices, "costs": costs,
			"multipliers": multipliers, "currencies": currencies, "equivalents": equivalents})
}

func insertCash(ctx context.Context, tx pgx.Tx, owner id.User, snaps []snapshot) error {
	var snapshots []id.Snapshot
	var of []id.Account
	var currencies []string
	var cash []money.Decimal
	var power []*money.Decimal
	for _, s := range snaps {
		for _, c := range s.Cash {
			snapshots, of, currencies = append(snapshots, s.ID), append(of, s.Account), append(currencies, string(c.Currency))
			cash, power = append(cash, c.Cash), append(power, c.BuyingPower)
		}
	}
	if len(snapshots) == 0 {
		return nil
	}
	return postgres.Exec(ctx, tx, `
		insert into cash_balances (snapshot_id, user_id, account_id, currency, cash, buying_power)
		select t.snapshot_id, @owner::uuid, t.account_id, t.currency, t.cash, t.buying_power
		from unnest(@snapshots::uuid[], @accounts::uuid[], @currencies::text[], @cash::numeric[], @power::numeric[])
			as t (snapshot_id, account_id, currency, cash, buying_power)`,
		postgres.Args{"owner": owner, "snapshots": snapshots, "accounts": of, "currencies": currencies, "cash": cash, "power": power})
}

func pruneSnapshots(ctx context.Context, tx pgx.Tx, owner id.User, current []snapshot) error {
	var of []id.Account
	var keep []id.Snapshot
	for _, s := range current {
		of, keep = append(of, s.Account), append(keep, s.ID)
	}
	return postgres.Exec(ctx, tx, `
		delete from account_snapshots s
		where s.user_id = @owner and s.account_id = any(@accounts::uuid[]) and s.id <> all(@keep::uuid[])
			and exists (select 1 from account_snapshots o
				where o.user_id = s.user_id and o.account_id = s.account_id and (o.created_at, o.id) < (s.created_at, s.id))`,
		postgres.Args{"owner": owner, "accounts": of, "keep": keep})
}

func saveMarks(ctx context.Context, tx pgx.Tx, owner id.User, marks []Mark, now time.Time) error {
	var of []id.Account
	var watermarks []string
	var openings, drifts []*money.Decimal
	var closed []bool
	for _, m := range marks {
		of, watermarks, closed = append(of, m.Account), append(watermarks, string(m.Watermark)), append(closed, m.Closed)
		openings, drifts = append(openings, m.Opening), append(drifts, m.Drift)
	}
	return postgres.Exec(ctx, tx, `
		update accounts a set watermark = t.watermark::jsonb, opening_balance = coalesce(a.opening_balance, t.opening),
			drift = coalesce(t.drift, a.drift),
			status = case when t.closed then 'closed' else a.status end, updated_at = @now
		from unnest(@accounts::uuid[], @watermarks::text[], @openings::numeric[], @drifts::numeric[], @closed::bool[])
			as t (account_id, watermark, opening, drift, closed)
		where a.user_id = @owner and a.id = t.account_id
			and (a.watermark, a.opening_balance, a.drift, a.status) is distinct from
				(t.watermark::jsonb, coalesce(a.opening_balance, t.opening), coalesce(t.drift, a.drift), case when t.closed then 'closed' else a.status end)`,
		postgres.Args{"owner": owner, "now": now, "accounts": of, "watermarks": watermarks, "openings": openings, "drifts": drifts, "closed": closed})
}

func retireAccounts(ctx context.Context, tx pgx.Tx, owner id.User, connection id.Connection, keep bool, now time.Time) ([]id.Account, error) {
	return postgres.Many[id.Account](ctx, tx, `
		update accounts set status = 'closed', updated_at = @now::timestamptz, deleted_at = case when @keep::bool then null else @now::timestamptz end
		where user_id = @owner and connection_id = @connection and deleted_at is null
		returning id`,
		postgres.Args{"owner": owner, "connection": connection, "keep": keep, "now": now})
}

// erasePast deletes the figures of accounts.
func erasePast(ctx context.Context, tx pgx.Tx, owner id.User, of []id.Account) error {
	args := postgres.Args{"owner": owner, "accounts": of}
	err := postgres.Exec(ctx, tx, `delete from balance_days where user_id = @owner and account_id = any(@accounts::uuid[])`, args)
	if err != nil {
		return err
	}
	return postgres.Exec(ctx, tx, `delete from account_snapshots where user_id = @owner and account_id = any(@accounts::uuid[])`, args)
}

func dropManual(ctx context.Context, tx pgx.Tx, owner id.User, a id.Account, now time.Time) error {
	n, err := postgres.Touch(ctx, tx, `
		update accounts set deleted_at = @now, updated_at = @now
		where user_id = @owner and id = @id and connection_id is null and deleted_at is null`,
		postgres.Args{"owner": owner, "id": a, "now": now})
	if err == nil && n == 0 {
		return ErrUnknownAccount
	}
	return err
}

func stateBalance(ctx context.Context, tx pgx.Tx, owner id.User, a id.Account, balance money.Decimal, asOf, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		update accounts set balance = @balance, balance_as_of = @as_of, updated_at = @now
		where user_id = @owner and id = @id and connection_id is null and deleted_at is null
			and (balance_as_of is null or balance_as_of <= @as_of)`,
		postgres.Args{"owner": owner, "id": a, "balance": balance, "as_of": asOf, "now": now})
}

// revalue stores balances that were worked out from positions and cash, and how
// far the provider's own totals are from them.
func revalue(ctx context.Context, tx pgx.Tx, owner id.User, rows []Account) error {
	var of []id.Account
	var balances []*money.Decimal
	for _, a := range rows {
		of, balances = append(of, a.ID), append(balances, a.Balance)
	}
	if len(of) == 0 {
		return nil
	}
	return postgres.Exec(ctx, tx, `
		update accounts a set balance = t.balance, drift = s.total - t.balance
		from unnest(@accounts::uuid[], @balances::numeric[]) as t (account_id, balance), account_snapshots s
		where a.user_id = @owner and a.id = t.account_id and s.user_id = a.user_id and s.id = a.snapshot_id
			and (a.balance, a.drift) is distinct from (t.balance, s.total - t.balance)`,
		postgres.Args{"owner": owner, "accounts": of, "balances": balances})
}

// rewrite sets what people may set: the words, sealed, and whether the account is
// hidden. Nil leaves as it is.
func rewrite(ctx context.Context, tx pgx.Tx, owner id.User, a id.Account, sealed []byte, hidden *bool, now time.Time) error {
	return postgres.Exec(ctx, tx, `
		update accounts set sealed = coalesce(@sealed::bytea, sealed), hidden = coalesce(@hidden::bool, hidden), updated_at = @now
		where user_id = @owner and id = @id and deleted_at is null`,
		postgres.Args{"owner": owner, "id": a, "sealed": sealed, "hidden": hidden, "now": now})
}
