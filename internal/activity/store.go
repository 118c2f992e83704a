package activity

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
)

// storedRow is a Row as its columns are.
type storedRow struct {
	ID         id.Transaction
	AccountID  id.Account
	PendingPtx *string
	PostedPtx  *string
	Source     Source
	Status     Status
	Amount     money.Decimal
	Currency   money.Currency
	Date       time.Time
	Sealed     []byte // Words
	Category   string
	Kind       string
	Symbol     string
	Quantity   *money.Decimal
	Price      *money.Decimal
	Fee        *money.Decimal
	Locked     []string
	MaybeDupOf id.Transaction
	DeletedBy  *string
}

// rowsAround reads and locks every row that rests on mirror, and the rows in the
// windows that no provider has claimed.
func rowsAround(ctx context.Context, tx pgx.Tx, keyring *envelope.Keys, owner id.User, wants []Want, mirror []Mirrored) ([]Row, error) {
	var of, keysOf []id.Account
	var from []time.Time
	var keys []string
	for _, w := range wants {
		of, from = append(of, w.Account), append(from, w.From)
	}
	for _, m := range mirror {
		keysOf, keys = append(keysOf, m.Account), append(keys, m.Key)
	}
	stored, err := postgres.Many[storedRow](ctx, tx, `
		with wants as (
			select account_id, first from unnest(@accounts::uuid[], @from::date[]) as w (account_id, first)
		), keys as (
			select account_id, key from unnest(@keys_of::uuid[], @keys::text[]) as k (account_id, key)
		)
		select id, account_id, pending_ptx, posted_ptx, source, status, amount, currency, date, sealed, category, kind,
			symbol, quantity, price, fee, locked, maybe_dup_of, deleted_by
		from transactions
		where user_id = @owner and id = any(array(
			select t.transaction_id from keys k join transaction_keys t on t.account_id = k.account_id and t.key = k.key and t.kind in ('posted', 'pending')
			union
			select t.id from wants w join transactions t on t.account_id = w.account_id
			where t.posted_ptx is null and t.pending_ptx is null and t.date >= w.first))
		order by id
		for update`,
		postgres.Args{"owner": owner, "accounts": of, "from": from, "keys_of": keysOf, "keys": keys})
	if err != nil {
		return nil, err
	}
	rows := make([]Row, len(stored))
	for i, s := range stored {
		w, err := OpenWords(ctx, keyring, owner, s.ID, s.Sealed)
		if err != nil {
			return nil, fmt.Errorf("transaction %s: %w", s.ID, err)
		}
		r := Row{ID: s.ID, Account: s.AccountID, Source: s.Source, Status: s.Status, Amount: s.Amount, Currency: s.Currency, Date: s.Date,
			Note: w.Note, Locked: s.Locked, MaybeDupOf: s.MaybeDupOf, Details: Details{Description: w.Description, Merchant: w.Merchant,
				Category: s.Category, Kind: s.Kind, Symbol: s.Symbol, Quantity: s.Quantity, Price: s.Price, Fee: s.Fee}}
		r.PendingKey, r.PostedKey, r.DeletedBy = text(s.PendingPtx), text(s.PostedPtx), Deleter(text(s.DeletedBy))
		rows[i] = r
	}
	return rows, nil
}

