package siem

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"
)

// syslog is a receiver of RFC 5424 messages over TCP with octet counting (RFC
// 6587), or over TLS (RFC 5425).
//
// Syslog has no answers: that a message was written says only that our system
// has it. So each batch has a connection of its own. When all bytes are with the
// receiver's system we close our side, and a receiver that has read to the end
// closes its own. One that goes away before, or with something unread, has the
// batch sent again.
type syslog struct {
	address string // host and port
	host    string // who says it: Flint's own
	tls     bool
	server  string // whose certificate it must be
	caFile  string // read for each connection, so it may be exchanged
}

// errCut says that the receiver went away in the middle.
var errCut = errors.New("the receiver closed the connection before it had everything")

// poll is between two looks at what is on its way.
const poll = 2 * time.Millisecond

// send implements sink.
func (s *syslog) send(ctx context.Context, events []Event) error {
	raw, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) }) // ends what waits
	defer stop()
	tcp, ok := raw.(*net.TCPConn)
	if !ok {
		return errors.New("connect: not by TCP")
	}
	var conn net.Conn = tcp
	closeWrite := tcp.CloseWrite
	if s.tls {
		secure, err := s.secure(ctx, tcp)
		if err != nil {
			return err
		}
		conn, closeWrite = secure, func() error { return errors.Join(secure.CloseWrite(), tcp.CloseWrite()) }
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, conn)
		if s.tls && (err == nil || errors.Is(err, io.ErrUnexpectedEOF)) { // TLS's farewell came, or not; what counts is TCP's
			_, err = io.Copy(io.Discard, tcp)
		}
		ended <- err
	}()
	out := bufio.NewWriter(conn)
	for _, e := range events {
		message := s.message(e)
		_, _ = out.WriteString(strconv.Itoa(len(message)) + " ") // Flush tells
		_, _ = out.Write(message)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write: %w", errors.Join(err, ctx.Err()))
	}
	if err := arrived(ctx, tcp, ended); err != nil {
		return err
	}
	if err := closeWrite(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("the receiver didn't read to the end: %w", err)
		}
		return arrived(ctx, tcp, nil) // our farewell too: who closed before it came refuses it
	case <-ctx.Done():
		return fmt.Errorf("the receiver doesn't close what it has read: %w", ctx.Err())
	}
}

// arrived waits until the receiver's system has every byte, as long as ended is
// silent.
func arrived(ctx context.Context, tcp *net.TCPConn, ended <-chan error) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return errors.Join(errCut, err)
		default:
		}
		n, err := onTheWay(tcp)
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if n == 0 {
			break
		}
		select {
		case err := <-ended:
			return errors.Join(errCut, err)
		case <-ctx.Done():
			return fmt.Errorf("the receiver doesn't take it: %w", ctx.Err())
		case <-tick.C:
		}
	}
	select {
	case err := <-ended:
		return errors.Join(errCut, err)
	default:
		return nil
	}
}

func (s *syslog) secure(ctx context.Context, tcp *net.TCPConn) (*tls.Conn, error) {
	cfg := &tls.Config{ServerName: s.server, MinVersion: tls.VersionTLS12}
	if s.caFile != "" {
		pem, err := os.ReadFile(s.caFile)
		if err != nil {
			return nil, fmt.Errorf("read FLINT_SIEM_CA: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("read FLINT_SIEM_CA: no certificate in it")
		}
	}
	conn := tls.Client(tcp, cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("speak TLS: %w", err)
	}
	return conn, nil
}

// audited is the priority of all messages: facility 13 (log audit), severity 5
// (notice).
const audited = 13*8 + 5

// message returns e as RFC 5424 writes it, in printable ASCII throughout.
func (s *syslog) message(e Event) []byte {
	at := "-"
	if !e.At.IsZero() {
		at = e.At.UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	// 32473 is the number for examples (RFC 5612): Flint has none of its own.
	m := fmt.Appendf(nil, `<%d>1 %s %s flint - %s [flint@32473 index="%d"] `, audited, at, token(s.host, 255), token(e.Verb, 32), e.Index)
	return append(m, e.line()...)
}

// token returns text as a header field: printable, without spaces, not empty and
// not longer than most.
func token(text string, most int) string {
	b := make([]byte, 0, min(len(text), most))
	for i := 0; i < len(text) && len(b) < most; i++ {
		if c := text[i]; c > ' ' && c < 0x7f {
			b = append(b, c)
		}
	}
	if len(b) == 0 {
		return "-"
	}
	return string(b)
}
