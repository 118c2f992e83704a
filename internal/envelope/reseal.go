package envelope

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Place is where sealed values are: one column of one table. Features declare
// theirs, so that all of them can be found, checked and moved to newer keys.
type Place struct {
	Table, Column string // "connections", "credential"
	Row           string // column with what Ref.Row says, as text
	Owner         string // column with the owner; empty for Flint's own
	Apart         bool   // as Ref.Apart
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

// sql fills the names of p into a statement. They are constants of the program.
func (p Place) sql(statement string) string {
	owner := "'00000000-0000-0000-0000-000000000000'::uuid"
	if p.Owner != "" {
		owner = "coalesce(t." + pgx.Identifier{p.Owner}.Sanitize() + ", " + owner + ")"
	}
	return strings.NewReplacer(
		"{table}", pgx.Identifier(strings.Split(p.Table, ".")).Sanitize(),
		"{column}", pgx.Identifier{p.Column}.Sanitize(),
		"{row}", pgx.Identifier{p.Row}.Sanitize(),
		"{owner}", owner,
	).Replace(statement)
}

// resealed is how many values one transaction moves: each batch looks for the
// next of them, so few large ones are quicker than many small ones.
const resealed = 1000

// sealedRow is one value of a place.
type sealedRow struct {
	Row   string
	Owner uuid.UUID
	Value []byte
}

func (p Place) ref(r sealedRow) Ref {
	return Ref{Owner: id.User(r.Owner), Place: p.name(), Row: r.Row, Apart: p.Apart}
}

// keyOf is the data key that a value names, null for the oldest format; stale
// says that it should be moved. A value whose key was destroyed isn't: nothing
// can move it.
const (
	keyOf = `case when substring(t.{column} from 1 for 1) = '\x02' and length(t.{column}) > 16
		then encode(substring(t.{column} from 2 for 16), 'hex')::uuid end`
	stale = `(substring(t.{column} from 1 for 1) = '\x01' or d.retired_at is not null)`
)

// A statement of a place is put together from the names that its feature declared,
// so it isn't one of the constants that are prepared by a test; envelope's own
// tests run each.

// ask runs a query about a place and collects its rows.
func ask[T any](ctx context.Context, tx pgx.Tx, sql string, args pgx.StrictNamedArgs, collect pgx.RowToFunc[T]) ([]T, error) {
	rows, _ := tx.Query(ctx, sql, args) // the error is in rows
	return pgx.CollectRows(rows, collect)
}

// Reseal moves every value of these places that a retired key sealed, or the
// oldest format, to the data key in use, and then destroys the retired data keys
// that no value names any more. A retired key stays for at least keep: values
// outside of the places (in jobs that wait, say) may name it.
func (k *Keys) Reseal(ctx context.Context, places []Place, keep time.Duration, tell Progress) error {
	ctx = system(ctx)
	total, err := k.countStale(ctx, places)
	if err != nil {
		return err
	}
	done := 0
	for _, p := range places {
		for after := ""; !p.Fixed; {
			n, last, err := k.resealSome(ctx, p, after)
			if err != nil {
				return err
			}
			if done += n; tell != nil {
				tell(min(done, total), total)
			}
			if last == "" {
				break
			}
			after = last
		}
	}
	return k.destroyUnnamed(ctx, places, k.now().UTC().Add(-keep))
}

func (k *Keys) countStale(ctx context.Context, places []Place) (total int, err error) {
	err = postgres.InTx(ctx, k.data, func(tx pgx.Tx) error {
		total = 0
		for _, p := range places {
			if p.Fixed {
				continue
			}
			n, err := ask(ctx, tx, p.sql(`
				select count(*) from {table} t
				left join keyring.data_keys d on d.id = `+keyOf+`
				where `+stale), nil, pgx.RowTo[int])
			if err != nil {
				return fmt.Errorf("count %s: %w", p.name(), err)
			}
			total += n[0]
		}
		return nil
	})
	return total, err
}

// resealSome moves one batch of p beyond the row after. It returns how many, and
// the last row that was looked at; none if none is left.
func (k *Keys) resealSome(ctx context.Context, p Place, after string) (n int, last string, err error) {
	err = postgres.InTx(ctx, k.data, func(tx pgx.Tx) error {
		n, last = 0, ""
		rows, err := ask(ctx, tx, p.sql(`
			select t.{row}::text as row, {owner} as owner, t.{column} as value
			from {table} t left join keyring.data_keys d on d.id = `+keyOf+`
			where `+stale+` and t.{row}::text > @after
			order by t.{row}::text limit @limit for update of t skip locked`), pgx.StrictNamedArgs{"after": after, "limit": resealed}, pgx.RowToStructByName[sealedRow])
		if err != nil {
			return fmt.Errorf("read %s: %w", p.name(), err)
		}
		names, values := make([]string, len(rows)), make([][]byte, len(rows))
		for i, row := range rows {
			plain, err := k.Open(ctx, p.ref(row), row.Value)
			if err != nil {
				return fmt.Errorf("row %s: %w", row.Row, err)
			}
			names[i] = row.Row
			if values[i], err = k.Seal(ctx, p.ref(row), plain); err != nil {
				return err
			}
		}
		if n = len(rows); n == 0 {
			return nil
		}
		last = names[n-1]
		_, err = tx.Exec(ctx, p.sql(`
			update {table} t set {column} = n.value
			from unnest(@rows::text[], @values::bytea[]) as n (row, value)
			where t.{row}::text = n.row`), pgx.StrictNamedArgs{"rows": names, "values": values})
		if err != nil {
			return fmt.Errorf("write %s: %w", p.name(), err)
		}
		return nil
	})
	return n, last, err
}

// destroyUnnamed destroys the data keys retired before a time that nothing names.
func (k *Keys) destroyUnnamed(ctx context.Context, places []Place, before time.Time) error {
	retired, err := listRetiredDataKeys(ctx, k.pool, before)
	if err != nil {
		return fmt.Errorf("list retired data keys: %w", err)
	}
	if len(retired) == 0 {
		return nil
	}
	idle := map[id.DataKey]bool{}
	for _, key := range retired {
		idle[key] = true
	}
	return postgres.InTx(ctx, k.data, func(tx pgx.Tx) error {
		for _, p := range places {
			named, err := ask(ctx, tx, p.sql(`
				select distinct d.id from {table} t join keyring.data_keys d on d.id = `+keyOf+`
				where d.retired_at < @before`), pgx.StrictNamedArgs{"before": before}, pgx.RowTo[id.DataKey])
			if err != nil {
				return fmt.Errorf("look through %s: %w", p.name(), err)
			}
			for _, key := range named {
				delete(idle, key)
			}
		}
		_, err := dropDataKeys(ctx, tx, slices.Collect(maps.Keys(idle)), before)
		return err
	})
}

// Finding is what Verify found in one place.
type Finding struct {
	Place  string
	Values int      // that are there
	Oldest int      // of those, in the format before data keys
	Erased int      // of a fixed place, whose key was destroyed
	Failed int      // that don't open otherwise
	Broken []string // the rows of those, 20 at most
}

// Verify opens every value of these places. Only an error of the database stops
// it.
func (k *Keys) Verify(ctx context.Context, places []Place) ([]Finding, error) {
	ctx = system(ctx)
	var found []Finding
	for _, p := range places {
		f := Finding{Place: p.name()}
		for after, more := "", true; more; {
			var rows []sealedRow
			err := postgres.InTx(ctx, k.data, func(tx pgx.Tx) (err error) {
				rows, err = ask(ctx, tx, p.sql(`
					select t.{row}::text as row, {owner} as owner, t.{column} as value from {table} t
					where length(t.{column}) > 0 and t.{row}::text > @after
					order by t.{row}::text limit @limit`), pgx.StrictNamedArgs{"after": after, "limit": resealed}, pgx.RowToStructByName[sealedRow])
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", p.name(), err)
			}
			for _, row := range rows {
				k.look(ctx, p, row, &f)
				after = row.Row
			}
			more = len(rows) == resealed
		}
		found = append(found, f)
	}
	return found, nil
}

func (k *Keys) look(ctx context.Context, p Place, row sealedRow, f *Finding) {
	f.Values++
	if row.Value[0] == oldest {
		f.Oldest++
	}
	_, err := k.Open(ctx, p.ref(row), row.Value)
	if p.Fixed && errors.Is(err, ErrErased) {
		f.Erased++
		return
	}
	if err != nil {
		if f.Failed++; len(f.Broken) < 20 {
			f.Broken = append(f.Broken, row.Row)
		}
	}
}
