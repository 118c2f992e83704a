package session_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"flint/internal/access"
	"flint/internal/geo"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/mail"
	"flint/internal/platform/mail/mailtest"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
)

// warnings sends the warnings that are queued and returns the mails.
func (h *house) warnings(t *testing.T) []mailtest.Mail {
	t.Helper()
	inbox := mailtest.New(t)
	sender, err := mail.New(mail.Config{URL: inbox.URL(), From: "Flint <flint@flint.example>", Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	atlas, err := geo.Open(geo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	type queued struct {
		ID    int64
		Args  string
		Entry id.Entry
	}
	jobs, err := postgres.Many[queued](t.Context(), h.pool, `
		delete from river_job where kind = 'identity.tell' returning id, args::text as args, (args->>'entry')::uuid as entry`, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		if want := fmt.Sprintf(`{"entry": %q}`, j.Entry); j.Args != want {
			t.Errorf("the job carries %s and not an id alone", j.Args)
		}
		w := &identity.TellWorker{Service: h.people, Sender: sender, Atlas: atlas}
		if err := w.Work(t.Context(), &river.Job[identity.TellArgs]{JobRow: &rivertype.JobRow{}, Args: identity.TellArgs{Entry: j.Entry}}); err != nil {
			t.Fatal(err)
		}
	}
	return inbox.Mails()
}

// deviceOf returns the cookie by which an answer lets a browser be recognised.
func deviceOf(t *testing.T, a webtest.Answer) *http.Cookie {
	t.Helper()
	for _, c := range a.Cookies {
		if strings.HasPrefix(c.Name, "__Host-device-") {
			if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.MaxAge != 180*24*3600 || len(c.Value) != 43 {
				t.Errorf("cookie %s", c.Raw)
			}
			return c
		}
	}
	t.Fatalf("no cookie for the device: %d %s", a.Status, a.Body)
	return nil
}

// from signs ana in on a browser with these cookies.
func (h *house) from(t *testing.T, email string, cookies ...*http.Cookie) webtest.Answer {
	t.Helper()
	s := login(email, password, nil)
	s.Cookies = cookies
	return h.web.Check(t, s)
}

func TestASignInOnANewDeviceIsToldAndOnAKnownOneIsNot(t *testing.T) {
	t.Parallel()
	h := setup(t)
	mine := deviceOf(t, h.from(t, "ana@example.com"))
	if m := h.warnings(t); len(m) != 0 {
		t.Fatalf("the very first sign-in is told: %s", m[0].Text)
	}
	if again := deviceOf(t, h.from(t, "ana@example.com", mine)); again.Value != mine.Value {
		t.Error("a known browser gets another token")
	}
	if m := h.warnings(t); len(m) != 0 {
		t.Fatalf("a known browser is told: %s", m[0].Text)
	}

	other := deviceOf(t, h.from(t, "ana@example.com"))
	m := h.warnings(t)
	if len(m) != 1 || m[0].To != "ana@example.com" || m[0].Subject != "New sign-in to Flint" {
		t.Fatalf("%d mails: %+v", len(m), m)
	}
	for _, want := range []string{"Firefox on Linux", "127.0.0.1", "23 November 2026 at 09:00 EST", origin + "/settings/security"} {
		if !strings.Contains(m[0].Text, want) {
			t.Errorf("the mail doesn't say %q:\n%s", want, m[0].Text)
		}
	}
	for _, never := range []string{"Mozilla", other.Value} {
		if strings.Contains(m[0].Raw, never) {
			t.Errorf("the mail holds %q", never)
		}
	}
	h.from(t, "ana@example.com", other)
	if m := h.warnings(t); len(m) != 0 {
		t.Error("a browser is told twice")
	}
	h.pass(181 * 24 * time.Hour)
	h.from(t, "ana@example.com", mine)
	if m := h.warnings(t); len(m) != 1 {
		t.Error("half a year later the browser is still known")
	}
}

func TestNobodyMakesADeviceKnownToSomebodyElse(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.admit(t, "bob@example.com")
	bobs := deviceOf(t, h.from(t, "bob@example.com"))
	anas := deviceOf(t, h.from(t, "ana@example.com", bobs)) // one browser, two people
	if anas.Name == bobs.Name {
		t.Error("both have one cookie")
	}
	h.from(t, "bob@example.com", bobs, anas)
	h.from(t, "ana@example.com", bobs, anas)
	if m := h.warnings(t); len(m) != 0 {
		t.Errorf("a shared browser is told: %s", m[0].Text)
	}
	for name, planted := range map[string][]*http.Cookie{
		"an invented token":         {{Name: anas.Name, Value: strings.Repeat("x", 43)}},
		"bob's token":               {{Name: anas.Name, Value: bobs.Value}},
		"hers beside another":       {{Name: anas.Name, Value: anas.Value}, {Name: anas.Name, Value: bobs.Value}},
		"hers under bob's name":     {{Name: bobs.Name, Value: anas.Value}},
		"hers without its prefix":   {{Name: strings.TrimPrefix(anas.Name, "__Host-"), Value: anas.Value}},
		"hers with more behind it":  {{Name: anas.Name, Value: anas.Value + "x"}},
		"the session of the cookie": {{Name: "__Host-accessToken", Value: anas.Value}},
	} {
		got := deviceOf(t, h.from(t, "ana@example.com", planted...))
		for _, c := range planted {
			if got.Value == c.Value {
				t.Errorf("%s was adopted", name)
			}
		}
		if m := h.warnings(t); len(m) != 1 || m[0].To != "ana@example.com" {
			t.Errorf("%s: %d warnings", name, len(m))
		}
	}
	p := h.signInByPhone(t) // ana's cookie on a phone is nothing
	if m := h.warnings(t); len(m) != 1 || !strings.Contains(m[0].Text, "Flint app on iPhone") {
		t.Errorf("phone: %+v", m)
	}
	h.web.Check(t, bearer(p.Access, 200))
}

func TestWhatSignsADeviceOutMakesItUnknown(t *testing.T) {
	t.Parallel()
	h := setup(t)
	one := h.from(t, "ana@example.com")
	two := h.from(t, "ana@example.com")
	h.warnings(t)
	a, b := cookiesOf(t, one), cookiesOf(t, two)
	h.web.Check(t, webtest.Scenario{Method: "DELETE", Path: "/api/auth/sessions", Cookies: []*http.Cookie{a.access}, Status: 200})
	h.from(t, "ana@example.com", deviceOf(t, one), a.refresh)
	if m := h.warnings(t); len(m) != 0 {
		t.Error("the browser that signed the others out is unknown")
	}
	two = h.from(t, "ana@example.com", deviceOf(t, two), b.refresh)
	if m := h.warnings(t); len(m) != 1 {
		t.Error("the one that was signed out is known")
	}

	out := h.web.Check(t, webtest.Scenario{
		Method: "DELETE", Path: "/api/auth/sessions?everywhere=true", Cookies: []*http.Cookie{cookiesOf(t, two).access}, Status: 200,
	})
	if len(out.Cookies) != 2 {
		t.Errorf("cookies: %v", out.Cookies)
	}
	eventually(t, "this session is over too", func() bool { return h.web.Do(t, cookiesOf(t, two).user(401)).Status == 401 })
	h.from(t, "ana@example.com", deviceOf(t, one))
	if m := h.warnings(t); len(m) != 1 {
		t.Error("signing out everywhere leaves a known device")
	}
}

func TestACopiedSessionIsToldToItsOwner(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	h.web.Check(t, b.renew(200))
	h.pass(time.Minute)
	h.web.Check(t, b.renew(401))
	h.web.Check(t, b.renew(401)) // the session is over: that's no news
	if m := h.warnings(t); len(m) != 1 || m[0].Subject != "A copied sign-in was stopped" {
		t.Fatalf("%+v", m)
	}
}

func TestWarningsReachOwnersAloneAndFillNoMailbox(t *testing.T) {
	t.Parallel()
	h := setup(t)
	for range 40 {
		h.from(t, "ana@example.com")
	}
	if m := h.warnings(t); len(m) != 30 {
		t.Errorf("%d warnings in a day", len(m))
	}
	h.pass(25 * time.Hour)
	h.from(t, "ana@example.com")
	if err := h.Ban(t.Context(), access.SystemActor("test", h.ana.ID), h.ana.ID, "fraud"); err != nil {
		t.Fatal(err)
	}
	if m := h.warnings(t); len(m) != 0 {
		t.Errorf("somebody banned is told: %+v", m)
	}

	// An address that nobody confirmed may be a stranger's.
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/public-register", Status: 201,
		Body: map[string]string{"firstName": "Eve", "email": "stranger@example.com", "password": password}})
	h.from(t, "stranger@example.com")
	h.from(t, "stranger@example.com")
	if m := h.warnings(t); len(m) != 0 {
		t.Errorf("a stranger is told: %+v", m)
	}
}

func TestDevicesAreListedByTheirNames(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/sessions", Cookies: []*http.Cookie{b.access}, Status: 200,
		Contains: []string{`"device":{"browser":"Firefox","os":"Linux"}`, `"place":null`, `"current":true`}})
}

