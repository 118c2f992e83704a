package siem_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"flint/internal/config"
	"flint/internal/siem"
)

// certificate makes one for this machine, and a file that says whom to trust.
func certificate(t testing.TB) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	make := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, make, make, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}

// collector is a syslog receiver. manner says, of its n-th connection, after how
// many messages it goes away, and whether rudely; -1: never. It goes with more
// unread than its own buffers hold: what a receiver has read and then forgets,
// nobody notices.
type collector struct {
	ln     net.Listener
	tls    *tls.Config
	manner func(n int) (after int, rudely bool)

	mu    sync.Mutex
	lines []string
	conns int
	open  int
	most  int // connections at once
	done  sync.WaitGroup
}

func collect(t testing.TB, address string, secure *tls.Config, manner func(int) (int, bool)) *collector {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{ln: ln, tls: secure, manner: manner}
	c.done.Go(c.serve)
	t.Cleanup(c.stop)
	return c
}

func (c *collector) stop() {
	_ = c.ln.Close()
	c.done.Wait()
}

func (c *collector) address() string { return c.ln.Addr().String() }

func (c *collector) got() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string{}, c.lines...)
}

func (c *collector) serve() {
	for {
		conn, err := c.ln.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		n := c.conns
		c.conns++
		c.open++
		c.most = max(c.most, c.open)
		c.mu.Unlock()
		c.done.Go(func() {
			c.take(conn.(*net.TCPConn), n)
			c.mu.Lock()
			c.open--
			c.mu.Unlock()
		})
	}
}

func (c *collector) take(tcp *net.TCPConn, n int) {
	defer tcp.Close()
	after, rudely := c.manner(n)
	var conn net.Conn = tcp
	if c.tls != nil {
		s := tls.Server(tcp, c.tls)
		defer s.Close()
		conn = s
	}
	in := bufio.NewReaderSize(conn, 16)
	for i := 0; ; i++ {
		if i == after {
			if rudely {
				_ = tcp.SetLinger(0)
			}
			return
		}
		size, err := in.ReadString(' ')
		if err != nil {
			return
		}
		length, err := strconv.Atoi(strings.TrimSuffix(size, " "))
		if err != nil {
			return
		}
		message := make([]byte, length)
		if _, err := io.ReadFull(in, message); err != nil {
			return
		}
		m, err := parseSyslog(message)
		if err != nil {
			m.text = err.Error()
		}
		c.mu.Lock()
		c.lines = append(c.lines, m.text)
		c.mu.Unlock()
	}
}

func politely(int) (int, bool) { return -1, false }

func TestSyslogReceiversGetEverythingHoweverTheyBehave(t *testing.T) {
	t.Parallel()
	cert, ca := certificate(t)
	for _, secure := range []bool{false, true} {
		for name, manner := range map[string]func(int) (int, bool){
			"politely":              politely,
			"gone after some":       func(n int) (int, bool) { return []int{3, 0, 400, 100, -1}[min(n, 4)], false },
			"rudely gone":           func(n int) (int, bool) { return []int{3, 0, 400, 100, 1, -1}[min(n, 5)], true },
			"away every other time": func(n int) (int, bool) { return []int{-1, 77}[n%2], n%4 == 1 },
			"gone before the end":   func(n int) (int, bool) { return []int{500, 500, -1}[min(n, 2)], true },
		} {
			t.Run(fmt.Sprintf("%s, TLS %v", name, secure), func(t *testing.T) {
				t.Parallel()
				d := newDesk(t, 1700)
				scheme, conf := "syslog", (*tls.Config)(nil)
				if secure {
					scheme, conf = "syslog+tls", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
				}
				c := collect(t, "127.0.0.1:0", conf, manner)
				x := d.node(siem.Config{Sinks: []string{scheme + "://" + c.address()}, CAFile: ca})
				failures := d.settle(x)
				c.stop()
				whole(t, c.got(), 1700)
				if (failures == 0) != (name == "politely") && name != "gone before the end" { // which has everything
					t.Errorf("%d failures: %s", failures, d.log())
				}
			})
		}
	}
}

func TestAReceiverThatIsDownOrAnotherGetsEverythingLater(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 600)
	cert, ca := certificate(t)
	_, other := certificate(t)
	c := collect(t, "127.0.0.1:0", nil, politely)
	address := c.address()
	c.stop()
	sink := "syslog+tls://" + address
	x := d.node(siem.Config{Sinks: []string{sink}, CAFile: ca})
	if s := d.export(x); s.Failures != 1 || s.Next != 0 || !strings.Contains(s.Reason, "refused") {
		t.Errorf("%+v", s)
	}
	c = collect(t, address, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, politely)
	d.clock.add(time.Hour)
	if s := d.export(d.node(siem.Config{Sinks: []string{sink}, CAFile: other})); s.Failures != 2 || s.Next != 0 || !strings.Contains(s.Reason, "TLS") {
		t.Errorf("a receiver with another's certificate: %+v", s)
	}
	d.clock.add(time.Hour)
	d.settle(x)
	c.stop()
	whole(t, c.got(), 600)
	if !strings.Contains(d.log(), "takes entries again") {
		t.Error(d.log())
	}
}

