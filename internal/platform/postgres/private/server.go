package private

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// initialise makes a cluster in data unless there is one. It is made beside and
// renamed, so that a program killed half-way leaves nothing that looks whole.
func initialise(ctx context.Context, bin Binaries, as user, data string, volatile bool) error {
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		return nil
	}
	half := data + ".new"
	var said []byte
	// C.UTF-8 sorts by code point and knows the case of letters beyond ASCII;
	// not every machine has it.
	for _, locale := range []string{"C.UTF-8", "C"} {
		err := os.RemoveAll(half)
		if err == nil {
			err = os.Mkdir(half, 0o700)
		}
		if err == nil {
			err = as.give(half)
		}
		if err != nil {
			return fmt.Errorf("make the database's folder: %w", err)
		}
		args := []string{"-D", half, "-U", name, "-A", "trust", "-E", "UTF8", "--locale=" + locale}
		if volatile {
			args = append(args, "--no-sync")
		}
		cmd := exec.CommandContext(ctx, filepath.Join(bin.Dir, "initdb"), args...) //nolint:gosec // found by Find
		cmd.Dir = half
		cmd.Env = serverEnv()
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as.credential(), Setpgid: true}
		if said, err = cmd.CombinedOutput(); err == nil {
			if err := os.Rename(half, data); err != nil {
				return fmt.Errorf("make the database: %w", err)
			}
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("make the database: %w", ctx.Err())
		}
	}
	_ = os.RemoveAll(half)
	return fmt.Errorf("PostgreSQL %d could not make a database in %s; it says: %s", bin.Major, data, lastLines(said))
}

// serverEnv is the little that the server's programs need from our environment.
// PGDATA, LD_PRELOAD and their like stay behind.
func serverEnv() []string {
	env := []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	for _, key := range []string{"TZDIR", "TMPDIR"} {
		if v := os.Getenv(key); v != "" {
			env = append(env, key+"="+v)
		}
	}
	return env
}

// process is the running server.
type process struct {
	pid  int
	done chan struct{} // closed when it has ended
	log  string        // its log file
}

// startServer runs postgres as a child of this program.
func startServer(bin Binaries, as user, cfg Config, data, socket string) (*process, error) {
	p := &process{done: make(chan struct{}), log: filepath.Join(cfg.Dir, "postgres.log")}
	log, err := openLog(p.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own handle

	cmd := exec.Command(filepath.Join(bin.Dir, "postgres"), settings(cfg, data, socket)...) //nolint:gosec // found by Find
	cmd.Dir = data
	cmd.Env = serverEnv()
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: Ctrl-C is for the program, which stops the server when
	// it has finished with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as.credential(), Setpgid: true}
	if cfg.Volatile {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as.credential(), Setsid: true}
	} else {
		endWithParent(cmd.SysProcAttr)
	}
	started := make(chan error)
	go func() {
		// Linux ends the child when the *thread* that made it ends: this one
		// stays until the server has gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		p.pid = cmd.Process.Pid
		started <- nil
		_ = cmd.Wait() // how it ended is in its log
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start PostgreSQL from %s: %w", bin.Dir, err)
	}
	return p, nil
}

func settings(cfg Config, data, socket string) []string {
	args := []string{"-D", data}
	set := func(name, value string) { args = append(args, "-c", name+"="+value) }
	set("listen_addresses", "")
	set("unix_socket_directories", socket)
	set("unix_socket_permissions", "0700")
	set("port", "5432") // only the name of the socket
	set("max_connections", strconv.Itoa(cfg.MaxConnections))
	set("timezone", "UTC")
	set("log_timezone", "UTC")
	set("log_line_prefix", "%m [%p] ")
	set("logging_collector", "off")
	set("jit", "off") // costs more than it saves on queries as short as ours
	set("fsync", onOff(!cfg.Volatile))
	set("full_page_writes", onOff(!cfg.Volatile))
	set("synchronous_commit", onOff(!cfg.Volatile))
	if cfg.Volatile {
		set("wal_level", "minimal")
		set("max_wal_senders", "0")
		set("autovacuum", "off")
		set("checkpoint_timeout", "1h")
	}
	return args
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func openLog(path string) (*os.File, error) {
	const most = 10 << 20
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(path); err == nil && info.Size() > most {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the database's log: %w", err)
	}
	return f, nil
}

// ready waits until the server answers, and makes the database and the app's
// role if they are missing.
func (c *Cluster) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := c.makeDatabase(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-c.server.done:
			return fmt.Errorf("PostgreSQL ended while it was starting; its log %s ends with: %s", c.server.log, tail(c.server.log))
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL did not become ready (%w); its log %s ends with: %s", err, c.server.log, tail(c.server.log))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (c *Cluster) makeDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.url(name, "postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var there bool
	err = conn.QueryRow(ctx, `select exists (select from pg_database where datname = 'flint')`).Scan(&there)
	if err != nil {
		return err
	}
	if !there {
		if _, err := conn.Exec(ctx, `create database flint`); err != nil {
			return err
		}
	}
	_, err = conn.Exec(ctx, `do $$
begin
	if not exists (select from pg_roles where rolname = 'flint_app') then
		create role flint_app login;
	elsif not (select rolcanlogin from pg_roles where rolname = 'flint_app') then
		alter role flint_app login;
	end if;
end
$$`)
	return err
}

// stop asks the server to end at once but in order, and waits for it.
func (p *process) stop() error {
	for _, ask := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{
		{syscall.SIGINT, 20 * time.Second},  // cut off sessions, write everything down
		{syscall.SIGQUIT, 10 * time.Second}, // drop everything; the next start recovers
	} {
		if err := syscall.Kill(p.pid, ask.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop PostgreSQL: %w", err)
		}
		select {
		case <-p.done:
			return nil
		case <-time.After(ask.wait):
		}
	}
	return fmt.Errorf("PostgreSQL (process %d) does not stop; its log is %s", p.pid, p.log)
}

// tail returns the last lines of a log file, on one line.
func tail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "(it can't be read)"
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Size() > 4096 {
		_, _ = f.Seek(-4096, io.SeekEnd)
	}
	b, _ := io.ReadAll(f)
	return lastLines(b)
}

func lastLines(b []byte) string {
	lines := strings.Split(string(bytes.TrimSpace(b)), "\n")
	if len(lines) > 4 {
		lines = lines[len(lines)-4:]
	}
	return strings.Join(lines, " / ")
}
