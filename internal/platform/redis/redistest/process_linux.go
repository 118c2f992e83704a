package redistest

import "syscall"

// endWithParent makes the kernel end the server when the tests' process dies.
func endWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
