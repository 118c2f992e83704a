-- +goose Up
-- How passwords change: what they were, and which mails may change them.

-- The version goes up with each change: what was proven with an earlier
-- password is nothing any more. An empty password_hash fits no password.
alter table users
    add column password_version     integer not null default 1,
    add column password_changed_at  timestamptz,
    add column password_checked_at  timestamptz,  -- last time that the list of breached passwords answered
    add column password_breached_at timestamptz;  -- when the present password was found there

-- Earlier passwords, so that the last ones can't return. A few per person.
create table password_history (
    user_id        uuid not null references users on delete cascade,
    version        integer not null,
    password_hash  text not null,                -- PHC string
    replaced_at    timestamptz not null,
    primary key (user_id, version)
);

alter table mail_tokens
    drop constraint mail_tokens_purpose_check,
    add constraint mail_tokens_purpose_check
        check (purpose in ('confirm_email', 'sign_in_link', 'reset_password', 'setup_password'));