// saveRows inserts or updates rows. What is sealed is written whole: rows that were
// there have been locked since they were read (rowsAround), so what a person has
// written on them is in them.
func saveRows(ctx context.Context, tx pgx.Tx, keyring *envelope.Keys, owner id.User, rows []Row, now time.Time) error {
	if len(rows) == 0 {
		return nil
	}
	var c struct {
		ids                                              []id.Transaction
		of                                               []id.Account
		pending, posted, deleted                         []*string
		sources, states, currencies, categories, k, symb []string
		sealed                                           [][]byte
		amounts                                          []money.Decimal
		days                                             []time.Time
		quantities, prices, fees                         []*money.Decimal
		dups                                             []id.Transaction
	}
	for _, r := range rows {
		c.ids, c.of = append(c.ids, r.ID), append(c.of, r.Account)
		c.pending, c.posted = append(c.pending, optional(r.PendingKey)), append(c.posted, optional(r.PostedKey))
		c.deleted, c.dups = append(c.deleted, optional(string(r.DeletedBy))), append(c.dups, r.MaybeDupOf)
		c.sources, c.states, c.currencies = append(c.sources, string(r.Source)), append(c.states, string(r.Status)), append(c.currencies, string(r.Currency))
		sealed, err := keyring.Pack(ctx, wordsRef(owner, r.ID), Words{r.Description, r.Merchant, r.Note})
		if err != nil {
			return err
		}
		c.sealed, c.categories = append(c.sealed, sealed), append(c.categories, r.Category)
		c.k, c.symb, c.amounts, c.days = append(c.k, r.Kind), append(c.symb, r.Symbol), append(c.amounts, r.Amount), append(c.days, r.Date)
		c.quantities, c.prices, c.fees = append(c.quantities, r.Quantity), append(c.prices, r.Price), append(c.fees, r.Fee)
	}
	return postgres.Exec(ctx, tx, `
		insert into transactions (id, user_id, account_id, pending_ptx, posted_ptx, source, status, amount, currency, date, sealed,
			category, kind, symbol, quantity, price, fee, maybe_dup_of, created_at, updated_at, deleted_at, deleted_by)
		select t.id, @owner::uuid, t.account_id, t.pending_ptx, t.posted_ptx, t.source, t.status, t.amount, t.currency, t.date, t.sealed,
			t.category, t.kind, t.symbol, t.quantity, t.price, t.fee, t.maybe_dup_of, @now::timestamptz, @now,
			case when t.deleted_by is not null then @now end, t.deleted_by
		from unnest(@ids::uuid[], @accounts::uuid[], @pending::text[], @posted::text[], @sources::text[], @states::text[], @amounts::numeric[],
				@currencies::text[], @days::date[], @sealed::bytea[], @categories::text[], @kinds::text[],
				@symbols::text[], @quantities::numeric[], @prices::numeric[], @fees::numeric[], @dups::uuid[], @deleted::text[])
			as t (id, account_id, pending_ptx, posted_ptx, source, status, amount, currency, date, sealed, category, kind,
				symbol, quantity, price, fee, maybe_dup_of, deleted_by)
		on conflict (id) do update set pending_ptx = excluded.pending_ptx, posted_ptx = excluded.posted_ptx, status = excluded.status,
			amount = excluded.amount, currency = excluded.currency, date = excluded.date, sealed = excluded.sealed,
			category = case when 'category' = any(transactions.locked) then transactions.category else excluded.category end,
			kind = excluded.kind, symbol = excluded.symbol, quantity = excluded.quantity, price = excluded.price, fee = excluded.fee,
			maybe_dup_of = excluded.maybe_dup_of, updated_at = excluded.updated_at,
			deleted_at = case when excluded.deleted_by is null then null else coalesce(transactions.deleted_at, excluded.deleted_at) end,
			deleted_by = excluded.deleted_by
		where transactions.user_id = excluded.user_id`,
		postgres.Args{"owner": owner, "now": now, "ids": c.ids, "accounts": c.of, "pending": c.pending, "posted": c.posted,
			"sources": c.sources, "states": c.states, "amounts": c.amounts, "currencies": c.currencies, "days": c.days,
			"sealed": c.sealed, "categories": c.categories, "kinds": c.k, "symbols": c.symb,
			"quantities": c.quantities, "prices": c.prices, "fees": c.fees, "dups": c.dups, "deleted": c.deleted})
}

