// Package inbox is the sandbox's mail server: it takes every message that it
// is given, by SMTP or through Deliver, and shows it to whoever opens the page. No mail leaves the machine.
//
// The last hundred messages are kept in the state, so that a link which was
// mailed before a restart still works after it.
package inbox

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"flint/sandbox/world"
)

// Limits of the server and of what it keeps.
const (
	maxMessage    = 1 << 20 // bytes
	maxKept       = 100
	maxRecipients = 20
)

// Message is one mail that arrived.
type Message struct {
	ID      int       `json:"id"`
	At      time.Time `json:"at"`
	From    string    `json:"from"`
	To      []string  `json:"to"` // of the envelope
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	Links   []string  `json:"links"` // addresses in the text, in their order
}

// Config is what an inbox needs.
type Config struct {
	State *world.State
	Now   func() time.Time
	Log   *slog.Logger
}

type mails struct {
	Last     int
	Messages []Message // oldest first
}

// Inbox is the server and its mails. Make one with New, let it Serve, end it
// with Stop.
type Inbox struct {
	cfg    Config
	mails  *world.Section[mails]
	server *smtp.Server

	mu       sync.Mutex
	arrived  chan struct{} // closed when the next mail arrives
	listener net.Listener
	stopped  bool
}

// New opens the mails of the state's section "inbox".
func New(cfg Config) (*Inbox, error) {
	kept, err := world.Open(cfg.State, "inbox", func() mails { return mails{} })
	if err != nil {
		return nil, err
	}
	i := &Inbox{cfg: cfg, mails: kept, arrived: make(chan struct{})}
	i.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{inbox: i}, nil }))
	i.server.Domain = "sandbox.localhost"
	i.server.MaxMessageBytes = maxMessage
	i.server.MaxRecipients = maxRecipients
	i.server.ReadTimeout = 30 * time.Second
	i.server.WriteTimeout = 30 * time.Second
	i.server.EnableSMTPUTF8 = true
	i.server.ErrorLog = logger{cfg.Log}
	return i, nil
}

// Serve takes mail until Stop. It returns nil after Stop.
func (i *Inbox) Serve(l net.Listener) error {
	i.mu.Lock()
	i.listener = l // the library forgets a listener that it gets after Close
	if i.stopped {
		_ = l.Close() // nobody listens any more
	}
	i.mu.Unlock()
	if err := i.server.Serve(l); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
		return fmt.Errorf("serve mail: %w", err)
	}
	return nil
}

// Stop closes the server and its connections.
func (i *Inbox) Stop() {
	_ = i.server.Close() // it only says that it was closed already
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stopped = true
	if i.listener != nil {
		_ = i.listener.Close() // likewise
	}
}

// List returns the mails, the newest first. An empty address means all.
func (i *Inbox) List(to string) []Message {
	out := []Message{}
	i.mails.Read(func(m *mails) {
		for _, one := range slices.Backward(m.Messages) {
			if to == "" || slices.ContainsFunc(one.To, func(s string) bool { return strings.EqualFold(s, to) }) {
				out = append(out, one)
			}
		}
	})
	return out
}

// Find returns one mail.
func (i *Inbox) Find(id int) (Message, bool) {
	var found Message
	ok := false
	i.mails.Read(func(m *mails) {
		for _, one := range m.Messages {
			if one.ID == id {
				found, ok = one, true
			}
		}
	})
	return found, ok
}

// Clear forgets all mails.
func (i *Inbox) Clear() error {
	return i.mails.Write(func(m *mails) error { m.Messages = nil; return nil })
}

// Arrived returns a channel that is closed when the next mail arrives.
func (i *Inbox) Arrived() <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.arrived
}

// Deliver keeps a mail that came another way than by SMTP. Its ID, its time and
// its links are filled in.
func (i *Inbox) Deliver(m Message) error {
	m.Links = links(m.Text)
	return i.keep(m)
}

func (i *Inbox) keep(one Message) error {
	err := i.mails.Write(func(m *mails) error {
		m.Last++
		one.ID, one.At = m.Last, i.cfg.Now().UTC()
		m.Messages = append(m.Messages, one)
		if over := len(m.Messages) - maxKept; over > 0 {
			m.Messages = slices.Delete(m.Messages, 0, over)
		}
		return nil
	})
	if err == nil {
		i.mu.Lock()
		close(i.arrived)
		i.arrived = make(chan struct{})
		i.mu.Unlock()
	}
	return err
}

// session is one client's conversation.
type session struct {
	inbox *Inbox
	from  string
	to    []string
}

func (s *session) Reset()                                      { s.from, s.to = "", nil }
func (s *session) Logout() error                               { return nil }
func (s *session) Mail(from string, _ *smtp.MailOptions) error { s.from = from; return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error   { s.to = append(s.to, to); return nil }

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r) // the server stops it at its limit
	if err != nil {
		return fmt.Errorf("read mail: %w", err)
	}
	m := parse(raw)
	m.From, m.To = s.from, slices.Clone(s.to)
	if err := s.inbox.keep(m); err != nil {
		s.inbox.cfg.Log.Error("keep mail", "err", err)
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "The mail could not be kept"}
	}
	return nil
}

// logger takes what the SMTP library has to say.
type logger struct{ log *slog.Logger }

func (l logger) Printf(format string, v ...any) {
	l.log.Info("smtp", "said", fmt.Sprintf(format, v...))
}
func (l logger) Println(v ...any) { l.log.Info("smtp", "said", fmt.Sprint(v...)) }
