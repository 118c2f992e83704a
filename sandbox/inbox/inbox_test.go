package inbox_test

import (
	"log/slog"
	"net"
	"net/smtp"
	"strings"
	"testing"
	"time"

	"flint/sandbox/inbox"
	"flint/sandbox/world"
)

func setup(t *testing.T, dir string) (*inbox.Inbox, string) {
	t.Helper()
	state, err := world.OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	i, err := inbox.New(inbox.Config{State: state, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- i.Serve(l) }()
	t.Cleanup(func() {
		i.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return i, l.Addr().String()
}

const letter = "From: Flint <flint@example.com>\r\nTo: ada@example.com\r\nSubject: =?utf-8?q?Confirm_=E2=9C=93?=\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: multipart/alternative; boundary=x\r\n\r\n" +
	"--x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nOpen http://localhost/verify#a=3Db=\r\nc.\r\n" +
	"--x\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+aGVsbG88L2I+\r\n--x--\r\n"

func TestMailArrivesAndStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	i, address := setup(t, dir)
	arrived := i.Arrived()
	if err := smtp.SendMail(address, nil, "flint@example.com", []string{"ada@example.com"}, []byte(letter)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-arrived:
	case <-t.Context().Done():
		t.Fatal("nobody said that mail arrived")
	}
	got := i.List("ADA@example.com")
	if len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	m := got[0]
	if m.Subject != "Confirm ✓" || !strings.HasPrefix(m.Text, "Open http://localhost/verify#a=bc.") || m.HTML != "<b>hello</b>" || len(m.Links) != 1 || m.Links[0] != "http://localhost/verify#a=bc" {
		t.Errorf("%+v", m)
	}
	if len(i.List("bob@example.com")) != 0 {
		t.Error("somebody else got it")
	}
	again, _ := setup(t, dir)
	if len(again.List("")) != 1 {
		t.Error("it is gone after a restart")
	}
}

func TestOldMailMakesRoom(t *testing.T) {
	t.Parallel()
	i, address := setup(t, "")
	for range 105 {
		if err := smtp.SendMail(address, nil, "a@example.com", []string{"b@example.com"}, []byte("Subject: x\r\n\r\ny\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	got := i.List("")
	if len(got) != 100 || got[0].ID != 105 {
		t.Errorf("%d mails, the newest is %d", len(got), got[0].ID)
	}
	if _, ok := i.Find(1); ok {
		t.Error("the first is still there")
	}
}

func TestBigMailIsRefused(t *testing.T) {
	t.Parallel()
	i, address := setup(t, "")
	if err := smtp.SendMail(address, nil, "a@example.com", []string{"b@example.com"}, []byte(strings.Repeat("line\r\n", 300_000))); err == nil || len(i.List("")) != 0 {
		t.Errorf("%v, %d kept", err, len(i.List("")))
	}
}
