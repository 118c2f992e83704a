package portfolio

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
)

// baseCurrency is the currency that a person wants to see totals in.
//
// This and the join of connections below (the health of an account is that of
// its connection) are the two places where this package reads another's table:
// both are wanted in the same transaction or the same round trip.
func baseCurrency(ctx context.Context, db postgres.DB, owner id.User) (money.Currency, error) {
	return postgres.Scalar[money.Currency](ctx, db, `select currency from users where id = @owner`, postgres.Args{"owner": owner})
}

const accountColumns = `a.id, a.connection_id, a.provider_account_id, a.sealed, a.kind, a.subtype,
	a.currency, a.status, a.balance, a.available, a.credit_limit, a.balance_as_of, a.opening_balance, a.drift,
	a.snapshot_id, a.watermark, a.hidden, a.match_mac, a.created_at, a.updated_at, c.provider, c.status as connection_status`

const accountsSQL = `
	select ` + accountColumns + `
	from accounts a left join connections c on c.user_id = a.user_id and c.id = a.connection_id and c.deleted_at is null
	where a.user_id = @owner and a.deleted_at is null
	order by a.created_at, a.id`

// accounts leaves closed what is sealed of them.
func accounts(ctx context.Context, db postgres.DB, owner id.User) ([]Account, error) {
	return postgres.Many[Account](ctx, db, accountsSQL, postgres.Args{"owner": owner})
}

func (s *Service) accounts(ctx context.Context, db postgres.DB, owner id.User) ([]Account, error) {
	list, err := accounts(ctx, db, owner)
	if err != nil {
		return nil, err
	}
	return list, s.open(ctx, owner, list)
}

func (s *Service) account(ctx context.Context, db postgres.DB, owner id.User, a id.Account) (Account, error) {
	found, err := postgres.One[Account](ctx, db, `
		select `+accountColumns+`
		from accounts a left join connections c on c.user_id = a.user_id and c.id = a.connection_id and c.deleted_at is null
		where a.user_id = @owner and a.id = @id and a.deleted_at is null`,
		postgres.Args{"owner": owner, "id": a})
	if err != nil {
		return Account{}, err
	}
	list := []Account{found}
	err = s.open(ctx, owner, list)
	return list[0], err
}

// wealthRow is the rollup as it is stored.
type wealthRow struct {
	Currency   money.Currency
	NetWorth   money.Decimal
	Assets     money.Decimal
	Debts      money.Decimal
	Bank       money.Decimal
	Investment money.Decimal
	Crypto     money.Decimal
	Accounts   int
	Counted    int
	Missing    []Missing
	AsOf       *time.Time
	FxDay      *time.Time
	UpdatedAt  time.Time
}

const wealthSQL = `
	select currency, net_worth, assets, debts, bank, investment, crypto, accounts, counted, missing, as_of, fx_day, updated_at
	from wealth where user_id = @owner`

// saveWealth reports whether a figure changed.
func saveWealth(ctx context.Context, tx pgx.Tx, owner id.User, w Wealth, fxDay *time.Time, now time.Time) (bool, error) {
	missing, err := json.Marshal(append([]Missing{}, w.Missing...))
	if err != nil {
		return false, err
	}
	n, err := postgres.Touch(ctx, tx, `
		insert into wealth (user_id, currency, net_worth, assets, debts, bank, investment, crypto, accounts, counted, missing, as_of, fx_day, updated_at)
		values (@owner, @currency, @net_worth, @assets, @debts, @bank, @investment, @crypto, @accounts, @counted, @missing, @as_of, @fx_day, @now)
		on conflict (user_id) do update set currency = excluded.currency, net_worth = excluded.net_worth, assets = excluded.assets,
			debts = excluded.debts, bank = excluded.bank, investment = excluded.investment, crypto = excluded.crypto,
			accounts = excluded.accounts, counted = excluded.counted, missing = excluded.missing, as_of = excluded.as_of,
			fx_day = excluded.fx_day, updated_at = excluded.updated_at
		where (wealth.currency, wealth.net_worth, wealth.assets, wealth.debts, wealth.bank, wealth.investment, wealth.crypto,
				wealth.accounts, wealth.counted, wealth.missing, wealth.as_of, wealth.fx_day)
			is distinct from (excluded.currency, excluded.net_worth, excluded.assets, excluded.debts, excluded.bank, excluded.investment,
				excluded.crypto, excluded.accounts, excluded.counted, excluded.missing, excluded.as_of, excluded.fx_day)`,
		postgres.Args{"owner": owner, "currency": w.Currency, "net_worth": w.NetWorth, "assets": w.Assets, "debts": w.Debts,
			"bank": w.Bank, "investment": w.Investment, "crypto": w.Crypto, "accounts": w.Accounts, "counted": w.Counted,
			"missing": missing, "as_of": w.AsOf, "fx_day": fxDay, "now": now})
	return n > 0, err
}

