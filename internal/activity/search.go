package activity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/cases"

	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
)

// What is searched for is sealed, so the database can't look for it: whatever else
// the filter lets through is opened here, some at a time and the newest first,
// until the page is full. The first page goes on to the end, for its totals.
var searchReach = reach{stride: 1000, most: 50_000}

// reach is how many rows a search reads at once, and how many one request opens at
// most: what is beyond is for the next page.
type reach struct{ stride, most int }

// candidate is what of a row is searched and summed up.
type candidate struct {
	ID       id.Transaction
	Date     time.Time
	Amount   money.Decimal
	Currency money.Currency
	Symbol   string
	Sealed   []byte
}

// search is List with a text. A page on which the search has stopped may have
// fewer rows than limit, or none, and yet a next one; there are no totals then.
func (s *Service) search(ctx context.Context, owner id.User, f Filter, after mark, sum bool, limit int) (Page, error) {
	folder := cases.Fold() // "STRASSE" finds "Straße"
	text := folder.String(f.Text)
	var hits []mark
	sums := map[money.Currency]*Totals{}
	seen, whole := 0, false
	for seen < s.reach.most && (sum || len(hits) <= limit) && !whole {
		batch, err := candidates(ctx, s.cfg.Pool, owner, f, after, s.reach.stride)
		if err != nil {
			return Page{}, fmt.Errorf("search transactions: %w", err)
		}
		for _, c := range batch {
			w, err := OpenWords(ctx, s.cfg.Keys, owner, c.ID, c.Sealed)
			if err != nil {
				return Page{}, fmt.Errorf("search transactions: %s: %w", c.ID, err)
			}
			after = mark{c.Date, c.ID}
			if !slices.ContainsFunc([]string{w.Description, w.Merchant, w.Note, c.Symbol}, func(part string) bool {
				return strings.Contains(folder.String(part), text)
			}) {
				continue
			}
			if len(hits) <= limit {
				hits = append(hits, after)
			}
			add(sums, c)
		}
		seen += len(batch)
		whole = len(batch) < s.reach.stride
	}
	p := Page{}
	switch {
	case len(hits) > limit:
		hits = hits[:limit]
		p.Next = s.cursor(owner, f, hits[limit-1])
	case !whole:
		p.Next = s.cursor(owner, f, after)
	}
	if sum && whole && len(sums) == 1 {
		for _, t := range sums {
			p.Totals = t
		}
	}
	var err error
	p.Transactions, err = s.these(ctx, owner, hits)
	return p, err
}

func add(sums map[money.Currency]*Totals, c candidate) {
	t := sums[c.Currency]
	if t == nil {
		t = &Totals{Currency: c.Currency}
		sums[c.Currency] = t
	}
	if t.Net = t.Net.Add(c.Amount); c.Amount.IsPositive() {
		t.In = t.In.Add(c.Amount)
	} else {
		t.Out = t.Out.Add(c.Amount)
	}
}

// these returns the rows that were found, the newest first.
func (s *Service) these(ctx context.Context, owner id.User, hits []mark) ([]Transaction, error) {
	ids := make([]id.Transaction, len(hits))
	for i, h := range hits {
		ids[i] = h.ID
	}
	rows, err := byID(ctx, s.cfg.Pool, owner, ids)
	if err != nil {
		return nil, fmt.Errorf("read what was found: %w", err)
	}
	return rows, s.open(ctx, owner, rows)
}

func candidates(ctx context.Context, db postgres.DB, owner id.User, f Filter, after mark, limit int) ([]candidate, error) {
	args := filterArgs(owner, f)
	args["after_date"], args["after_id"], args["limit"] = after.Date, after.ID, limit
	return postgres.Many[candidate](ctx, db, `
		select t.id, t.date, t.amount, t.currency, t.symbol, t.sealed
		from transactions t
		where `+filterSQL+` and (t.date, t.id) < (@after_date::date, @after_id::uuid)
		order by t.date desc, t.id desc
		limit @limit`, args)
}

func byID(ctx context.Context, db postgres.DB, owner id.User, ids []id.Transaction) ([]Transaction, error) {
	return postgres.Many[Transaction](ctx, db, `
		select `+columns+`
		from transactions t where t.user_id = @owner and t.id = any(@ids::uuid[]) and t.deleted_at is null
		order by t.date desc, t.id desc`,
		postgres.Args{"owner": owner, "ids": ids})
}
