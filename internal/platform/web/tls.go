package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is the server's own, which may be replaced on disk while Flint
// runs: files are looked at for each new connection and read again when either
// changed. While a new pair can't be used (half written, key and certificate of
// different pairs) the old one stays in use, and the log says so once.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	written [2]time.Time // of the pair in use, or of the one that was refused last
}

func (c *certificate) current(ctx context.Context) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	written, err := c.stamps()
	if err == nil && (c.pair == nil || written != c.written) {
		c.written = written
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.certFile, c.keyFile); err == nil {
			c.pair = &pair
		} else if c.pair != nil {
			c.log.WarnContext(ctx, "the new certificate can't be used, the old one stays", "error", err.Error())
		}
	}
	if c.pair == nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	return c.pair, nil
}

func (c *certificate) stamps() (stamps [2]time.Time, err error) {
	for i, name := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return stamps, err
		}
		stamps[i] = info.ModTime()
	}
	return stamps, nil
}

// checkTLS says what is wrong with the settings of the server's certificate.
func (c Config) checkTLS() error {
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("FLINT_TLS_CERT and FLINT_TLS_KEY: one is of no use without the other")
	case c.TLSCert == "":
		return nil
	}
	_, err := (&certificate{certFile: c.TLSCert, keyFile: c.TLSKey}).current(context.Background())
	if err != nil {
		return fmt.Errorf("FLINT_TLS_CERT, FLINT_TLS_KEY: %w", err)
	}
	return nil
}
