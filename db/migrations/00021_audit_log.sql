-- +goose Up
-- The audit log as a Merkle tree (RFC 6962). Entries are written by whoever does
-- something, at once and in any order; one node after the other numbers them.
alter table audit_entries add column sealed bytea;   -- what is personal in it, under the key of the person concerned

-- Entries that have no number yet. Written with the entry, so none is forgotten.
create table audit_pending (
    entry_id uuid primary key
);
select set_config('flint.user', 'system', true);
insert into audit_pending (entry_id) select id from audit_entries;

create table audit_leaves (
    index    bigint primary key check (index >= 0),
    entry_id uuid not null unique,               -- no foreign key: a missing entry must show, not vanish
    hash     bytea not null check (length(hash) = 32)
);

-- The inner nodes of complete subtrees; leaves are level 0, in audit_leaves.
create table audit_nodes (
    level smallint not null check (level > 0),
    index bigint not null check (index >= 0),
    hash  bytea not null check (length(hash) = 32),
    primary key (level, index)
);

-- What the tree was when it had so many leaves, signed.
create table audit_checkpoints (
    size        bigint primary key check (size > 0),
    root        bytea not null check (length(root) = 32),
    note        text not null,                   -- C2SP tlog-checkpoint
    at          timestamptz not null,
    mirrored_at timestamptz
);
create index audit_checkpoints_unmirrored on audit_checkpoints (size) where mirrored_at is null;

-- Who signs.
create table audit_keys (
    verifier   text primary key,                 -- name, hash and public key, as C2SP signed-note writes them
    sealed     bytea not null,                   -- the private key
    created_at timestamptz not null
);