// Held is a position of an account's current snapshot.
type Held struct {
	AccountID id.Account
	Position
}

// currentPositions returns the positions of all current snapshots, or of one
// account's if account isn't zero.
func currentPositions(ctx context.Context, db postgres.DB, owner id.User, account id.Account) ([]Held, error) {
	return postgres.Many[Held](ctx, db, `
		select p.account_id, p.symbol, p.description, p.kind, p.quantity, p.price, p.cost_basis, p.multiplier, p.currency, p.cash_equivalent
		from accounts a join positions p on p.user_id = a.user_id and p.snapshot_id = a.snapshot_id
		where a.user_id = @owner and a.deleted_at is null and (@account::uuid is null or a.id = @account)
		order by a.created_at, p.account_id, p.ordinal`,
		postgres.Args{"owner": owner, "account": account})
}

// purse is cash of an account's current snapshot.
type purse struct {
	AccountID id.Account
	Cash
}

func currentCash(ctx context.Context, db postgres.DB, owner id.User, account id.Account) ([]purse, error) {
	return postgres.Many[purse](ctx, db, `
		select c.account_id, c.currency, c.cash, c.buying_power
		from accounts a join cash_balances c on c.user_id = a.user_id and c.snapshot_id = a.snapshot_id
		where a.user_id = @owner and a.deleted_at is null and (@account::uuid is null or a.id = @account)
		order by a.created_at, c.account_id, c.currency`,
		postgres.Args{"owner": owner, "account": account})
}

// first is the first snapshot of an account: what its past is worked out from.
type first struct {
	AccountID  id.Account
	SnapshotID id.Snapshot
	AsOf       time.Time
}

func firstSnapshots(ctx context.Context, db postgres.DB, owner id.User, of []id.Account) ([]first, error) {
	return postgres.Many[first](ctx, db, `
		select distinct on (account_id) account_id, id as snapshot_id, as_of
		from account_snapshots where user_id = @owner and account_id = any(@accounts::uuid[])
		order by account_id, created_at, id`,
		postgres.Args{"owner": owner, "accounts": of})
}

func snapshotPositions(ctx context.Context, db postgres.DB, owner id.User, s id.Snapshot) ([]Position, error) {
	return postgres.Many[Position](ctx, db, `
		select symbol, description, kind, quantity, price, cost_basis, multiplier, currency, cash_equivalent
		from positions where user_id = @owner and snapshot_id = @snapshot order by ordinal`,
		postgres.Args{"owner": owner, "snapshot": s})
}

func snapshotCash(ctx context.Context, db postgres.DB, owner id.User, s id.Snapshot) ([]Cash, error) {
	return postgres.Many[Cash](ctx, db, `
		select currency, cash, buying_power
		from cash_balances where user_id = @owner and snapshot_id = @snapshot order by currency`,
		postgres.Args{"owner": owner, "snapshot": s})
}

