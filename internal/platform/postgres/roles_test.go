package postgres_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/private"
)

// TestTheRoleIsMadeByWhoeverMigratesFirst migrates as operators do: several
// databases of one cluster at once, by an owner who is no superuser.
func TestTheRoleIsMadeByWhoeverMigratesFirst(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "flint-roles-") // the server's user must be able to enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c, err := private.Start(t.Context(), private.Config{Dir: filepath.Join(dir, "pg")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop() })
	as := func(user, database string) string {
		u, err := url.Parse(c.URL())
		if err != nil {
			t.Fatal(err)
		}
		u.User, u.Path = url.User(user), "/"+database
		return u.String()
	}
	admin, err := pgx.Connect(t.Context(), c.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(context.WithoutCancel(t.Context())) }()
	for _, sql := range []string{
		`drop role flint_app`, // of the cluster's own making
		`create role plain login`, `create role maker login createrole`,
		`create database a owner maker`, `create database b owner maker`, `create database c owner plain`,
	} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	migrate := func(user, database string) error {
		pool, err := postgres.Open(t.Context(), postgres.Config{URL: config.NewSecret(as(user, database)), MaxConns: 2})
		if err != nil {
			return err
		}
		defer pool.Close()
		return postgres.Migrate(t.Context(), pool)
	}
	if err := migrate("plain", "c"); err == nil || !strings.Contains(err.Error(), "flint_app is missing") {
		t.Errorf("who may make no role is told %v", err)
	}
	var wg sync.WaitGroup
	for _, db := range []string{"a", "b"} {
		wg.Go(func() {
			if err := migrate("maker", db); err != nil {
				t.Errorf("database %s: %v", db, err)
			}
		})
	}
	wg.Wait()
	if err := migrate("plain", "c"); err != nil { // there is one now
		t.Error(err)
	}
	if _, err := admin.Exec(t.Context(), `alter role flint_app login`); err != nil {
		t.Fatal(err)
	}
	for db, owner := range map[string]string{"a": "maker", "b": "maker", "c": "plain"} {
		if err := migrate("flint_app", db); err != nil { // nothing is left to do
			t.Errorf("database %s, as the app: %v", db, err)
		}
		for user, want := range map[string]string{"flint_app": "", owner: owner + " owns its tables"} {
			pool, err := postgres.Open(t.Context(), postgres.Config{URL: config.NewSecret(as(user, db)), MaxConns: 1})
			if err != nil {
				t.Fatal(err)
			}
			if why, err := postgres.Unheld(t.Context(), pool); why != want || err != nil {
				t.Errorf("database %s, as %s: %q, %v", db, user, why, err)
			}
			// The owner is held by the policies too, as long as it doesn't touch them.
			if _, err := postgres.Many[id.User](postgres.AsUser(t.Context(), id.New[id.User]()), pool, `select id from users`, nil); err != nil {
				t.Errorf("database %s, as %s: %v", db, user, err)
			}
			pool.Close()
		}
	}
}
