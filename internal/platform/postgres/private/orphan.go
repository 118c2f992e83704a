package private

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// endOrphans deals with what a killed program left behind. We hold the folder's
// lock, so a server that still runs on data has lost its program: it is told to
// end and waited for. A lock file without its server is removed, since its
// process id may by now belong to anything.
func endOrphans(ctx context.Context, data string) error {
	const (
		ask   = 500 * time.Millisecond // a server ends by itself when its program dies
		force = 10 * time.Second
		most  = 30 * time.Second
	)
	start := time.Now()
	asked := false
	for {
		pids := serving(data)
		if len(pids) == 0 {
			break
		}
		waited := time.Since(start)
		switch {
		case waited > most:
			return fmt.Errorf("an earlier PostgreSQL (process %d) still uses %s and does not stop: end it, then start again", pids[0], data)
		case waited > force:
			for _, pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		case waited > ask && !asked:
			asked = true
			for _, pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGQUIT) // the server and its sessions: end now, recover later
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for an earlier PostgreSQL to end: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := os.Remove(filepath.Join(data, "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the lock file of an earlier PostgreSQL: %w", err)
	}
	return nil
}
