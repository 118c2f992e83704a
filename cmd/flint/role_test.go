package main

import (
	"testing"

	"flint/internal/platform/postgres/pgtest"
)

// Not parallel, since it is told of its database by the environment.
func TestAnOperatorMakesAdministratorsAndChangesPlans(t *testing.T) {
	pool := pgtest.New(t)
	t.Setenv("DATABASE_URL", pool.Config().ConnString())
	t.Setenv("FLINT_ORIGIN", "http://localhost:8080")
	t.Setenv("FLINT_STATE", t.TempDir())
	t.Setenv("FLINT_ADMINS", "eva@example.com")
	ctx := t.Context()
	if err := (userCreate{Email: "eva@example.com", Name: "Eva", Tier: "free"}).Run(ctx); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		role string
		want int
	}{{"admin", 1}, {"super", 2}, {"none", 0}} {
		if err := (userRole{Email: "Eva@Example.com", Role: c.role, Reason: "joined us"}).Run(ctx); err != nil {
			t.Fatal(err)
		}
		if n := scalar(t, pool, `select is_admin::int + is_super_admin::int from users`); n != c.want {
			t.Errorf("%s: %d flags", c.role, n)
		}
	}
	if err := (userTier{Email: "eva@example.com", Tier: "pro", Reason: "a gift"}).Run(ctx); err != nil {
		t.Fatal(err)
	}
	if n := scalar(t, pool, `select count(*)::int from users where tier = 'pro'`); n != 1 {
		t.Error("the plan is as it was")
	}
	if n := scalar(t, pool, `select count(*)::int from audit_entries where actor_name = 'operator' and sealed is not null
		and verb in ('account.set_role', 'account.set_tier') and detail->>'before' <> detail->>'after'`); n != 4 {
		t.Errorf("%d acts are recorded", n)
	}
	if err := (userRole{Email: "nobody@example.com", Role: "super", Reason: "x"}).Run(ctx); err == nil {
		t.Error("a stranger was made an administrator")
	}
}