// TestASlowReceiverIsWaitedFor fills every buffer on the way: the receiver reads
// when the test says so.
func TestASlowReceiverIsWaitedFor(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 1000)
	reached, enough := make(chan struct{}), make(chan struct{})
	c := collect(t, "127.0.0.1:0", nil, func(n int) (int, bool) {
		if n == 1 {
			close(reached)
			<-enough
		}
		return -1, false
	})
	x := d.node(siem.Config{Sinks: []string{"syslog://" + c.address()}})
	ended := make(chan error, 1)
	go func() { ended <- x.Export(t.Context()) }()
	<-reached
	select {
	case err := <-ended:
		t.Errorf("it didn't wait: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if s := d.status(x); s.Next != 500 {
		t.Errorf("the cursor moved before anybody read: %+v", s)
	}
	close(enough)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if s := d.status(x); s.Failures != 0 || s.Entries != 0 {
		t.Errorf("%+v", s)
	}
	c.stop()
	whole(t, c.got(), 1000)
}

func TestAnExporterThatIsKilledGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 1100)
	reached, stuck := make(chan struct{}), make(chan struct{})
	c := collect(t, "127.0.0.1:0", nil, func(n int) (int, bool) {
		if n == 1 { // the second batch: it reads nothing
			close(reached)
			<-stuck
			return 0, true
		}
		return -1, false
	})
	sink := siem.Config{Sinks: []string{"syslog://" + c.address()}}
	x, next := d.node(sink), d.node(sink)
	ctx, kill := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- x.Export(ctx) }()
	<-reached
	if s := d.export(next); s.Next != 500 { // the first is at it: the second leaves it alone
		t.Errorf("%+v", s)
	}
	kill()
	close(stuck)
	<-ended
	if s := d.status(x); s.Failures != 0 || s.Next != 500 {
		t.Errorf("to be told to stop is no failure: %+v", s)
	}
	d.settle(next)
	c.stop()
	whole(t, c.got(), 1100)
}

func TestTwoNodesNeverTellOneReceiverAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 3000)
	c := collect(t, "127.0.0.1:0", nil, politely)
	sink := siem.Config{Sinks: []string{"syslog://" + c.address()}}
	nodes := []*siem.Exporter{d.node(sink), d.node(sink), d.node(sink)}
	var all sync.WaitGroup
	for _, x := range nodes {
		all.Go(func() {
			for range 5 {
				if err := x.Export(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	d.settle(nodes[0])
	c.stop()
	whole(t, c.got(), 3000)
	if len(c.lines) != 3000 {
		t.Errorf("%d messages: some came twice, although nobody failed", len(c.lines))
	}
}

// endpoint takes POSTs and keeps what it accepts.
type endpoint struct {
	mu    sync.Mutex
	calls int
	lines []string
	act   func(call int, w http.ResponseWriter) (keep bool)
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls++
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/in take" || r.Header.Get("Authorization") != "Bearer t0ken" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if e.act(e.calls, w) {
		e.lines = append(e.lines, strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")...)
	}
}

func TestAnHTTPReceiverGetsEverythingHoweverItAnswers(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 1800)
	e := &endpoint{act: func(call int, w http.ResponseWriter) bool {
		switch call {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
			return false
		case 3: // it has them, and says so to nobody
			panic(http.ErrAbortHandler)
		case 4:
			http.Redirect(w, &http.Request{Method: "POST"}, "https://elsewhere.example/", http.StatusTemporaryRedirect)
			return false
		case 6:
			w.WriteHeader(http.StatusTooManyRequests)
			return false
		}
		w.WriteHeader(http.StatusAccepted)
		return true
	}}
	server := httptest.NewUnstartedServer(e)
	cert, ca := certificate(t)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	sink := siem.Config{Sinks: []string{server.URL + "/in%20take"}, CAFile: ca, Private: true, Token: config.NewSecret("wrong")}
	x := d.node(sink)
	if s := d.export(x); s.Failures != 1 || !strings.Contains(s.Reason, "401") || strings.Contains(s.Reason, "wrong") {
		t.Errorf("with a wrong token: %+v", s)
	}
	e.calls = 0
	x.UseToken(config.NewSecret("t0ken")) // as a reload does
	d.clock.add(time.Hour)
	if failures := d.settle(x); failures < 4 {
		t.Errorf("%d failures", failures)
	}
	whole(t, e.lines, 1800)

	sink.Private = false
	d.book.n++
	before := e.calls
	if s := d.export(d.node(sink)); s.Failures != 1 || e.calls != before || !strings.Contains(s.Reason, "private_address") {
		t.Errorf("a private network was reached: %+v", s)
	}
}
