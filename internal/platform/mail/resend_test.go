package mail_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flint/internal/config"
	"flint/internal/platform/mail"
	"flint/sandbox/inbox"
	"flint/sandbox/misbehave"
	"flint/sandbox/resend"
	"flint/sandbox/world"
)

const flint = "Flint <flint@flint.example>"

// canary is a key that must appear nowhere.
const canary = "re_canary_key"

// resendAt returns a Sender for an address, and what it logs.
func resendAt(t *testing.T, url, key string) (mail.Sender, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	s, err := mail.New(mail.Config{
		ResendKey: config.NewSecret(key), ResendBaseURL: url, From: flint, Timeout: 5 * time.Second,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.(interface{ Close() }).Close)
	return s, log
}

// farEnd is the sandbox's Resend with its inbox and its desk for trouble.
func farEnd(t *testing.T) (*inbox.Inbox, *misbehave.Desk, string) {
	t.Helper()
	state, err := world.OpenState("")
	if err != nil {
		t.Fatal(err)
	}
	mails, err := inbox.New(inbox.Config{State: state, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	desk := new(misbehave.Desk)
	server := httptest.NewServer(desk.Middleware("resend", resend.Refuse, resend.New(mails, time.Now).Handler()))
	t.Cleanup(server.Close)
	return mails, desk, server.URL
}

// says is a far end that always gives one answer.
func says(t *testing.T, status int, body string, header ...string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func problem(status int, name string) string {
	return fmt.Sprintf(`{"statusCode":%d,"name":%q,"message":"ana@example.com, %s"}`, status, name, canary)
}

func plain(to string) mail.Message {
	return mail.Message{To: to, Subject: "s", Text: "t", HTML: "<p>t</p>"}
}

func TestResendTakesALetterInBothForms(t *testing.T) {
	t.Parallel()
	mails, _, url := farEnd(t)
	s, _ := resendAt(t, url, resend.Key)
	m, err := mail.Render(mail.Letter{
		To: "ana@example.com", Subject: "Bestätige deine Adresse 🙂", Paragraphs: []string{"Hello <b>Ana</b>,", "two & more — ünïcode."},
		Action: mail.Action{Label: "Confirm", Link: "https://flint.example/verify#a-_b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := mails.List("ana@example.com")
	if len(got) != 1 || got[0].From != "flint@flint.example" || got[0].Subject != m.Subject || got[0].Text != m.Text || got[0].HTML != m.HTML ||
		len(got[0].Links) != 1 || got[0].Links[0] != "https://flint.example/verify#a-_b" {
		t.Errorf("%+v", got)
	}
}

func TestResendIsCalledAsItsReferenceSays(t *testing.T) {
	t.Parallel()
	var keys []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in map[string]any
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		to, _ := in["to"].([]any)
		headers, _ := in["headers"].(map[string]any)
		if r.Method != http.MethodPost || r.RequestURI != "/prefix/emails" || r.Header.Get("Authorization") != "Bearer "+canary ||
			r.Header.Get("Content-Type") != "application/json" || r.UserAgent() == "" || in["from"] != flint || len(to) != 1 ||
			in["subject"] != "s" || in["html"] != "<p>t</p>" || headers["Auto-Submitted"] != "auto-generated" {
			t.Errorf("%s %s %v %v", r.Method, r.RequestURI, r.Header, in)
		}
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		_, _ = w.Write([]byte(`{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}`))
	}))
	t.Cleanup(server.Close)
	s, log := resendAt(t, server.URL+"/prefix", canary)
	other := plain("a@example.com")
	other.Text = "another"
	for _, m := range []mail.Message{plain("a@example.com"), plain("a@example.com"), plain("b@example.com"), other} {
		if err := s.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if keys[0] != keys[1] || keys[0] == keys[2] || keys[0] == keys[3] || len(keys[0]) < 32 || len(keys[0]) > 256 {
		t.Errorf("keys %v", keys)
	}
	if strings.Contains(log.String(), canary) || strings.Contains(log.String(), "@example.com") {
		t.Errorf("log:\n%s", log)
	}
}

func TestAJobThatRunsTwiceMailsOnce(t *testing.T) {
	t.Parallel()
	mails, desk, url := farEnd(t)
	s, _ := resendAt(t, url, resend.Key)
	// The first answer breaks off after the mail has left; the client asks again by itself.
	if err := desk.Add(misbehave.Order{Kind: misbehave.Half, Count: 1}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.Send(t.Context(), plain("ana@example.com")); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(mails.List("")); n != 1 {
		t.Errorf("%d mails", n)
	}
}

func TestNobodyCanSmuggleAHeaderThroughResend(t *testing.T) {
	t.Parallel()
	mails, _, url := farEnd(t)
	s, _ := resendAt(t, url, resend.Key)
	for _, m := range []mail.Message{
		{To: "a@example.com\r\nBcc: b@example.com", Subject: "s", Text: "t"},
		{To: "a@example.com, b@example.com", Subject: "s", Text: "t"},
		{To: "Ana <a@example.com>", Subject: "s", Text: "t"},
		{To: "a@example.com", Subject: "s\r\nBcc: b@example.com", Text: "t"},
		{To: "a@example.com", Subject: "s\u2028X: y", Text: "t"},
		{To: "a@example.com", Subject: "s"},
	} {
		if err := s.Send(t.Context(), m); !errors.Is(err, mail.ErrRefused) {
			t.Errorf("%+v: error %v", m, err)
		}
	}
	if err := s.Send(t.Context(), mail.Message{To: "a@example.com", Subject: `","bcc":["b@example.com"],"x":"`, Text: "t"}); err != nil {
		t.Error(err)
	}
	if got := mails.List(""); len(got) != 1 || len(got[0].To) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestResendsErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	const again, giveUp, fix = "again", "give up", "fix the settings"
	for _, c := range []struct {
		status     int
		name, want string
		retryAfter string
		wait       time.Duration
	}{
		{400, "validation_error", giveUp, "", 0}, {422, "validation_error", giveUp, "", 0}, {422, "missing_required_field", giveUp, "", 0},
		{400, "invalid_idempotency_key", again, "", 0}, {400, canary, again, "", 0}, {422, "invalid_from_address", fix, "", 0},
		{401, "missing_api_key", fix, "", 0}, {401, "validation_error", fix, "", 0}, {403, "invalid_api_key", fix, "", 0},
		{403, "validation_error", fix, "", 0}, {403, canary, fix, "", 0}, {404, "not_found", fix, "", 0}, {405, "method_not_allowed", fix, "", 0},
		{409, "concurrent_idempotent_requests", again, "", 0}, {409, "invalid_idempotent_request", again, "", 0},
		{429, "rate_limit_exceeded", again, "120", 2 * time.Minute}, {429, "daily_quota_exceeded", again, "", time.Hour},
		{451, "security_error", again, "", 0}, {500, "internal_server_error", again, "", 0}, {503, "", again, "", 0}, {302, "", again, "", 0},
	} {
		t.Run(fmt.Sprint(c.status, c.name), func(t *testing.T) {
			t.Parallel()
			url := says(t, c.status, problem(c.status, c.name), "Retry-After", c.retryAfter, "Location", "/elsewhere")
			s, log := resendAt(t, url, canary)
			err := s.Send(t.Context(), plain("ana@example.com"))
			got := again
			switch {
			case errors.Is(err, mail.ErrRefused):
				got = giveUp
			case errors.Is(err, mail.ErrSettings):
				got = fix
			}
			if err == nil || got != c.want || mail.Wait(err) != c.wait {
				t.Errorf("%s after %v: %v", got, mail.Wait(err), err)
			}
			for _, text := range []string{fmt.Sprint(err), log.String()} {
				if strings.Contains(text, canary) || strings.Contains(text, "@example.com") {
					t.Errorf("told too much: %s", text)
				}
			}
			if told := strings.Contains(log.String(), "level=ERROR") && strings.Contains(log.String(), "RESEND_API_KEY"); told != (c.want == fix) {
				t.Errorf("log:\n%s", log)
			}
		})
	}
}

func TestTheSandboxFailsAsResendDoes(t *testing.T) {
	t.Parallel()
	mails, desk, url := farEnd(t)
	s, _ := resendAt(t, url, resend.Key)
	for _, o := range []misbehave.Order{{Kind: misbehave.Broken, Status: 500, Count: 1}, {Kind: misbehave.Limited, RetryAfter: 60, Count: 1}} {
		if err := desk.Add(o); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Send(t.Context(), plain("a@example.com")); err == nil || !strings.Contains(err.Error(), "500 internal_server_error") || mail.Wait(err) != 0 {
		t.Errorf("error %v", err)
	}
	if err := s.Send(t.Context(), plain("a@example.com")); mail.Wait(err) != time.Minute || !strings.Contains(err.Error(), "rate_limit_exceeded") {
		t.Errorf("error %v", err)
	}
	if err := s.Send(t.Context(), plain("a@example.com")); mail.Wait(err) <= 0 { // still paused; nothing is asked
		t.Errorf("error %v", err)
	}
	wrong, _ := resendAt(t, url, canary)
	if err := wrong.Send(t.Context(), plain("a@example.com")); !errors.Is(err, mail.ErrSettings) || !strings.Contains(err.Error(), "invalid_api_key") {
		t.Errorf("error %v", err)
	}
	if n := len(mails.List("")); n != 0 {
		t.Errorf("%d mails", n)
	}
}

func TestWhatIsNotResendsAnswerIsNotTakenForOne(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "{}", `{"id":""}`, `{"id":7}`, "<html>sign in to the wifi</html>", strings.Repeat("x", 100<<10)} {
		s, _ := resendAt(t, says(t, 200, body), canary)
		if err := s.Send(t.Context(), plain("a@example.com")); err == nil || errors.Is(err, mail.ErrRefused) || errors.Is(err, mail.ErrSettings) {
			t.Errorf("%.20q: error %v", body, err)
		}
	}
}

func TestTheKeyFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(elsewhere.Close)
	s, _ := resendAt(t, says(t, http.StatusTemporaryRedirect, "", "Location", elsewhere.URL), canary)
	if err := s.Send(t.Context(), plain("a@example.com")); err == nil || asked.Load() != 0 {
		t.Errorf("error %v, %d calls elsewhere", err, asked.Load())
	}
}

func TestResendsSettingsAreNamedAndNotQuoted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ key, url, smtp, named string }{
		{canary, "", "", ""}, {canary, "https://api.resend.com/", "", ""}, {canary, "http://127.0.0.1:1/resend", "", ""}, {canary, "http://localhost:1", "", ""},
		{canary, "http://api.resend.com", "", "RESEND_BASE_URL"}, {canary, "ftp://localhost", "", "RESEND_BASE_URL"},
		{canary, "https://u:canary@h", "", "RESEND_BASE_URL"}, {canary, "https://h?canary", "", "RESEND_BASE_URL"}, {canary, "canary", "", "RESEND_BASE_URL"},
		{"canary", "", "", "RESEND_API_KEY"}, {"re_canary key", "", "", "RESEND_API_KEY"}, {"re_canary\nX: y", "", "", "RESEND_API_KEY"},
		{canary, "", "smtp://localhost", "SMTP_URL and RESEND_API_KEY: set one of the two"},
	} {
		env := map[string]string{"RESEND_API_KEY": c.key, "RESEND_BASE_URL": c.url, "SMTP_URL": c.smtp}
		var cfg mail.Config
		err := config.Load(t.Context(), config.Map(env), &cfg)
		if (err == nil) != (c.named == "") || !cfg.Enabled() {
			t.Errorf("%v: error %v", c, err)
		}
		if err != nil && (strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), c.named)) {
			t.Errorf("%v: error %v", c, err)
		}
		if s := fmt.Sprintf("%v %+v", cfg, cfg); strings.Contains(s, canary) {
			t.Errorf("printed: %s", s)
		}
	}
	if err := (mail.Config{From: "Flint\r\n <f@example.com>", Timeout: time.Second}).Validate(); err == nil || !strings.Contains(err.Error(), "MAIL_FROM") {
		t.Errorf("error %v", err)
	}
}
