package envelope

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flint/internal/id"
)

// Place is where sealed values are: one column of one table. Features declare
// theirs, so that all of them can be found, checked and moved to newer keys.
type Place struct {
	Table, Column string // "connections", "credential"
	// Row is the column with what Ref.Row says, as text; for a key of several
	// columns these with "/" between them, and so is Ref.Row: "account_id/provider_id".
	Row   string
	Owner string // column with the owner; empty for Flint's own
	Apart bool   // as Ref.Apart
	// Fixed says that the values stay as they are, under whatever key, since
	// something vouches for their bytes. A retired key is kept as long as one
	// names it, and a value whose key was destroyed is what erasing is meant to do.
	Fixed bool
	// Name is Ref.Place; default: table.column.
	Name string
}

func (p Place) name() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Table + "." + p.Column
}

// walk goes through the rows of a place in the order of their key, some at a time.
type walk struct {
	Place
	types []string // of the key's columns
	after []string // the key of the last row that was seen; nil at the start
}

// stride is how many rows one transaction goes through: each looks for its place
// in the key again, so few large ones are quicker than many small ones.
const stride = 1000

// walkThrough begins a walk.
func (k *Keys) walkThrough(ctx context.Context, p Place) (*walk, error) {
	w := &walk{Place: p}
	columns := strings.Split(p.Row, "/")
	rows, _ := k.data.Query(ctx, `
		select format_type(a.atttypid, null) from unnest($2::text[]) with ordinality c (name, n)
		join pg_attribute a on a.attrelid = $1::regclass and a.attname = c.name order by c.n`, p.Table, columns) // the error is in rows
	var err error
	if w.types, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return nil, fmt.Errorf("look at %s: %w", p.name(), err)
	}
	if len(w.types) != len(columns) {
		return nil, fmt.Errorf("%s has no columns %s", p.Table, p.Row)
	}
	return w, nil
}

// sql fills the names of the place into a statement about its rows t, and about
// n, which are the rows of unnest({keys}, …) as n ({names}, …). All of them are
// constants of the program.
func (w *walk) sql(statement string) string {
	var text, order, after, same, keys, names []string
	for i, column := range strings.Split(w.Row, "/") {
		c, name, as := "t."+pgx.Identifier{column}.Sanitize(), fmt.Sprint("key", i), "::text"
		if w.types != nil {
			as = "::" + w.types[i]
		}
		text, order = append(text, c+"::text"), append(order, c)
		after = append(after, fmt.Sprintf("(@after::text[])[%d]%s", i+1, as))
		same = append(same, c+" = n."+name+as)
		keys, names = append(keys, "@"+name+"::text[]"), append(names, name)
	}
	beyond := "@after::text[] is null"
	if w.after != nil {
		beyond = "(" + strings.Join(order, ", ") + ") > (" + strings.Join(after, ", ") + ")"
	}
	owner := "'00000000-0000-0000-0000-000000000000'::uuid"
	if w.Owner != "" {
		owner = "coalesce(t." + pgx.Identifier{w.Owner}.Sanitize() + ", " + owner + ")"
	}
	return strings.NewReplacer(
		"{table}", pgx.Identifier(strings.Split(w.Table, ".")).Sanitize(),
		"{column}", pgx.Identifier{w.Column}.Sanitize(),
		"{owner}", owner,
		"{row}", "array["+strings.Join(text, ", ")+"]",
		"{order}", strings.Join(order, ", "),
		"{beyond}", beyond,
		"{same}", strings.Join(same, " and "),
		"{keys}", strings.Join(keys, ", "),
		"{names}", strings.Join(names, ", "),
	).Replace(statement)
}

// keys are the keys of rows, column by column, as arguments of {keys}.
func (w *walk) keys(rows [][]string) pgx.StrictNamedArgs {
	args := pgx.StrictNamedArgs{}
	for i := range w.types {
		column := make([]string, len(rows))
		for j, row := range rows {
			column[j] = row[i]
		}
		args[fmt.Sprint("key", i)] = column
	}
	return args
}

// ref says where the value of a row lives.
func (p Place) ref(owner uuid.UUID, row []string) Ref {
	return Ref{Owner: id.User(owner), Place: p.name(), Row: strings.Join(row, "/"), Apart: p.Apart}
}

// A statement of a place is put together from the names that its feature declared,
// so it isn't one of the constants that are prepared by a test; envelope's own
// tests run each.

// ask runs a query about a place and collects its rows.
func ask[T any](ctx context.Context, tx pgx.Tx, sql string, args pgx.StrictNamedArgs, collect pgx.RowToFunc[T]) ([]T, error) {
	rows, _ := tx.Query(ctx, sql, args) // the error is in rows
	return pgx.CollectRows(rows, collect)
}
