-- +goose Up
-- What people own and owe: connections, accounts, positions, transactions, history.
-- Every table carries user_id, and foreign keys are composite (user_id, id), so
-- that a row can't point into somebody else's data even by mistake.
-- Money is numeric(28,8), quantities and prices numeric(38,18).

create table connections (
    id                     uuid primary key,
    user_id                uuid not null references users on delete cascade,
    provider               text not null check (provider in ('teller', 'snaptrade')),
    provider_connection_id text not null,      -- Teller enrollment, SnapTrade authorization
    kind                   text not null check (kind in ('bank', 'brokerage', 'crypto')),
    institution_id         text not null,
    institution_name       text not null,
    access                 text not null default 'read' check (access in ('read', 'trade')),
    status                 text not null check (status in
                             ('pending', 'healthy', 'degraded', 'reauth', 'disconnected', 'quarantined')),
    status_reason          text not null default '',   -- provider's code, e.g. credentials_invalid
    credential             bytea,              -- sealed; Teller's access token; null for SnapTrade
    created_at             timestamptz not null,
    -- The sync's own state. fence grows by one with each lease; a write with an
    -- older fence is refused.
    fence                  bigint not null default 0,
    lease_until            timestamptz,
    dirty_at               timestamptz,        -- something changed at the provider at this time
    next_sync_at           timestamptz,
    last_attempt_at        timestamptz,
    last_success_at        timestamptz,
    last_full_at           timestamptz,        -- last walk of the whole overlap
    consecutive_failures   int not null default 0,
    reconnect_of           uuid,
    deleted_at             timestamptz,
    unique (user_id, id)
);
create unique index connections_provider_key on connections (provider, provider_connection_id) where deleted_at is null;
create index connections_user on connections (user_id, created_at);
create index connections_due on connections (next_sync_at) where deleted_at is null;
create index connections_leased on connections (lease_until) where lease_until is not null;

-- A person's identity at SnapTrade: one per person, shared by their connections.
create table snaptrade_users (
    user_id           uuid primary key references users on delete cascade,
    snaptrade_user_id text not null,
    secret            bytea not null,          -- sealed
    created_at        timestamptz not null,
    constraint snaptrade_users_provider_key unique (snaptrade_user_id)
);

-- A started but not finished visit to a provider's widget or portal.
create table connect_attempts (
    id          uuid primary key,
    user_id     uuid not null references users on delete cascade,
    provider    text not null check (provider in ('teller', 'snaptrade')),
    nonce       text not null,                 -- what Teller signs; public
    reconnect   uuid,                          -- connection being repaired
    created_at  timestamptz not null,
    expires_at  timestamptz not null,
    used_at     timestamptz
);
create index connect_attempts_expiry on connect_attempts (expires_at);

create table accounts (
    id                  uuid primary key,
    user_id             uuid not null references users on delete cascade,
    connection_id       uuid,                  -- null: made by hand or by an import
    provider_account_id text,
    name                text not null,         -- as the provider calls it
    nickname            text,                  -- as the person calls it
    institution_name    text not null,
    kind                text not null check (kind in ('bank', 'card', 'loan', 'investment', 'crypto', 'manual')),
    subtype             text not null default '',
    currency            text not null,
    mask                text not null default '',   -- last four digits
    status              text not null default 'open' check (status in ('open', 'closed')),
    -- Signed towards net worth: owed money is negative. null: not known (never 0).
    balance             numeric(28,8),
    available           numeric(28,8),
    credit_limit        numeric(28,8),
    balance_as_of       timestamptz,
    opening_balance     numeric(28,8),         -- balance before the first posted transaction we hold
    drift               numeric(28,8),         -- provider's ledger minus what the transactions say; null: not computed
    snapshot_id         uuid,                  -- current, complete set of positions and cash
    watermark           jsonb not null default '{}',
    hidden              boolean not null default false,
    match_key           text not null default '',
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    deleted_at          timestamptz,
    unique (user_id, id),
    foreign key (user_id, connection_id) references connections (user_id, id)
);
create unique index accounts_provider_key on accounts (connection_id, provider_account_id) where connection_id is not null;
create index accounts_user on accounts (user_id, created_at);

-- A set of positions and cash, swapped in whole: readers see the old or the new.
create table account_snapshots (
    id          uuid primary key,
    user_id     uuid not null,
    account_id  uuid not null,
    as_of       timestamptz not null,
    complete    boolean not null,
    total       numeric(28,8),                 -- the provider's own, in the account's currency; only compared
    created_at  timestamptz not null,
    unique (user_id, id),
    foreign key (user_id, account_id) references accounts (user_id, id) on delete cascade
);
create index account_snapshots_account on account_snapshots (account_id, as_of);

