-- +goose Up
-- Passkeys (WebAuthn): public keys of authenticators that verify their user.

create table passkeys (
    id             uuid primary key,
    user_id        uuid not null references users on delete cascade,
    credential_id  bytea not null check (octet_length(credential_id) between 1 and 1023),
    public_key     bytea not null,            -- COSE
    sign_count     bigint not null,           -- 0 for those that don't count
    synced         boolean not null,          -- may be on several devices (backup eligible)
    transports     text[] not null,
    name           text not null,             -- given by the person
    created_at     timestamptz not null,
    last_used_at   timestamptz,
    constraint passkeys_credential_key unique (credential_id)
);
create index passkeys_user on passkeys (user_id);

-- Challenges that were answered rightly, so that no answer counts twice. Those
-- that weren't answered leave no trace: they carry their own proof.
create table passkey_challenges (
    challenge_hash bytea primary key,
    expires_at     timestamptz not null
);
create index passkey_challenges_expiry on passkey_challenges (expires_at);
