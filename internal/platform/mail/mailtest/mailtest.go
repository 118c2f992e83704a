// Package mailtest is an SMTP server in memory, for tests: what Flint sends
// arrives over a real connection and can be read as the person would.
package mailtest

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	smtp "github.com/emersion/go-smtp"

	"flint/internal/config"
)

// Mail is one that arrived.
type Mail struct {
	From, To string // of the envelope
	Subject  string
	Text     string
	HTML     string
	Header   mail.Header
	Raw      string
}

// Link returns the first address in the text that starts with prefix, or "".
func (m Mail) Link(prefix string) string {
	for _, word := range strings.Fields(m.Text) {
		if strings.HasPrefix(word, prefix) {
			return word
		}
	}
	return ""
}

// Server is an inbox for every address.
type Server struct {
	t        testing.TB
	address  string
	mu       sync.Mutex
	mails    []Mail
	arrived  chan struct{} // closed and replaced at each arrival
	refusals map[string]*smtp.SMTPError
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, arrived: make(chan struct{}), refusals: map[string]*smtp.SMTPError{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{server: s}, nil }))
	server.Domain, server.EnableSMTPUTF8 = "mailtest", true
	server.ErrorLog = quiet{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() { _ = server.Close(); _ = l.Close(); <-done }) // the listener too: Serve may not have begun
	return s
}

// URL is the server's SMTP_URL.
func (s *Server) URL() config.Secret { return config.NewSecret("smtp://" + s.address) }

// Refuse answers mail for address with an SMTP code; 4xx passes, 5xx stays.
func (s *Server) Refuse(address string, code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals[address] = &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: "no mail for " + address}
}

// Mails returns what has arrived so far, oldest first.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Wait returns the nth mail (from 1) that arrived for to, and fails the test if
// it isn't there within ten seconds.
func (s *Server) Wait(to string, nth int) Mail {
	s.t.Helper()
	late := time.After(10 * time.Second)
	for {
		s.mu.Lock()
		arrived, count := s.arrived, 0
		for _, m := range s.mails {
			if m.To == to {
				if count++; count == nth {
					s.mu.Unlock()
					return m
				}
			}
		}
		s.mu.Unlock()
		select {
		case <-arrived:
		case <-late:
			s.t.Fatalf("mail %d for %s didn't arrive; %d did", nth, to, count)
		}
	}
}

func (s *Server) keep(m Mail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
	close(s.arrived)
	s.arrived = make(chan struct{})
}

// session is one connection.
type session struct {
	server *Server
	from   string
	to     []string
}

func (c *session) Reset()        { c.from, c.to = "", nil }
func (c *session) Logout() error { return nil }

func (c *session) Mail(from string, _ *smtp.MailOptions) error {
	c.from = from
	return nil
}

func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if refusal := c.server.refusals[to]; refusal != nil {
		return refusal
	}
	c.to = append(c.to, to)
	return nil
}

func (c *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	for _, to := range c.to {
		m, err := parse(raw)
		if err != nil {
			c.server.t.Errorf("a mail that can't be read arrived: %v", err)
			return err
		}
		m.From, m.To = c.from, to
		c.server.keep(m)
	}
	return nil
}

func parse(raw []byte) (Mail, error) {
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Mail{}, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	m := Mail{Subject: subject, Header: msg.Header, Raw: string(raw)}
	kind, params, kerr := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err := errors.Join(err, kerr); err != nil {
		return Mail{}, err
	}
	if kind != "multipart/alternative" {
		b, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
		m.Text = string(b)
		return m, err
	}
	for parts := multipart.NewReader(msg.Body, params["boundary"]); ; {
		p, err := parts.NextPart() // undoes quoted-printable itself
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return Mail{}, err
		}
		b, err := io.ReadAll(p)
		if err != nil {
			return Mail{}, err
		}
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			m.HTML = string(b)
		} else {
			m.Text = string(b)
		}
	}
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}
