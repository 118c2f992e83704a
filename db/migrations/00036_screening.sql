-- +goose Up
-- Who accepted which text. Rows are added and go with their person; nothing
-- changes one. The texts themselves are part of the program.
create table consents (
    id          uuid primary key,
    user_id     uuid not null references users on delete cascade,
    document    text not null,
    version     text not null,
    digest      bytea not null check (length(digest) = 32),   -- SHA-256 of the text
    accepted_at timestamptz not null,
    occasion    text not null check (occasion in ('asked', 'registration')),
    request_id  text not null,                                -- of the entries in the audit log, which have the address
    constraint consents_once unique (user_id, document, version)
);
select flint_own_rows('consents');

-- Who may be somebody on a list of those whom one may not do business with.
create table screenings (
    id         uuid primary key,
    user_id    uuid not null references users on delete cascade,
    occasion   text not null check (occasion in ('registration', 'transfer', 'list')),
    state      text not null default 'open' check (state in ('open', 'cleared', 'confirmed')),
    mark       bytea not null,                                -- keyed hash of the name and the entry: what was decided once isn't asked again
    sealed     bytea not null,                                -- the name, the entry, how alike they are, the note
    created_at timestamptz not null,
    decided_at timestamptz,
    decided_by uuid,
    check ((state = 'open') = (decided_at is null)),
    constraint screenings_once unique (user_id, mark)
);
create index screenings_open on screenings (id) where state = 'open';
select flint_own_rows('screenings');

-- Which list everybody is compared with, and how far that has come.
create table screening_list (
    one         boolean primary key default true check (one),
    version     text not null,
    after       uuid,
    changed_at  timestamptz not null,
    finished_at timestamptz
);

-- Why there is a hold is sealed. What older versions left in clear is sealed at the
-- next start.
alter table legal_holds rename column reason to clear_reason;
alter table legal_holds
    alter column clear_reason drop not null,
    add column sealed bytea,
    add column placed_by uuid,                                -- of the staff; null: an operator, on the command line
    add check (sealed is not null or clear_reason is not null);
