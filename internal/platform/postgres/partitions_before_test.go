package postgres_test

import (
	"io/fs"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"flint/db/migrations"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
)

// TestWhatWasThereBeforePartitionsIsMovedIntoThem migrates a database that is in
// use: rows of many years, suggestions, keys, and ids that tell no time.
func TestWhatWasThereBeforePartitionsIsMovedIntoThem(t *testing.T) {
	t.Parallel()
	owner, err := postgres.Open(t.Context(), postgres.Config{URL: config.NewSecret(pgtest.WithScope(pgtest.Empty(t))), MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	db := stdlib.OpenDBFromPool(owner)
	defer func() { _ = db.Close() }()
	before, err := goose.NewProvider(goose.DialectPostgres, db, fs.FS(migrations.Files))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.UpTo(t.Context(), 31); err != nil {
		t.Fatal(err)
	}
	l := &ledger{t, owner, owner}
	user, account := id.New[id.User]().String(), id.New[id.Account]().String()
	l.exec(`insert into users (id, email, first_name, password_hash, tier, created_at, updated_at) values ($1, 'ann@example.com', 'Ann', 'x', 'free', now(), now())`, user)
	l.exec(`insert into accounts (id, user_id, name, institution_name, kind, currency, created_at, updated_at) values ($1, $2, 'Main', 'Bank', 'bank', 'USD', now(), now())`, account, user)
	put := func(x string, at time.Time, posted, double any) {
		t.Helper()
		l.exec(`
			insert into transactions (id, user_id, account_id, posted_ptx, pending_ptx, source, status, amount, currency, date, description, note, maybe_dup_of, created_at, updated_at)
			values ($1, $2, $3, $4, 'p' || $4, 'provider', 'posted', 1, 'USD', $5, 'x', 'mine', $6, now(), now())`, x, user, account, posted, at, double)
	}
	first := idAt(day("2024-02-03"))
	put(first, day("2024-02-03"), "a", nil)
	put(idAt(day("2026-02-03")), day("2026-02-03"), "b", first)
	put(idAt(time.Now()), time.Now(), nil, nil)
	put("ffffffff-1234-4abc-8def-0123456789ab", time.Now(), "c", nil) // from nobody knows when
	decision := id.New[id.Decision]().String()
	l.exec(`
		insert into risk_decisions (id, user_id, at, action, address, network, agent, country, latitude, longitude, reach, score, outcome, enforced, reasons, inputs)
		values ($1, $2, now(), 'link', '', '', '', '', 0, 0, 0, 0, 'allow', true, '[]', '{}')`, decision, user)
	l.exec(`
		insert into sign_in_challenges (token_hash, user_id, delivery, how, decision_id, created_at, expires_at)
		values ('', $1, 'web', 'link', $2, now(), now() + interval '5 minutes')`, user, decision)
	if err := postgres.Migrate(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string][2]string{
		"transactions":                {`select count(*) from transactions`, "4"},
		"suggestions":                 {`select count(*) from transactions where maybe_dup_of = '` + first + `'`, "1"},
		"keys":                        {`select count(*) from transaction_keys`, "6"},
		"strays":                      {`select count(*) from transactions_default`, "1"},
		"rows of a quarter years ago": {`select count(*) from transactions_p20240101`, "1"},
		"decisions":                   {`select count(*) from risk_decisions`, "1"},
		"sign-ins that wait":          {`select count(*) from sign_in_challenges where decision_id is not null`, "1"},
		"tables that are left over":   {`select count(*) from pg_class where relname like '%\_before'`, "0"},
		"partitions without a policy": {`select count(*) from pg_class c where relispartition and relkind = 'r' and not exists (select from pg_policy p where p.polrelid = c.oid)`, "0"},
	} {
		if got := l.text(c[0]); got != c[1] {
			t.Errorf("%s: %s, want %s", what, got, c[1])
		}
	}
	l.exec(`delete from users where id = $1`, user)
	if n := l.text(`select (select count(*) from transactions) + (select count(*) from transaction_keys) + (select count(*) from risk_decisions)`); n != "0" {
		t.Errorf("%s rows outlive their person", n)
	}
}
