package siem

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// onTheWay returns how many bytes the other side's system hasn't taken yet. It
// fails if that has refused some.
func onTheWay(c *net.TCPConn) (n int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("look at the connection: %w", err)
	}
	refused := 0
	if err2 := raw.Control(func(fd uintptr) {
		if n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err == nil {
			refused, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		}
	}); err2 != nil {
		err = err2
	}
	if err == nil && refused != 0 {
		err = unix.Errno(refused)
	}
	if err != nil {
		return 0, fmt.Errorf("look at the connection: %w", err)
	}
	return n, nil
}
