-- +goose Up
-- What became of lost second factors. One row waits per person at most: it takes
-- effect at due_at at the earliest, and until then anything that shows the factor
-- isn't lost ends it. The tokens of its mails are computed from its id, so none is
-- stored.
create table factor_recoveries (
    id            uuid primary key,
    user_id       uuid not null references users on delete cascade,
    asked_by      text not null check (asked_by in ('owner', 'operator')),
    created_at    timestamptz not null,
    due_at        timestamptz not null,
    ended_at      timestamptz,
    outcome       text check (outcome in ('done', 'stopped', 'used', 'replaced', 'lapsed')),
    check ((ended_at is null) = (outcome is null))
);
create unique index factor_recoveries_waiting on factor_recoveries (user_id) where ended_at is null;
create index factor_recoveries_user on factor_recoveries (user_id);
select flint_own_rows('factor_recoveries');
