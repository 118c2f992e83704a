-- +goose Up
-- Accounts that are to be erased, and those that were: without a foreign key,
-- since the row outlives its person. It holds ids and times and nothing else.
create table account_deletions (
    id         uuid primary key,
    user_id    uuid not null,
    asked_by   text not null check (asked_by in ('owner', 'retention')),
    asked_at   timestamptz not null,
    due_at     timestamptz not null,
    begun_at   timestamptz,                       -- closed to sign-ins; the providers are being told
    ended_at   timestamptz,
    outcome    text check (outcome in ('undone', 'erased')),
    unrevoked  integer not null default 0,        -- what a provider couldn't be told
    check ((ended_at is null) = (outcome is null))
);
create unique index account_deletions_waiting on account_deletions (user_id) where ended_at is null;
create index account_deletions_user on account_deletions (user_id);
select flint_own_rows('account_deletions');

-- Whose data must not be removed for now, and why.
create table legal_holds (
    id          uuid primary key,
    user_id     uuid not null references users on delete cascade,
    reason      text not null,
    placed_at   timestamptz not null,
    released_at timestamptz
);
create unique index legal_holds_live on legal_holds (user_id) where released_at is null;
select flint_own_rows('legal_holds');

-- Copies of what somebody has here, made at their request. The archive is sealed,
-- and goes when it is fetched or expires.
create table privacy_exports (
    id         uuid primary key,
    user_id    uuid not null references users on delete cascade,
    asked_at   timestamptz not null,
    ready_at   timestamptz,
    expires_at timestamptz,
    fetched_at timestamptz,
    failed     boolean not null default false,    -- too large
    bytes      bigint not null default 0,         -- of the archive, before it was sealed
    archive    bytea
);
create index privacy_exports_user on privacy_exports (user_id, asked_at);
create unique index privacy_exports_waiting on privacy_exports (user_id) where ready_at is null and not failed;
select flint_own_rows('privacy_exports');

-- What retention did, rule by rule.
create table retention_runs (
    rule    text not null,
    at      timestamptz not null,
    removed bigint not null,
    held    bigint not null,
    primary key (rule, at)
);
