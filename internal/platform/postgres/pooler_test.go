package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
)

// pooled puts PgBouncer in transaction mode, with so many connections of its own,
// in front of a database, and returns a connection string through it.
func pooled(t *testing.T, database string, size int) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program = "/usr/sbin/pgbouncer"; !executable(program) {
			t.Skip("run scripts/setup test to install PgBouncer")
		}
	}
	cfg, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "flint-pooler-") // where another user may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cmd := exec.CommandContext(t.Context(), program, filepath.Join(dir, "ini"))
	if os.Getuid() == 0 { // which it refuses to run as: it gets the server's user
		info, err := os.Stat(cfg.Host)
		if err != nil {
			t.Skipf("the server has no socket here: %v", err)
		}
		owner := info.Sys().(*syscall.Stat_t)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	ini := fmt.Sprintf(`[databases]
d = host=%s port=%d dbname=%s user=%s
[pgbouncer]
pool_mode = transaction
default_pool_size = %d
max_client_conn = 200
auth_type = any
listen_addr =
unix_socket_dir = %s
listen_port = 6543
ignore_startup_parameters = extra_float_digits,statement_timeout,idle_in_transaction_session_timeout
`, cfg.Host, cfg.Port, cfg.Database, postgres.AppRole, size, dir)
	if err := os.WriteFile(filepath.Join(dir, "ini"), []byte(ini), 0o644); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd.Stderr, cmd.Dir = &said, dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	// Before 1.21 it knows no prepared statements.
	u := "postgres:///d?" + url.Values{"host": {dir}, "port": {"6543"}, "user": {postgres.AppRole}, "default_query_exec_mode": {"exec"}}.Encode()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := pgx.Connect(t.Context(), u)
		if err == nil {
			_ = conn.Close(t.Context())
			return u
		}
		if time.Now().After(deadline) {
			t.Fatalf("PgBouncer doesn't answer: %v\n%s", err, said.String())
		}
	}
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// TestBehindAPoolerEverybodySeesTheirOwn has many people at once share two
// connections, each transaction on whichever is free: with statements alone, in
// transactions, with failures and cancellations in between.
func TestBehindAPoolerEverybodySeesTheirOwn(t *testing.T) {
	t.Parallel()
	const people, rounds = 8, 60
	l := newLedger(t)
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: config.NewSecret(pooled(t, pgtest.AppURL(l.owner.Config().ConnString()), 2)), MaxConns: 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	var wg sync.WaitGroup
	for i := range people {
		user, account := l.person(fmt.Sprint("person ", i))
		l.spend(user, account, "", time.Now())
		who, err := id.Parse[id.User](user)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			ctx := access.With(t.Context(), access.Actor{User: who})
			for round := range rounds {
				seen, err := postgres.Many[id.User](ctx, pool, `select user_id from transactions`, nil)
				if err != nil || len(seen) != 1 || seen[0] != who {
					t.Errorf("%s sees the rows of %v: %v", who, seen, err)
					return
				}
				err = postgres.InTx(ctx, pool, func(tx pgx.Tx) error {
					n, err := postgres.Touch(ctx, tx, `update transactions set kind = kind || 'x'`, nil)
					if err == nil && n != 1 {
						err = fmt.Errorf("%d rows were changed", n)
					}
					if err == nil && round%3 == 0 {
						err = errUndone
					}
					return err
				})
				if err != nil && !errors.Is(err, errUndone) {
					t.Error(err)
					return
				}
				if round%5 == 0 {
					short, cancel := context.WithTimeout(ctx, time.Millisecond)
					_ = postgres.Exec(short, pool, `select pg_sleep(0.01)`, nil)
					cancel()
				}
			}
		})
		wg.Go(func() { // for nobody, on the same connections
			for range rounds {
				n, err := postgres.Scalar[int](t.Context(), pool, `select count(*)::int from transactions`, nil)
				if err == nil && n != 0 {
					t.Errorf("nobody sees %d rows", n)
				}
			}
		})
		wg.Go(func() {
			for range rounds {
				all, err := postgres.Scalar[int](postgres.AsSystem(t.Context(), "test"), pool, `select count(*)::int from transactions`, nil)
				if err != nil || all < 1 {
					t.Errorf("the system sees %d rows: %v", all, err)
				}
			}
		})
	}
	wg.Wait()
	system := postgres.AsSystem(t.Context(), "test")
	if _, err := postgres.MakePartitions(system, pool); err != nil {
		t.Error(err)
	}
	if _, err := postgres.DropPartition(system, pool, "transactions"); err != nil {
		t.Error(err)
	}
	// A time limit for one long statement doesn't stay on the connection either.
	for range 8 {
		if set, err := postgres.Scalar[string](t.Context(), pool, `select current_setting('statement_timeout')`, nil); err != nil || set == "10min" {
			t.Errorf("statement_timeout is %s: %v", set, err)
		}
	}
}

var errUndone = errors.New("undone")