// TestADeviceGetsAName: its owner's, sealed, and nobody else can give it one.
func TestADeviceGetsAName(t *testing.T) {
	t.Parallel()
	h := setup(t)
	first := h.from(t, "ana@example.com")
	b, device := cookiesOf(t, first), deviceOf(t, first)
	type listed struct {
		Devices []struct {
			ID             string
			Name           string
			Named, Current bool
		}
	}
	list := func() (l listed) {
		h.web.Check(t, webtest.Scenario{Path: "/api/auth/devices", Cookies: []*http.Cookie{b.access, device}, Status: 200}).JSON(t, &l)
		return l
	}
	before := list()
	if len(before.Devices) != 1 || before.Devices[0].Named {
		t.Fatalf("%+v", before)
	}
	at := "/api/auth/devices/" + before.Devices[0].ID
	name := func(what string, status int) webtest.Scenario {
		return webtest.Scenario{Method: "PATCH", Path: at, Body: map[string]string{"name": what}, Cookies: []*http.Cookie{b.access, device}, Status: status}
	}
	given := name("  The one in the kitchen ", 200)
	given.Contains = []string{`"name":"The one in the kitchen"`, `"named":true`, `"current":true`}
	h.web.Check(t, given)
	if after := list(); after.Devices[0].Name != "The one in the kitchen" || !after.Devices[0].Named {
		t.Errorf("%+v", after)
	}
	for _, bad := range []string{"", "  ", "two\nlines", strings.Repeat("x", 61)} {
		h.web.Check(t, name(bad, 422))
	}
	stored, err := postgres.Scalar[[]byte](t.Context(), h.pool, `select sealed from devices`, nil)
	if err != nil || len(stored) == 0 || strings.Contains(string(stored), "kitchen") {
		t.Errorf("stored as %q, %v", stored, err)
	}
	h.web.Check(t, webtest.Scenario{Method: "PATCH", Path: "/api/auth/devices/" + id.New[id.Device]().String(), Body: map[string]string{"name": "x"}, Cookies: []*http.Cookie{b.access}, Status: 404})
	if vs := h.verbs(t); !strings.Contains(vs, "device.name") {
		t.Errorf("audit: %s", vs)
	}
}

