package pgtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestHelperProcess is a test process that gets killed; it isn't a test by itself.
func TestHelperProcess(t *testing.T) {
	base := os.Getenv("FLINT_PGTEST_BASE")
	if base == "" {
		t.Skip("only a helper of TestTheServerEndsAfterItsLastUser")
	}
	s, err := joinIn(t.Context(), base, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	held = s
	_, _ = os.Stdout.WriteString("\nJOINED " + s.url + "\n")
	select {}
}

// held keeps the helper's connection from being collected, which would close it
// and give the server up.
var held *server

// helper starts a process that joins the server below base, and returns the
// server's address and how to kill the process.
func helper(t *testing.T, base string) (url string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperProcess$")
	cmd.Env = append(os.Environ(), "FLINT_PGTEST_BASE="+base)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Cleanup(kill)
	var said strings.Builder
	buf := make([]byte, 1024)
	for {
		n, err := out.Read(buf)
		said.Write(buf[:n])
		if _, after, ok := strings.Cut(said.String(), "JOINED "); ok && strings.Contains(after, "\n") {
			url, _, _ = strings.Cut(after, "\n")
			return url, kill
		}
		if err != nil {
			t.Fatalf("the helper said %q", said.String())
		}
	}
}

// TestTheServerEndsAfterItsLastUser kills every process that uses a server, the
// one that started it first, and waits until nothing is left of it.
func TestTheServerEndsAfterItsLastUser(t *testing.T) {
	t.Parallel()
	if os.Getenv("DATABASE_TEST_URL") != "" {
		t.Skip("no private server is started")
	}
	base, err := os.MkdirTemp("/tmp", "flint-pgtest-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	first, killFirst := helper(t, base)
	second, killSecond := helper(t, base)
	if first != second {
		t.Fatalf("two servers: %s and %s", first, second)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, first)
	if err != nil {
		t.Fatal(err)
	}
	killFirst()
	if _, err := conn.Exec(ctx, `select pg_sleep(3)`); err != nil { // longer than the server lingers
		t.Fatalf("the server ended although somebody used it: %v", err)
	}
	killSecond()
	if _, err := conn.Exec(ctx, `select pg_sleep(50)`); err == nil { // cut off when the server ends
		t.Error("the server went on without users")
	}
	for {
		left, err := filepath.Glob(filepath.Join(base, "*", "data"))
		if err != nil || len(left) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("left behind: %s", left)
		case <-time.After(20 * time.Millisecond):
		}
	}
	third, _ := helper(t, base)
	if third == first {
		t.Error("the dead server was joined")
	}
}

func TestEachTestHasItsOwnDatabaseWithTheSchema(t *testing.T) {
	t.Parallel()
	a, b := New(t), New(t)
	if _, err := a.Exec(t.Context(), `insert into fx_rates (day, currency, rate, source) values ('2026-01-02', 'USD', 1.1, 'test')`); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := b.QueryRow(t.Context(), `select count(*) from fx_rates`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows, %v", n, err)
	}
	var u string
	t.Run("dropped", func(t *testing.T) { u = URL(t) })
	if conn, err := pgx.Connect(t.Context(), u); err == nil {
		_ = conn.Close(t.Context())
		t.Error("the database outlived its test")
	}
}
