package outbound

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func TestOnlyThePublicInternetIsOpen(t *testing.T) {
	t.Parallel()
	for _, a := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "169.254.170.2",
		"100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1",
		"224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1",
		"2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::1", "2001:db8::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fdff::1", "fe80::1", "fe80::1%eth0", "fec0::1",
		"ff02::1", "100::1", "5f00::1", "::ffff:0:127.0.0.1",
	} {
		if err := Open(netip.MustParseAddr(a)); !errors.Is(err, ErrPrivate) {
			t.Errorf("%s is open: %v", a, err)
		}
	}
	for _, a := range []string{"1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1", "192.167.1.1", "169.253.1.1", "::ffff:8.8.8.8", "2606:4700::1111", "2a00:1450::1"} {
		if err := Open(netip.MustParseAddr(a)); err != nil {
			t.Errorf("%s is closed: %v", a, err)
		}
	}
	if Open(netip.Addr{}) == nil {
		t.Error("no address is open")
	}
}

// FuzzOpen looks for an address that the standard library calls private and we
// call public, also inside of one of IPv6.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1})
	f.Add(netip.MustParseAddr("::ffff:10.0.0.1").AsSlice())
	f.Add(netip.MustParseAddr("64:ff9b::a9fe:a9fe").AsSlice())
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := netip.AddrFromSlice(b)
		if !ok || Open(a) != nil {
			return
		}
		a = a.Unmap()
		if a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
			t.Errorf("%s is open", a)
		}
	})
}

// trap is a server of this machine that must never be reached.
func trap(t *testing.T) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var reached atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	t.Cleanup(s.Close)
	return s, &reached
}

func TestNoSpellingLeadsInside(t *testing.T) {
	// Not parallel: it sets the proxy of the environment, which must be ignored.
	inside, reached := trap(t)
	t.Setenv("HTTP_PROXY", inside.URL)
	t.Setenv("http_proxy", inside.URL)
	u, err := url.Parse(inside.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Transport: Guard(&http.Transport{Proxy: http.ProxyFromEnvironment}), Timeout: 5 * time.Second}
	for _, host := range []string{
		"127.0.0.1", "localhost", "LOCALHOST", "localhost.", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "0x7f000001", "017700000001",
		"[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:0001]", "[64:ff9b::7f00:1]", "0.0.0.0", "0", "[::]", "127.0.0.1.", "１２７.0.0.1",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+host+":"+u.Port()+"/", nil)
		if err != nil {
			continue // it isn't even an address
		}
		if a, err := c.Do(r); err == nil {
			_ = a.Body.Close()
			t.Errorf("%s was answered: %d", host, a.StatusCode)
		}
	}
	if reached.Load() != 0 {
		t.Errorf("reached %d times", reached.Load())
	}
}

// names is a resolver whose answers are given in turn, as the owner of a name
// can give them.
func names(t *testing.T, answers ...string) *net.Resolver {
	t.Helper()
	var asked atomic.Int64
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			_ = theirs.SetDeadline(time.Now().Add(5 * time.Second))
			var size [2]byte
			if _, err := io.ReadFull(theirs, size[:]); err != nil {
				return
			}
			question := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(theirs, question); err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(question) != nil {
				return
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				n := asked.Add(1) - 1
				a := netip.MustParseAddr(answers[min(int(n), len(answers)-1)])
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: a.As4()}}}
			}
			packed, err := m.Pack()
			if err != nil {
				return
			}
			_, _ = theirs.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...))
		}()
		return ours, nil
	}}
}

func TestANameThatChangesItsMindLeadsNowhere(t *testing.T) {
	t.Parallel()
	inside, reached := trap(t)
	u, err := url.Parse(inside.URL)
	if err != nil {
		t.Fatal(err)
	}
	// First a public address, for whoever checks before, then our own.
	resolver := names(t, "1.1.1.1", "127.0.0.1")
	first, err := resolver.LookupNetIP(t.Context(), "ip4", "rebind.example.com")
	if err != nil || len(first) != 1 || Open(first[0]) != nil {
		t.Fatalf("a check beforehand finds nothing wrong with %v (%v)", first, err)
	}
	c := &http.Client{Transport: guardWith(&http.Transport{}, resolver), Timeout: 5 * time.Second}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://rebind.example.com:"+u.Port()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Do(r)
	if err == nil {
		_ = a.Body.Close()
	}
	if !errors.Is(err, ErrPrivate) || reached.Load() != 0 {
		t.Errorf("%v, reached %d times", err, reached.Load())
	}
}

// outside makes one server look as if it were on the public internet.
type outside struct {
	server  *httptest.Server
	guarded http.RoundTripper
}

func (o outside) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Hostname(), "hooks.example") {
		return o.server.Client().Transport.RoundTrip(r)
	}
	return o.guarded.RoundTrip(r)
}

func TestARedirectLeadsNowhereInside(t *testing.T) {
	t.Parallel()
	inside, reached := trap(t)
	front := httptest.NewServer(http.RedirectHandler(inside.URL+"/latest/meta-data/", http.StatusFound))
	t.Cleanup(front.Close)
	front.Client().Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", front.Listener.Addr().String())
	}
	c := &http.Client{Transport: outside{front, Guard(&http.Transport{})}, Timeout: 5 * time.Second} // which follows redirects
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://hooks.example/", nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Do(r)
	if err == nil {
		_ = a.Body.Close()
	}
	if !errors.Is(err, ErrPrivate) || reached.Load() != 0 {
		t.Errorf("%v, reached %d times", err, reached.Load())
	}
}

func TestAClientForChosenAddressesReachesNothingInside(t *testing.T) {
	t.Parallel()
	inside, reached := trap(t)
	c, err := New(Config{Provider: "hook", BaseURL: inside.URL, Chosen: true, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Do(t.Context(), Request{Op: "deliver", Method: http.MethodPost, Path: "/"})
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != "private_address" || reached.Load() != 0 {
		t.Errorf("%v, reached %d times", err, reached.Load())
	}
}
