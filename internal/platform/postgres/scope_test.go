package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
)

// street is a database with two neighbours, Ann and Ben, each with a connection,
// an account and a transaction.
type street struct {
	t            *testing.T
	program, all *pgxpool.Pool
	ann, ben     neighbour
}

type neighbour struct {
	id.User
	connection, account, snapshot, transaction string
}

func newStreet(t *testing.T) street {
	t.Helper()
	s := street{t: t}
	s.program, s.all = pgtest.Strict(t)
	s.ann, s.ben = s.moveIn("ann"), s.moveIn("ben")
	return s
}

func (s street) moveIn(name string) neighbour {
	s.t.Helper()
	n := neighbour{User: id.New[id.User]()}
	ids := func(table string) string { return name + " " + table }
	type made struct{ Connection, Account, Snapshot, Transaction string }
	m, err := postgres.One[made](s.t.Context(), s.all, `
		with u as (
			insert into users (id, email_mac, sealed, password_hash, tier, created_at, updated_at)
			values (@user, @email::text::bytea, 'A', '', 'free', now(), now())
		), c as (
			insert into connections (id, user_id, provider, provider_connection_id, kind, institution_id, institution_name, status, created_at)
			values (gen_random_uuid(), @user, 'teller', @pid, 'bank', 'x', 'X', 'healthy', now()) returning id
		), a as (
			insert into accounts (id, user_id, connection_id, kind, currency, created_at, updated_at)
			select gen_random_uuid(), @user, id, 'bank', 'USD', now(), now() from c returning id
		), s as (
			insert into account_snapshots (id, user_id, account_id, as_of, complete, created_at)
			select gen_random_uuid(), @user, id, now(), true, now() from a returning id
		), t as (
			insert into transactions (id, user_id, account_id, source, status, amount, currency, date, created_at, updated_at)
			select gen_random_uuid(), @user, id, 'manual', 'posted', 1, 'USD', current_date, now(), now() from a returning id
		)
		select c.id::text as connection, a.id::text as account, s.id::text as snapshot, t.id::text as transaction from c, a, s, t`,
		postgres.Args{"user": n.User, "email": name + "@example.com", "pid": ids("enrollment")})
	if err != nil {
		s.t.Fatal(err)
	}
	n.connection, n.account, n.snapshot, n.transaction = m.Connection, m.Account, m.Snapshot, m.Transaction
	return n
}

// as is the context of a request that n makes.
func (s street) as(n neighbour) context.Context {
	return access.With(s.t.Context(), access.Actor{User: n.User})
}

const forgetful = `select user_id from accounts` // no owner: a mistake

// TestAStatementThatForgetsItsOwnerSeesOnePerson is the wall, as the program
// works with it: on the pool alone, in a transaction, in a batch.
func TestAStatementThatForgetsItsOwnerSeesOnePerson(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	inTx := func(ctx context.Context) (seen []id.User, err error) {
		err = postgres.InTx(ctx, s.program, func(tx pgx.Tx) error {
			seen, err = postgres.Many[id.User](ctx, tx, forgetful, nil)
			return err
		})
		return seen, err
	}
	together := func(ctx context.Context) (seen []id.User, err error) {
		batch := &pgx.Batch{}
		batch.Queue(forgetful).Query(func(rows pgx.Rows) error {
			seen, err = pgx.CollectRows(rows, pgx.RowTo[id.User])
			return err
		})
		return seen, postgres.Together(ctx, s.program, batch)
	}
	alone := func(ctx context.Context) ([]id.User, error) {
		return postgres.Many[id.User](ctx, s.program, forgetful, nil)
	}
	for how, read := range map[string]func(context.Context) ([]id.User, error){"alone": alone, "in a transaction": inTx, "together": together} {
		for who, c := range map[string]struct {
			ctx  context.Context
			want []id.User
		}{
			"ann":              {s.as(s.ann), []id.User{s.ann.User}},
			"ben":              {s.as(s.ben), []id.User{s.ben.User}},
			"a job for ann":    {postgres.AsUser(t.Context(), s.ann.User), []id.User{s.ann.User}},
			"ann, about ben":   {postgres.AsUser(s.as(s.ann), s.ben.User), []id.User{s.ben.User}},
			"the system":       {postgres.AsSystem(t.Context(), "test"), []id.User{s.ann.User, s.ben.User}},
			"somebody unknown": {postgres.AsUser(t.Context(), id.New[id.User]()), []id.User{}},
			"a key of ann's":   {access.With(t.Context(), access.Actor{User: s.ann.User, Key: id.New[id.APIKey]()}), []id.User{s.ann.User}},
			"ann's sync job":   {access.With(t.Context(), access.SystemActor("sync", s.ann.User)), []id.User{s.ann.User}},
		} {
			seen, err := read(c.ctx)
			if err != nil || len(seen) != len(c.want) || (len(seen) == 1 && seen[0] != c.want[0]) {
				t.Errorf("%s, %s: sees %v, %v", who, how, seen, err)
			}
		}
		for who, ctx := range map[string]context.Context{
			"nobody": t.Context(), "about nobody": postgres.AsUser(s.as(s.ann), id.User{}), "a job of nobody": access.With(t.Context(), access.SystemActor("sweep", id.User{})),
		} {
			if seen, err := read(ctx); err == nil || !strings.Contains(err.Error(), "whose rows these are isn't known") {
				t.Errorf("%s, %s: sees %v, %v", who, how, seen, err)
			}
		}
	}
}