create table positions (
    snapshot_id     uuid not null,
    user_id         uuid not null,
    account_id      uuid not null,
    ordinal         int not null,
    symbol          text not null,
    description     text not null default '',
    kind            text not null,             -- stock, etf, mutualfund, option, crypto, ...
    quantity        numeric(38,18) not null,
    price           numeric(38,18),            -- null: no price known, shown as missing
    cost_basis      numeric(38,18),            -- per unit
    multiplier      numeric(38,18) not null default 1,
    currency        text not null,
    cash_equivalent boolean not null default false,
    primary key (snapshot_id, ordinal),
    foreign key (user_id, snapshot_id) references account_snapshots (user_id, id) on delete cascade
);
create index positions_user on positions (user_id, symbol);

create table cash_balances (
    snapshot_id  uuid not null,
    user_id      uuid not null,
    account_id   uuid not null,
    currency     text not null,
    cash         numeric(28,8) not null,       -- net of cash_equivalent positions
    buying_power numeric(28,8),
    primary key (snapshot_id, currency),
    foreign key (user_id, snapshot_id) references account_snapshots (user_id, id) on delete cascade
);

-- Files that people import. The parsed rows wait in import_rows until applied.
create table imports (
    id          uuid primary key,
    user_id     uuid not null references users on delete cascade,
    account_id  uuid,
    filename    text not null,
    format      text not null check (format in ('ofx', 'qfx', 'csv')),
    sha256      bytea not null,
    status      text not null check (status in ('preview', 'applied', 'undone')),
    mapping     jsonb not null default '{}',   -- CSV columns
    summary     jsonb not null default '{}',   -- counts, skipped elements, statement accounts
    made_account boolean not null default false, -- undo removes it again
    created_at  timestamptz not null,
    applied_at  timestamptz,
    undone_at   timestamptz,
    unique (user_id, id),
    foreign key (user_id, account_id) references accounts (user_id, id)
);
create index imports_user on imports (user_id, created_at);

create table import_rows (
    import_id   uuid not null,
    user_id     uuid not null,
    ordinal     int not null,
    external_id text not null,                 -- the bank's id, or content hash plus ordinal within identical rows
    date        date,                          -- null, like amount: a line that is no transaction
    amount      numeric(28,8),
    currency    text not null,
    description text not null,
    detail      jsonb not null default '{}',   -- type, check number, memo, ...
    verdict     text not null check (verdict in ('new', 'duplicate', 'possible_duplicate', 'skipped')),
    matches     uuid,                          -- the transaction it duplicates
    primary key (import_id, ordinal),
    check (verdict = 'skipped' or date is not null and amount is not null),
    foreign key (user_id, import_id) references imports (user_id, id) on delete cascade
);

-- The mirror of the provider. Never edited by people.
create table provider_transactions (
    account_id  uuid not null,
    provider_id text not null,
    user_id     uuid not null,
    status      text not null check (status in ('pending', 'posted')),
    amount      numeric(28,8) not null,        -- signed towards net worth: money in is positive
    currency    text not null,
    date        date not null,
    description text not null,
    fields      jsonb not null default '{}',   -- type, category, counterparty, symbol, quantity, price, fee
    pending_of  text,                          -- provider's own link to the pending row
    first_seen  timestamptz not null,
    last_seen   timestamptz not null,
    absences    int not null default 0,        -- complete windows in a row without it
    removed_at  timestamptz,
    primary key (account_id, provider_id),
    foreign key (user_id, account_id) references accounts (user_id, id) on delete cascade
);

create index provider_transactions_date on provider_transactions (account_id, date);

