-- +goose Up
-- Who people are is sealed under their own data key: one value a row, packed by
-- the feature. An address is looked up by its keyed hash. What was written in clear
-- so far keeps its columns as clear_… until the program has sealed it at its next
-- start; nothing else reads them.
alter table users drop constraint users_email_key;
alter table users rename column email to clear_email;
alter table users rename column first_name to clear_first_name;
alter table users
    alter column clear_email drop not null,
    alter column clear_first_name drop not null,
    add column sealed    bytea,               -- address and first name
    add column email_mac bytea,               -- keyed hash of the canonical address
    add constraint users_email_mac_key unique (email_mac),
    add constraint users_someone check (num_nonnulls(sealed, email_mac) = 2 or clear_email is not null);

drop index email_changes_old;
alter table email_changes rename column old_email to clear_old_email;
alter table email_changes rename column new_email to clear_new_email;
alter table email_changes
    alter column clear_old_email drop not null,
    alter column clear_new_email drop not null,
    add column sealed  bytea,                 -- both addresses
    add column old_mac bytea;                 -- keyed hash of the old one, as users.email_mac
create index email_changes_old on email_changes (old_mac) where ended_at is null;

alter table passkeys rename column name to clear_name;
alter table passkeys alter column clear_name drop not null, add column sealed bytea;   -- its name
alter table api_keys rename column name to clear_name;
alter table api_keys rename column last_address to clear_last_address;
alter table api_keys
    alter column clear_name drop not null,
    alter column clear_last_address drop not null, alter column clear_last_address drop default,
    add column sealed     bytea,              -- its name
    add column sealed_use bytea;              -- the address of its last use
select set_config('flint.user', 'system', true);
update api_keys set clear_last_address = null where clear_last_address = '';

alter table sessions rename column device to clear_device;
alter table sessions rename column address to clear_address;
alter table sessions
    alter column clear_device drop not null,
    alter column clear_address drop not null,
    add column sealed     bytea,              -- shortened User-Agent, IP address of the last use
    add column device_mac bytea;              -- keyed hash of the former
alter table sign_in_holds rename column agent to clear_agent;
alter table sign_in_holds rename column address to clear_address;
alter table sign_in_holds
    alter column clear_agent drop not null,
    alter column clear_address drop not null,
    add column sealed bytea;                  -- both
alter table devices rename column agent to clear_agent;
alter table devices rename column address to clear_address;
alter table devices
    alter column clear_agent drop not null, alter column clear_agent drop default,
    alter column clear_address drop not null, alter column clear_address drop default,
    add column sealed bytea;                  -- both

alter table risk_decisions rename column address to clear_address;
alter table risk_decisions rename column network to clear_network;
alter table risk_decisions rename column agent to clear_agent;
alter table risk_decisions rename column country to clear_country;
alter table risk_decisions rename column latitude to clear_latitude;
alter table risk_decisions rename column longitude to clear_longitude;
alter table risk_decisions rename column reach to clear_reach;
alter table risk_decisions rename column inputs to clear_inputs;
alter table risk_decisions
    alter column clear_address drop not null,
    alter column clear_network drop not null,
    alter column clear_agent drop not null,
    alter column clear_country drop not null,
    alter column clear_latitude drop not null,
    alter column clear_longitude drop not null,
    alter column clear_reach drop not null,
    alter column clear_inputs drop not null,
    add column sealed bytea;                  -- all of these

-- Why support looked is in the log, sealed; nothing ever read it here.
alter table support_sessions drop column reason;
