-- +goose Up
-- Row-level security: a second wall behind the owner in every statement. A
-- statement that forgets its owner finds the rows of whoever it runs for, and
-- run for nobody it finds none.
--
-- Whoever runs this owns the tables; the program itself works as flint_app, who
-- owns nothing and can't look past a policy. Whose rows a transaction is about
-- stands in the setting flint.user, which platform/postgres sets for the one
-- transaction only (a setting of the session would go on to whoever a pooler
-- gives the connection next):
--   a user's id   the rows of that person
--   'system'      all rows: sweeps, sign-ins, webhooks, jobs (postgres.AsSystem)
--   not set       no rows: a statement that meets one fails, so that a sweep that
--                 forgot to say for whom it runs doesn't just find nothing to do
--
-- A later table with a person's rows needs one line after it is made:
--   select flint_own_rows('risk_decisions');
-- What flint_app may do with which table is granted after the migrations
-- (platform/postgres/roles.go), so that the job queue's tables are in it too.

-- Rows that pointed at others by id alone name the owner too, so that a row can't
-- point into somebody else's data even when it is inserted by mistake: foreign
-- keys don't ask policies.
update accounts a set snapshot_id = null
    where snapshot_id is not null and not exists (select from account_snapshots s where s.user_id = a.user_id and s.id = a.snapshot_id);
update transactions t set maybe_dup_of = null
    where maybe_dup_of is not null and not exists (select from transactions d where d.user_id = t.user_id and d.id = t.maybe_dup_of);
update connect_attempts a set reconnect = null
    where reconnect is not null and not exists (select from connections c where c.user_id = a.user_id and c.id = a.reconnect);
update connections c set reconnect_of = null
    where reconnect_of is not null and not exists (select from connections o where o.user_id = c.user_id and o.id = c.reconnect_of);

create index positions_account on positions (user_id, account_id);
alter table positions
    add constraint positions_account_fkey foreign key (user_id, account_id) references accounts (user_id, id) on delete cascade;
create index cash_balances_account on cash_balances (user_id, account_id);
alter table cash_balances
    add constraint cash_balances_account_fkey foreign key (user_id, account_id) references accounts (user_id, id) on delete cascade;
alter table accounts
    add constraint accounts_snapshot_fkey foreign key (user_id, snapshot_id) references account_snapshots (user_id, id)
        on delete set null (snapshot_id) deferrable initially deferred;
create index transactions_maybe_dup on transactions (user_id, maybe_dup_of) where maybe_dup_of is not null;
alter table transactions
    add constraint transactions_maybe_dup_fkey foreign key (user_id, maybe_dup_of) references transactions (user_id, id)
        on delete set null (maybe_dup_of) deferrable initially deferred;
create index connect_attempts_reconnect on connect_attempts (user_id, reconnect) where reconnect is not null;
alter table connect_attempts
    add constraint connect_attempts_reconnect_fkey foreign key (user_id, reconnect) references connections (user_id, id) on delete cascade;
create index connections_reconnect_of on connections (user_id, reconnect_of) where reconnect_of is not null;
alter table connections
    add constraint connections_reconnect_of_fkey foreign key (user_id, reconnect_of) references connections (user_id, id)
        on delete set null (reconnect_of);

-- Roles belong to the cluster, not to the database: another database of it may
-- have made the role before, or be making it right now.
-- +goose StatementBegin
do $$
begin
    if not exists (select from pg_roles where rolname = 'flint_app') then
        create role flint_app nologin;
    end if;
exception
    when duplicate_object or unique_violation then
        null;
    when insufficient_privilege then
        raise exception 'the role flint_app is missing, and % may not create it', current_user
            using hint = 'Run once as a superuser: create role flint_app nologin;';
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
    if exists (select from pg_roles where rolname = 'flint_app' and (rolsuper or rolbypassrls)) then
        raise exception 'the role flint_app can look past every policy'
            using hint = 'Run as a superuser: alter role flint_app nosuperuser nobypassrls;';
    end if;
end
$$;
-- +goose StatementEnd

-- Both are wrapped in a scalar subquery wherever they are used: it runs once for
-- a statement, not once for a row.
create function flint_user() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('flint.user'), 'system')::uuid;

create function flint_system() returns boolean
    language sql stable parallel safe
    return coalesce(current_setting('flint.user', true) = 'system', false);

-- flint_own_rows keeps the rows of a table for the person in its owner column.
-- +goose StatementBegin
create function flint_own_rows(tab regclass, owner name default 'user_id') returns void
    language plpgsql as $$
begin
    execute format('alter table %s enable row level security, force row level security', tab);
    execute format('create policy own_rows on %s using (%I = (select flint_user()) or (select flint_system()))', tab, owner);
end
$$;
-- +goose StatementEnd

-- flint_child_rows is flint_own_rows for a table without an owner column, whose
-- owner is that of the row it points at.
-- +goose StatementBegin
create function flint_child_rows(tab regclass, child name, parent regclass, key name default 'id', owner name default 'user_id') returns void
    language plpgsql as $$
begin
    execute format('alter table %s enable row level security, force row level security', tab);
    execute format('create policy own_rows on %s using ((select flint_system()) or exists (select from %s p where p.%I = %I and p.%I = (select flint_user())))',
        tab, parent, key, child, owner);
end
$$;
-- +goose StatementEnd

-- flint_system_rows is for tables that no person's request has business with.
-- +goose StatementBegin
create function flint_system_rows(tab regclass) returns void
    language plpgsql as $$
begin
    execute format('alter table %s enable row level security, force row level security', tab);
    execute format('create policy system_rows on %s using ((select flint_system()))', tab);
end
$$;
-- +goose StatementEnd

select flint_own_rows('users', 'id');
select flint_own_rows(t) from unnest(array[
    'mail_tokens', 'sessions', 'password_history', 'totp_factors', 'backup_codes', 'sign_in_challenges', 'devices',
    'email_changes', 'passkeys', 'api_keys',
    'connections', 'snaptrade_users', 'connect_attempts', 'accounts', 'account_snapshots', 'positions', 'cash_balances',
    'imports', 'import_rows', 'provider_transactions', 'transactions', 'balance_days', 'net_worth_days', 'wealth',
    'sync_runs']::regclass[]) as t;
select flint_child_rows('refresh_tokens', 'session_id', 'sessions');
select flint_child_rows('email_change_tokens', 'change_id', 'email_changes');
select flint_system_rows('webhook_inbox');

-- People read what was done to them; they add to the log what they do, to
-- whomever, and nobody changes what stands in it (flint_app isn't granted to).
alter table audit_entries enable row level security, force row level security;
create policy own_rows on audit_entries for select
    using (subject_id = (select flint_user()) or (select flint_system()));
create policy own_acts on audit_entries for insert
    with check (actor_id = (select flint_user()) or subject_id = (select flint_user()) or (select flint_system()));
