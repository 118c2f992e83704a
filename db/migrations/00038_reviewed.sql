-- +goose Up
-- What an operator found out about a judged sign-in.
alter table risk_decisions
    add column verdict     text check (verdict in ('owner', 'thief')), -- null: nobody looked
    add column reviewed_at timestamptz,
    add column reviewed_by uuid,            -- staff; who they are may be gone
    add constraint risk_decisions_reviewed check ((verdict is null) = (reviewed_at is null));
