-- +goose Up
-- People, how they prove who they are, and what was done in their name.

create table users (
    id                uuid primary key,
    email             text not null,           -- canonical form; see identity.CanonicalEmail
    first_name        text not null,
    password_hash     text not null,           -- PHC string, Argon2id
    email_verified_at timestamptz,
    tier              text not null check (tier in ('free', 'basic', 'pro', 'premium')),
    is_admin          boolean not null default false,
    currency          text not null default 'USD',
    time_zone         text not null default 'America/New_York',
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    banned_at         timestamptz,
    constraint users_email_key unique (email)
);

-- Single-use tokens that travel by mail. Only their hash is kept.
create table mail_tokens (
    token_hash  bytea primary key,
    user_id     uuid not null references users on delete cascade,
    purpose     text not null check (purpose in ('confirm_email', 'sign_in_link')),
    created_at  timestamptz not null,
    expires_at  timestamptz not null,
    used_at     timestamptz
);
create index mail_tokens_user on mail_tokens (user_id, purpose);
create index mail_tokens_expiry on mail_tokens (expires_at);

create table sessions (
    id            uuid primary key,
    user_id       uuid not null references users on delete cascade,
    delivery      text not null check (delivery in ('web', 'mobile')),
    device        text not null,               -- shortened User-Agent
    address       text not null,               -- IP address of the last use
    created_at    timestamptz not null,
    last_used_at  timestamptz not null,
    expires_at    timestamptz not null,        -- absolute end of the chain
    revoked_at    timestamptz,
    revoke_reason text
);
create index sessions_user on sessions (user_id, created_at) where revoked_at is null;
create index sessions_expiry on sessions (expires_at);

-- One row per refresh token of a session's chain; the newest is the one in use.
create table refresh_tokens (
    token_hash  bytea primary key,
    session_id  uuid not null references sessions on delete cascade,
    issued_at   timestamptz not null,
    expires_at  timestamptz not null,          -- idle end
    rotated_at  timestamptz,                   -- set once, when its child was made
    child_hash  bytea
);
create index refresh_tokens_session on refresh_tokens (session_id);

-- Ed25519 keys that sign access tokens. The private half is sealed (envelope).
create table signing_keys (
    kid         text primary key,
    public_key  bytea not null,
    sealed_key  bytea not null,
    created_at  timestamptz not null,
    retired_at  timestamptz
);

-- What was done, by whom, to whom. Written in the transaction of the change.
create table audit_entries (
    id          uuid primary key,
    at          timestamptz not null,
    actor_id    uuid,                          -- null: nobody signed in
    actor_kind  text not null check (actor_kind in ('person', 'system', 'anonymous')),
    actor_name  text not null default '',      -- the job's name, for a system actor
    subject_id  uuid,                          -- the person concerned
    verb        text not null,                 -- connection.link
    object      text not null default '',      -- id of the thing
    request_id  text not null default '',
    address     text not null default '',
    detail      jsonb not null default '{}'
);
create index audit_entries_subject on audit_entries (subject_id, at, id);
create index audit_entries_at on audit_entries (at);
