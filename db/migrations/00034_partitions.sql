-- +goose Up
-- Tables that grow without end are kept in partitions, so that what is past its
-- time is dropped with its partition and not deleted row by row.
--
-- They are partitioned by id: a UUIDv7 begins with the millisecond at which it was
-- made, so the bounds are the ids of a quarter's (month's, week's) first millisecond,
-- primary keys stay what they were, and who knows an id looks into one partition.
-- A row is as old as its recording.
--
-- What is made and dropped, and when, is written here and nowhere else. The program
-- works as a role that owns nothing; it may only ask for the next step, and can
-- neither name a partition nor say what time it is.
select set_config('flint.user', 'system', true);

-- The lowest id of a moment, and the moment of an id.
create function flint_id_at(moment timestamptz) returns uuid
    language sql immutable parallel safe
    return (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

create function flint_id_time(id uuid) returns timestamptz
    language sql immutable parallel safe
    return to_timestamp((('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint) / 1000.0);

-- What time it is for partitions: the database's. Tests replace it.
create function flint_clock() returns timestamptz
    language sql stable
    return now();

-- The tables: how wide a partition is, how long it is kept after its end, and which
-- of its rows must stay even then (beside those of people under a legal hold).
create function flint_partitioned() returns table (parent name, unit text, width interval, keep interval, stays text)
    language sql immutable as $$
    values ('transactions'::name, 'quarter', interval '3 months', interval '2555 days', 'date > (flint_clock() - interval ''2555 days'')::date'),
           ('risk_decisions', 'week', interval '7 days', interval '90 days', 'false'),
           ('sync_runs', 'month', interval '1 month', interval '90 days', 'false')
$$;

-- The partitions there are. Those without bounds are the ones for whatever fits in
-- no other, and must stay empty.
create function flint_partitions() returns table (parent name, part name, lower timestamptz, upper timestamptz)
    language sql stable as $$
    select f.parent, c.relname, flint_id_time(b[1]::uuid), flint_id_time(b[2]::uuid)
    from flint_partitioned() f
    join pg_class p on p.oid = to_regclass(quote_ident(f.parent)) and p.relkind = 'p'
    join pg_inherits i on i.inhparent = p.oid
    join pg_class c on c.oid = i.inhrelid
    left join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), '''([-0-9a-f]{36})''.*''([-0-9a-f]{36})''') b on true
$$;

-- Whoever doesn't see a row would drop it as one that nothing keeps.
-- +goose StatementBegin
create function flint_must_be_system() returns void
    language plpgsql as $$
begin
    if not flint_system() then
        raise exception 'partitions are everybody''s: ask as the system' using errcode = 'insufficient_privilege';
    end if;
end
$$;
-- +goose StatementEnd

-- flint_add_partition makes one, with what the default partition holds of it.
-- +goose StatementBegin
create function flint_add_partition(tab name, lower_at timestamptz, upper_at timestamptz) returns void
    language plpgsql as $$
declare
    part name := tab || to_char(lower_at, '"_p"YYYYMMDD');
    lowest uuid := flint_id_at(lower_at);
    highest uuid := flint_id_at(upper_at);
begin
    execute format('create table %I (like %I including all)', part, tab);
    perform flint_own_rows(part::regclass);
    execute format('with moved as (delete from %I where id >= %L and id < %L returning *) insert into %I select * from moved',
        tab || '_default', lowest, highest, part);
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', tab, part, lowest, highest);
end
$$;
-- +goose StatementEnd

-- flint_make_partitions makes those of now and of the next three months that are
-- missing, and those of the past that the default partition has rows of; it returns
-- how many. The present one isn't made while the default partition has rows of it,
-- whom somebody may be working with: it is made when its time is over.
-- +goose StatementBegin
create function flint_make_partitions() returns integer
    language plpgsql security definer
    set timezone = 'UTC' set lock_timeout = '500ms' as $$
declare
    made integer := 0;
    f record;
    begins timestamptz;
    stray uuid;
begin
    perform flint_must_be_system();
    perform pg_advisory_xact_lock(hashtext('flint partitions'));
    for f in select p.parent, p.unit, p.width from flint_partitioned() p join pg_class c on c.oid = to_regclass(quote_ident(p.parent)) and c.relkind = 'p' loop
        for begins in select generate_series(date_trunc(f.unit, flint_clock()), flint_clock() + interval '3 months', f.width) loop
            continue when exists (select from flint_partitions() p where p.parent = f.parent and p.lower = begins);
            execute format('select id from %I where id >= %L and id < %L limit 1', f.parent || '_default', flint_id_at(begins), flint_id_at(begins + f.width)) into stray;
            continue when stray is not null;
            perform flint_add_partition(f.parent, begins, begins + f.width);
            made := made + 1;
        end loop;
        loop
            execute format('select id from %I where id >= %L and id < %L order by id limit 1', f.parent || '_default',
                flint_id_at('2015-01-01'), flint_id_at(date_trunc(f.unit, flint_clock() - interval '1 day'))) into stray;
            exit when stray is null;
            begins := date_trunc(f.unit, flint_id_time(stray));
            perform flint_add_partition(f.parent, begins, begins + f.width);
            made := made + 1;
        end loop;
    end loop;
    return made;
end
$$;
-- +goose StatementEnd

-- flint_drop_partition drops the oldest partition of a table that is past its time,
-- and returns its name and how many rows went and how many stay; no name: there is
-- none. If rows of it must stay, a partition with only these takes its place. It
-- is one transaction: who is killed has done nothing.
-- +goose StatementBegin
create function flint_drop_partition(tab name, out dropped name, out removed bigint, out kept bigint)
    language plpgsql security definer
    set timezone = 'UTC' set lock_timeout = '500ms' as $$
declare
    f record;
    p record;
    lowest uuid;
    highest uuid;
    rest name;
begin
    perform flint_must_be_system();
    select * into f from flint_partitioned() x where x.parent = tab;
    if not found then
        raise exception '% is no table in partitions', tab using errcode = 'invalid_parameter_value';
    end if;
    perform pg_advisory_xact_lock(hashtext('flint partitions'));
    lock table legal_holds in share mode;   -- none is placed until this is over
    for p in select x.part, x.lower, x.upper from flint_partitions() x
        where x.parent = tab and x.upper <= flint_clock() - f.keep order by x.lower
    loop
        execute format('lock table %I in share mode', p.part);
        execute format('select count(*), count(*) filter (where (%s) or user_id in (select user_id from legal_holds where released_at is null)) from %I', f.stays, p.part)
            into removed, kept;
        continue when removed > 0 and removed = kept;
        removed := removed - kept;
        dropped := p.part;
        lowest := flint_id_at(p.lower);
        highest := flint_id_at(p.upper);
        rest := p.part || '_kept';
        if kept > 0 then
            execute format('create table %I (like %I including all)', rest, tab);
            perform flint_own_rows(rest::regclass);
            execute format('insert into %I select * from %I where (%s) or user_id in (select user_id from legal_holds where released_at is null)', rest, p.part, f.stays);
        end if;
        if tab = 'transactions' then
            execute format('update transactions set maybe_dup_of = null where maybe_dup_of >= %L and maybe_dup_of < %L and not (%s)',
                lowest, highest, case when kept > 0 then format('maybe_dup_of in (select id from %I)', rest) else 'false' end);
        end if;
        execute format('lock table only %I in access exclusive mode', tab);
        execute format('drop table %I', p.part);
        if kept > 0 then
            execute format('alter table %I rename to %I', rest, p.part);
            execute format('alter table %I attach partition %I for values from (%L) to (%L)', tab, p.part, lowest, highest);
        end if;
        return;
    end loop;
    removed := 0;
    kept := 0;
end
$$;
-- +goose StatementEnd

-- flint_strays counts the rows that fit into no partition: there should be none.
-- +goose StatementBegin
create function flint_strays(tab name) returns bigint
    language plpgsql stable security definer as $$
declare
    n bigint;
begin
    perform flint_must_be_system();
    if not exists (select from flint_partitioned() x where x.parent = tab) then
        raise exception '% is no table in partitions', tab using errcode = 'invalid_parameter_value';
    end if;
    execute format('select count(*) from %I', tab || '_default') into n;
    return n;
end
$$;
-- +goose StatementEnd

-- Their names mean this schema's, whoever calls.
-- +goose StatementBegin
do $$
begin
    execute format('alter function flint_make_partitions() set search_path = %I, pg_temp', current_schema());
    execute format('alter function flint_strays(name) set search_path = %I, pg_temp', current_schema());
    execute format('alter function flint_drop_partition(name) set search_path = %I, pg_temp', current_schema());
end
$$;
-- +goose StatementEnd
revoke all on function flint_make_partitions(), flint_drop_partition(name), flint_strays(name), flint_add_partition(name, timestamptz, timestamptz) from public;
grant execute on function flint_make_partitions(), flint_drop_partition(name), flint_strays(name) to flint_app;

-- Makes a partitioned table of one that isn't, with the columns that it has, and
-- moves its rows. Keys and references are made afterwards.
-- +goose StatementBegin
create function flint_into_partitions(tab name) returns void
    language plpgsql set timezone = 'UTC' as $$
declare
    f record;
    begins timestamptz;
begin
    select * into f from flint_partitioned() x where x.parent = tab;
    execute format('alter table %I rename to %I', tab, tab || '_before');
    execute format('create table %I (like %I including defaults including constraints including storage including comments) partition by range (id)', tab, tab || '_before');
    execute format('create table %I partition of %I default', tab || '_default', tab);
    for begins in execute format('select distinct date_trunc(%L, flint_id_time(id)) from %I where id >= %L and id < %L', f.unit, tab || '_before',
        flint_id_at('2015-01-01'), flint_id_at(flint_clock()))
    loop
        perform flint_add_partition(tab, begins, begins + f.width);
    end loop;
    execute format('insert into %I select * from %I', tab, tab || '_before');
    execute format('drop table %I cascade', tab || '_before');
    perform flint_own_rows(tab::regclass);
    perform flint_own_rows((tab || '_default')::regclass);
end
$$;
-- +goose StatementEnd

select flint_into_partitions('transactions');
alter table transactions
    add primary key (id),
    add unique (user_id, id),
    add foreign key (user_id, account_id) references accounts (user_id, id) on delete cascade,
    add foreign key (user_id, import_id) references imports (user_id, id);
create index transactions_user_date on transactions (user_id, date desc, id desc) where deleted_at is null;
create index transactions_import on transactions (import_id) where import_id is not null;
create index transactions_account_date on transactions (account_id, date desc, id desc);
create index transactions_maybe_dup on transactions (user_id, maybe_dup_of) where maybe_dup_of is not null;

select flint_into_partitions('risk_decisions');
alter table risk_decisions
    add primary key (id),
    add unique (user_id, id),
    add foreign key (user_id) references users on delete cascade;
create index risk_decisions_user on risk_decisions (user_id, at desc, id desc);
create index risk_decisions_at on risk_decisions (at);
-- sign_in_holds and sign_in_challenges, which live for minutes, name their decision
-- without a foreign key from here on: to drop a partition that others refer to, it
-- would have to be detached first, which locks those tables and users.

select flint_into_partitions('sync_runs');
alter table sync_runs
    add primary key (id),
    add foreign key (user_id, connection_id) references connections (user_id, id) on delete cascade;
create index sync_runs_connection on sync_runs (connection_id, started_at desc);

drop function flint_into_partitions(name);

-- What a transaction is known by outside of Flint, once in an account. Keys of
-- partitions must hold the id, so these stand in a table of their own, which the
-- statements that change transactions keep by triggers: nobody writes them by hand.
-- No foreign key leads to transactions, since each row of it would be looked at
-- when a partition is dropped: a key whose transaction is gone is anybody's.
create table transaction_keys (
    account_id     uuid not null,
    kind           text not null check (kind in ('posted', 'pending', 'import')),
    key            text not null,             -- provider_transactions.provider_id, or external_id of an imported row
    user_id        uuid not null,
    transaction_id uuid not null,
    primary key (account_id, kind, key),
    foreign key (user_id, account_id) references accounts (user_id, id) on delete cascade
);
insert into transaction_keys (account_id, kind, key, user_id, transaction_id)
    select t.account_id, k.kind, k.key, t.user_id, t.id
    from transactions t, lateral (values ('posted', t.posted_ptx), ('pending', t.pending_ptx), ('import', t.import_key)) k (kind, key)
    where k.key is not null;
create index transaction_keys_transaction on transaction_keys (transaction_id);
select flint_own_rows('transaction_keys');

-- These two look one row up, by the plan of a statement of their own: part of a
-- larger one, that would be planned for every partition each time.
-- +goose StatementBegin
create function flint_is_there(transaction uuid) returns boolean
    language plpgsql stable as $$
begin
    return exists (select from transactions t where t.id = transaction);
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create function flint_double_of(owner uuid, transaction uuid) returns uuid
    language plpgsql stable as $$
begin
    return (select d.id from transactions d where d.user_id = owner and d.id = transaction and d.deleted_at is null);
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create function flint_free_keys() returns trigger
    language plpgsql as $$
begin
    delete from transaction_keys k using old_rows o where k.transaction_id = o.id;
    update transactions t set maybe_dup_of = null from old_rows o where t.user_id = o.user_id and t.maybe_dup_of = o.id;
    return null;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create function flint_claim_keys() returns trigger
    language plpgsql as $$
declare
    wanted bigint;
    got bigint;
begin
    with keys as (
        select n.account_id, k.kind, k.key, n.user_id, n.id
        from new_rows n, lateral (values ('posted', n.posted_ptx), ('pending', n.pending_ptx), ('import', n.import_key)) k (kind, key)
        where k.key is not null
    ), taken as (
        insert into transaction_keys (account_id, kind, key, user_id, transaction_id)
            select account_id, kind, key, user_id, id from keys order by account_id, kind, key
        on conflict do nothing
        returning 1
    )
    select (select count(*) from keys), (select count(*) from taken) into wanted, got;
    if got < wanted then
        -- Some are taken: by rows that went with their partition, or by others.
        delete from transaction_keys d
            using new_rows n, lateral (values ('posted', n.posted_ptx), ('pending', n.pending_ptx), ('import', n.import_key)) k (kind, key)
            where d.account_id = n.account_id and d.kind = k.kind and d.key = k.key and d.transaction_id <> n.id
                and not flint_is_there(d.transaction_id);
        insert into transaction_keys (account_id, kind, key, user_id, transaction_id)
            select n.account_id, k.kind, k.key, n.user_id, n.id
            from new_rows n, lateral (values ('posted', n.posted_ptx), ('pending', n.pending_ptx), ('import', n.import_key)) k (kind, key)
            where k.key is not null
                and not exists (select from transaction_keys d where d.account_id = n.account_id and d.kind = k.kind and d.key = k.key and d.transaction_id = n.id);
    end if;
    return null;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create function flint_change_keys() returns trigger
    language plpgsql as $$
declare
    same boolean;
begin
    select coalesce(bool_and((o.account_id, o.posted_ptx, o.pending_ptx, o.import_key) is not distinct from (n.account_id, n.posted_ptx, n.pending_ptx, n.import_key)), true)
        into same from old_rows o join new_rows n on n.id = o.id;
    if same then
        return null;
    end if;
    delete from transaction_keys d using (
        select o.account_id, k.kind, k.key, o.user_id, o.id
        from old_rows o, lateral (values ('posted', o.posted_ptx), ('pending', o.pending_ptx), ('import', o.import_key)) k (kind, key)
        where k.key is not null
        except
        select n.account_id, k.kind, k.key, n.user_id, n.id
        from new_rows n, lateral (values ('posted', n.posted_ptx), ('pending', n.pending_ptx), ('import', n.import_key)) k (kind, key)) lost
        where d.account_id = lost.account_id and d.kind = lost.kind and d.key = lost.key and d.transaction_id = lost.id;
    delete from transaction_keys d
        using new_rows n, lateral (values ('posted', n.posted_ptx), ('pending', n.pending_ptx), ('import', n.import_key)) k (kind, key)
        where d.account_id = n.account_id and d.kind = k.kind and d.key = k.key and d.transaction_id <> n.id
            and not flint_is_there(d.transaction_id);
    insert into transaction_keys (account_id, kind, key, user_id, transaction_id)
        select n.account_id, k.kind, k.key, n.user_id, n.id
        from new_rows n, lateral (values ('posted', n.posted_ptx), ('pending', n.pending_ptx), ('import', n.import_key)) k (kind, key)
        where k.key is not null
        except
        select o.account_id, k.kind, k.key, o.user_id, o.id
        from old_rows o, lateral (values ('posted', o.posted_ptx), ('pending', o.pending_ptx), ('import', o.import_key)) k (kind, key)
        order by 1, 2, 3;
    return null;
end
$$;
-- +goose StatementEnd

-- A suggestion is of the same person's. A foreign key would be looked up for every
-- row of a partition that is dropped, and in every partition for a row that is deleted.
-- +goose StatementBegin
create function flint_own_double() returns trigger
    language plpgsql as $$
begin
    if (tg_op = 'INSERT' or old.maybe_dup_of is distinct from new.maybe_dup_of)
        and not exists (select from transactions d where d.user_id = new.user_id and d.id = new.maybe_dup_of)
        and exists (select from transactions t where t.id = new.id and t.maybe_dup_of = new.maybe_dup_of)
    then
        raise exception 'transaction % is said to double one that its owner doesn''t have', new.id
            using errcode = 'foreign_key_violation', table = 'transactions', constraint = 'transactions_maybe_dup_fkey';
    end if;
    return null;
end
$$;
-- +goose StatementEnd

create trigger free_keys after delete on transactions
    referencing old table as old_rows for each statement execute function flint_free_keys();
create trigger claim_keys after insert on transactions
    referencing new table as new_rows for each statement execute function flint_claim_keys();
create trigger change_keys after update on transactions
    referencing old table as old_rows new table as new_rows for each statement execute function flint_change_keys();
create constraint trigger own_double after insert or update of maybe_dup_of on transactions
    deferrable initially deferred for each row when (new.maybe_dup_of is not null) execute function flint_own_double();

select flint_make_partitions();

alter table retention_runs add column partitions bigint not null default 0;   -- dropped