// TestNobodyWritesToSomebodyElse tries what a mistaken statement could do.
func TestNobodyWritesToSomebodyElse(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	ben := s.as(s.ben)
	args := postgres.Args{"ann": s.ann.User, "ben": s.ben.User, "connection": s.ann.connection, "account": s.ann.account, "snapshot": s.ann.snapshot, "transaction": s.ann.transaction}
	pick := func(names ...string) postgres.Args {
		p := postgres.Args{}
		for _, n := range names {
			p[n] = args[n]
		}
		return p
	}
	for what, c := range map[string]struct {
		sql  string
		args postgres.Args
	}{
		"update":      {`update accounts set subtype = 'mine' where id = @account`, pick("account")},
		"delete":      {`delete from transactions where id = @transaction`, pick("transaction")},
		"take":        {`update accounts set user_id = @ben where id = @account`, pick("account", "ben")},
		"lock person": {`update users set banned_at = now() where id = @ann`, pick("ann")},
	} {
		n, err := postgres.Touch(ben, s.program, c.sql, c.args)
		if n != 0 || err != nil {
			t.Errorf("%s: %d rows, %v", what, n, err)
		}
	}
	// insufficient_privilege: the policy; foreign_key_violation: the composite key.
	for what, c := range map[string]struct {
		sql, code string
		args      postgres.Args
	}{
		"insert for her":          {`insert into connect_attempts (id, user_id, provider, nonce, created_at, expires_at) values (gen_random_uuid(), @ann, 'teller', '', now(), now())`, "42501", pick("ann")},
		"give to her":             {`update accounts set user_id = @ann`, "42501", pick("ann")},
		"account at her bank":     {`update accounts set connection_id = @connection`, "23503", pick("connection")},
		"entry in her account":    {`insert into transactions (id, user_id, account_id, source, status, amount, currency, date, created_at, updated_at) values (gen_random_uuid(), @ben, @account, 'manual', 'posted', 1, 'USD', current_date, now(), now())`, "23503", pick("ben", "account")},
		"double of her entry":     {`update transactions set maybe_dup_of = @transaction`, "23503", pick("transaction")},
		"her positions":           {`update accounts set snapshot_id = @snapshot`, "23503", pick("snapshot")},
		"position in her account": {`insert into positions (snapshot_id, user_id, account_id, ordinal, symbol, kind, quantity, currency) select id, user_id, @account, 0, 'X', 'stock', 1, 'USD' from account_snapshots`, "23503", pick("account")},
		"cash in her account":     {`insert into cash_balances (snapshot_id, user_id, account_id, currency, cash) select id, user_id, @account, 'USD', 1 from account_snapshots`, "23503", pick("account")},
		"repair of her bank":      {`insert into connect_attempts (id, user_id, provider, nonce, created_at, expires_at, reconnect) values (gen_random_uuid(), @ben, 'teller', '', now(), now(), @connection)`, "23503", pick("ben", "connection")},
		"in place of her bank":    {`update connections set reconnect_of = @connection`, "23503", pick("connection")},
		"rewrite the log":         {`update audit_entries set verb = ''`, "42501", nil},
		"shorten the log":         {`delete from audit_entries`, "42501", nil},
		"an act of hers":          {`insert into audit_entries (id, at, actor_id, actor_kind, subject_id, verb) values (gen_random_uuid(), now(), @ann, 'person', @ann, 'x')`, "42501", pick("ann")},
		"switch the policy off":   {`alter table accounts disable row level security`, "42501", nil},
		"empty the table":         {`truncate accounts cascade`, "42501", nil},
		"another policy":          {`create policy p on accounts using (true)`, "42501", nil},
		"see all by a trick":      {`create table mine as select 1 as n`, "42501", nil},
	} {
		err := postgres.Exec(ben, s.program, c.sql, c.args)
		pg, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || pg.Code != c.code {
			t.Errorf("%s: %v", what, err)
		}
	}
	if kind, err := postgres.Scalar[string](t.Context(), s.all, `select subtype from accounts where id = @account`, pick("account")); err != nil || kind != "" {
		t.Errorf("Ann's account is %q, %v", kind, err)
	}
}

