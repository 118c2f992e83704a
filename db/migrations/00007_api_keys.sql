-- +goose Up
-- Keys with which people's own programs read their data. Only hashes are kept.
create table api_keys (
    id            uuid primary key,
    user_id       uuid not null references users on delete cascade,
    name          text not null,               -- as the person calls it
    hint          text not null,               -- how the key begins, to tell keys apart
    key_hash      bytea not null,
    created_at    timestamptz not null,
    expires_at    timestamptz not null,
    last_used_at  timestamptz,
    last_address  text not null default '',
    revoked_at    timestamptz,
    constraint api_keys_hash_key unique (key_hash)
);
create index api_keys_user on api_keys (user_id, created_at);
