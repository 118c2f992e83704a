package postgres_test

import (
	"slices"
	"strings"
	"testing"

	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
)

// everybodys lists the tables without a person's rows, and why.
var everybodys = map[string]string{
	"fx_rates":                    "exchange rates are the same for everybody",
	"signing_keys":                "Flint's own; the private halves are sealed",
	"passkey_challenges":          "hashes of random challenges, of nobody",
	"keyring.key_encryption_keys": "Flint's own; wrapped by the master key",
	"keyring.hash_keys":           "Flint's own; wrapped",
	"keyring_made":                "that there are keys",
	"keyring_inherited":           "which places are sealed",
	"audit_pending":               "ids of entries that wait for their number",
	"audit_leaves":                "hashes; whose they are isn't in them",
	"audit_nodes":                 "hashes of hashes",
	"audit_checkpoints":           "signed roots, made to be public",
	"audit_keys":                  "Flint's own; the private half is sealed",
	"leases":                      "what nodes do one at a time",
	"siem_sinks":                  "how far receivers of the audit log are",
	"key_rotations":               "when keys were exchanged",
	"screening_list":              "which list everybody is compared with, and the last id so far",
	"retention_runs":              "how many rows were removed, of nobody in particular",
	"goose_db_version":            "which migrations have run",
	"river_job":                   "the job queue's; jobs carry ids only",
	"river_leader":                "the job queue's",
	"river_queue":                 "the job queue's",
	"river_migration":             "the job queue's",
	"river_notification":          "the job queue's",
}

