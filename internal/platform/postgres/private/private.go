// Package private runs a PostgreSQL cluster of the program's own, so that Flint
// works on a machine where nobody has set up a database.
//
// Find looks for installed binaries. Start makes the cluster in its folder at
// the first start, runs the server as a child of this program, and returns when
// it answers; Stop ends it. The server listens on a Unix socket only, which
// nobody but its user (and root) can reach, and it never runs as root: started
// by root, it runs as postgres or nobody.
//
// The server ends with the program, also when the program is killed. What a
// kill -9 leaves behind is dealt with by the next Start: it waits for the old
// server to end, removes its lock file and lets Postgres recover. A lock keeps
// two programs from sharing one folder. Everything is written with fsync on; a
// power cut costs nothing that was committed.
//
// Its errors are sentences for someone who has never seen Postgres.
package private

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Config says where the cluster lives and how it runs.
type Config struct {
	// Dir is the cluster's folder. It is made if it doesn't exist; its parent
	// may be Flint's own state folder.
	Dir string
	// MaxConnections bounds the server's sessions; 0 means 100.
	MaxConnections int
	// Volatile makes a server for tests: it doesn't wait for the disk, and it
	// goes on after this program, until somebody ends it. Dir isn't locked.
	Volatile bool
}

// Database and owner of every private cluster, and the role that the program
// works as: it owns nothing (platform/postgres).
const (
	name    = "flint"
	appRole = "flint_app"
)

// Cluster is a running server.
type Cluster struct {
	cfg      Config
	socket   string // folder of the socket
	server   *process
	lock     *os.File
	stopOnce sync.Once
	stopErr  error
}

// Start runs the cluster in cfg.Dir and returns when it answers. The first
// start takes a second, a later one a tenth.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the database's folder: %w", err)
	}
	cfg.Dir = dir
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = 100
	}
	as, err := serverUser()
	if err != nil {
		return nil, err
	}
	if err := as.prepareDir(dir); err != nil {
		return nil, err
	}
	c := &Cluster{cfg: cfg}
	if cfg.Volatile {
		if err := as.give(dir); err != nil { // so that it may tidy up after itself
			return nil, fmt.Errorf("make the database's folder: %w", err)
		}
	} else {
		if c.lock, err = lockDir(dir); err != nil {
			return nil, err
		}
	}
	if err := c.start(ctx, as); err != nil {
		c.unlock()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, as user) error {
	found, err := forData(ctx, c.data())
	if err != nil {
		return err
	}
	bin, err := as.reachable(found, c.cfg.Dir)
	if err != nil {
		return err
	}
	if err := endOrphans(ctx, c.data()); err != nil {
		return err
	}
	if err := initialise(ctx, bin, as, c.data(), c.cfg.Volatile); err != nil {
		return err
	}
	if c.socket, err = as.socketDir(c.cfg.Dir); err != nil {
		return err
	}
	c.server, err = startServer(bin, as, c.cfg, c.data(), c.socket)
	if err != nil {
		return err
	}
	if err := c.ready(ctx); err != nil {
		if !c.cfg.Volatile {
			_ = c.server.stop()
		}
		return err
	}
	return nil
}

func (c *Cluster) data() string { return filepath.Join(c.cfg.Dir, "data") }

// URL returns the connection string of the cluster's database for its owner,
// who migrates it. It holds no password: the socket's folder is the lock.
func (c *Cluster) URL() string { return c.url(name, name) }

// AppURL returns the connection string for the role that the program works as.
func (c *Cluster) AppURL() string { return c.url(appRole, name) }

func (c *Cluster) url(user, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User(user), Path: "/" + database,
		RawQuery: url.Values{"host": {c.socket}}.Encode(),
	}
	return u.String()
}

// PID returns the process id of the server.
func (c *Cluster) PID() int { return c.server.pid }

// Done is closed when the server has ended, for whatever reason.
func (c *Cluster) Done() <-chan struct{} { return c.server.done }

// Stop ends the server: running statements are cut off, everything committed is
// on disk. Calling it again does nothing.
func (c *Cluster) Stop() error {
	c.stopOnce.Do(func() {
		c.stopErr = c.server.stop()
		c.unlock()
	})
	return c.stopErr
}

func (c *Cluster) unlock() {
	if c.lock != nil {
		_ = c.lock.Close() // ends the lock
		c.lock = nil
	}
}

// lockDir takes the folder's lock, which the kernel gives back when the program
// ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the database's folder %s: %w", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := make([]byte, 32)
		n, _ := f.Read(holder)
		_ = f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock the database's folder %s: %w", dir, err)
		}
		return nil, fmt.Errorf("another Flint (process %s) is already using the database in %s: stop it first, or choose another state folder", holder[:n], dir)
	}
	_ = f.Truncate(0)
	if _, err := f.WriteAt(fmt.Append(nil, os.Getpid()), 0); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock the database's folder %s: %w", dir, err)
	}
	return f, nil
}

// Locked reports whether a program is using the cluster in dir.
func Locked(dir string) (bool, error) {
	f, err := os.Open(filepath.Join(dir, "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at the database's lock: %w", err)
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err // closing the file gives the lock back
}

// DefaultDir returns Flint's state folder: $XDG_STATE_HOME/flint or
// ~/.local/state/flint. For root it is /var/lib/flint, because the server runs
// as another user, who can't enter /root.
func DefaultDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/flint", nil
	}
	if base := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "flint"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find your home folder: %w", err)
	}
	return filepath.Join(home, ".local", "state", "flint"), nil
}

// patience is how long a server may take to start: a recovery after a crash
// reads back what was written since the last checkpoint.
const patience = 90 * time.Second
