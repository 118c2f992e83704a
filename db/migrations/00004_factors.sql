-- +goose Up
-- Second factors, and how surely a session is the person's.

alter table sessions
    add column how         text not null default 'password',  -- how it began: password, link or passkey
    add column password_at timestamptz,                       -- when the password was last proven in it
    add column factor_at   timestamptz;                       -- the same of a second factor or a passkey

-- Kept by identity.SetSecondFactor; what the factors are is for package mfa.
alter table users add column second_factor boolean not null default false;

-- Authenticator apps, one per person. Secrets are sealed (envelope).
create table totp_factors (
    user_id       uuid primary key references users on delete cascade,
    secret        bytea,                          -- null until confirmed for the first time
    confirmed_at  timestamptz,
    last_step     bigint not null default 0,      -- newest 30-second step that was used; none up to it works again
    pending       bytea,                          -- made, shown, not yet confirmed
    pending_until timestamptz,
    check ((secret is null) = (confirmed_at is null)),
    check ((pending is null) = (pending_until is null))
);

-- Codes on paper. Only keyed hashes are kept.
create table backup_codes (
    user_id    uuid not null references users on delete cascade,
    code_hash  bytea not null,
    created_at timestamptz not null,
    used_at    timestamptz,
    primary key (user_id, code_hash)
);

-- Sign-ins that wait for a second factor. Only the token's hash is kept.
create table sign_in_challenges (
    token_hash bytea primary key,
    user_id    uuid not null references users on delete cascade,
    delivery   text not null check (delivery in ('web', 'mobile')),
    how        text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);
create index sign_in_challenges_user on sign_in_challenges (user_id);
create index sign_in_challenges_expiry on sign_in_challenges (expires_at);
