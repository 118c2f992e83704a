package compliance

import (
	"context"
	"strings"

	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// table is one of an export: its rows as JSON objects.
type table struct {
	name string
	read func(ctx context.Context, db postgres.DB, owner id.User) ([]string, error)
}

// tables are what an export holds. What proves who somebody is isn't in it: no
// hashes, no public keys, nothing sealed.
func tables() []table {
	return []table{
		{"profile", profile}, {"connections", connections}, {"accounts", accounts}, {"transactions", transactions}, {"holdings", holdings},
		{"cash", cash}, {"balances_by_day", balances}, {"net_worth_by_day", netWorth}, {"imports", imports}, {"sessions", sessions},
		{"sign_in_decisions", decisions}, {"devices", devices}, {"passkeys", passkeys}, {"api_keys", apiKeys}, {"deletions", deletions},
		{"consents", consents},
	}
}

// part is a row of which one column is sealed, an object of further members.
type part struct {
	ID, Clear string // Clear is an object that begins with the id
	Sealed    []byte
}

// opened puts what is sealed in rows at a place behind their ids; absent, an object
// of the same members, where nothing is.
func opened(ctx context.Context, db postgres.DB, owner id.User, place string, rows []part, absent string, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return nil, err
	}
	list := make([]string, 0, len(rows))
	for _, r := range rows {
		plain := []byte(absent)
		if r.Sealed != nil {
			if plain, err = keys.Open(ctx, envelope.Ref{Owner: owner, Place: place, Row: r.ID}, r.Sealed); err != nil {
				return nil, err
			}
		}
		first, rest, _ := strings.Cut(r.Clear, ",")
		list = append(list, first+","+string(plain[1:len(plain)-1])+","+rest)
	}
	return list, nil
}

func profile(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	rows, err := postgres.Many[part](ctx, db, `
		select x.id::text, row_to_json(x)::text as clear, sealed from (
			select id, email_verified_at, tier, currency, time_zone, created_at, updated_at
			from users where id = @owner) x join users using (id)`, postgres.Args{"owner": owner})
	return opened(ctx, db, owner, "users.sealed", rows, `{"email":null,"first_name":null}`, err)
}

func connections(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	return postgres.Many[string](ctx, db, `
		select row_to_json(x)::text from (
			select id, provider, kind, institution_name, access, status, created_at, last_success_at, deleted_at
			from connections where user_id = @owner order by created_at, id) x`, postgres.Args{"owner": owner})
}

func accounts(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	rows, err := postgres.Many[part](ctx, db, `
		select x.id::text, row_to_json(x)::text as clear, sealed from (
			select id, connection_id, kind, subtype, currency, status, balance, available,
			       credit_limit, balance_as_of, hidden, created_at, deleted_at
			from accounts where user_id = @owner) x join accounts using (id) order by x.created_at, x.id`, postgres.Args{"owner": owner})
	return opened(ctx, db, owner, "accounts.sealed", rows, `{"name":null,"nickname":null,"institution_name":null,"mask":null}`, err)
}

func transactions(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	rows, err := postgres.Many[part](ctx, db, `
		select x.id::text, row_to_json(x)::text as clear, sealed from (
			select id, account_id, date, status, amount, currency, category, kind, symbol, quantity,
			       price, fee, source, created_at, deleted_at
			from transactions where user_id = @owner) x join transactions using (id) order by x.date, x.id`, postgres.Args{"owner": owner})
	return opened(ctx, db, owner, "transactions.sealed", rows, `{"description":null,"merchant":null,"note":null}`, err)
}

func holdings(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	return postgres.Many[string](ctx, db, `
		select row_to_json(x)::text from (
			select p.account_id, p.symbol, p.description, p.kind, p.quantity, p.price, p.cost_basis, p.multiplier, p.currency
			from positions p join accounts a on a.user_id = p.user_id and a.snapshot_id = p.snapshot_id
			where p.user_id = @owner order by p.account_id, p.ordinal) x`, postgres.Args{"owner": owner})
}

func cash(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	return postgres.Many[string](ctx, db, `
		select row_to_json(x)::text from (
			select c.account_id, c.currency, c.cash, c.buying_power
			from cash_balances c join accounts a on a.user_id = c.user_id and a.snapshot_id = c.snapshot_id
			where c.user_id = @owner order by c.account_id, c.currency) x`, postgres.Args{"owner": owner})
}

