package private_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/platform/postgres/private"
)

// newDir returns a folder for a cluster that the server's user can reach.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "flint-private-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "pg")
}

func start(t *testing.T, dir string) *private.Cluster {
	t.Helper()
	if _, err := private.Find(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, err := private.Start(t.Context(), private.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	var v string
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAClusterKeepsItsDataAndStopsWithTheProgram(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	c := start(t, dir)
	if got := query(t, c.URL(), `select current_setting('fsync') || current_setting('listen_addresses') || current_user`); got != "onflint" {
		t.Errorf("settings are %q", got)
	}
	query(t, c.URL(), `with made as (select set_config('x.y', '1', false)) select 'ok' from made`)
	query(t, c.URL(), `select lo_from_bytea(4242, 'kept')::text`)
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(c.PID(), 0); err == nil {
		t.Error("the server still runs")
	}
	c = start(t, dir)
	if got := query(t, c.URL(), `select convert_from(lo_get(4242), 'UTF8')`); got != "kept" {
		t.Errorf("after a restart the data is %q", got)
	}
}

func TestTwoProgramsCanNotShareAFolder(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	start(t, dir)
	_, err := private.Start(t.Context(), private.Config{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "another Flint (process "+strconv.Itoa(os.Getpid())+")") {
		t.Errorf("got %v", err)
	}
}

// TestHelperProgram is the program that gets killed; it isn't a test by itself.
func TestHelperProgram(t *testing.T) {
	dir := os.Getenv("FLINT_PRIVATE_TEST_DIR")
	if dir == "" {
		t.Skip("only a helper of TestAKilledProgramLosesNothing")
	}
	c, err := private.Start(t.Context(), private.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	query(t, c.URL(), `select lo_from_bytea(77, 'committed')::text`)
	_, _ = os.Stdout.WriteString("\nREADY " + strconv.Itoa(c.PID()) + "\n")
	select {}
}

func TestAKilledProgramLosesNothing(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	server := runAndKill(t, dir)
	began := time.Now()
	c := start(t, dir)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("recovery took %s", took)
	}
	if c.PID() == server {
		t.Error("the old server was taken over")
	}
	if got := query(t, c.URL(), `select convert_from(lo_get(77), 'UTF8')`); got != "committed" {
		t.Errorf("after kill -9 the data is %q", got)
	}
}

// runAndKill starts the helper program on dir, kills it with SIGKILL once its
// server runs, and returns the server's process id.
func runAndKill(t *testing.T, dir string) int {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperProgram$")
	cmd.Env = append(os.Environ(), "FLINT_PRIVATE_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if pid, found := strings.CutPrefix(lines.Text(), "READY "); found {
			n, err := strconv.Atoi(pid)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("the helper program never became ready")
	return 0
}

func TestAServerThatOutlivedItsProgramIsEnded(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	// A volatile server goes on after its program, as an orphan does where the
	// kernel doesn't end it.
	orphan, err := private.Start(t.Context(), private.Config{Dir: dir, Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, dir)
	select {
	case <-orphan.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the orphan still runs")
	}
	if got := query(t, c.URL(), `select 'ok'`); got != "ok" {
		t.Error(got)
	}
}

func TestAStaleLockFileIsRemoved(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	if err := start(t, dir).Stop(); err != nil {
		t.Fatal(err)
	}
	// The process id in it has been taken by another program: this one.
	stale := strconv.Itoa(os.Getpid()) + "\n" + filepath.Join(dir, "data") + "\n1\n5432\n"
	if err := os.WriteFile(filepath.Join(dir, "data", "postmaster.pid"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
}

func TestAHalfMadeClusterIsMadeAgain(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	if err := os.MkdirAll(filepath.Join(dir, "data.new", "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
}

func TestALongPathStillGetsASocket(t *testing.T) {
	t.Parallel()
	c := start(t, newDir(t)+strings.Repeat("long", 20))
	if got := query(t, c.URL(), `select 'ok'`); got != "ok" {
		t.Error(got)
	}
}

func TestDataOfAnotherVersionIsNamed(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("12\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := private.Start(t.Context(), private.Config{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "made by PostgreSQL 12") {
		t.Errorf("got %v", err)
	}
}

func TestAFolderThatTheServersUserCanNotEnterIsNamed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs the server as somebody else")
	}
	wall, err := os.MkdirTemp("/", "flint-wall-") // 0700
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(wall) })
	_, err = private.Start(t.Context(), private.Config{Dir: filepath.Join(wall, "state", "pg")})
	if err == nil || !strings.Contains(err.Error(), "can't enter "+wall) {
		t.Errorf("got %v", err)
	}
}

func TestATemporaryFolderIsOpenedForTheServersUser(t *testing.T) {
	t.Parallel()
	start(t, filepath.Join(t.TempDir(), "state", "pg"))
}

func TestNoPostgresIsOneSentence(t *testing.T) {
	t.Setenv("FLINT_PG_BIN", t.TempDir())
	_, err := private.Find(t.Context())
	if err == nil || !strings.Contains(err.Error(), "FLINT_PG_BIN is ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}