// TestEveryTableOfPeopleHasAPolicy holds for tables that don't exist yet: a new
// one has a policy, or a line in everybodys that says why it needs none.
func TestEveryTableOfPeopleHasAPolicy(t *testing.T) {
	t.Parallel()
	type table struct {
		Name            string
		Enabled, Forced bool
		Policies        []string
		Owner           string
	}
	list, err := postgres.Many[table](t.Context(), pgtest.New(t), `
		select c.oid::regclass::text as name, c.relrowsecurity as enabled, c.relforcerowsecurity as forced,
			array(select pg_get_expr(polqual, polrelid) from pg_policy p where p.polrelid = c.oid and polqual is not null) as policies,
			pg_get_userbyid(c.relowner)::text as owner
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p', 'm', 'f') and n.nspname not like 'pg\_%' and n.nspname <> 'information_schema'`, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, tab := range list {
		if tab.Owner == postgres.AppRole {
			t.Errorf("%s belongs to %s, who could switch its policies off", tab.Name, tab.Owner)
		}
		if _, ok := everybodys[tab.Name]; ok {
			seen++
			continue
		}
		if !tab.Enabled || !tab.Forced || len(tab.Policies) == 0 {
			t.Errorf("%s has no policy: give it one (select flint_own_rows('%s') in its migration), or say in everybodys why it needs none", tab.Name, tab.Name)
		}
		for _, p := range tab.Policies {
			// Outside of a subquery the functions would be asked once for each row.
			for _, f := range []string{"flint_user()", "flint_system()"} {
				if strings.Count(p, f) != strings.Count(p, "SELECT "+f) {
					t.Errorf("%s: %s isn't in a subquery of its own: %s", tab.Name, f, p)
				}
			}
		}
	}
	if seen != len(everybodys) {
		t.Errorf("%d tables of everybodys are gone: drop their lines", len(everybodys)-seen)
	}
}

// TestTheAppsRoleHasNoWayAround looks at what the role is, owns and may.
func TestTheAppsRoleHasNoWayAround(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for what, sql := range map[string]string{
		"is more than a user":      `select rolname::text from pg_roles where rolname = 'flint_app' and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)`,
		"is a member of":           `select r.rolname::text from pg_roles r where r.rolname <> 'flint_app' and pg_has_role('flint_app', r.oid, 'member')`,
		"owns":                     `select c.oid::regclass::text from pg_class c where relowner = 'flint_app'::regrole union all select p.oid::regprocedure::text from pg_proc p where proowner = 'flint_app'::regrole union all select nspname::text from pg_namespace where nspowner = 'flint_app'::regrole`,
		"may make tables in":       `select nspname::text from pg_namespace where has_schema_privilege('flint_app', oid, 'create') and nspname not like 'pg\_temp%'`,
		"may truncate":             `select c.oid::regclass::text from pg_class c where relkind in ('r', 'p') and has_table_privilege('flint_app', c.oid, 'truncate')`,
		"may put triggers on":      `select c.oid::regclass::text from pg_class c where relkind in ('r', 'p') and has_table_privilege('flint_app', c.oid, 'trigger')`,
		"may rewrite":              `select t from unnest(array['audit_entries', 'consents', 'goose_db_version']) as t where has_table_privilege('flint_app', t, 'update') or has_table_privilege('flint_app', t, 'delete')`,
		"may act as its owner by":  `select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = pronamespace where prosecdef and proname not in ('flint_make_partitions', 'flint_drop_partition', 'flint_strays') and nspname not like 'pg\_%' and nspname <> 'information_schema'`,
		"sees without a policy in": `select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = relnamespace where relkind = 'v' and nspname not like 'pg\_%' and nspname <> 'information_schema' and not coalesce('security_invoker=true' = any(reloptions), false)`,
		"was not granted":          `select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = relnamespace where relkind in ('r', 'p') and not relispartition and nspname not like 'pg\_%' and nspname <> 'information_schema' and not has_table_privilege('flint_app', c.oid, 'select')`,
		"gets past the table to":   `select c.oid::regclass::text from pg_class c where relispartition and relkind = 'r' and (has_table_privilege('flint_app', c.oid, 'select, insert, update, delete') or has_any_column_privilege('flint_app', c.oid, 'select, insert, update'))`,
	} {
		found, err := postgres.Many[string](t.Context(), pool, sql, nil)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if len(found) > 0 {
			t.Errorf("flint_app %s %s", what, strings.Join(found, ", "))
		}
	}
}

// loose lists the columns that hold ids of rows without a foreign key to them,
// and the foreign keys that don't name the owner, and why.
var loose = map[string]string{
	"refresh_tokens.session_id":       "has no owner column: it is whose session it is",
	"email_change_tokens.change_id":   "has no owner column: it is whose change it is",
	"webhook_inbox.connection_id":     "no person's request reads or writes it",
	"account_deletions.user_id":       "outlives its person: that an account was erased",
	"audit_entries.actor_id":          "the log outlives people",
	"audit_entries.subject_id":        "the log outlives people",
	"audit_entries.sealed_for":        "the log outlives people",
	"keyring.data_keys.user_id":       "made before its person's row is committed, and destroyed on purpose",
	"webhook_inbox.sealed_for":        "no person's request reads or writes it",
	"devices.session_id":              "the session may be gone",
	"support_sessions.admin_id":       "who looks, not whose data",
	"support_sessions.session_id":     "likewise: the session of who looks",
	"transaction_keys.transaction_id": "kept by the triggers of transactions; see 00034_partitions.sql",
	"sign_in_holds.decision_id":       "lives for minutes; its decision is looked up with the owner",
	"sign_in_challenges.decision_id":  "lives for minutes; its decision is looked up with the owner",
	"transactions.maybe_dup_of":       "the trigger own_double asks for the owner's; see 00034_partitions.sql",
	"import_rows.matches":             "a suggestion of the preview, looked up with the owner when it is applied",
	"screenings.decided_by":           "who of the staff decided, not whose data",
	"legal_holds.placed_by":           "likewise: who placed it",
	"risk_decisions.reviewed_by":      "who looked, not whose data",
}

// TestNoRowPointsIntoSomebodyElsesData finds foreign keys that a row of one
// person could satisfy with a row of another: Postgres checks them without
// asking any policy.
func TestNoRowPointsIntoSomebodyElsesData(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	// Columns that refer to something, in a foreign key or by their name.
	found, err := postgres.Many[string](t.Context(), pool, `
		select c.conrelid::regclass || '.' || a.attname from pg_constraint c
		join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any(c.conkey)
		join pg_class p on p.oid = c.confrelid
		where c.contype = 'f' and p.relrowsecurity and a.attname <> 'user_id'
			and not exists (select from pg_attribute o where o.attrelid = c.conrelid and o.attnum = any(c.conkey) and o.attname = 'user_id')
		union
		select a.attrelid::regclass || '.' || a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
		where c.relkind in ('r', 'p') and not c.relispartition and c.relrowsecurity and a.atttypid = 'uuid'::regtype and a.attnum > 0 and not a.attisdropped
			and a.attname not in ('id')
			and not exists (select from pg_constraint k where k.conrelid = a.attrelid and k.contype = 'f' and a.attnum = any(k.conkey))`, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, column := range found {
		if _, ok := loose[column]; !ok {
			t.Errorf("%s can name a row of somebody else: make the foreign key (user_id, %s), or say in loose why not", column, column[strings.Index(column, ".")+1:])
		}
	}
	for column := range loose {
		if !slices.Contains(found, column) {
			t.Errorf("%s is tied by now, or gone: drop its line", column)
		}
	}
}
