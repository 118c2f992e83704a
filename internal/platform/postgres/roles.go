package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// AppRole is the role that the program works as. It owns nothing, so that it
// can't switch a policy off, and may do with rows what grantApp says. An
// operator may log in as it, or as a member of it.
const AppRole = "flint_app"

// grantApp lets the app's role read and change the rows of every table that the
// migrating role owns, the job queue's too. It runs after every migration and
// touches only what isn't granted yet. Some tables are kept from it: the log of
// acts and its proofs, and who accepted which text, are written and read but never
// changed, and which migrations have run is only read. Partitions are reached
// through their table alone, whose triggers then see every change.
const grantApp = `do $$
declare
	t record;
	may text;
begin
	for t in
		select c.oid, c.oid::regclass as name, n.nspname as schema, c.relkind, c.relname
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p', 'v', 'S') and not c.relispartition and c.relowner = (select oid from pg_roles where rolname = current_user)
			and n.nspname not like 'pg\_%' and n.nspname <> 'information_schema'
		order by c.oid
	loop
		if not has_schema_privilege('flint_app', t.schema, 'usage') then
			execute format('grant usage on schema %I to flint_app', t.schema);
		end if;
		if t.relkind = 'S' then
			if not has_sequence_privilege('flint_app', t.oid, 'usage') then
				execute format('grant usage, select on sequence %s to flint_app', t.name);
			end if;
			continue;
		end if;
		may := case
			when t.relkind = 'v' or t.relname = 'goose_db_version' then 'select'
			when t.relname in ('audit_entries', 'audit_leaves', 'audit_nodes', 'audit_keys', 'consents') then 'select, insert'
			when t.relname = 'audit_checkpoints' then 'select, insert, update'
			else 'select, insert, update, delete'
		end;
		-- A table that may be read was granted the rest with it.
		if not has_table_privilege('flint_app', t.oid, 'select') then
			execute format('grant %s on %s to flint_app', may, t.name);
		end if;
	end loop;
end
$$`

func grant(ctx context.Context, pool *pgxpool.Pool) error {
	if _, err := pool.Exec(ctx, grantApp); err != nil {
		return fmt.Errorf("grant the tables to %s: %w", AppRole, err)
	}
	return nil
}

// Unheld says why row-level security doesn't hold back the role of pool's
// connections: it is a superuser, may bypass it, or owns the tables, which lets
// it switch policies off. Empty: it holds.
func Unheld(ctx context.Context, pool *pgxpool.Pool) (why string, err error) {
	type role struct{ Name, Why string }
	r, err := One[role](ctx, pool, `
		select current_user::text as name, case
			when r.rolsuper then 'is a superuser'
			when r.rolbypassrls then 'may bypass row-level security'
			when exists (select from pg_class c where c.relrowsecurity and pg_has_role(session_user, c.relowner, 'member')) then 'owns its tables'
			else '' end as why
		from pg_roles r where r.rolname = session_user`, nil)
	if err != nil {
		return "", fmt.Errorf("look at the role of the database: %w", err)
	}
	if r.Why == "" {
		return "", nil
	}
	return r.Name + " " + r.Why, nil
}
