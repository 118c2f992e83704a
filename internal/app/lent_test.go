package app_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/app"
	"flint/internal/config"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/private"
	farvault "flint/sandbox/vault"
)

// lentUsers makes and drops users of a real server, as Vault does.
type lentUsers struct {
	owner *pgxpool.Pool

	mu      sync.Mutex
	made    int
	dropped int
	faults  []error
}

func (u *lentUsers) Create(name, password string, until time.Time) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.made++
	return u.exec(fmt.Sprintf(`create role %q login password '%s' valid until '%s' in role flint_app`, name, password, until.UTC().Format(time.RFC3339)))
}

// Drop also looks whether somebody is still connected as this user.
func (u *lentUsers) Drop(name string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.dropped++
	left, err := 1, error(nil)
	for patience := time.Now().Add(5 * time.Second); left > 0 && err == nil && time.Now().Before(patience); { // the server hears of a closed socket a little later
		left, err = postgres.Scalar[int](context.Background(), u.owner, `
			select count(*)::int from pg_stat_activity where usename = @name`, postgres.Args{"name": name})
	}
	if err != nil || left > 0 {
		u.faults = append(u.faults, fmt.Errorf("%d connections are left as %s: %w", left, name, err))
	}
	return u.exec(fmt.Sprintf(`drop role %q`, name))
}

func (u *lentUsers) exec(sql string) error {
	_, err := u.owner.Exec(context.Background(), sql)
	return err
}

func (u *lentUsers) counts() (made, dropped int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.made, u.dropped
}

// TestLentDatabaseUsersAreExchangedWithoutAnError works on a real server, which
// asks for passwords, while its users come and go.
func TestLentDatabaseUsersAreExchangedWithoutAnError(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "flint-lent-") // the server's user must be able to enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cluster, err := private.Start(t.Context(), private.Config{Dir: filepath.Join(dir, "pg")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	owner, err := postgres.Open(t.Context(), postgres.Config{URL: config.NewSecret(cluster.URL()), MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	askForPasswords(t, owner)

	users := &lentUsers{owner: owner}
	v := farvault.New(farvault.Config{Token: strong, Users: users, LoanTTL: 3 * time.Second, LoanMax: 6 * time.Second})
	server := httptest.NewServer(v.Handler())
	t.Cleanup(server.Close)
	u, err := url.Parse(cluster.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = nil
	s, err := app.ReadSettings(t.Context(), environ(map[string]string{
		"FLINT_ORIGIN": "http://localhost:8080", "VAULT_ADDR": server.URL, "VAULT_TOKEN": strong, "DATABASE_LOGIN": "vault:database/flint",
		"DATABASE_URL": u.String(), "DATABASE_MIGRATE_URL": cluster.URL(),
	}))
	if err != nil {
		t.Fatal(err)
	}
	db, err := app.OpenDatabase(t.Context(), s.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if why, err := postgres.Unheld(t.Context(), db.Pool); why != "" || err != nil {
		t.Errorf("row-level security doesn't hold who is lent: %s, %v", why, err)
	}
	seen := workThrough(t, db.Pool, users)
	if len(seen) < 3 {
		t.Errorf("worked as %v", seen)
	}
	if v.Calls("renew") < 2 {
		t.Errorf("renewed %d times", v.Calls("renew"))
	}
	db.Close()
	if made, dropped := users.counts(); made != dropped {
		t.Errorf("%d users were lent, %d given back", made, dropped)
	}
	for _, err := range users.faults {
		t.Error(err)
	}
}

// askForPasswords makes the server let in by password whoever isn't its owner.
func askForPasswords(t *testing.T, owner *pgxpool.Pool) {
	t.Helper()
	path, err := postgres.Scalar[string](t.Context(), owner, `select current_setting('hba_file')`, nil)
	if err != nil {
		t.Fatal(err)
	}
	name := owner.Config().ConnConfig.User
	rules := fmt.Sprintf("local all %s trust\nlocal all all scram-sha-256\nhost all %s all trust\nhost all all all scram-sha-256\n", name, name)
	if err := os.WriteFile(path, []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Exec(t.Context(), `select pg_reload_conf()`); err != nil {
		t.Fatal(err)
	}
}

// workThrough works without a break until users were exchanged twice and the
// second was given back, and returns as whom.
func workThrough(t *testing.T, pool *pgxpool.Pool, users *lentUsers) map[string]bool {
	t.Helper()
	ctx, stop := context.WithTimeout(postgres.AsSystem(t.Context(), "a test"), time.Minute)
	defer stop()
	var mu sync.Mutex
	seen := map[string]bool{}
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for {
				err := postgres.InTx(ctx, pool, func(tx pgx.Tx) error {
					as, err := postgres.Scalar[string](ctx, tx, `select current_user::text from (select count(*) from users) u, pg_sleep(0.02)`, nil)
					mu.Lock()
					defer mu.Unlock()
					seen[as] = true
					return err
				})
				if err != nil && ctx.Err() == nil {
					t.Errorf("at work: %v", err)
					stop()
				}
				if _, dropped := users.counts(); dropped >= 2 || ctx.Err() != nil {
					return
				}
			}
		})
	}
	listened := make(chan error, 1)
	go func() { // on a connection that is never given back
		conn, err := postgres.Alone(ctx, pool, "a listener")
		if err == nil {
			_, err = conn.WaitForNotification(ctx)
			_ = conn.Close(context.WithoutCancel(ctx))
		}
		listened <- err
	}()
	select {
	case err := <-listened:
		if ctx.Err() != nil || err == nil {
			t.Errorf("the listener wasn't told to connect again: %v", err)
		}
	case <-ctx.Done():
		t.Error("the listener hangs on a user that has gone")
	}
	work.Wait()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Error("users weren't exchanged in a minute")
	}
	delete(seen, "")
	return seen
}

func TestDatabaseLoginNeedsItsNeighbours(t *testing.T) {
	t.Parallel()
	for want, vars := range map[string]map[string]string{
		"DATABASE_LOGIN":       {"DATABASE_LOGIN": "vault:database", "DATABASE_URL": "postgres://db/f", "DATABASE_MIGRATE_URL": "postgres://o@db/f"},
		"DATABASE_URL":         {"DATABASE_LOGIN": "vault:database/flint"},
		"DATABASE_MIGRATE_URL": {"DATABASE_LOGIN": "vault:database/flint", "DATABASE_URL": "postgres://db/f"},
	} {
		vars["FLINT_ORIGIN"] = "http://localhost:8080"
		if _, err := app.ReadSettings(t.Context(), environ(vars)); err == nil || err.Error()[:len(want)] != want {
			t.Errorf("%s: %v", want, err)
		}
	}
}
