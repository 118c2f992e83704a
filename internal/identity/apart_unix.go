//go:build unix

package identity

import (
	"os"
	"strconv"
	"syscall"
)

// niceness is how far the helper steps back: beside one other that wants the
// processor it gets a tenth of it.
const niceness = 10

// stepBack lowers the priority of this process. Linux keeps one for each thread,
// which later ones inherit; others have one for all. When it can't be done, the
// system is left to be fair.
func stepBack() {
	for range 2 { // a thread may have been born while the first were asked
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, niceness)
			return
		}
		for _, t := range threads {
			if n, err := strconv.Atoi(t.Name()); err == nil {
				_ = syscall.Setpriority(syscall.PRIO_PROCESS, n, niceness)
			}
		}
	}
}
