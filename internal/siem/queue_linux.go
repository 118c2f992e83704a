package siem

import (
	"fmt"
	"net"
	"syscall"
	"unsafe"
)

// onTheWay returns how many bytes the other side's system hasn't taken yet.
func onTheWay(c *net.TCPConn) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("look at the connection: %w", err)
	}
	n, code := int32(0), syscall.Errno(0)
	err = raw.Control(func(fd uintptr) {
		_, _, code = syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&n))) //nolint:gosec // how the kernel is asked
	})
	if err == nil && code != 0 {
		err = code
	}
	if err != nil {
		return 0, fmt.Errorf("look at the connection: %w", err)
	}
	return int(n), nil
}
