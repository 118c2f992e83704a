//go:build !linux

package private

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// endWithParent does nothing: only Linux knows how. The next start ends a server
// that was left behind.
func endWithParent(*syscall.SysProcAttr) {}

// serving lists the process that data's lock file names, if it is a postgres.
func serving(data string) []int {
	pid := lockFilePID(data)
	if pid == 0 {
		return nil
	}
	out, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output() //nolint:gosec // a number
	if err != nil || !strings.Contains(string(out), "postgres") {
		return nil
	}
	return []int{pid}
}

// lockFilePID returns the process that data's lock file names, or 0.
func lockFilePID(data string) int {
	b, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return 0
	}
	return pid
}
