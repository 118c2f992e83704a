-- +goose Up
-- The keys that seal people's secrets, themselves sealed. They live in a schema
-- of their own because they are backed up apart: whoever restores an old backup
-- of the data must not get a key back that was destroyed since.
create schema keyring;

-- Key-encryption keys, each wrapped by the master key, which isn't here.
create table keyring.key_encryption_keys (
    version      integer primary key,
    kms          text not null,            -- which master key wrapped it
    wrapped      bytea not null,           -- empty once destroyed
    created_at   timestamptz not null,
    retired_at   timestamptz,              -- wraps no new keys
    destroyed_at timestamptz,
    check ((destroyed_at is null) = (length(wrapped) > 0))
);

-- Data keys: one for each person, and one for each credential of a provider.
-- No foreign key to users: a key may be made while its person's row is not yet
-- committed, and is destroyed on purpose, never by a cascade.
create table keyring.data_keys (
    id         uuid primary key,           -- every sealed value begins with it
    user_id    uuid not null,              -- all zeros: Flint's own
    scope      text not null default '',   -- '': all of the person's; else place/row of one credential
    kek        integer not null references keyring.key_encryption_keys,
    wrapped    bytea not null,
    created_at timestamptz not null,
    retired_at timestamptz                 -- seals nothing new
);
create unique index data_keys_current on keyring.data_keys (user_id, scope) where retired_at is null;
create index data_keys_kek on keyring.data_keys (kek);
create index data_keys_owner on keyring.data_keys (user_id);
select flint_own_rows('keyring.data_keys');

-- Keys of keyed hashes, wrapped as data keys are.
create table keyring.hash_keys (
    version    integer primary key,
    kek        integer not null references keyring.key_encryption_keys,
    wrapped    bytea not null,
    created_at timestamptz not null
);
create index hash_keys_kek on keyring.hash_keys (kek);

-- Whose key a delivery's body is sealed under: its connection may be gone by the
-- time that somebody reads it. Null: Flint's own.
alter table webhook_inbox add column sealed_for uuid;
select set_config('flint.user', 'system', true);
update webhook_inbox w set sealed_for = (select c.user_id from connections c where c.id = w.connection_id);

-- That this database has keys. It is backed up with the data: where it says so
-- and the keyring is empty, the keys' backup is missing, and nobody may make new
-- keys over what the old ones sealed.
create table keyring_made (
    once boolean primary key default true check (once),
    at   timestamptz not null
);
