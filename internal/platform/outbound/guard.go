package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrPrivate says that an address which somebody chose leads to where only this
// machine and its neighbours should reach.
var ErrPrivate = errors.New("the address isn't on the public internet")

// closed are the networks that a request to a chosen address never reaches, with
// what is there. Whatever can carry another address inside is closed as a whole:
// what hides in it needn't be looked for.
var closed = []struct {
	net  netip.Prefix
	what string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "this host"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared by a carrier's customers; clouds use it inside"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local; clouds answer there with credentials"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private"},
	{netip.MustParsePrefix("192.0.0.0/24"), "protocol assignments"},
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation"},
	{netip.MustParsePrefix("192.31.196.0/24"), "AS112"},
	{netip.MustParsePrefix("192.52.193.0/24"), "AMT"},
	{netip.MustParsePrefix("192.88.99.0/24"), "6to4 relays"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private"},
	{netip.MustParsePrefix("192.175.48.0/24"), "AS112"},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarks"},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved, broadcast"},
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud's own services"},
	// Of IPv6 only 2000::/3 is given out; the rest, which holds loopback, mapped
	// (::ffff:0:0/96) and translated (64:ff9b::/96) addresses, unique local and
	// link-local ones and multicast, is closed by Open. Within it:
	{netip.MustParsePrefix("2001::/23"), "protocol assignments, Teredo"},
	{netip.MustParsePrefix("2001:db8::/32"), "documentation"},
	{netip.MustParsePrefix("2002::/16"), "6to4"},
	{netip.MustParsePrefix("3fff::/20"), "documentation"},
}

var given = netip.MustParsePrefix("2000::/3")

// Open reports whether a request to an address that somebody chose may go to a.
func Open(a netip.Addr) error {
	if a.Zone() != "" {
		return fmt.Errorf("%w: it is on a link of this machine", ErrPrivate)
	}
	a = a.Unmap()
	if a.Is6() && !given.Contains(a) {
		return fmt.Errorf("%w: it isn't global", ErrPrivate)
	}
	for _, c := range closed {
		if c.net.Contains(a) {
			return fmt.Errorf("%w: %s", ErrPrivate, c.what)
		}
	}
	if !a.IsValid() || !a.IsGlobalUnicast() {
		return fmt.Errorf("%w: it isn't global", ErrPrivate)
	}
	return nil
}

// guard is asked by the dialer about each address after its name was resolved and
// before a packet leaves, so it judges what is connected to and not what a name
// meant a moment ago: a name that changes its mind (rebinding), a redirect, and
// every spelling of a number (0177.1, 2130706433, ::ffff:7f00:1) end here.
func guard(_ context.Context, network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%w: not by %s", ErrPrivate, network)
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: it isn't an address", ErrPrivate)
	}
	return Open(at.Addr())
}

// Guard makes t dial the public internet alone. No proxy is used: it would dial
// in our place and look at nothing.
func Guard(t *http.Transport) *http.Transport {
	return guardWith(t, nil)
}

func guardWith(t *http.Transport, resolver *net.Resolver) *http.Transport {
	d := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second, Resolver: resolver, ControlContext: guard}
	t.Proxy = nil
	t.DialContext = d.DialContext
	t.DialTLSContext = nil
	return t
}
