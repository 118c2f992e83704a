package envelope

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Inherited says which columns of a table hold in clear, from before they were
// sealed, what its Place seals now. A row is sealed once its place has a value;
// the clear columns are null then.
type Inherited struct {
	Place
	Clear []string // columns of any type; they are read as text
	// Pack returns what is sealed, from the clear values in the order of Clear;
	// what is null there is nil.
	Pack func(clear []*string) ([]byte, error)
	// Marks are further columns that are made of the clear values.
	Marks []Mark
}

// Mark is a column by which a sealed value is looked up.
type Mark struct {
	Column string // of type bytea, or text
	Text   bool
	// Make returns a keyed hash of clear values, or nil for null.
	Make func(k *Keys, clear []*string) []byte
	// Own is Make for a hash that equal values of two people mustn't share.
	Own func(k *Keys, owner id.User, clear []*string) []byte
}

// clearRow is a row that isn't sealed yet.
type clearRow struct {
	Row   []string
	Owner uuid.UUID
	Clear []*string
}

// Inherit seals what these columns still hold in clear. It is to be done before
// anything reads them. Rows are sealed some at a time, so whoever is killed goes
// on the next time, and any number of nodes may do it at once; a place that was
// gone through is not looked at again. It returns how many rows were sealed.
func (k *Keys) Inherit(ctx context.Context, list []Inherited, tell Progress) (total int, err error) {
	ctx = system(ctx)
	for _, in := range list {
		done, err := postgres.Scalar[bool](ctx, k.data,
			`select exists (select from keyring_inherited where place = @place)`, postgres.Args{"place": in.name()})
		if err != nil {
			return total, fmt.Errorf("ask whether %s is sealed: %w", in.name(), err)
		}
		if done {
			continue
		}
		w, err := k.walkThrough(ctx, in.Place)
		if err != nil {
			return total, err
		}
		for more := true; more; {
			var n int
			if n, more, err = k.inheritSome(ctx, in, w); err != nil {
				return total, err
			}
			if total += n; n > 0 && tell != nil {
				tell(total, total)
			}
		}
		err = postgres.Exec(ctx, k.data, `insert into keyring_inherited (place, at) values (@place, @now) on conflict do nothing`,
			postgres.Args{"place": in.name(), "now": k.now().UTC()})
		if err != nil {
			return total, fmt.Errorf("note that %s is sealed: %w", in.name(), err)
		}
	}
	return total, nil
}

// inheritSome seals the next batch, and reports whether there may be more. Rows
// that another node is sealing are waited for, and then they aren't clear.
func (k *Keys) inheritSome(ctx context.Context, in Inherited, w *walk) (n int, more bool, err error) {
	var some, texts, gone []string
	for _, column := range in.Clear {
		c := pgx.Identifier{column}.Sanitize()
		some, texts, gone = append(some, "t."+c+" is not null"), append(texts, "t."+c+"::text"), append(gone, c+" = null")
	}
	var rows []clearRow
	err = postgres.InTx(ctx, k.data, func(tx pgx.Tx) error {
		rows, err = ask(ctx, tx, w.sql(`
			select {row} as row, {owner} as owner, array[`+strings.Join(texts, ", ")+`] as clear from {table} t
			where t.{column} is null and (`+strings.Join(some, " or ")+`) and {beyond}
			order by {order} limit @limit for update of t`),
			pgx.StrictNamedArgs{"after": w.after, "limit": stride}, pgx.RowToStructByName[clearRow])
		if err != nil || len(rows) == 0 {
			return err
		}
		args, err := k.sealClear(ctx, in, w, rows)
		if err != nil {
			return err
		}
		set, arrays, columns := gone, []string{"@values::bytea[]"}, []string{"value"}
		for i, m := range in.Marks {
			name := fmt.Sprint("mark", i)
			value := "n." + name
			if m.Text {
				value = "convert_from(" + value + ", 'UTF8')"
			}
			set = append(set, pgx.Identifier{m.Column}.Sanitize()+" = "+value)
			arrays, columns = append(arrays, "@"+name+"::bytea[]"), append(columns, name)
		}
		_, err = tx.Exec(ctx, w.sql(`
			update {table} t set {column} = n.value, `+strings.Join(set, ", ")+`
			from unnest({keys}, `+strings.Join(arrays, ", ")+`) as n ({names}, `+strings.Join(columns, ", ")+`)
			where {same}`), args)
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("seal what %s has in clear: %w", in.Table, err)
	}
	if len(rows) == 0 {
		return 0, false, nil
	}
	w.after = rows[len(rows)-1].Row
	return len(rows), len(rows) == stride, nil
}

// sealClear returns the values that the rows get, as arguments of their update.
func (k *Keys) sealClear(ctx context.Context, in Inherited, w *walk, rows []clearRow) (pgx.StrictNamedArgs, error) {
	names, values, marks := make([][]string, len(rows)), make([][]byte, len(rows)), make([][][]byte, len(in.Marks))
	for i, row := range rows {
		plain, err := in.Pack(row.Clear)
		if err != nil {
			return nil, fmt.Errorf("row %s: %w", strings.Join(row.Row, "/"), err)
		}
		names[i] = row.Row
		if values[i], err = k.Seal(ctx, in.ref(row.Owner, row.Row), plain); err != nil {
			return nil, err
		}
		for m, mark := range in.Marks {
			var made []byte
			if mark.Own != nil {
				made = mark.Own(k, id.User(row.Owner), row.Clear)
			} else {
				made = mark.Make(k, row.Clear)
			}
			marks[m] = append(marks[m], made)
		}
	}
	args := w.keys(names)
	args["values"] = values
	for m := range marks {
		args[fmt.Sprint("mark", m)] = marks[m]
	}
	return args, nil
}

// Text is a clear value, and "" for null.
func Text(clear *string) string {
	if clear == nil {
		return ""
	}
	return *clear
}
