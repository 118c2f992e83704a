package compliance_test

import (
	"slices"
	"testing"

	"flint/internal/compliance"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
)

// TestEveryTableHasARuleOrAReason holds for tables that don't exist yet: a new one
// is in a rule of retention, or in Unruled, which says why it needs none.
func TestEveryTableHasARuleOrAReason(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	tables, err := postgres.Many[string](t.Context(), pool, `
		select case n.nspname when 'public' then '' else n.nspname || '.' end || c.relname
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p') and not c.relispartition and n.nspname not like 'pg\_%' and n.nspname <> 'information_schema'`, nil)
	if err != nil {
		t.Fatal(err)
	}
	left := compliance.Unruled()
	for _, r := range compliance.Rules() {
		if r.By == "" || r.From == "" || r.Keep <= 0 || len(r.Tables) == 0 {
			t.Errorf("the rule %q doesn't say all", r.Name)
		}
		for _, table := range r.Tables {
			if _, twice := left[table]; twice {
				t.Errorf("%s has a rule and a reason to have none, or two rules", table)
			}
			left[table] = "a rule"
		}
	}
	for _, table := range tables {
		if len(left[table]) == 0 {
			t.Errorf("%s has neither a rule in compliance.Rules nor a reason in compliance.Unruled", table)
		}
		delete(left, table)
	}
	for table := range left {
		t.Errorf("there is no table %s", table)
	}
	type kept struct {
		Parent string
		Days   int
	}
	parts, err := postgres.Many[kept](t.Context(), pool, `select parent::text, (extract(epoch from keep) / 86400)::int as days from flint_partitioned()`, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		for _, r := range compliance.Rules() {
			if days := int(r.Keep.Hours() / 24); slices.Contains(r.Tables, p.Parent) && days != p.Days {
				t.Errorf("the database keeps partitions of %s for %d days, the rule says %d", p.Parent, p.Days, days)
			}
		}
	}
}