// dayRow is one account's balance on one day.
type dayRow struct {
	AccountID id.Account
	Day       time.Time
	Balance   money.Decimal
	Quality   Quality
}

func balanceDays(ctx context.Context, db postgres.DB, owner id.User, of []id.Account) ([]dayRow, error) {
	return postgres.Many[dayRow](ctx, db, `
		select account_id, day, balance, quality from balance_days
		where user_id = @owner and account_id = any(@accounts::uuid[]) order by account_id, day`,
		postgres.Args{"owner": owner, "accounts": of})
}

func saveBalanceDays(ctx context.Context, tx pgx.Tx, owner id.User, rows []dayRow, currencies map[id.Account]money.Currency) error {
	if len(rows) == 0 {
		return nil
	}
	var of []id.Account
	var on []time.Time
	var balances []money.Decimal
	var qualities, codes []string
	for _, r := range rows {
		of, on, balances = append(of, r.AccountID), append(on, r.Day), append(balances, r.Balance)
		qualities, codes = append(qualities, string(r.Quality)), append(codes, string(currencies[r.AccountID]))
	}
	return postgres.Exec(ctx, tx, `
		insert into balance_days (account_id, day, user_id, balance, currency, quality)
		select d.account_id, d.day, @owner::uuid, d.balance, d.currency, d.quality
		from unnest(@accounts::uuid[], @days::date[], @balances::numeric[], @currencies::text[], @qualities::text[])
			as d (account_id, day, balance, currency, quality)
		on conflict (account_id, day) do update set balance = excluded.balance, currency = excluded.currency, quality = excluded.quality
		where balance_days.user_id = excluded.user_id`,
		postgres.Args{"owner": owner, "accounts": of, "days": on, "balances": balances, "currencies": codes, "qualities": qualities})
}

// dropBalanceDays removes the days of an account before its first known one and
// after last.
func dropBalanceDays(ctx context.Context, tx pgx.Tx, owner id.User, a id.Account, first, last time.Time) error {
	return postgres.Exec(ctx, tx, `
		delete from balance_days where user_id = @owner and account_id = @account and (day < @first or day > @last)`,
		postgres.Args{"owner": owner, "account": a, "first": first, "last": last})
}

// carryForward gives every open account with a balance a row for each day up to
// today: what was last known, said to be estimated. It returns the first day it
// wrote.
func carryForward(ctx context.Context, tx pgx.Tx, owner id.User, today time.Time) ([]time.Time, error) {
	return postgres.Many[time.Time](ctx, tx, `
		insert into balance_days (account_id, day, user_id, balance, currency, quality)
		select a.id, d::date, a.user_id, coalesce(l.balance, a.balance), a.currency, 'estimated'
		from accounts a
		left join lateral (
			select b.day, b.balance from balance_days b
			where b.user_id = a.user_id and b.account_id = a.id order by b.day desc limit 1) l on true
		cross join lateral generate_series(coalesce(l.day + 1, @today::date), @today::date, interval '1 day') d
		where a.user_id = @owner and a.deleted_at is null and a.status = 'open' and coalesce(l.balance, a.balance) is not null
		on conflict (account_id, day) do nothing
		returning day`,
		postgres.Args{"owner": owner, "today": today})
}

// firstDay returns the first day that some balance is known of, or today.
func firstDay(ctx context.Context, db postgres.DB, owner id.User, today time.Time) (time.Time, error) {
	return postgres.Scalar[time.Time](ctx, db, `
		select coalesce(min(day), @today::date) from balance_days where user_id = @owner`,
		postgres.Args{"owner": owner, "today": today})
}

// daySum is what the accounts of one kind and currency held on one day.
type daySum struct {
	Day       time.Time
	Kind      Kind
	Currency  money.Currency
	Balance   money.Decimal
	Estimated bool
}

