-- +goose Up
-- Who looks after others, and how support looks at somebody's data with their
-- consent. A flag is one of the layers that make an administrator, never enough.
alter table users
    add column is_super_admin boolean not null default false,
    add constraint users_super_admin_is_admin check (is_admin or not is_super_admin);

-- A person's consent: whoever of the staff knows the code may look, until a time.
create table support_consents (
    id          uuid primary key,
    user_id     uuid not null references users on delete cascade,
    code_hash   bytea not null,
    created_at  timestamptz not null,
    until       timestamptz not null,
    revoked_at  timestamptz,
    constraint support_consents_code_key unique (code_hash),
    unique (user_id, id)
);
create unique index support_consents_live on support_consents (user_id) where revoked_at is null;

-- A look: one of the staff, in one session of theirs, at one person's data.
create table support_sessions (
    id          uuid primary key,
    user_id     uuid not null references users on delete cascade,   -- whose data
    consent_id  uuid not null,
    admin_id    uuid not null references users on delete cascade,
    session_id  uuid not null references sessions on delete cascade, -- the admin's own
    reason      text not null,
    created_at  timestamptz not null,
    until       timestamptz not null,
    ended_at    timestamptz,
    foreign key (user_id, consent_id) references support_consents (user_id, id) on delete cascade
);
create index support_sessions_user on support_sessions (user_id, created_at);
create index support_sessions_admin on support_sessions (admin_id, created_at);

select flint_own_rows('support_consents');
select flint_own_rows('support_sessions');
