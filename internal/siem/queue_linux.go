package siem

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// onTheWay returns how many bytes the other side's system hasn't taken yet.
func onTheWay(c *net.TCPConn) (n int, err error) {
	raw, err := c.SyscallConn()
	if err == nil {
		err2 := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
		if err2 != nil {
			err = err2
		}
	}
	if err != nil {
		return 0, fmt.Errorf("look at the connection: %w", err)
	}
	return n, nil
}
