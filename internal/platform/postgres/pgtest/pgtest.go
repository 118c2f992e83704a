// Package pgtest gives each test a database of its own, with the whole schema,
// and needs no set-up.
//
//	pool := pgtest.New(t)
//
// The first test process that needs one starts a private server on a RAM disk,
// without fsync, migrates a template database named by the migrations' hash,
// and every test clones that (some 40 ms) and drops its clone at the end. All
// test processes of a user share the server: each holds a shared advisory lock
// in it, on a connection that ends with the process, however it ends. Inside
// the server a session watches; once nobody has held the lock for a while, it
// takes the lock for itself, ends the server and removes its files. So nothing
// is left running, no matter how many `go test` ran side by side or were killed.
//
// With DATABASE_TEST_URL set, the databases are made on that server instead;
// its user must be allowed to create databases and to act as flint_app.
//
// Only tests import this package.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/config"
	"flint/internal/platform/postgres"
)

// patience is how long starting the server, or cloning a database on a busy
// machine, may take.
const patience = 2 * time.Minute

// New returns a pool on a fresh, fully migrated database, which is dropped when
// the test ends. It works as the program does, as a role that owns nothing. What
// says for whom it runs sees that person's rows; what doesn't, as most tests of
// one feature, sees all.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return open(t, WithScope(AppURL(URL(t))))
}

// Strict returns two pools on one fresh database: the program's, where nobody
// sees nothing, and one that sees all, for the test itself.
func Strict(t testing.TB) (program, all *pgxpool.Pool) {
	t.Helper()
	u := AppURL(URL(t))
	return open(t, u), open(t, WithScope(u))
}

// Owned returns two pools on one fresh database: New's, and its owner's, who may
// do to it what nobody should.
func Owned(t testing.TB) (program, owner *pgxpool.Pool) {
	t.Helper()
	u := URL(t)
	return open(t, WithScope(AppURL(u))), open(t, u)
}

func open(t testing.TB, u string) *pgxpool.Pool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	pool, err := postgres.Open(ctx, postgres.Config{URL: config.NewSecret(u), MaxConns: 8, StatementTimeout: time.Minute})
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// AppURL returns the connection string of the program's role for a database
// whose owner has the given one.
func AppURL(owner string) string {
	u, err := url.Parse(owner)
	switch {
	case os.Getenv(given) == "" && err == nil:
		u.User = url.User(postgres.AppRole)
		return u.String()
	case err != nil || u.Scheme == "":
		return owner + " role=" + postgres.AppRole
	}
	return with(u, "role", postgres.AppRole) // the role has no password on somebody's server
}

// WithScope returns a connection string whose sessions see everybody's rows
// unless they say for whom they run.
func WithScope(connection string) string {
	u, err := url.Parse(connection)
	if err != nil || u.Scheme == "" {
		return connection + " flint.user=system"
	}
	return with(u, "flint.user", "system")
}

func with(u *url.URL, key, value string) string {
	q := u.Query()
	q.Set(key, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// URL makes a fresh, fully migrated database and returns its owner's connection
// string.
// The database is dropped when the test ends.
func URL(t testing.TB) string {
	t.Helper()
	return fresh(t, "template")
}

// Empty is URL without the schema: for tests of the migrations.
func Empty(t testing.TB) string {
	t.Helper()
	return fresh(t, "")
}

func fresh(t testing.TB, from string) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	template := "template0"
	if from != "" {
		template = s.template
	}
	name := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if err := s.exec(t.Context(), `create database `+name+` template `+template+` strategy file_copy`); err != nil {
		t.Fatalf("pgtest: clone the template: %v", err)
	}
	t.Cleanup(func() {
		if err := s.exec(context.Background(), `drop database if exists `+name+` with (force)`); err != nil {
			t.Errorf("pgtest: drop the test's database: %v", err)
		}
	})
	return inDatabase(s.url, name)
}

// server is the server that this process uses, with the reference it holds.
type server struct {
	url      string // of its postgres database
	template string
	ref      *pgx.Conn // holds the shared lock until the process ends
}

// shared is this process's server; one is enough for all of its tests.
var shared = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := join(ctx)
	if err != nil {
		return nil, err
	}
	s.template, err = s.ensureTemplate(ctx)
	if err != nil {
		return nil, fmt.Errorf("make the template: %w", err)
	}
	return s, nil
})

// exec runs one statement on a connection of its own.
func (s *server) exec(ctx context.Context, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

// inDatabase returns a connection string to another database of the server.
func inDatabase(connection, name string) string {
	u, err := url.Parse(connection)
	if err != nil || u.Scheme == "" {
		return connection + " dbname=" + name // key=value form: the last one counts
	}
	u.Path = "/" + name
	return u.String()
}
