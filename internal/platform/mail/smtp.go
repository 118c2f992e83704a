package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	smtp "github.com/wneessen/go-mail"

	"flint/internal/config"
)

// Config says where messages go.
type Config struct {
	// URL of the server: smtp://user:password@host:587 (STARTTLS) or
	// smtps://user:password@host:465 (TLS from the first byte). STARTTLS is
	// demanded unless the server is on this machine; ?tls=optional or ?tls=off
	// say otherwise, and never together with a password. Empty: mail waits.
	URL config.Secret `env:"SMTP_URL"`
	// ResendKey is the key of Resend's HTTP API, instead of a server.
	ResendKey config.Secret `env:"RESEND_API_KEY"`
	// ResendBaseURL is where that API is.
	ResendBaseURL string `env:"RESEND_BASE_URL,default=https://api.resend.com"`
	// From is the sender that people see.
	From string `env:"MAIL_FROM,default=Flint <flint@localhost>"`
	// Timeout bounds the delivery of one message.
	Timeout time.Duration `env:"MAIL_TIMEOUT,default=20s"`

	Log *slog.Logger     // default: discard
	Now func() time.Time // default: time.Now
}

// Enabled reports whether there is somebody to hand mail to; if not, say so at
// start.
func (c Config) Enabled() bool { return !c.URL.IsZero() || !c.ResendKey.IsZero() }

// Validate reports what is wrong with the settings, by variable.
func (c Config) Validate() error {
	_, from := mail.ParseAddress(c.From)
	if from != nil || hasControl(c.From) {
		from = errors.New(`MAIL_FROM: not an address such as "Flint <flint@example.com>"`)
	}
	var wait error
	if c.Timeout <= 0 {
		wait = errors.New("MAIL_TIMEOUT: must be positive")
	}
	var server, resend error
	if !c.URL.IsZero() {
		_, server = parseURL(c.URL)
	}
	if !c.ResendKey.IsZero() {
		resend = c.checkResend()
	}
	return errors.Join(from, wait, server, resend)
}

// New returns the Sender that cfg describes: SMTP, Resend (which has a Close), or
// Unset without either.
func New(cfg Config) (Sender, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if !cfg.Enabled() {
		return Unset{}, nil
	}
	if !cfg.ResendKey.IsZero() {
		return newResend(cfg)
	}
	server, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	from, err := mail.ParseAddress(cfg.From)
	if err != nil {
		return nil, fmt.Errorf("MAIL_FROM: %w", err)
	}
	return &sender{server: server, from: from, timeout: cfg.Timeout}, nil
}

// server is a parsed SMTP_URL.
type server struct {
	host           string
	port           int
	ssl            bool
	policy         smtp.TLSPolicy
	user, password config.Secret
}

// parseURL reads an SMTP_URL. Its errors never quote it: it holds a password.
func parseURL(secret config.Secret) (server, error) {
	u, err := url.Parse(secret.Reveal())
	if err != nil || u.Hostname() == "" || (u.Path != "" && u.Path != "/") || u.Fragment != "" {
		return server{}, errors.New("SMTP_URL: not an address such as smtp://user:password@host:587")
	}
	s := server{host: u.Hostname(), policy: smtp.TLSMandatory}
	switch u.Scheme {
	case "smtp":
		s.port = 587
	case "smtps":
		s.port, s.ssl = 465, true
	default:
		return server{}, errors.New("SMTP_URL: starts with smtp:// or smtps://")
	}
	if p := u.Port(); p != "" {
		if s.port, err = strconv.Atoi(p); err != nil || s.port < 1 || s.port > 65535 {
			return server{}, errors.New("SMTP_URL: its port is not a port")
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		s.user, s.password = config.NewSecret(u.User.Username()), config.NewSecret(password)
	}
	if s.policy, err = policy(u.Query(), s); err != nil {
		return server{}, err
	}
	return s, nil
}

func policy(query url.Values, s server) (smtp.TLSPolicy, error) {
	for name := range query {
		if name != "tls" {
			return 0, errors.New("SMTP_URL: the one option is tls=required, tls=optional or tls=off")
		}
	}
	chosen := smtp.TLSMandatory
	switch query.Get("tls") {
	case "required":
	case "":
		if s.user.IsZero() && onThisMachine(s.host) {
			chosen = smtp.TLSOpportunistic
		}
	case "optional":
		chosen = smtp.TLSOpportunistic
	case "off":
		chosen = smtp.NoTLS
	default:
		return 0, errors.New("SMTP_URL: tls is required, optional or off")
	}
	if chosen != smtp.TLSMandatory && !s.user.IsZero() {
		return 0, errors.New("SMTP_URL: a password travels only under TLS; leave tls= out")
	}
	return chosen, nil
}

func onThisMachine(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && a.IsLoopback())
}

// sender delivers through one SMTP server, with a connection for each message:
// jobs are few, and a connection kept open is one that has died unnoticed.
type sender struct {
	server  server
	from    *mail.Address
	timeout time.Duration
}

// Send implements Sender.
func (s *sender) Send(ctx context.Context, m Message) error {
	msg, err := s.compose(m)
	if err != nil {
		return err
	}
	client, err := s.client()
	if err != nil {
		return fmt.Errorf("set up the mail client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return describe(err)
	}
	return nil
}

func (s *sender) compose(m Message) (*smtp.Msg, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	msg := smtp.NewMsg(smtp.WithNoDefaultUserAgent())
	if err := errors.Join(msg.FromFormat(s.from.Name, s.from.Address), msg.To(m.To)); err != nil {
		return nil, fmt.Errorf("%w: its addresses can't be written", ErrRefused)
	}
	msg.Subject(m.Subject)
	msg.SetDate()
	msg.SetMessageIDWithValue(m.id() + "@" + s.domain())
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // so that no absence notice answers
	msg.SetBodyString(smtp.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(smtp.TypeTextHTML, m.HTML)
	}
	return msg, nil
}

// domain is the sender's; this machine's own name is nobody's business.
func (s *sender) domain() string {
	return s.from.Address[strings.LastIndexByte(s.from.Address, '@')+1:]
}

func (s *sender) client() (*smtp.Client, error) {
	options := []smtp.Option{
		smtp.WithPort(s.server.port), smtp.WithTimeout(s.timeout), smtp.WithTLSPolicy(s.server.policy),
		smtp.WithHELO(s.domain()), smtp.WithoutNoop(),
	}
	if s.server.ssl {
		options = append(options, smtp.WithSSL())
	}
	if !s.server.user.IsZero() {
		options = append(options, smtp.WithSMTPAuth(smtp.SMTPAuthAutoDiscover),
			smtp.WithUsername(s.server.user.Reveal()), smtp.WithPassword(s.server.password.Reveal()))
	}
	return smtp.NewClient(s.server.host, options...)
}

// describe returns a delivery error without the address that it was for.
func describe(err error) error {
	e, ok := errors.AsType[*smtp.SendError](err)
	if !ok {
		return fmt.Errorf("reach the mail server: %w", err)
	}
	if e.Reason == smtp.ErrSMTPRcptTo && !e.IsTemp() {
		return fmt.Errorf("%w: the server knows no such mailbox (%d)", ErrRefused, e.ErrorCode())
	}
	return fmt.Errorf("deliver a message: %s (%d)", e.Reason, e.ErrorCode())
}
