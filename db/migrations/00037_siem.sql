-- +goose Up
-- What one node at a time does, and until when it may: whoever was killed at it
-- holds nobody up for longer.
create table leases (
    name   text primary key,
    holder uuid not null,
    until  timestamptz not null
);

-- How far each receiver of the audit log has been told.
create table siem_sinks (
    name     text primary key,               -- its address, which holds no secret
    next     bigint not null default 0 check (next >= 0),  -- the first leaf that it wasn't told
    sent_at  timestamptz,
    failures integer not null default 0,     -- in a row
    retry_at timestamptz,
    reason   text not null default ''        -- of the last failure
);

-- Rotations of keys: what has finished_at null goes on, by whichever node looks next.
create table key_rotations (
    id          uuid primary key,
    layer       text not null check (layer in ('master', 'kek', 'data', 'signing')),
    cause       text not null check (cause in ('schedule', 'operator', 'incident')),
    began_at    timestamptz not null,
    made_at     timestamptz,                 -- the new key is in use; what is left is to move things to it
    finished_at timestamptz
);
create unique index key_rotations_open on key_rotations (layer) where finished_at is null;
create index key_rotations_layer on key_rotations (layer, began_at);

-- The key that signs the audit log is sealed anew when data keys are exchanged. Who
-- may write this can spoil it, and can't make one of their own.
grant update (sealed) on audit_keys to flint_app;
