package activity

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
	"flint/internal/portfolio"
)

// Transaction is a transaction as people see it.
type Transaction struct {
	ID          id.Transaction
	AccountID   id.Account
	Source      Source
	Status      Status
	Amount      money.Decimal
	Currency    money.Currency
	Date        time.Time
	Description string `db:"-"` // this, the merchant and the note are in Sealed
	Merchant    string `db:"-"`
	Category    string
	Note        string `db:"-"`
	Kind        string
	Symbol      string
	Quantity    *money.Decimal
	Price       *money.Decimal
	Fee         *money.Decimal
	Sealed      []byte
	MaybeDupOf  id.Transaction // zero, or another visible transaction
}

// Filter restricts a list. Zero fields don't.
type Filter struct {
	Account  id.Account
	From, To time.Time // days, both inclusive
	Text     string    // part of the description, merchant, note or symbol
	Category string
	Status   Status
}

// Totals are sums over everything that a filter lets through, pending included.
type Totals struct {
	Currency     money.Currency
	In, Out, Net money.Decimal // Out is negative
}

// Page is a part of a list, newest first.
type Page struct {
	Transactions []Transaction
	Next         string  // cursor of the next page; "" on the last
	Totals       *Totals // on the first page, if all is in one currency
}

// List returns a page of owner's visible transactions. The cursor is Page.Next
// of the page before, with the same filter; ErrCursor if it isn't.
func (s *Service) List(ctx context.Context, owner id.User, f Filter, cursor string, limit int) (Page, error) {
	after := mark{Date: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), ID: lastID()}
	if cursor != "" {
		var err error
		if after, err = s.readCursor(owner, f, cursor); err != nil {
			return Page{}, err
		}
	}
	if f.Text != "" {
		return s.search(ctx, owner, f, after, cursor == "", limit)
	}
	rows, err := list(ctx, s.cfg.Pool, owner, f, after, limit+1)
	if err == nil {
		err = s.open(ctx, owner, rows)
	}
	if err != nil {
		return Page{}, fmt.Errorf("list transactions: %w", err)
	}
	p := Page{Transactions: rows}
	if len(rows) > limit {
		last := rows[limit-1]
		p.Transactions, p.Next = rows[:limit], s.cursor(owner, f, mark{last.Date, last.ID})
	}
	if cursor == "" {
		sums, err := totals(ctx, s.cfg.Pool, owner, f)
		if err != nil {
			return Page{}, fmt.Errorf("sum transactions: %w", err)
		}
		if len(sums) == 1 {
			p.Totals = &sums[0]
		}
	}
	return p, nil
}

// Find returns one visible transaction, or ErrUnknownTransaction.
func (s *Service) Find(ctx context.Context, owner id.User, t id.Transaction) (Transaction, error) {
	found, err := find(ctx, s.cfg.Pool, owner, t)
	if err != nil {
		return Transaction{}, unknown(err)
	}
	rows := []Transaction{found}
	err = s.open(ctx, owner, rows)
	return rows[0], err
}

// open fills in what is sealed of rows.
func (s *Service) open(ctx context.Context, owner id.User, rows []Transaction) error {
	for i := range rows {
		t := &rows[i]
		w, err := OpenWords(ctx, s.cfg.Keys, owner, t.ID, t.Sealed)
		if err != nil {
			return fmt.Errorf("transaction %s: %w", t.ID, err)
		}
		t.Description, t.Merchant, t.Note = w.Description, w.Merchant, w.Note
	}
	return nil
}

// mark is where a page ends: the key of its last row.
type mark struct {
	Date time.Time
	ID   id.Transaction
}

const cursorVersion = 1

// cursor packs m: version, day, id, and a keyed hash that binds them to the
// person and the filter. A cursor can't be made up or moved to another list.
func (s *Service) cursor(owner id.User, f Filter, m mark) string {
	body := []byte{cursorVersion}
	body = binary.BigEndian.AppendUint64(body, uint64(m.Date.Unix()))
	body = append(body, m.ID[:]...)
	return base64.RawURLEncoding.EncodeToString(append(body, s.sign(owner, f, body)...))
}

