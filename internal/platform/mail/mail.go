// Package mail sends messages, through SMTP or Resend's HTTP API, and lays them
// out.
//
// A feature writes a Letter (a few paragraphs, perhaps one button), Render lays
// it out as plain text and HTML, and a Sender delivers it. Sending belongs in a
// River job: a server that is away for an hour is no reason to lose a message.
//
// Without SMTP_URL and RESEND_API_KEY there is nobody to hand messages to. Flint
// says so at start and its mail jobs wait in the queue until there is one; nothing is
// dropped and nothing that was meant for a mailbox is printed to a log instead,
// since it may hold a link that signs somebody in.
//
// Who a message is for is kept out of every error, since errors are logged.
package mail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrNoServer says that no mail server is configured. The job should wait.
var ErrNoServer = errors.New("no mail server is configured (SMTP_URL or RESEND_API_KEY)")

// ErrRefused says that this message can never be delivered: the server knows no
// such mailbox, or the message itself is not acceptable. The job should give up.
var ErrRefused = errors.New("the message can't be delivered")

// ErrSettings says that Resend refuses Flint's key, address or sender, whatever
// the message. The job should wait until somebody has put that right.
var ErrSettings = errors.New("the mail service refuses Flint's settings")

// Message is a mail to one person. Text and HTML say the same.
type Message struct {
	// Job is the job that sends it. However often one job sends the same words, it is
	// one message: it has one Message-ID, by which mailboxes know it again, and one
	// Idempotency-Key at Resend.
	Job     int64
	To      string // a bare address
	Subject string
	Text    string
	HTML    string
}

// Sender delivers messages. An error that is none of ErrNoServer, ErrSettings and
// ErrRefused means that trying again makes sense, after Wait.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// Unset is the Sender without a server: every Send is ErrNoServer.
type Unset struct{}

// Send returns ErrNoServer.
func (Unset) Send(context.Context, Message) error { return ErrNoServer }

// check refuses what could smuggle in another header or another recipient.
func (m Message) check() error {
	a, err := mail.ParseAddress(m.To)
	if err != nil || a.Name != "" || a.Address != m.To {
		return fmt.Errorf("%w: its recipient is not one bare address", ErrRefused)
	}
	if hasControl(m.To) || hasControl(m.Subject) || len(m.Subject) > 200 || strings.TrimSpace(m.Subject) == "" {
		return fmt.Errorf("%w: its subject is not one plain line", ErrRefused)
	}
	if m.Text == "" {
		return fmt.Errorf("%w: it says nothing", ErrRefused)
	}
	return nil
}

// id names the message: 32 letters and digits.
func (m Message) id() string {
	h := sha256.New()
	for _, part := range []string{strconv.FormatInt(m.Job, 10), m.To, m.Subject, m.Text, m.HTML} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func hasControl(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	})
}
