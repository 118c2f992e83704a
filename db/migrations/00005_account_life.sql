-- +goose Up
-- What an account goes through: devices it was used on, addresses it had.

-- Browsers and phones from which somebody has signed in. A device is known by a
-- random token that it keeps; only the token's hash is here. It proves nothing:
-- it decides whether a sign-in is news to its owner.
create table devices (
    token_hash    bytea primary key,
    user_id       uuid not null references users on delete cascade,
    session_id    uuid not null,              -- of its last sign-in; may be gone
    created_at    timestamptz not null,
    last_used_at  timestamptz not null
);
create index devices_user on devices (user_id);
create index devices_age on devices (last_used_at);

-- Changes of e-mail addresses, asked for, made and undone. While a change can be
-- undone nobody else can have the old address.
create table email_changes (
    id            uuid primary key,
    user_id       uuid not null references users on delete cascade,
    old_email     text not null,
    new_email     text not null,
    created_at    timestamptz not null,
    expires_at    timestamptz not null,       -- when it can't be confirmed any more
    confirmed_at  timestamptz,
    undo_until    timestamptz,                -- set when confirmed
    ended_at      timestamptz                 -- undone, or another one took its place
);
create index email_changes_user on email_changes (user_id, created_at);
create index email_changes_old on email_changes (old_email) where ended_at is null;

-- The tokens of those mails. Only hashes are kept.
create table email_change_tokens (
    token_hash  bytea primary key,
    change_id   uuid not null references email_changes on delete cascade,
    purpose     text not null check (purpose in ('confirm', 'undo')),
    created_at  timestamptz not null
);
create index email_change_tokens_change on email_change_tokens (change_id);
