package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flint/internal/platform/postgres/private"
)

// given names the setting that says which server to use instead.
const given = "DATABASE_TEST_URL"

// reference is the advisory lock that each test process shares and the watching
// session tries to take alone.
const reference = "815001"

// join returns the user's test server, started if there is none, with this
// process's reference held.
func join(ctx context.Context) (*server, error) {
	if u := os.Getenv(given); u != "" {
		return &server{url: u}, nil
	}
	base, err := baseDir()
	if err != nil {
		return nil, err
	}
	return joinIn(ctx, base, linger)
}

// linger is how long a server waits for the next test process: `go test` takes
// a moment between two packages.
const linger = 20 * time.Second

// joinIn is join for servers below base that end after idle.
func joinIn(ctx context.Context, base string, idle time.Duration) (*server, error) {
	unlock, err := lock(ctx, filepath.Join(base, "start.lock"))
	if err != nil {
		return nil, fmt.Errorf("wait for another test to start the server: %w", err)
	}
	defer unlock()
	current := filepath.Join(base, "current") // holds the connection string
	if b, err := os.ReadFile(current); err == nil {
		if s, err := refer(ctx, string(b)); err == nil {
			return s, nil
		}
	}
	sweep(base)
	dir := filepath.Join(base, uuid.NewString()[:8])
	c, err := private.Start(ctx, private.Config{Dir: dir, MaxConnections: 300, Volatile: true})
	if err != nil {
		return nil, fmt.Errorf("start a server for tests: %w", err)
	}
	u := inDatabase(c.URL(), "postgres")
	s, err := refer(ctx, u)
	if err != nil {
		return nil, err
	}
	if err := watch(ctx, u, c.PID(), dir, idle); err != nil {
		return nil, err
	}
	if err := os.WriteFile(current, []byte(u), 0o600); err != nil {
		return nil, fmt.Errorf("remember the server for tests: %w", err)
	}
	return s, nil
}

// refer connects and takes the reference. It fails if the server is gone or
// about to go: then the watching session has the lock and keeps it to the end.
func refer(ctx context.Context, u string) (*server, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("reach the server for tests: %w", err)
	}
	if _, err := conn.Exec(ctx, `select pg_advisory_lock_shared(`+reference+`)`); err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("hold the server for tests: %w", err)
	}
	return &server{url: u, ref: conn}, nil
}

// watch starts the session that ends the server some seconds after the last
// reference has gone. A running DO block isn't disturbed when its client dies.
// The loop commits as it goes, so it holds no snapshot that vacuum or a
// concurrent index build would wait for.
func watch(ctx context.Context, u string, pid int, dir string, idle time.Duration) error {
	rounds := strconv.Itoa(int(idle / time.Second))
	cfg, err := pgx.ParseConfig(u)
	if err != nil {
		return err
	}
	cfg.RuntimeParams["application_name"] = "pgtest watch"
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("watch the server for tests: %w", err)
	}
	// The server signals its sessions' whole process groups when it ends: the
	// shell that waits for it must not listen.
	end := fmt.Sprintf(`trap "" INT TERM QUIT HUP; (while kill -0 %d; do sleep 0.1; done; rm -rf '%s') >/dev/null 2>&1 & kill -INT %d`, pid, dir, pid)
	block := `do $$
declare
	idle int := 0;
begin
	while idle < ` + rounds + ` loop
		perform pg_sleep(1);
		if pg_try_advisory_lock(` + reference + `) then
			idle := idle + 1;
			exit when idle >= ` + rounds + `;
			perform pg_advisory_unlock(` + reference + `);
		else
			idle := 0;
		end if;
		commit;
	end loop;
	execute format('copy (select 1) to program %L', '` + strings.ReplaceAll(end, "'", "''") + `');
	perform pg_sleep(60);
end $$`
	go func() { _, _ = conn.Exec(context.Background(), block) }() //nolint:gosec,contextcheck // ends with the server, or goes on after us
	return nil
}

// sweep removes what earlier servers left behind. The caller holds the start
// lock, so none is being made.
func sweep(base string) {
	entries, _ := os.ReadDir(base)
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		dir := filepath.Join(base, e.Name())
		b, _ := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
		first, _, _ := strings.Cut(string(b), "\n")
		if pid, err := strconv.Atoi(first); err == nil && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		_ = os.RemoveAll(dir)
	}
}

// baseDir returns the folder of the user's test servers: on a RAM disk if there
// is one with room, else among the temporary files.
func baseDir() (string, error) {
	const room = 1 << 30
	parent := os.TempDir()
	var disk syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &disk); err == nil && disk.Bavail*uint64(disk.Bsize) >= room {
		if probe, err := os.MkdirTemp("/dev/shm", "flint-probe-"); err == nil {
			_ = os.Remove(probe)
			parent = "/dev/shm"
		}
	}
	base := filepath.Join(parent, "flint-pgtest-"+strconv.Itoa(os.Geteuid()))
	if chosen := os.Getenv("FLINT_PG_BIN"); chosen != "" { // so that a run on another version gets its own server
		sum := sha256.Sum256([]byte(chosen))
		base += "-" + short(sum[:4])
	}
	if err := os.MkdirAll(base, 0o711); err != nil { //nolint:gosec // root's server runs as another user
		return "", fmt.Errorf("make a folder for test servers: %w", err)
	}
	info, err := os.Lstat(base)
	if st, ok := info.Sys().(*syscall.Stat_t); err != nil || !info.IsDir() || !ok || int(st.Uid) != os.Geteuid() {
		return "", fmt.Errorf("%s belongs to somebody else", base)
	}
	return base, nil
}

// lock takes the file's lock; the kernel returns it if the process dies.
func lock(ctx context.Context, path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func short(sum []byte) string { return hex.EncodeToString(sum[:min(8, len(sum))]) }
