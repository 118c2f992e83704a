package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"flint/sandbox/world"
)

// The files of the certificate folder.
const (
	caFile     = "ca.pem"          // to trust the sandbox's Teller
	serverFile = "server.pem"      // Teller's certificate and key
	certFile   = "certificate.pem" // the application's client certificate
	keyFile    = "private_key.pem" // and its key, as in Teller's zip file
)

// validity is the same for every certificate, and long: the world's clock may
// be frozen anywhere, and nothing but this machine trusts them.
func validity() (from, to time.Time) {
	return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)
}

// certificates returns what Teller's listener needs. They are made once: an
// authority whose key is thrown away, and what it signed.
func certificates(dir string) (*tls.Config, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make certificate folder: %w", err)
	}
	for _, name := range []string{caFile, serverFile, certFile, keyFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			if err := issue(dir); err != nil {
				return nil, fmt.Errorf("issue certificates: %w", err)
			}
			break
		}
	}
	ca, err := os.ReadFile(filepath.Join(dir, caFile))
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("read certificates: %s holds none", caFile)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, serverFile), filepath.Join(dir, serverFile))
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool,
	}, nil
}

// issue makes the authority and the two certificates.
func issue(dir string) error {
	from, to := validity()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Flint sandbox: simulated authority"}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Flint sandbox: Teller"}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost", "sandbox"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	client := &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "Flint sandbox: application"}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	caPEM, _, err := sign(ca, ca, caKey, caKey)
	if err != nil {
		return err
	}
	serverPEM, serverKey, err := signNew(server, ca, caKey)
	if err != nil {
		return err
	}
	clientPEM, clientKey, err := signNew(client, ca, caKey)
	if err != nil {
		return err
	}
	return errors.Join(
		world.WriteFile(filepath.Join(dir, certFile), clientPEM),
		world.WriteFile(filepath.Join(dir, keyFile), clientKey),
		world.WriteFile(filepath.Join(dir, serverFile), append(serverPEM, serverKey...)),
		world.WriteFile(filepath.Join(dir, caFile), caPEM),
	)
}

func signNew(c, ca *x509.Certificate, caKey *ecdsa.PrivateKey) (certificate, key []byte, err error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	return sign(c, ca, own, caKey)
}

func sign(c, ca *x509.Certificate, own, caKey *ecdsa.PrivateKey) (certificate, key []byte, err error) {
	der, err := x509.CreateCertificate(rand.Reader, c, ca, own.Public(), caKey)
	if err != nil {
		return nil, nil, err
	}
	plain, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: plain}), nil
}
