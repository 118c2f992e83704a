-- +goose Up
-- Which places were gone through for what they held in clear from before they
-- were sealed (envelope.Inherit).
create table keyring_inherited (
    place text primary key,
    at    timestamptz not null
);