// TestWhatInjectedSQLCanDo is honest: SQL of an attacker's own, in a person's
// transaction, can't become another role, but it can name another person.
func TestWhatInjectedSQLCanDo(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	seen := func(first string) (n int, err error) {
		err = postgres.InTx(s.as(s.ben), s.program, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), first); err != nil {
				return err
			}
			n, err = postgres.Scalar[int](t.Context(), tx, `select count(*)::int from accounts`, nil)
			return err
		})
		return n, err
	}
	for _, first := range []string{
		`reset role`, `set local role none`, `reset session authorization`, // it is the role that logged in
		`set local role flint_app`,
	} {
		if n, err := seen(first); n != 1 || err != nil {
			t.Errorf("after %s: %d accounts, %v", first, n, err)
		}
	}
	for _, first := range []string{
		`set local role flint`, `set local session authorization flint`, `alter role flint_app bypassrls`,
		`set local row_security = off`, // refuses to answer, rather than filter
		`copy accounts to program 'cat'`, `select pg_read_file('/etc/passwd')`, `create extension file_fdw`,
	} {
		if n, err := seen(first); err == nil {
			t.Errorf("after %s: %d accounts", first, n)
		}
	}
	// This is what the wall doesn't stop: the setting is a word, not a secret.
	if n, err := seen(`set local flint."user" = 'system'`); n != 2 || err != nil {
		t.Errorf("somebody who can run SQL of their own sees %d accounts, %v: docs/security/rows.md says otherwise", n, err)
	}
}

// TestNoScopeStaysOnAConnection looks at the connection after what ran on it: a
// pooler may give it to anybody next.
func TestNoScopeStaysOnAConnection(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: config.NewSecret(s.program.Config().ConnString()), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	boom := errors.New("boom")
	for what, run := range map[string]func(context.Context) error{
		"a query": func(ctx context.Context) error {
			_, err := postgres.Many[id.User](ctx, pool, forgetful, nil)
			return err
		},
		"a write": func(ctx context.Context) error {
			return postgres.Exec(ctx, pool, `update accounts set hidden = true`, nil)
		},
		"a failure": func(ctx context.Context) error {
			return postgres.Exec(ctx, pool, `update accounts set kind = 'x'`, nil)
		},
		"no such": func(ctx context.Context) error {
			_, err := postgres.Scalar[int](ctx, pool, `select 1 where false`, nil)
			return err
		},
		"a transaction": func(ctx context.Context) error {
			return postgres.InTx(ctx, pool, func(pgx.Tx) error { return nil })
		},
		"one undone": func(ctx context.Context) error { return postgres.InTx(ctx, pool, func(pgx.Tx) error { return boom }) },
		"a panic": func(ctx context.Context) error {
			defer func() { _ = recover() }()
			return postgres.InTx(ctx, pool, func(pgx.Tx) error { panic(boom) })
		},
		"cut off": func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			return postgres.InTx(ctx, pool, func(tx pgx.Tx) error { cancel(); return postgres.Exec(ctx, tx, `select 1`, nil) })
		},
	} {
		for _, ctx := range []context.Context{s.as(s.ann), postgres.AsSystem(t.Context(), "test")} {
			_ = run(ctx)
			left, err := postgres.Scalar[string](t.Context(), pool, `select coalesce(current_setting('flint.user', true), '')`, nil)
			if left != "" || err != nil {
				t.Errorf("after %s the connection is %q's, %v", what, left, err)
			}
		}
	}
}

// TestAStatementAloneIsPreparedOnce makes sure that the scope ahead of it doesn't
// cost the plan.
func TestAStatementAloneIsPreparedOnce(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: config.NewSecret(s.program.Config().ConnString()), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	for i := range 20 {
		who := s.ann
		if i%2 == 0 {
			who = s.ben
		}
		if _, err := postgres.One[struct{ Kind string }](s.as(who), pool, `select kind from accounts where user_id = @owner`, postgres.Args{"owner": who.User}); err != nil {
			t.Fatal(err)
		}
	}
	type use struct {
		Statement string
		Calls     int64
	}
	uses, err := postgres.Many[use](t.Context(), pool, `select statement, generic_plans + custom_plans as calls from pg_prepared_statements where statement not like '%pg_prepared%'`, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, u := range uses {
		if strings.Contains(u.Statement, "from accounts") || strings.Contains(u.Statement, "set_config") {
			n++
			if u.Calls != 20 {
				t.Errorf("%q ran %d times", u.Statement, u.Calls)
			}
		}
	}
	if n != 2 {
		t.Errorf("prepared are %+v", uses)
	}
}

func TestACommitThatFailsIsTold(t *testing.T) {
	t.Parallel()
	s := newStreet(t)
	// The foreign key is deferred: it fails when the batch's transaction ends.
	err := postgres.Exec(s.as(s.ben), s.program, `update accounts set snapshot_id = gen_random_uuid()`, nil)
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.ConstraintName != "accounts_snapshot_fkey" {
		t.Errorf("got %v", err)
	}
	if _, err := postgres.Scalar[int](s.as(s.ben), s.program, `select 1 where false`, nil); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestARoleThatNothingHoldsIsKnown(t *testing.T) {
	t.Parallel()
	owner := pgtest.URL(t)
	for u, want := range map[string]string{owner: "flint is a superuser", pgtest.AppURL(owner): ""} {
		pool, err := postgres.Open(t.Context(), postgres.Config{URL: config.NewSecret(u), MaxConns: 1})
		if err != nil {
			t.Fatal(err)
		}
		why, err := postgres.Unheld(t.Context(), pool)
		if why != want || err != nil {
			t.Errorf("got %q, %v, not %q", why, err, want)
		}
		pool.Close()
	}
}
