package activity

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
	"flint/internal/statement"
)

const importColumns = `id, account_id, sealed, format, status, made_account, created_at, applied_at, undone_at`

// storedImport is an Import as its columns are.
type storedImport struct {
	ID          id.Import
	AccountID   id.Account
	Sealed      []byte // importWords
	Format      statement.Format
	Status      ImportStatus
	MadeAccount bool
	CreatedAt   time.Time
	AppliedAt   *time.Time
	UndoneAt    *time.Time
}

func (s storedImport) open(ctx context.Context, keyring *envelope.Keys, owner id.User) (Import, error) {
	var w importWords
	if err := keyring.Unpack(ctx, importRef(owner, s.ID), s.Sealed, &w); err != nil {
		return Import{}, fmt.Errorf("import %s: %w", s.ID, err)
	}
	return Import{
		ID: s.ID, AccountID: s.AccountID, Filename: w.Filename, Mapping: w.Mapping, Summary: w.Summary, Format: s.Format, Status: s.Status, MadeAccount: s.MadeAccount,
		CreatedAt: s.CreatedAt, AppliedAt: s.AppliedAt, UndoneAt: s.UndoneAt,
	}, nil
}

func listImports(ctx context.Context, db postgres.DB, keyring *envelope.Keys, owner id.User, most int) ([]Import, error) {
	stored, err := postgres.Many[storedImport](ctx, db, `
		select `+importColumns+` from imports
		where user_id = @owner order by created_at desc, id desc limit @most`,
		postgres.Args{"owner": owner, "most": most})
	if err != nil {
		return nil, err
	}
	list := make([]Import, len(stored))
	for n, s := range stored {
		if list[n], err = s.open(ctx, keyring, owner); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func findImport(ctx context.Context, db postgres.DB, keyring *envelope.Keys, owner id.User, i id.Import) (Import, error) {
	s, err := postgres.One[storedImport](ctx, db, `
		select `+importColumns+` from imports where user_id = @owner and id = @id`,
		postgres.Args{"owner": owner, "id": i})
	if err != nil {
		return Import{}, err
	}
	return s.open(ctx, keyring, owner)
}

// takeImport is findImport that keeps others from changing it until tx ends.
func takeImport(ctx context.Context, tx pgx.Tx, keyring *envelope.Keys, owner id.User, i id.Import) (Import, error) {
	s, err := postgres.One[storedImport](ctx, tx, `
		select `+importColumns+` from imports where user_id = @owner and id = @id for update`,
		postgres.Args{"owner": owner, "id": i})
	if err != nil {
		return Import{}, err
	}
	return s.open(ctx, keyring, owner)
}

// saveImport inserts an import, or updates all that can change about it.
func saveImport(ctx context.Context, tx pgx.Tx, keyring *envelope.Keys, owner id.User, i Import, sum []byte) error {
	sealed, err := keyring.Pack(ctx, importRef(owner, i.ID), importWords{i.Filename, i.Mapping, i.Summary})
	if err != nil {
		return err
	}
	return postgres.Exec(ctx, tx, `
		insert into imports (id, user_id, account_id, sealed, format, sha256, status, made_account, created_at, applied_at, undone_at)
		values (@id, @owner, @account, @sealed, @format, coalesce(@sum::bytea, ''), @status, @made, @created, @applied, @undone)
		on conflict (id) do update set account_id = excluded.account_id, status = excluded.status,
			sealed = excluded.sealed, made_account = excluded.made_account, applied_at = excluded.applied_at, undone_at = excluded.undone_at
		where imports.user_id = excluded.user_id`,
		postgres.Args{"id": i.ID, "owner": owner, "account": i.AccountID, "sealed": sealed, "format": i.Format, "sum": sum,
			"status": i.Status, "made": i.MadeAccount, "created": i.CreatedAt,
			"applied": i.AppliedAt, "undone": i.UndoneAt})
}

// dropOldPreviews forgets the imports that a person never applied, but for the
// newest so many.
func dropOldPreviews(ctx context.Context, tx pgx.Tx, owner id.User, keep int) error {
	return postgres.Exec(ctx, tx, `
		delete from imports where user_id = @owner and status = 'preview' and id not in (
			select id from imports where user_id = @owner and status = 'preview' order by created_at desc, id desc limit @keep)`,
		postgres.Args{"owner": owner, "keep": keep})
}

// importRows returns an import's rows in the file's order; most 0 means all.
func importRows(ctx context.Context, db postgres.DB, keyring *envelope.Keys, owner id.User, i id.Import, most int) ([]ImportRow, error) {
	type stored struct {
		Ordinal  int
		Date     *time.Time
		Amount   *money.Decimal
		Currency money.Currency
		Sealed   []byte // lineWords
		Verdict  Verdict
		Matches  id.Transaction
	}
	list, err := postgres.Many[stored](ctx, db, `
		select ordinal, date, amount, currency, sealed, verdict, matches from import_rows
		where user_id = @owner and import_id = @import order by ordinal limit nullif(@most::int, 0)`,
		postgres.Args{"owner": owner, "import": i, "most": most})
	if err != nil {
		return nil, err
	}
	rows := make([]ImportRow, len(list))
	for n, s := range list {
		var w lineWords
		if err := keyring.Unpack(ctx, lineRef(owner, i, s.Ordinal), s.Sealed, &w); err != nil {
			return nil, fmt.Errorf("read row: %w", err)
		}
		rows[n] = ImportRow{Ordinal: s.Ordinal, ExternalID: w.ExternalID, Date: s.Date, Amount: s.Amount, Currency: s.Currency,
			Description: w.Description, Verdict: s.Verdict, Matches: s.Matches, detail: w.Detail}
	}
	return rows, nil
}

// saveImportRows replaces an import's rows.
func saveImportRows(ctx context.Context, tx pgx.Tx, keyring *envelope.Keys, owner id.User, i id.Import, rows []ImportRow) error {
	err := postgres.Exec(ctx, tx, `delete from import_rows where user_id = @owner and import_id = @import`,
		postgres.Args{"owner": owner, "import": i})
	if err != nil {
		return err
	}
	var c struct {
		ordinals             []int
		currencies, verdicts []string
		sealed               [][]byte
		days                 []*time.Time
		amounts              []*money.Decimal
		matches              []id.Transaction
	}
	for _, r := range rows {
		sealed, err := keyring.Pack(ctx, lineRef(owner, i, r.Ordinal), lineWords{r.ExternalID, r.Description, r.detail})
		if err != nil {
			return err
		}
		c.ordinals, c.currencies = append(c.ordinals, r.Ordinal), append(c.currencies, string(r.Currency))
		c.sealed, c.verdicts = append(c.sealed, sealed), append(c.verdicts, string(r.Verdict))
		c.days, c.amounts, c.matches = append(c.days, r.Date), append(c.amounts, r.Amount), append(c.matches, r.Matches)
	}
	// Not by COPY, which Postgres refuses where there are policies.
	return postgres.Exec(ctx, tx, `
		insert into import_rows (import_id, user_id, ordinal, date, amount, currency, sealed, verdict, matches)
		select @import::uuid, @owner::uuid, t.ordinal, t.date, t.amount, t.currency, t.sealed, t.verdict, t.matches
		from unnest(@ordinals::int[], @days::date[], @amounts::numeric[], @currencies::text[],
				@sealed::bytea[], @verdicts::text[], @matches::uuid[])
			as t (ordinal, date, amount, currency, sealed, verdict, matches)`,
		postgres.Args{"import": i, "owner": owner, "ordinals": c.ordinals, "days": c.days, "amounts": c.amounts,
			"currencies": c.currencies, "sealed": c.sealed, "verdicts": c.verdicts, "matches": c.matches})
}

// knownAround reads what rows may duplicate: whatever has one of their keys, and
// whatever happened within a few days of them.
func knownAround(ctx context.Context, db postgres.DB, owner id.User, account id.Account, first, last time.Time) ([]known, error) {
	return postgres.Many[known](ctx, db, `
		select id, import_key, source, amount, currency, date, deleted_by from transactions
		where user_id = @owner and account_id = @account
			and (import_key is not null or date between @first and @last)
		order by date, id`,
		postgres.Args{"owner": owner, "account": account, "first": first, "last": last})
}

// addImported makes transactions of rows, or brings back those that an undone
// import had brought, with what people wrote on them. The caller holds
// portfolio.Lock, so nobody else adds a row with one of the keys meanwhile; who
// did would be refused by the keys' table.
func addImported(ctx context.Context, tx pgx.Tx, keyring *envelope.Keys, owner id.User, i id.Import, account id.Account, rows []ImportRow, now time.Time) (int64, error) {
	var c struct {
		ids                                 []id.Transaction
		keys, currencies, categories, kinds []string
		sealed                              [][]byte
		amounts                             []money.Decimal
		days                                []time.Time
		dups                                []id.Transaction
	}
	for _, r := range rows {
		fresh := id.New[id.Transaction]()
		sealed, err := keyring.Pack(ctx, wordsRef(owner, fresh), Words{Description: r.Description, Merchant: cut(r.detail.Name, maxShortText)})
		if err != nil {
			return 0, err
		}
		c.ids, c.keys = append(c.ids, fresh), append(c.keys, r.ExternalID)
		c.amounts, c.currencies, c.days = append(c.amounts, *r.Amount), append(c.currencies, string(r.Currency)), append(c.days, *r.Date)
		c.sealed = append(c.sealed, sealed)
		c.categories, c.kinds = append(c.categories, cut(r.detail.Category, maxCategoryText)), append(c.kinds, kinds[r.detail.Type])
		c.dups = append(c.dups, r.Matches)
	}
	return postgres.Scalar[int64](ctx, tx, `
		with rows as (
			select id, import_key, amount, currency, date, sealed, category, kind, maybe_dup_of
			from unnest(@ids::uuid[], @keys::text[], @amounts::numeric[], @currencies::text[], @days::date[], @sealed::bytea[],
					@categories::text[], @kinds::text[], @dups::uuid[])
				as t (id, import_key, amount, currency, date, sealed, category, kind, maybe_dup_of)
		), known as (
			select r.import_key, r.maybe_dup_of, k.transaction_id from rows r join transaction_keys k
			on k.user_id = @owner and k.account_id = @account and k.kind = 'import' and k.key = r.import_key
		), back as (
			update transactions t set import_id = @import, deleted_at = null, deleted_by = null, maybe_dup_of = k.maybe_dup_of, updated_at = @now
			from known k
			where t.id = k.transaction_id and t.user_id = @owner and t.deleted_by = 'import'
			returning t.id
		), fresh as (
			insert into transactions (id, user_id, account_id, import_id, import_key, source, status, amount, currency, date, sealed,
				category, kind, maybe_dup_of, created_at, updated_at)
			select r.id, @owner::uuid, @account::uuid, @import::uuid, r.import_key, 'import', 'posted', r.amount, r.currency, r.date, r.sealed,
				r.category, r.kind, r.maybe_dup_of, @now::timestamptz, @now
			from rows r where not exists (select from known k where k.import_key = r.import_key)
			returning id
		)
		select (select count(*) from back) + (select count(*) from fresh)`,
		postgres.Args{"owner": owner, "account": account, "import": i, "now": now, "ids": c.ids, "keys": c.keys, "amounts": c.amounts,
			"currencies": c.currencies, "days": c.days, "sealed": c.sealed,
			"categories": c.categories, "kinds": c.kinds, "dups": c.dups})
}

// releaseConfirmed lets go of those rows of an import that the bank has listed
// since: they are the provider's now. It returns how many there were.
func releaseConfirmed(ctx context.Context, tx pgx.Tx, owner id.User, i id.Import, now time.Time) (int64, error) {
	return postgres.Touch(ctx, tx, `
		update transactions set import_id = null, source = 'provider', updated_at = @now
		where user_id = @owner and import_id = @import and (posted_ptx is not null or pending_ptx is not null)`,
		postgres.Args{"owner": owner, "import": i, "now": now})
}

// removed is how many rows undoing hid.
type removed struct {
	Rows, Edited int
}

// hideImported hides an import's rows, and the suggestions that pointed at them.
func hideImported(ctx context.Context, tx pgx.Tx, owner id.User, i id.Import, now time.Time) (removed, error) {
	return postgres.One[removed](ctx, tx, `
		with hidden as (
			update transactions set deleted_at = @now, deleted_by = 'import', updated_at = @now
			where user_id = @owner and import_id = @import and deleted_at is null
			returning id, locked
		), pointers as (
			update transactions set maybe_dup_of = null
			where user_id = @owner and maybe_dup_of in (select id from hidden) and import_id is distinct from @import
		)
		select count(*)::int as rows, (count(*) filter (where locked <> '{}'))::int as edited from hidden`,
		postgres.Args{"owner": owner, "import": i, "now": now})
}

// othersIn reports whether an account holds anything that this import didn't bring.
func othersIn(ctx context.Context, tx pgx.Tx, owner id.User, account id.Account, i id.Import) (bool, error) {
	return postgres.Scalar[bool](ctx, tx, `
		select exists (select 1 from transactions where user_id = @owner and account_id = @account and deleted_at is null
				and import_id is distinct from @import)
			or exists (select 1 from imports where user_id = @owner and account_id = @account and status = 'applied' and id <> @import)`,
		postgres.Args{"owner": owner, "account": account, "import": i})
}

// remembered is how many CSV files back a mapping is looked for.
const remembered = 100

// lastMapping returns how the person last mapped a file with the same columns,
// and into which account it went.
func lastMapping(ctx context.Context, db postgres.DB, keyring *envelope.Keys, owner id.User, columns []string) (Import, error) {
	stored, err := postgres.Many[storedImport](ctx, db, `
		select `+importColumns+` from imports
		where user_id = @owner and format = 'csv' and status = 'applied'
		order by applied_at desc limit @most`,
		postgres.Args{"owner": owner, "most": remembered})
	if err != nil {
		return Import{}, err
	}
	for _, s := range stored {
		i, err := s.open(ctx, keyring, owner)
		if err != nil || slices.Equal(i.Summary.Columns, columns) {
			return i, err
		}
	}
	return Import{}, fault.ErrNotFound
}
