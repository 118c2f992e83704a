package web_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"flint/internal/access"
	"flint/internal/platform/web"
)

// certify writes a certificate for localhost with this serial number into dir,
// as if it had been written at the minute of that number.
func certify(t *testing.T, dir string, serial int64) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	written := time.Date(2026, 1, 1, 0, int(serial), 0, 0, time.UTC)
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, written, written); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// meet connects to address with what may be spoken and returns what is.
func meet(t *testing.T, address string, conf *tls.Config) (*tls.Conn, error) {
	t.Helper()
	conf.InsecureSkipVerify = true
	c, err := (&tls.Dialer{Config: conf}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*tls.Conn), nil
}

func TestTheServerSpeaksTLSItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := certify(t, dir, 1)
	h := build(t, func(c *web.Config) { c.Origin, c.TLSCert, c.TLSKey = "https://localhost:8080", cert, key })
	address := listening(t, h.Server)
	serial := func() int64 {
		c, err := meet(t, address, &tls.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}

	c, err := meet(t, address, &tls.Config{NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	if s := c.ConnectionState(); s.Version != tls.VersionTLS13 || s.NegotiatedProtocol != "h2" {
		t.Errorf("spoken: %s, %q", tls.VersionName(s.Version), s.NegotiatedProtocol)
	}
	if c, err := meet(t, address, &tls.Config{MaxVersion: tls.VersionTLS12}); err != nil {
		t.Errorf("TLS 1.2: %v", err)
	} else if suite := tls.CipherSuiteName(c.ConnectionState().CipherSuite); !strings.Contains(suite, "ECDHE") || strings.Contains(suite, "CBC") {
		t.Errorf("TLS 1.2 by %s", suite)
	}
	if _, err := meet(t, address, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	if got := say(t, address, "GET /api/address HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"); strings.Contains(got, "200") {
		t.Errorf("without TLS: %.100q", got)
	}

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/api/address", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "localhost:8080"
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(a.Body)
	_ = a.Body.Close()
	if a.StatusCode != 200 || a.ProtoMajor != 2 || string(body) != "127.0.0.1" || a.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s %d %s %v", a.Proto, a.StatusCode, body, a.Header)
	}

	if n := serial(); n != 1 {
		t.Errorf("certificate %d", n)
	}
	certify(t, dir, 2)
	if n := serial(); n != 2 {
		t.Errorf("after it was replaced: certificate %d", n)
	}
	if err := os.WriteFile(cert, []byte("half of a cert"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := serial(); n != 2 || !strings.Contains(h.log.String(), "the old one stays") {
		t.Errorf("while a new one is being written: certificate %d\n%s", n, h.log)
	}
	certify(t, dir, 3)
	if n := serial(); n != 3 {
		t.Errorf("when it is whole: certificate %d", n)
	}
}

func TestHalfACertificateIsRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	cert, key := certify(t, t.TempDir(), 1)
	_, other := certify(t, t.TempDir(), 2)
	for name, c := range map[string]struct {
		cert, key string
		good      bool
	}{
		"none": {"", "", true}, "a pair": {cert, key, true}, "no key": {cert, "", false}, "no certificate": {"", key, false},
		"another's key": {cert, other, false}, "no such file": {cert + "x", key, false},
	} {
		if err := (web.Config{TLSCert: c.cert, TLSKey: c.key}).Validate(); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestResetsDontMultiplyWork opens and drops streams as fast as it can (the
// "rapid reset" attack) on one HTTP/2 connection: no more handlers run at once
// than streams are allowed.
func TestResetsDontMultiplyWork(t *testing.T) {
	t.Parallel()
	cert, key := certify(t, t.TempDir(), 1)
	h := build(t, func(c *web.Config) { c.Origin, c.TLSCert, c.TLSKey = "https://localhost:8080", cert, key })
	var running, most atomic.Int64
	release := make(chan struct{})
	web.Raw(h.Server, web.Op{Method: "GET", Path: "/api/wait", Summary: "Wait", Tag: "test", Needs: access.Public, Limit: "none"},
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			n := running.Add(1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			<-release // it doesn't care that the client is gone
			running.Add(-1)
		}))
	address := listening(t, h.Server)
	t.Cleanup(func() { close(release) }) // before the server drains
	conn, err := meet(t, address, &tls.Config{NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	_ = framer.WriteSettings()
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "localhost:8080"}, {Name: ":path", Value: "/api/wait"}} {
		_ = enc.WriteField(f)
	}
	gone := make(chan struct{})
	go func() { // what comes back is refusals of the shield, or the end of the connection
		defer close(gone)
		for {
			if f, err := framer.ReadFrame(); err != nil || f.Header().Type == http2.FrameGoAway || f.Header().Type == http2.FramePing && f.Header().Flags.Has(http2.FlagPingAck) {
				return
			}
		}
	}()
	for id := uint32(1); id < 4_000; id += 2 {
		if framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true}) != nil ||
			framer.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			break // hung up on
		}
	}
	_ = framer.WritePing(false, [8]byte{}) // so that all of it was read, if the connection still is
	select {
	case <-gone:
	case <-time.After(15 * time.Second):
	}
	if n := most.Load(); n == 0 || n > 100 {
		t.Errorf("%d handlers ran at once", n)
	}
}