func (s *Service) readCursor(owner id.User, f Filter, cursor string) (mark, error) {
	const size = 1 + 8 + 16
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) != size+16 || b[0] != cursorVersion || !hmac.Equal(b[size:], s.sign(owner, f, b[:size])) {
		return mark{}, ErrCursor
	}
	m := mark{Date: time.Unix(int64(binary.BigEndian.Uint64(b[1:])), 0).UTC()}
	copy(m.ID[:], b[9:size])
	return m, nil
}

func (s *Service) sign(owner id.User, f Filter, body []byte) []byte {
	filter, _ := json.Marshal(f) // plain values; it can't fail
	text := append([]byte(owner.String()), filter...)
	return s.cfg.Keys.Mac("activity.cursor", append(text, body...))[:16]
}

func lastID() id.Transaction {
	var x id.Transaction
	for i := range x {
		x[i] = 0xff
	}
	return x
}

func list(ctx context.Context, db postgres.DB, owner id.User, f Filter, after mark, limit int) ([]Transaction, error) {
	args := filterArgs(owner, f)
	args["after_date"], args["after_id"], args["limit"] = after.Date, after.ID, limit
	return postgres.Many[Transaction](postgres.Planned(ctx), db, `
		select `+columns+`
		from transactions t
		where `+filterSQL+` and (t.date, t.id) < (@after_date::date, @after_id::uuid)
		order by t.date desc, t.id desc
		limit @limit`, args)
}

func totals(ctx context.Context, db postgres.DB, owner id.User, f Filter) ([]Totals, error) {
	return postgres.Many[Totals](postgres.Planned(ctx), db, `
		select t.currency, coalesce(sum(t.amount) filter (where t.amount > 0), 0) as "in", coalesce(sum(t.amount) filter (where t.amount < 0), 0) as "out",
			sum(t.amount) as net
		from transactions t
		where `+filterSQL+`
		group by t.currency`, filterArgs(owner, f))
}

func find(ctx context.Context, db postgres.DB, owner id.User, t id.Transaction) (Transaction, error) {
	return postgres.One[Transaction](ctx, db, `
		select `+columns+`
		from transactions t where t.user_id = @owner and t.id = @id and t.deleted_at is null`,
		postgres.Args{"owner": owner, "id": t})
}

const columns = `t.id, t.account_id, t.source, t.status, t.amount, t.currency, t.date, t.sealed, t.category, t.kind,
	t.symbol, t.quantity, t.price, t.fee,
	case when t.maybe_dup_of is not null then flint_double_of(t.user_id, t.maybe_dup_of) end as maybe_dup_of`

const filterSQL = `t.user_id = @owner and t.deleted_at is null
	and (@account::uuid is null or t.account_id = @account)
	and (@from::date is null or t.date >= @from) and (@to::date is null or t.date <= @to)
	and (@category::text is null or t.category = @category) and (@status::text is null or t.status = @status)
	and exists (select 1 from accounts a where a.user_id = t.user_id and a.id = t.account_id and a.deleted_at is null)`

func filterArgs(owner id.User, f Filter) postgres.Args {
	args := postgres.Args{"owner": owner, "account": f.Account, "from": nil, "to": nil,
		"category": optional(f.Category), "status": optional(string(f.Status))}
	if !f.From.IsZero() {
		args["from"] = f.From
	}
	if !f.To.IsZero() {
		args["to"] = f.To
	}
	return args
}

// accountsOf returns owner's accounts by id.
func (s *Service) accountsOf(ctx context.Context, owner id.User) (map[id.Account]portfolio.Account, error) {
	all, err := s.cfg.Portfolio.List(ctx, owner)
	if err != nil {
		return nil, err
	}
	out := map[id.Account]portfolio.Account{}
	for _, a := range all {
		out[a.ID] = a
	}
	return out, nil
}
