-- +goose Up
-- How unusual sign-ins are: what they are compared with, and what was decided.

-- Sign-ins whose first step was right, as they were judged. Those with begun_at
-- became sessions: what later ones are compared with. Kept for 90 days, for the
-- address in them.
create table risk_decisions (
    id          uuid primary key,
    user_id     uuid not null references users on delete cascade,
    at          timestamptz not null,
    action      text not null check (action in ('password', 'link', 'passkey')),
    address     text not null,                 -- empty: not known
    network     text not null,                 -- its neighbourhood; see risk.networkOf
    agent       text not null,                 -- shortened User-Agent
    country     text not null,                 -- ISO 3166-1; empty: not known
    latitude    double precision not null,
    longitude   double precision not null,
    reach       double precision not null,     -- km around it
    score       integer not null,
    outcome     text not null check (outcome in ('allow', 'step_up', 'verify_email', 'block')),
    enforced    boolean not null,              -- false: only noted
    reasons     jsonb not null,                -- signals with their weights
    inputs      jsonb not null,                -- what they were counted from
    begun_at    timestamptz,
    unique (user_id, id)
);
create index risk_decisions_user on risk_decisions (user_id, at desc, id desc);
create index risk_decisions_at on risk_decisions (at);
select flint_own_rows('risk_decisions');

-- Wrong passwords of the last day, whether there is such an account or not: only
-- a keyed hash of what was typed is kept.
create table risk_failures (
    at          timestamptz not null,
    account     bytea not null,
    network     text not null
);
create index risk_failures_at on risk_failures (at);
create index risk_failures_account on risk_failures (account, at);
create index risk_failures_network on risk_failures (network, at);
select flint_system_rows('risk_failures');

-- Devices get a name to be listed by, and may be trusted. What a device was when
-- it was last used tells when its token turns up somewhere else.
alter table devices
    add column id         uuid not null default gen_random_uuid(),
    add column agent      text not null default '',   -- shortened User-Agent
    add column address    text not null default '',
    add column trusted_at timestamptz,
    add constraint devices_id_key unique (id);

-- Sign-ins that wait for a code from the mailbox. Only hashes are kept: of the
-- token that the browser holds, and of the code, once it was mailed.
create table sign_in_holds (
    id          uuid primary key,
    token_hash  bytea not null,
    user_id     uuid not null references users on delete cascade,
    decision_id uuid not null,
    delivery    text not null check (delivery in ('web', 'mobile')),
    agent       text not null,
    address     text not null,
    code_mac    bytea,
    tries       integer not null default 0,
    created_at  timestamptz not null,
    expires_at  timestamptz not null,
    used_at     timestamptz,
    constraint sign_in_holds_token_key unique (token_hash),
    foreign key (user_id, decision_id) references risk_decisions (user_id, id) on delete cascade
);
create index sign_in_holds_decision on sign_in_holds (user_id, decision_id);
create index sign_in_holds_expiry on sign_in_holds (expires_at);
select flint_own_rows('sign_in_holds');

alter table sign_in_challenges
    add column decision_id uuid,
    add foreign key (user_id, decision_id) references risk_decisions (user_id, id) on delete cascade;
create index sign_in_challenges_decision on sign_in_challenges (user_id, decision_id);
