-- +goose Up
-- What says whose money it is and where it went is sealed under its person's data
-- key: one value a row, packed by the feature. What was written in clear so far
-- keeps its columns as clear_… until the program has sealed it at its next start;
-- nothing else reads them. Amounts, days, currencies, categories, kinds and
-- symbols stay in clear: sums are made of them here.
select set_config('flint.user', 'system', true);

-- The totals said by name which accounts they leave out; now by id.
update wealth w set missing = (
    select coalesce(jsonb_agg(case when m->>'what' = 'balance' then jsonb_build_object('what', 'balance', 'detail', coalesce((
            select a.id::text from accounts a
            where a.user_id = w.user_id and coalesce(nullif(a.nickname, ''), a.name) = m->>'detail'
            order by a.deleted_at nulls first limit 1), '')) else m end), '[]')
    from jsonb_array_elements(w.missing) m)
where w.missing @> '[{"what": "balance"}]';

alter table accounts rename column name to clear_name;
alter table accounts rename column nickname to clear_nickname;
alter table accounts rename column institution_name to clear_institution_name;
alter table accounts rename column mask to clear_mask;
alter table accounts rename column match_key to clear_match_key;
alter table accounts
    alter column clear_name drop not null,
    alter column clear_institution_name drop not null,
    alter column clear_mask drop not null, alter column clear_mask drop default,
    alter column clear_match_key drop not null, alter column clear_match_key drop default,
    add column sealed bytea,                      -- name, nickname, institution, mask
    add column match_mac bytea;                   -- keyed hash by which an account is known under another id

alter table provider_transactions rename column description to clear_description;
alter table provider_transactions rename column fields to clear_fields;
alter table provider_transactions
    alter column clear_description drop not null,
    alter column clear_fields drop not null, alter column clear_fields drop default,
    add column sealed bytea;                      -- all that the provider says besides status, amount and day

alter table transactions rename column description to clear_description;
alter table transactions rename column merchant to clear_merchant;
alter table transactions rename column note to clear_note;
alter table transactions rename column import_key to clear_import_key;
drop index transactions_import_key;
alter table transactions
    alter column clear_description drop not null,
    alter column clear_merchant drop not null, alter column clear_merchant drop default,
    alter column clear_note drop not null, alter column clear_note drop default,
    add column import_key text,                   -- keyed hash of what an imported row is known by
    add column sealed bytea;                      -- description, merchant, note
create unique index transactions_import_key on transactions (account_id, import_key) where import_key is not null;

alter table imports rename column filename to clear_filename;
alter table imports rename column mapping to clear_mapping;
alter table imports rename column summary to clear_summary;
alter table imports
    alter column clear_filename drop not null,
    alter column clear_mapping drop not null, alter column clear_mapping drop default,
    alter column clear_summary drop not null, alter column clear_summary drop default,
    add column sealed bytea;                      -- name of the file, its columns, what it says of itself

alter table import_rows rename column external_id to clear_external_id;
alter table import_rows rename column description to clear_description;
alter table import_rows rename column detail to clear_detail;
alter table import_rows
    alter column clear_external_id drop not null,
    alter column clear_description drop not null,
    alter column clear_detail drop not null, alter column clear_detail drop default,
    add column sealed bytea;                      -- the bank's id, description, all else of the line