// daySums adds up balances by day. An account that wasn't known yet on a day
// counts with its first known balance, as estimated: it was there before Flint
// saw it, and a cliff where it appears would be a gain nobody made.
func daySums(ctx context.Context, db postgres.DB, owner id.User, from, to time.Time) ([]daySum, error) {
	return postgres.Many[daySum](ctx, db, `
		with shown as (
			select a.id, a.kind, a.currency, f.day as first_day, f.balance as first_balance
			from accounts a
			cross join lateral (
				select b.day, b.balance from balance_days b
				where b.user_id = a.user_id and b.account_id = a.id order by b.day limit 1) f
			where a.user_id = @owner and a.deleted_at is null and not a.hidden
		), span as (
			select d::date as day
			from generate_series(greatest(@from::date, (select min(first_day) from shown)), @to::date, interval '1 day') d
		)
		select s.day, a.kind, a.currency, sum(coalesce(b.balance, a.first_balance)) as balance,
			bool_or(b.balance is null or b.quality = 'estimated') as estimated
		from span s
		join shown a on true
		left join balance_days b on b.user_id = @owner and b.account_id = a.id and b.day = s.day
		where b.balance is not null or s.day < a.first_day
		group by s.day, a.kind, a.currency
		order by s.day, a.kind, a.currency`,
		postgres.Args{"owner": owner, "from": from, "to": to})
}

// NetDay is a person's net worth on one day.
type NetDay struct {
	Day      time.Time
	Currency money.Currency
	NetWorth money.Decimal
	Assets   money.Decimal
	Debts    money.Decimal
	Quality  Quality
}

func netWorthDays(ctx context.Context, db postgres.DB, owner id.User, from time.Time) ([]NetDay, error) {
	return postgres.Many[NetDay](ctx, db, `
		select day, currency, net_worth, assets, debts, quality from net_worth_days
		where user_id = @owner and day >= @from order by day`,
		postgres.Args{"owner": owner, "from": from})
}

func saveNetWorthDays(ctx context.Context, tx pgx.Tx, owner id.User, rows []NetDay) error {
	if len(rows) == 0 {
		return nil
	}
	var on []time.Time
	var net, assets, debts []money.Decimal
	var codes, qualities []string
	for _, r := range rows {
		on, net, assets, debts = append(on, r.Day), append(net, r.NetWorth), append(assets, r.Assets), append(debts, r.Debts)
		codes, qualities = append(codes, string(r.Currency)), append(qualities, string(r.Quality))
	}
	return postgres.Exec(ctx, tx, `
		insert into net_worth_days (user_id, day, currency, net_worth, assets, debts, quality)
		select @owner::uuid, d.day, d.currency, d.net_worth, d.assets, d.debts, d.quality
		from unnest(@days::date[], @currencies::text[], @net::numeric[], @assets::numeric[], @debts::numeric[], @qualities::text[])
			as d (day, currency, net_worth, assets, debts, quality)
		on conflict (user_id, day) do update set currency = excluded.currency, net_worth = excluded.net_worth,
			assets = excluded.assets, debts = excluded.debts, quality = excluded.quality`,
		postgres.Args{"owner": owner, "days": on, "currencies": codes, "net": net, "assets": assets, "debts": debts, "qualities": qualities})
}

// dropNetWorthDays removes the days before first and after last.
func dropNetWorthDays(ctx context.Context, tx pgx.Tx, owner id.User, first, last time.Time) error {
	return postgres.Exec(ctx, tx, `delete from net_worth_days where user_id = @owner and (day < @first or day > @last)`,
		postgres.Args{"owner": owner, "first": first, "last": last})
}

const beforeSQL = `
	select day, currency, net_worth, assets, debts, quality from net_worth_days
	where user_id = @owner and day < @today order by day desc limit 1`

// everybody lists the people who own an account.
func everybody(ctx context.Context, db postgres.DB) ([]id.User, error) {
	return postgres.Many[id.User](ctx, db, `select distinct user_id from accounts where deleted_at is null order by user_id`, nil)
}