func balances(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	return postgres.Many[string](ctx, db, `
		select row_to_json(x)::text from (
			select account_id, day, balance, currency, quality
			from balance_days where user_id = @owner order by account_id, day) x`, postgres.Args{"owner": owner})
}

func netWorth(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	return postgres.Many[string](ctx, db, `
		select row_to_json(x)::text from (
			select day, currency, net_worth, assets, debts, quality
			from net_worth_days where user_id = @owner order by day) x`, postgres.Args{"owner": owner})
}

func imports(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	rows, err := postgres.Many[part](ctx, db, `
		select x.id::text, row_to_json(x)::text as clear, sealed from (
			select id, account_id, format, status, created_at, applied_at, undone_at
			from imports where user_id = @owner) x join imports using (id) order by x.created_at, x.id`, postgres.Args{"owner": owner})
	return opened(ctx, db, owner, "imports.sealed", rows, `{"filename":null,"mapping":null,"summary":null}`, err)
}

func sessions(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	rows, err := postgres.Many[part](ctx, db, `
		select x.id::text, row_to_json(x)::text as clear, sealed from (
			select id, delivery, created_at, last_used_at, expires_at, revoked_at, revoke_reason
			from sessions where user_id = @owner) x join sessions using (id) order by x.created_at, x.id`, postgres.Args{"owner": owner})
	return opened(ctx, db, owner, "sessions.sealed", rows, `{"device":null,"address":null}`, err)
}

func decisions(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	rows, err := postgres.Many[part](ctx, db, `
		select x.id::text, row_to_json(x)::text as clear, sealed from (
			select id, at, action, score, outcome, reasons::text as reasons
			from risk_decisions where user_id = @owner) x join risk_decisions using (id) order by x.at, x.id`, postgres.Args{"owner": owner})
	return opened(ctx, db, owner, "risk_decisions.sealed", rows, `{"address":null,"network":null,"agent":null,"country":null,"latitude":null,"longitude":null,"reach":null,"inputs":null}`, err)
}

func devices(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	rows, err := postgres.Many[part](ctx, db, `
		select x.id::text, row_to_json(x)::text as clear, sealed from (
			select id, created_at, last_used_at, trusted_at
			from devices where user_id = @owner) x join devices using (id) order by x.created_at, x.id`, postgres.Args{"owner": owner})
	return opened(ctx, db, owner, "devices.sealed", rows, `{"device":null,"address":null}`, err)
}

func passkeys(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	rows, err := postgres.Many[part](ctx, db, `
		select x.id::text, row_to_json(x)::text as clear, sealed from (
			select id, synced, created_at, last_used_at
			from passkeys where user_id = @owner) x join passkeys using (id) order by x.created_at, x.id`, postgres.Args{"owner": owner})
	return opened(ctx, db, owner, "passkeys.sealed", rows, `{"name":null}`, err)
}

func apiKeys(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	type key struct {
		part
		SealedUse []byte
	}
	keys, err := postgres.Many[key](ctx, db, `
		select x.id::text, row_to_json(x)::text as clear, sealed, sealed_use from (
			select id, hint, created_at, expires_at, last_used_at, revoked_at
			from api_keys where user_id = @owner) x join api_keys using (id) order by x.created_at, x.id`, postgres.Args{"owner": owner})
	rows := make([]part, len(keys))
	for i, k := range keys {
		rows[i] = k.part
	}
	list, err := opened(ctx, db, owner, "api_keys.sealed", rows, `{"name":null}`, err)
	for i := range list {
		rows[i].Clear, rows[i].Sealed = list[i], keys[i].SealedUse
	}
	return opened(ctx, db, owner, "api_keys.sealed_use", rows, `{"last_address":null}`, err)
}

func deletions(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	return postgres.Many[string](ctx, db, `
		select row_to_json(x)::text from (
			select id, asked_at, due_at, ended_at, outcome
			from account_deletions where user_id = @owner order by asked_at, id) x`, postgres.Args{"owner": owner})
}

func consents(ctx context.Context, db postgres.DB, owner id.User) ([]string, error) {
	return postgres.Many[string](ctx, db, `
		select row_to_json(x)::text from (
			select id, document, version, encode(digest, 'hex') as sha256, accepted_at, occasion, request_id
			from consents where user_id = @owner order by accepted_at, id) x`, postgres.Args{"owner": owner})
}
