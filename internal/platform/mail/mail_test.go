package mail_test

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"flint/internal/config"
	"flint/internal/platform/mail"
	"flint/internal/platform/mail/mailtest"
)

func sender(t *testing.T, url config.Secret) mail.Sender {
	t.Helper()
	s, err := mail.New(mail.Config{URL: url, From: "Flint <flint@flint.example>", Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestALetterArrivesInBothForms(t *testing.T) {
	t.Parallel()
	inbox := mailtest.New(t)
	m, err := mail.Render(mail.Letter{
		To: "ana@example.com", Subject: "Bestätige deine Adresse 🙂",
		Paragraphs: []string{"Hello <b>Ana</b>,", "two & more — ünïcode."},
		Action:     mail.Action{Label: "Confirm", Link: "https://flint.example/verify#a-_b"},
		Footnote:   "You get this because you signed up.",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := sender(t, inbox.URL()).Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := inbox.Wait("ana@example.com", 1)
	if got.Subject != "Bestätige deine Adresse 🙂" || got.From != "flint@flint.example" {
		t.Errorf("subject %q from %q", got.Subject, got.From)
	}
	if got.Link("https://") != "https://flint.example/verify#a-_b" || !strings.Contains(got.Text, "Hello <b>Ana</b>,") {
		t.Errorf("text:\n%s", got.Text)
	}
	for _, want := range []string{`href="https://flint.example/verify#a-_b"`, "&lt;b&gt;Ana", "two &amp; more — ünïcode.", "You get this"} {
		if !strings.Contains(got.HTML, want) {
			t.Errorf("no %s in the HTML:\n%s", want, got.HTML)
		}
	}
	if got.Header.Get("Auto-Submitted") != "auto-generated" || got.Header.Get("Message-Id") == "" || got.Header.Get("Date") == "" {
		t.Errorf("header %v", got.Header)
	}
}

// TestAMailThatIsSentAgainIsKnownAgain sends what one job says twice, what another
// job says in the same words, and what the first says in other words.
func TestAMailThatIsSentAgainIsKnownAgain(t *testing.T) {
	t.Parallel()
	inbox := mailtest.New(t)
	s := sender(t, inbox.URL())
	named := map[string]string{} // by recipient, who tells them apart here
	for to, m := range map[string]mail.Message{
		"first@example.com":  {Job: 7, Subject: "s", Text: "t"},
		"second@example.com": {Job: 8, Subject: "s", Text: "t"},
		"third@example.com":  {Job: 7, Subject: "s", Text: "other words"},
	} {
		for n := range 2 {
			m.To = to
			if err := s.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			got := inbox.Wait(to, n+1).Header.Get("Message-Id")
			if named[to] != "" && named[to] != got || !strings.HasSuffix(got, "@flint.example>") {
				t.Errorf("sent again it is %s, not %s", got, named[to])
			}
			named[to] = got
		}
	}
	again := mail.Message{Job: 8, To: "first@example.com", Subject: "s", Text: "t"}
	if err := s.Send(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if got := inbox.Wait("first@example.com", 3).Header.Get("Message-Id"); got == named["first@example.com"] {
		t.Error("two jobs' mails are taken for one")
	}
}

func TestNobodyCanSmuggleAHeader(t *testing.T) {
	t.Parallel()
	inbox := mailtest.New(t)
	s := sender(t, inbox.URL())
	for _, m := range []mail.Message{
		{To: "a@example.com\r\nBcc: b@example.com", Subject: "s", Text: "t"},
		{To: "a@example.com, b@example.com", Subject: "s", Text: "t"},
		{To: "Ana <a@example.com>", Subject: "s", Text: "t"},
		{To: "", Subject: "s", Text: "t"},
		{To: "a@example.com", Subject: "s\r\nBcc: b@example.com", Text: "t"},
		{To: "a@example.com", Subject: "s\nX: y", Text: "t"},
		{To: "a@example.com", Subject: "s\u2028X: y", Text: "t"},
		{To: "a@example.com", Subject: " ", Text: "t"},
		{To: "a@example.com", Subject: strings.Repeat("s", 300), Text: "t"},
		{To: "a@example.com", Subject: "s"},
	} {
		if err := s.Send(t.Context(), m); !errors.Is(err, mail.ErrRefused) {
			t.Errorf("%+v: error %v", m, err)
		}
	}
	if n := len(inbox.Mails()); n != 0 {
		t.Errorf("%d mails arrived", n)
	}
}

func TestErrorsTellWhetherToTryAgainAndNeverForWhom(t *testing.T) {
	t.Parallel()
	inbox := mailtest.New(t)
	s := sender(t, inbox.URL())
	inbox.Refuse("gone@example.com", 550)
	inbox.Refuse("busy@example.com", 450)
	for to, giveUp := range map[string]bool{"gone@example.com": true, "busy@example.com": false} {
		err := s.Send(t.Context(), mail.Message{To: to, Subject: "s", Text: "t"})
		if err == nil || errors.Is(err, mail.ErrRefused) != giveUp || strings.Contains(err.Error(), "@example.com") {
			t.Errorf("%s: error %v", to, err)
		}
	}
}

func TestAServerThatIsAwayIsAnErrorToRetry(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := config.NewSecret("smtp://" + l.Addr().String())
	l.Close()
	err = sender(t, url).Send(t.Context(), mail.Message{To: "a@example.com", Subject: "s", Text: "t"})
	if err == nil || errors.Is(err, mail.ErrRefused) || errors.Is(err, mail.ErrNoServer) {
		t.Errorf("error %v", err)
	}
}

func TestASilentServerIsGivenUpOn(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // accepts in the kernel and never says a word
	s, err := mail.New(mail.Config{URL: config.NewSecret("smtp://" + l.Addr().String()), From: "f@example.com", Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), mail.Message{To: "a@example.com", Subject: "s", Text: "t"}); err == nil {
		t.Error("sent to nobody")
	}
}

func TestEncryptionIsDemandedAwayFromThisMachine(t *testing.T) {
	t.Parallel()
	inbox := mailtest.New(t) // offers no STARTTLS
	url := config.NewSecret(inbox.URL().Reveal() + "?tls=required")
	if err := sender(t, url).Send(t.Context(), mail.Message{To: "a@example.com", Subject: "s", Text: "t"}); err == nil {
		t.Error("sent in the clear")
	}
}

func TestWithoutAServerMailWaits(t *testing.T) {
	t.Parallel()
	cfg := mail.Config{}
	if err := config.Load(t.Context(), config.Map(nil), &cfg); err != nil || cfg.Enabled() {
		t.Fatalf("enabled %v, error %v", cfg.Enabled(), err)
	}
	s, err := mail.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), mail.Message{To: "a@example.com", Subject: "s", Text: "t"}); !errors.Is(err, mail.ErrNoServer) {
		t.Errorf("error %v", err)
	}
}

func TestBadSettingsAreNamedAndNotQuoted(t *testing.T) {
	t.Parallel()
	for url, good := range map[string]bool{
		"smtp://localhost:1025": true, "smtp://u:p@mail.example": true, "smtps://u:p@mail.example:465": true,
		"smtp://mailpit:1025?tls=off": true, "smtp://mail.example?tls=optional": true, "smtp://u:p@mail.example?tls=required": true,
		"http://u:canary@mail.example": false, "smtp://": false, "smtp://h:99999": false, "smtp://u:canary@h?tls=off": false,
		"smtp://u:canary@h?tls=optional": false, "smtp://u:canary@h?tls=maybe": false, "smtp://u:canary@h?x=y": false,
		"smtp://u:canary@h/path": false, "smtp://u:can ary@h:x": false,
	} {
		_, err := mail.New(mail.Config{URL: config.NewSecret(url), From: "f@example.com", Timeout: time.Second})
		if (err == nil) != good {
			t.Errorf("%s: error %v", url, err)
		}
		if err != nil && (strings.Contains(err.Error(), "ary") || !strings.Contains(err.Error(), "SMTP_URL")) {
			t.Errorf("%s: error %v must name the variable and not quote it", url, err)
		}
	}
	if err := (mail.Config{From: "nobody"}).Validate(); err == nil || !strings.Contains(err.Error(), "MAIL_FROM") || !strings.Contains(err.Error(), "MAIL_TIMEOUT") {
		t.Errorf("error %v", err)
	}
}