// edit writes a person's fields, locks them, and returns the account. A sync, which
// locks the row too, comes before or after.
func edit(ctx context.Context, tx pgx.Tx, keyring *envelope.Keys, owner id.User, t id.Transaction, e Edit, now time.Time) (id.Account, error) {
	sealed, err := postgres.Scalar[[]byte](ctx, tx, `
		select sealed from transactions where user_id = @owner and id = @id and deleted_at is null for update`,
		postgres.Args{"owner": owner, "id": t})
	if err != nil {
		return id.Account{}, err
	}
	w, err := OpenWords(ctx, keyring, owner, t, sealed)
	if err != nil {
		return id.Account{}, err
	}
	var fields []string
	source := map[string]string{}
	for _, f := range []struct {
		name string
		was  *string
		is   *string
	}{{FieldMerchant, &w.Merchant, e.Merchant}, {FieldCategory, new(string), e.Category}, {FieldNote, &w.Note, e.Note}} {
		if f.is != nil {
			*f.was, source[f.name] = *f.is, "user"
			fields = append(fields, f.name)
		}
	}
	if sealed, err = keyring.Pack(ctx, wordsRef(owner, t), w); err != nil {
		return id.Account{}, err
	}
	return postgres.Scalar[id.Account](ctx, tx, `
		update transactions set sealed = @sealed, category = coalesce(@category::text, category),
			locked = (select coalesce(array_agg(distinct f order by f), '{}') from unnest(locked || @fields::text[]) f),
			field_source = field_source || @source::jsonb, updated_at = @now
		where user_id = @owner and id = @id and deleted_at is null
		returning account_id`,
		postgres.Args{"owner": owner, "id": t, "sealed": sealed, "category": e.Category, "fields": fields, "source": source, "now": now})
}

// bury deletes a row in a person's name and returns its account.
func bury(ctx context.Context, tx pgx.Tx, owner id.User, t id.Transaction, now time.Time) (id.Account, error) {
	return postgres.Scalar[id.Account](ctx, tx, `
		update transactions set deleted_at = @now, deleted_by = 'user', updated_at = @now
		where user_id = @owner and id = @id and deleted_at is null
		returning account_id`,
		postgres.Args{"owner": owner, "id": t, "now": now})
}

// flow is what posted on an account on one day.
type flow struct {
	AccountID id.Account
	Day       time.Time
	Amount    money.Decimal
}

func flowsOf(ctx context.Context, db postgres.DB, owner id.User, of []id.Account) ([]flow, error) {
	return postgres.Many[flow](ctx, db, `
		select account_id, date as day, sum(amount) as amount from transactions
		where user_id = @owner and account_id = any(@accounts::uuid[]) and status = 'posted'
			and (deleted_at is null or deleted_by = 'user' and posted_ptx is not null)
		group by account_id, date order by account_id, date`,
		postgres.Args{"owner": owner, "accounts": of})
}

// trade is a transaction that moved a holding, or cash beside holdings.
type trade struct {
	AccountID id.Account
	Day       time.Time
	Symbol    string
	Quantity  money.Decimal
	Price     *money.Decimal
	Amount    money.Decimal
	Currency  money.Currency
	Kind      string
}

func tradesOf(ctx context.Context, db postgres.DB, owner id.User, of []id.Account) ([]trade, error) {
	return postgres.Many[trade](ctx, db, `
		select t.account_id, t.date as day, t.symbol, coalesce(t.quantity, 0) as quantity, t.price, t.amount, t.currency, t.kind
		from transactions t
		where t.user_id = @owner and t.account_id = any(@accounts::uuid[]) and t.status = 'posted'
			and (t.deleted_at is null or t.deleted_by = 'user' and t.posted_ptx is not null)
			and t.account_id in (select q.account_id from transactions q
				where q.user_id = @owner and q.account_id = any(@accounts::uuid[]) and q.quantity is not null)
		order by t.account_id, t.date, t.id`,
		postgres.Args{"owner": owner, "accounts": of})
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// baseID returns the provider's id of a mirror key; see Mirrored.
func baseID(key string) string {
	if i := strings.LastIndexByte(key, '#'); i > 0 {
		if n, err := strconv.Atoi(key[i+1:]); err == nil && n > 1 {
			return key[:i]
		}
	}
	return key
}
