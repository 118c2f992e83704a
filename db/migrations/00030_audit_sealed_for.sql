-- +goose Up
-- Whose key what is personal in an entry is sealed under; null: Flint's own.
alter table audit_entries add column sealed_for uuid;
