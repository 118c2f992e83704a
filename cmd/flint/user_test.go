package main

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/app"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
)

// What an operator does, on a database of its own; not parallel, since it is
// told of by the environment.
func TestAnOperatorLooksAfterPeople(t *testing.T) {
	pool := pgtest.New(t)
	t.Setenv("DATABASE_URL", pool.Config().ConnString())
	t.Setenv("FLINT_ORIGIN", "http://localhost:8080")
	t.Setenv("FLINT_STATE", t.TempDir())
	ctx := t.Context()
	run := func(what string, cmd interface{ Run(context.Context) error }, works bool) {
		t.Helper()
		if err := cmd.Run(ctx); (err == nil) != works {
			t.Errorf("%s: %v", what, err)
		}
	}
	run("create", userCreate{Email: "Eva@Example.com", Name: "Eva", Tier: "pro"}, true)
	run("create twice", userCreate{Email: "eva@example.com", Name: "Eva", Tier: "pro"}, false)
	run("reset what isn't there", userResetMFA{Email: "eva@example.com"}, false)
	run("a stranger", userSessions{Email: "nobody@example.com"}, false)

	err := withPerson(ctx, "eva@example.com", func(ctx context.Context, a *app.App, p identity.Person) error {
		if p.Tier != access.Pro {
			t.Errorf("tier %s", p.Tier)
		}
		return postgres.Exec(ctx, pool, `
			insert into passkeys (id, user_id, credential_id, public_key, sign_count, synced, transports, created_at)
			values (gen_random_uuid(), @user, '\x01', '\x00', 0, false, '{}', now())`, postgres.Args{"user": p.ID})
	})
	if err != nil {
		t.Fatal(err)
	}
	run("reset", userResetMFA{Email: "eva@example.com"}, true)
	run("hurry without a code", userResetMFA{Email: "eva@example.com", Now: true}, false)
	run("hurry with a wrong code", userResetMFA{Email: "eva@example.com", Now: true, Code: "x"}, false)
	if n := scalar(t, pool, `select count(*)::int from passkeys`); n != 1 {
		t.Error("the factor is gone at once")
	}
	err = withPerson(ctx, "eva@example.com", func(ctx context.Context, a *app.App, p identity.Person) error {
		r, err := a.Factors.AskReset(ctx, operator(), p.ID) // shows again what it has shown
		if err != nil {
			return err
		}
		run("hurry with the code", userResetMFA{Email: "eva@example.com", Now: true, Code: r.Hurry}, true)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := scalar(t, pool, `select count(*)::int from passkeys`); n != 0 {
		t.Error("the factor is still there")
	}
	run("list", userSessions{Email: "eva@example.com"}, true)
	run("end", userSessions{Email: "eva@example.com", End: true}, true)
	run("disable", userDisable{Email: "eva@example.com", Reason: "asked for it"}, true)
	run("make another signing key", rotateKeys{}, true)
	run("trust no earlier one", rotateKeys{Revoke: true}, true)
	if n := scalar(t, pool, `select count(*)::int from signing_keys where retired_at is null`); n != 1 {
		t.Errorf("%d signing keys are trusted", n)
	}
	n := scalar(t, pool, `select count(*)::int from audit_entries where actor_kind = 'system' and actor_name = 'operator'
		and verb in ('account.invite', 'factor.remove', 'account.ban')`)
	if n != 3 {
		t.Errorf("%d acts are recorded as the operator's", n)
	}
	if n := scalar(t, pool, `select count(*)::int from users where banned_at is not null`); n != 1 {
		t.Error("nobody is kept out")
	}
}

func scalar(t *testing.T, pool *pgxpool.Pool, sql string) int {
	t.Helper()
	n, err := postgres.Scalar[int](t.Context(), pool, sql, nil)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