-- What people see. One row lives on from pending to posted.
create table transactions (
    id           uuid primary key,
    user_id      uuid not null,
    account_id   uuid not null,
    pending_ptx  text,                         -- provider_transactions.provider_id
    posted_ptx   text,
    import_id    uuid,
    import_key   text,                         -- external_id of the imported row
    source       text not null check (source in ('provider', 'import', 'manual')),
    status       text not null check (status in ('pending', 'posted')),
    amount       numeric(28,8) not null,
    currency     text not null,
    date         date not null,
    description  text not null,
    merchant     text not null default '',
    category     text not null default '',
    note         text not null default '',
    kind         text not null default '',     -- card_payment, dividend, buy, ...
    symbol       text not null default '',
    quantity     numeric(38,18),
    price        numeric(38,18),
    fee          numeric(28,8),
    field_source jsonb not null default '{}',  -- field -> user | rule | provider
    locked       text[] not null default '{}', -- fields that only the person may change
    maybe_dup_of uuid,                         -- a suggestion, never acted on by itself
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    deleted_at   timestamptz,
    deleted_by   text check (deleted_by in ('user', 'provider', 'import')),
    unique (user_id, id),
    foreign key (user_id, account_id) references accounts (user_id, id) on delete cascade,
    foreign key (user_id, import_id) references imports (user_id, id)
);
create unique index transactions_posted_key on transactions (account_id, posted_ptx) where posted_ptx is not null;
create unique index transactions_pending_key on transactions (account_id, pending_ptx) where pending_ptx is not null;
create unique index transactions_import_key on transactions (account_id, import_key) where import_key is not null;
create index transactions_user_date on transactions (user_id, date desc, id desc) where deleted_at is null;
create index transactions_import on transactions (import_id) where import_id is not null;
create index transactions_account_date on transactions (account_id, date desc, id desc);

-- One balance per account and day. Days before the first known one are absent, not zero.
create table balance_days (
    account_id uuid not null,
    day        date not null,
    user_id    uuid not null,
    balance    numeric(28,8) not null,
    currency   text not null,
    quality    text not null check (quality in ('complete', 'estimated')),
    primary key (account_id, day),
    foreign key (user_id, account_id) references accounts (user_id, id) on delete cascade
);

create index balance_days_user on balance_days (user_id, day);

-- Net worth per person and day, in the person's currency.
create table net_worth_days (
    user_id     uuid not null references users on delete cascade,
    day         date not null,
    currency    text not null,
    net_worth   numeric(28,8) not null,
    assets      numeric(28,8) not null,
    debts       numeric(28,8) not null,
    quality     text not null check (quality in ('complete', 'estimated')),
    primary key (user_id, day)
);

-- The one row that the dashboard reads. Kept by the transaction that changes its parts.
create table wealth (
    user_id       uuid primary key references users on delete cascade,
    currency      text not null,
    net_worth     numeric(28,8) not null,
    assets        numeric(28,8) not null,
    debts         numeric(28,8) not null,
    bank          numeric(28,8) not null,
    investment    numeric(28,8) not null,
    crypto        numeric(28,8) not null,
    accounts      int not null,                -- that count
    counted       int not null,                -- of these, with a known balance; 0: nothing is known
    missing       jsonb not null default '[]', -- what no rate, price or balance was known for
    as_of         timestamptz,                 -- oldest balance that the total rests on
    fx_day        date,
    updated_at    timestamptz not null
);

create table sync_runs (
    id               uuid primary key,
    user_id          uuid not null,
    connection_id    uuid not null,
    trigger          text not null,            -- link, webhook, schedule, person, requeue
    fence            bigint not null,
    phase            text not null default 'accounts',
    started_at       timestamptz not null,
    finished_at      timestamptz,
    outcome          text check (outcome in ('succeeded', 'failed', 'superseded')),
    watermark_before jsonb not null default '{}',
    watermark_after  jsonb not null default '{}',
    accounts         int not null default 0,
    fetched          int not null default 0,   -- transactions read so far
    added            int not null default 0,
    updated          int not null default 0,
    superseded       int not null default 0,
    removed          int not null default 0,
    positions        int not null default 0,
    api_calls        int not null default 0,
    error_class      text,
    error_code       text,
    foreign key (user_id, connection_id) references connections (user_id, id) on delete cascade
);
create index sync_runs_connection on sync_runs (connection_id, started_at desc);

-- What providers told us: stored before it is acted on, acted on once.
create table webhook_inbox (
    id            uuid primary key,
    provider      text not null,
    event_id      text not null,
    event_type    text not null,
    connection_id uuid references connections on delete set null,
    body          bytea not null,              -- sealed
    received_at   timestamptz not null,
    processed_at  timestamptz,
    attempts      int not null default 0,
    constraint webhook_inbox_event_key unique (provider, event_id)
);
create index webhook_inbox_open on webhook_inbox (received_at) where processed_at is null;

-- Reference rates: one unit of base buys rate units of currency.
create table fx_rates (
    day      date not null,
    currency text not null,
    base     text not null default 'EUR',
    rate     numeric(38,18) not null check (rate > 0),
    source   text not null,
    primary key (day, currency)
);
