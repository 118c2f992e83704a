package outbound_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"flint/internal/platform/outbound"
)

// authority issues certificates for both ends.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.cert, a.key = a.make(&x509.Certificate{Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) make(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	a.n++
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(a.n), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return made, key
}

func (a *authority) write(dir, name string, cert *x509.Certificate, key *ecdsa.PrivateKey) (certFile, keyFile string) {
	a.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert.Raw}, keyFile: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestClientCertificateIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	a, dir := newAuthority(t), t.TempDir()
	cert, key := a.make(&x509.Certificate{DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}},
		ClientCAs:    pool, ClientAuth: tls.RequireAndVerifyClientCert, NextProtos: []string{"http/1.1"},
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	url := "https://localhost:" + s.Listener.Addr().String()[len("127.0.0.1:"):]
	caFile, _ := a.write(dir, "authority", a.cert, a.key)

	issue := func(name string) (string, string) {
		c, k := a.make(&x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		return a.write(dir, "client", c, k)
	}
	certFile, keyFile := issue("first")
	c := client(t, url, func(cfg *outbound.Config) { cfg.CertFile, cfg.KeyFile, cfg.CAFile = certFile, keyFile, caFile })
	who := func() string {
		t.Helper()
		got, err := c.Do(t.Context(), get("who"))
		if err != nil {
			t.Fatal(err)
		}
		return string(got.Body)
	}
	if who() != "first" {
		t.Fatal("the certificate wasn't sent")
	}
	issue("second")
	touch(t, certFile, keyFile)
	if got := who(); got != "second" {
		t.Fatalf("still %q after the files changed", got)
	}
	if err := os.WriteFile(certFile, []byte("half writ"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := who(); got != "second" {
		t.Fatalf("%q: a broken file must not replace a good certificate", got)
	}

	none := client(t, url, func(cfg *outbound.Config) { cfg.CAFile = caFile })
	if _, err := none.Do(t.Context(), get("who")); outbound.ClassOf(err) != outbound.ProviderDown {
		t.Fatalf("without a certificate: %v", err)
	}
	strange := client(t, url, func(cfg *outbound.Config) { cfg.CertFile, cfg.KeyFile = keyPairOf(t) })
	if _, err := strange.Do(t.Context(), get("who")); outbound.ClassOf(err) != outbound.ProviderDown {
		t.Fatalf("an unknown authority was trusted: %v", err)
	}
}

func keyPairOf(t *testing.T) (string, string) {
	a := newAuthority(t)
	return a.write(t.TempDir(), "other", a.cert, a.key)
}

// touch moves the files' time on, for file systems with coarse stamps.
func touch(t *testing.T, files ...string) {
	t.Helper()
	for _, f := range files {
		if err := os.Chtimes(f, time.Time{}, time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
}