// TestAPhoneIsKnownByItsToken: an app that asks for one gets it in the body, and
// by it the next sign-in is none on a new device.
func TestAPhoneIsKnownByItsToken(t *testing.T) {
	t.Parallel()
	h := setup(t)
	signIn := func(header string) (token string) {
		t.Helper()
		s := login("ana@example.com", password, map[string]string{"X-Mobile-App": "true", "X-Flint-Device": header, "User-Agent": "Flint/1.0 (iPhone)"})
		if header == "" {
			delete(s.Header, "X-Flint-Device")
		}
		var got struct{ MobileDeviceToken string }
		h.web.Check(t, s).JSON(t, &got)
		return got.MobileDeviceToken
	}
	if signIn("") != "" {
		t.Error("an app that didn't ask got a token")
	}
	token := signIn("new")
	if len(token) < 40 {
		t.Fatalf("the token is %q", token)
	}
	h.warnings(t)
	if again := signIn(token); again != token {
		t.Errorf("the same device got another token: %q", again)
	}
	if mails := h.warnings(t); len(mails) != 0 {
		t.Errorf("a known phone was announced: %+v", mails)
	}
	if other := signIn("a-token-that-nobody-gave-out-000000000000000"); other == token || len(other) < 40 {
		t.Errorf("a made-up token was taken over: %q", other)
	}
	if mails := h.warnings(t); len(mails) != 1 {
		t.Errorf("%d mails about a phone that isn't known", len(mails))
	}
}
