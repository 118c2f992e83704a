package envelope

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// sealedRow is one value of a place.
type sealedRow struct {
	Row   []string
	Owner uuid.UUID
	Value []byte
}

// keyOf is the data key that a value names, null for the oldest format; stale
// says that it should be moved. A value whose key was destroyed isn't: nothing
// can move it.
const (
	keyOf = `case when substring(t.{column} from 1 for 1) = '\x02' and length(t.{column}) > 16
		then encode(substring(t.{column} from 2 for 16), 'hex')::uuid end`
	stale = `(substring(t.{column} from 1 for 1) = '\x01' or d.retired_at is not null)`
)

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
		if p.Fixed {
			continue
		}
		w, err := k.walkThrough(ctx, p)
		if err != nil {
			return err
		}
		for more := true; more; {
			var n int
			if n, more, err = k.resealSome(ctx, w); err != nil {
				return err
			}
			if done += n; tell != nil {
				tell(min(done, total), total)
			}
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
			n, err := ask(ctx, tx, (&walk{Place: p}).sql(`
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

// resealSome moves the next batch of a place, and reports whether there may be
// more of them.
func (k *Keys) resealSome(ctx context.Context, w *walk) (n int, more bool, err error) {
	var rows []sealedRow
	err = postgres.InTx(ctx, k.data, func(tx pgx.Tx) error {
		rows, err = ask(ctx, tx, w.sql(`
			select {row} as row, {owner} as owner, t.{column} as value
			from {table} t left join keyring.data_keys d on d.id = `+keyOf+`
			where `+stale+` and {beyond}
			order by {order} limit @limit for update of t skip locked`),
			pgx.StrictNamedArgs{"after": w.after, "limit": stride}, pgx.RowToStructByName[sealedRow])
		if err != nil {
			return fmt.Errorf("read %s: %w", w.name(), err)
		}
		names, values := make([][]string, len(rows)), make([][]byte, len(rows))
		for i, row := range rows {
			ref := w.ref(row.Owner, row.Row)
			plain, err := k.Open(ctx, ref, row.Value)
			if err != nil {
				return fmt.Errorf("row %s: %w", ref.Row, err)
			}
			names[i] = row.Row
			if values[i], err = k.Seal(ctx, ref, plain); err != nil {
				return err
			}
		}
		args := w.keys(names)
		args["values"] = values
		_, err = tx.Exec(ctx, w.sql(`
			update {table} t set {column} = n.value
			from unnest({keys}, @values::bytea[]) as n ({names}, value)
			where {same}`), args)
		if err != nil {
			return fmt.Errorf("write %s: %w", w.name(), err)
		}
		return nil
	})
	if err != nil || len(rows) == 0 {
		return 0, false, err
	}
	w.after = rows[len(rows)-1].Row
	return len(rows), len(rows) == stride, nil
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
			named, err := ask(ctx, tx, (&walk{Place: p}).sql(`
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
		w, err := k.walkThrough(ctx, p)
		if err != nil {
			return nil, err
		}
		for more := true; more; {
			var rows []sealedRow
			err := postgres.InTx(ctx, k.data, func(tx pgx.Tx) (err error) {
				rows, err = ask(ctx, tx, w.sql(`
					select {row} as row, {owner} as owner, t.{column} as value from {table} t
					where length(t.{column}) > 0 and {beyond}
					order by {order} limit @limit`), pgx.StrictNamedArgs{"after": w.after, "limit": stride}, pgx.RowToStructByName[sealedRow])
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", p.name(), err)
			}
			for _, row := range rows {
				k.look(ctx, p, row, &f)
				w.after = row.Row
			}
			more = len(rows) == stride
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
	ref := p.ref(row.Owner, row.Row)
	_, err := k.Open(ctx, ref, row.Value)
	if p.Fixed && errors.Is(err, ErrErased) {
		f.Erased++
		return
	}
	if err != nil {
		if f.Failed++; len(f.Broken) < 20 {
			f.Broken = append(f.Broken, ref.Row)
		}
	}
}
