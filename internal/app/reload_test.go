package app_test

import (
	"context"
	"log/slog"
	"maps"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"flint/internal/app"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/redis/redistest"
	farvault "flint/sandbox/vault"
)

// reloading is an app whose settings are in files and in Vault.
type reloading struct {
	t     *testing.T
	vars  map[string]string
	vault *farvault.API
	db    *app.Database
	app   *app.App
}

func newReloading(t *testing.T, more map[string]string) *reloading {
	t.Helper()
	v := farvault.New(farvault.Config{Token: strong})
	server := httptest.NewServer(v.Handler())
	t.Cleanup(server.Close)
	v.Put("secret", "flint", map[string]string{"teller": strong + "1"})
	owner := pgtest.URL(t)
	r := &reloading{t: t, vault: v, vars: map[string]string{
		"FLINT_ORIGIN": "http://localhost:8080", "FLINT_STATE": t.TempDir(), "VAULT_ADDR": server.URL, "VAULT_TOKEN": strong,
		"DATABASE_URL_FILE": fileOf(t, pgtest.AppURL(owner), 0o600), "DATABASE_MIGRATE_URL": owner,
		"SMTP_URL_FILE":          fileOf(t, "smtp://u:"+strong+"@127.0.0.1:1", 0o600),
		"TELLER_WEBHOOK_SECRETS": "secret://vault/secret/flint#teller",
	}}
	maps.Copy(r.vars, more)
	s := r.read()
	var err error
	if r.db, err = app.OpenDatabase(t.Context(), s.Config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.db.Close)
	if r.app, err = app.Build(postgres.AsSystem(t.Context(), "a test"), s.Config, r.db.Pool, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.app.Close)
	if err := r.app.NoteSecrets(t.Context(), s.From); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *reloading) read() *app.Settings {
	r.t.Helper()
	s, err := app.ReadSettings(r.t.Context(), environ(r.vars))
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// again reloads and returns what changed, or waits, or failed.
func (r *reloading) again() (used, waiting []string, err error) {
	r.t.Helper()
	s := r.read()
	used, waiting, err = r.app.Reload(r.t.Context(), r.db, s)
	if err := r.app.NoteSecrets(r.t.Context(), s.From); err != nil {
		r.t.Error(err)
	}
	return used, waiting, err
}

func (r *reloading) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(r.vars[name], []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func TestSecretsChangeWithoutARestart(t *testing.T) {
	t.Parallel()
	r := newReloading(t, nil)
	if used, waiting, err := r.again(); len(used)+len(waiting) > 0 || err != nil {
		t.Errorf("nothing changed, but %v %v %v", used, waiting, err)
	}
	r.vault.Put("secret", "flint", map[string]string{"teller": strong + "2"})
	r.write("SMTP_URL_FILE", "smtp://u:"+otherStrong+"@127.0.0.1:1")
	r.vars["FLINT_RISK_HOLD"] = "41"
	used, waiting, err := r.again()
	if !slices.Equal(used, []string{"SMTP_URL", "TELLER_WEBHOOK_SECRETS"}) || !slices.Equal(waiting, []string{"FLINT_RISK_HOLD"}) || err != nil {
		t.Errorf("used %v, waiting %v, %v", used, waiting, err)
	}
	if used, waiting, err = r.again(); len(used) > 0 || len(waiting) != 1 || err != nil {
		t.Errorf("the second time: used %v, waiting %v, %v", used, waiting, err)
	}
	type entry struct{ Object, Version, Detail string }
	ctx := postgres.AsSystem(t.Context(), "a test")
	entries, err := postgres.Many[entry](ctx, r.db.Pool, `
		select object, detail->>'version' as version, detail::text as detail from audit_entries where verb = 'secret.read' order by at, id`, nil)
	if err != nil || len(entries) != 2 || entries[0].Version != "1" || entries[1].Version != "2" || entries[1].Object != "TELLER_WEBHOOK_SECRETS" {
		t.Errorf("audited: %+v, %v: each version once", entries, err)
	}
	for _, e := range entries {
		if strings.Contains(e.Detail, strong) {
			t.Errorf("the audit log has the secret: %s", e.Detail)
		}
	}
	delete(r.vars, "SMTP_URL_FILE")
	if used, _, err := r.again(); err == nil || len(used) > 0 {
		t.Errorf("mail ended without a restart: %v, %v", used, err)
	}
}

func TestTheDatabaseUserChangesWithoutARestart(t *testing.T) {
	t.Parallel()
	if os.Getenv("DATABASE_TEST_URL") != "" {
		t.Skip("somebody's server may want passwords of new users")
	}
	r := newReloading(t, nil)
	name := "flint_next_" + strings.ReplaceAll(id.New[id.User]().String(), "-", "")
	_, owner := pgtest.Owned(t)
	if _, err := owner.Exec(t.Context(), `create role `+name+` login in role flint_app`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.db.Close()
		if _, err := owner.Exec(context.Background(), `drop role `+name); err != nil {
			t.Error(err)
		}
	})
	as := func() string {
		t.Helper()
		user, err := postgres.Scalar[string](postgres.AsSystem(t.Context(), "a test"), r.db.Pool, `select session_user::text`, nil)
		if err != nil {
			t.Fatal(err)
		}
		return user
	}
	first := as()
	for _, c := range []struct {
		user, database string // empty: the right one
		works          string // as whom, afterwards
		fails          bool
	}{
		{"nobody_of_this_name", "", first, true},
		{name, "", name, false},
		{first, "/postgres", name, true},
	} {
		u, err := url.Parse(pgtest.AppURL(r.vars["DATABASE_MIGRATE_URL"]))
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.User(c.user)
		if c.database != "" {
			u.Path = c.database
		}
		r.write("DATABASE_URL_FILE", u.String())
		used, waiting, err := r.again()
		if (err != nil) != c.fails || (len(used) == 1) == c.fails || (len(waiting) == 1) != c.fails || as() != c.works {
			t.Errorf("%+v: used %v, waiting %v, %v; works as %s", c, used, waiting, err, as())
		}
	}
}

func TestKeysOfSnapTradeAndAddressesOfRedisChangeWithoutARestart(t *testing.T) {
	t.Parallel()
	one, two := redistest.Start(t), redistest.Start(t)
	r := newReloading(t, map[string]string{
		"SNAPTRADE_CLIENT_ID": "C", "SNAPTRADE_CONSUMER_KEY_FILE": fileOf(t, strong+"s", 0o600), "REDIS_URL_FILE": fileOf(t, one.URL(), 0o600),
		"FLINT_SIEM": "https://siem.example/in", "FLINT_SIEM_TOKEN_FILE": fileOf(t, strong+"t", 0o600),
	})
	r.write("SNAPTRADE_CONSUMER_KEY_FILE", otherStrong+"s")
	r.write("REDIS_URL_FILE", two.URL())
	r.write("FLINT_SIEM_TOKEN_FILE", otherStrong+"t")
	if used, waiting, err := r.again(); !slices.Equal(used, []string{"FLINT_SIEM_TOKEN", "REDIS_URL", "SNAPTRADE_CONSUMER_KEY"}) || len(waiting) > 0 || err != nil {
		t.Errorf("used %v, waiting %v, %v", used, waiting, err)
	}
	if n := two.Do("CLIENT", "LIST"); !strings.Contains(n, "name=flint") {
		t.Errorf("nobody of Flint is at the other server: %s", n)
	}
	if used, waiting, err := r.again(); len(used)+len(waiting) > 0 || err != nil {
		t.Errorf("again: used %v, waiting %v, %v", used, waiting, err)
	}
	one.Kill()
	r.write("REDIS_URL_FILE", one.URL())
	r.vars["SNAPTRADE_CLIENT_ID"] = "D" // whose key the new one is
	r.write("SNAPTRADE_CONSUMER_KEY_FILE", strong+"s")
	used, waiting, err := r.again()
	if len(used) > 0 || !slices.Equal(waiting, []string{"REDIS_URL", "SNAPTRADE_CLIENT_ID", "SNAPTRADE_CONSUMER_KEY"}) || err == nil {
		t.Errorf("what can't be used: used %v, waiting %v, %v", used, waiting, err)
	}
}
