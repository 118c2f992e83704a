package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"flint/internal/access"
	"flint/internal/app"
	"flint/internal/config"
	"flint/internal/identity"
	"flint/internal/platform/postgres/pgtest"
)

// Not parallel, since the operator's commands are told of by the environment.
func TestPeopleComeWithTheirPasswords(t *testing.T) {
	pool := pgtest.New(t)
	t.Setenv("DATABASE_URL", pool.Config().ConnString())
	t.Setenv("FLINT_ORIGIN", "http://localhost:8080")
	t.Setenv("FLINT_STATE", t.TempDir())
	t.Setenv("HIBP_BASE_URL", "off")
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse battery"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	load := func(lines ...string) error {
		t.Helper()
		path := filepath.Join(t.TempDir(), "people.jsonl")
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		return userImport{File: path}.Run(t.Context())
	}
	ana := `{"email":"Ana@Example.com","firstName":"Ana","passwordHash":"` + string(hash) + `","tier":"pro","emailConfirmed":true}`
	bob := `{"email":"bob@example.com","firstName":"Bob","passwordHash":"` + string(hash) + `"}`
	people := func() int { return scalar(t, pool, `select count(*)::int from users`) }

	err = load(ana, bob, ana, `{"email":"x"}`, "no JSON", `{"email":"c@example.com","firstName":"C","passwordHash":"`+string(hash)+`","admin":true}`,
		`{"email":"d@example.com","firstName":"D","passwordHash":"plain secret"}`)
	if err == nil || people() != 0 {
		t.Fatalf("a file with wrong lines: %v, %d people", err, people())
	}
	for _, part := range []string{"5 lines", "line 3: the address of line 1", "line 4", "line 5", "line 6", "line 7: hash"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q isn't in: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "plain secret") || strings.Contains(err.Error(), "d@example.com") {
		t.Errorf("it repeats what stood there: %v", err)
	}
	if load() == nil {
		t.Error("an empty file is fine")
	}
	if err := load(ana); err != nil {
		t.Fatal(err)
	}
	if err := load(ana, bob); err != nil || people() != 2 { // goes on where it stopped
		t.Fatalf("again: %v, %d people", err, people())
	}
	err = withPerson(t.Context(), "ana@example.com", func(ctx context.Context, a *app.App, p identity.Person) error {
		found, refused, err := a.Identity.Check(ctx, "ana@example.com", config.NewSecret("correct horse battery"))
		if refused != identity.NotRefused || found.ID != p.ID || p.Tier != access.Pro || !p.Confirmed() {
			t.Errorf("%+v, refused %q", p, refused)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := scalar(t, pool, `select count(*)::int from audit_entries where verb = 'account.import' and actor_name = 'operator'`); n != 2 {
		t.Errorf("%d imports are recorded", n)
	}
}
