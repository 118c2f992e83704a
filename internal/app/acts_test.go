package app_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/web"
)

// quiet are the operations that write no entry of their own, and why none is
// needed. Everything else that isn't a GET writes one for every success.
var quiet = map[string]string{
	"POST /api/auth/refresh":                  "the session goes on; its end, its theft and its beginning are entries",
	"POST /api/auth/refresh-token":            "as refresh",
	"POST /api/auth/password-strength":        "changes nothing",
	"POST /api/auth/passkeys/options":         "only asks a question, good for minutes; the answer is an entry",
	"POST /api/auth/passkeys/sign-in/options": "as above",
	"POST /api/auth/mfa/setup":                "offers a secret that counts for nothing until verify-setup, which is an entry",
	"POST /api/connections/teller/start":      "opens an attempt, good for minutes; what comes of it is an entry",
	"POST /api/connections/snaptrade/start":   "as above",
	"POST /api/auth/resend-verification":      "sends a mail again that the registration's entry tells of",
	"POST /api/teller/webhook":                "keeps what the provider said, signed, as it came; nobody acts",
	"POST /api/snaptrade/webhooks":            "as above",
	"POST /api/webhooks/snaptrade":            "as above",
}

// elsewhere are the operations that take a device or days: the test there shows
// that this entry is written.
var elsewhere = map[string]struct{ file, verb string }{
	"POST /api/auth/passkeys":           {"session/passkey_test.go", "factor.add"},
	"POST /api/auth/passkeys/sign-in":   {"session/passkey_test.go", "session.start"},
	"POST /api/auth/devices/trust":      {"session/judge_test.go", "device.trust"},
	"PATCH /api/auth/devices/{id}":      {"session/devices_test.go", "device.name"},
	"POST /api/auth/verify-sign-in":     {"session/judge_test.go", "session.start"},
	"POST /api/auth/mfa/recover/cancel": {"session/recover_test.go", "factor.stop_recovery"},
	"POST /api/auth/mfa/recover/finish": {"session/recover_test.go", "factor.remove"},
}

// parameter is one in a path, quoted.
var parameter = regexp.MustCompile(`\\\{[a-z]+\\\}`)

// TestNothingChangesWithoutAnEntry makes a valid call of every operation that
// changes something, and looks for the entries that bear the requests' ids.
func TestNothingChangesWithoutAnEntry(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := furnish(h.resident("Ann"), "chase", "SCHWAB", "brokerage")
	h.act(ann)
	h.actOnSelf()
	h.actAsStaff()
	calls := 0
	for _, r := range h.app.Web.Routes() {
		door := r.Method + " " + r.Path
		if r.Method == "GET" || r.Method == "HEAD" {
			continue
		}
		if where, ok := elsewhere[door]; ok {
			text, err := os.ReadFile(filepath.Join("..", where.file))
			if err != nil || !strings.Contains(string(text), where.verb) {
				t.Errorf("%s: %s doesn't look for %s (%v)", door, where.file, where.verb, err)
			}
			continue
		}
		pattern := regexp.MustCompile(`^` + parameter.ReplaceAllString(regexp.QuoteMeta(r.Path), `[^/]+`) + `$`)
		made, silent := 0, 0
		for _, a := range h.tape.answers {
			path, _, _ := strings.Cut(a.path, "?")
			if a.method != r.Method || a.status >= 300 || !pattern.MatchString(path) {
				continue
			}
			made++
			if h.rows(`select count(*)::text from audit_entries where request_id = $1`, a.header.Get("X-Request-Id"))[0] == "0" {
				silent++
			}
		}
		calls += made
		why := quiet[door]
		switch {
		case why != "" && silent < made:
			t.Errorf("%s is listed as quiet, and writes an entry", door)
		case why == "" && made == 0:
			t.Errorf("%s: nobody called it. Add a valid call to this test, or a reason to quiet", door)
		case why == "" && silent > 0:
			t.Errorf("%s: %d of %d calls changed something without an entry in the audit log", door, silent, made)
		}
	}
	for door := range quiet {
		if !slices.ContainsFunc(h.app.Web.Routes(), func(r web.Route) bool { return r.Method+" "+r.Path == door }) {
			t.Errorf("%s is listed as quiet, and isn't there", door)
		}
	}
	if calls < 60 {
		t.Errorf("only %d calls were made", calls)
	}
}

// act walks every door to what is somebody's own.
func (h *house) act(m household) {
	h.t.Helper()
	m.settled()
	h.rows(`update connections set last_attempt_at = now() - interval '1 hour' where id::text = $1 returning id::text`, m.connection)
	for _, d := range m.doors() {
		if a := m.call(d.method, d.at(d.id), d.body); a.status >= 300 {
			h.t.Errorf("%s %s: %d %s", d.method, d.path, a.status, a.body)
		}
	}
	m.access = ""
	m.signIn()
	other := *m.person
	other.access = ""
	other.signIn()
	m.must("DELETE", "/api/auth/sessions", nil)
	m.must("POST", "/api/support/consent", map[string]int{"hours": 1})
	m.must("DELETE", "/api/support/consent", nil)
	m.must("POST", "/api/auth/step-up", map[string]string{"method": "password", "password": m.password})
	m.must("POST", "/api/user/change-password", map[string]string{"currentPassword": m.password, "newPassword": "quite another long password 77"})
	m.must("POST", "/api/auth/logout", map[string]string{"refreshToken": m.refresh})
}

// actOnSelf does what concerns how somebody signs in.
func (h *house) actOnSelf() {
	h.t.Helper()
	bea := h.resident("Bea")
	bea.inTheBrowser()
	bea.must("POST", "/api/user/email", map[string]string{"newEmail": "new.bea@example.com"})
	bea.must("POST", "/api/user/email/confirm", map[string]string{"token": h.linkTo("new.bea@example.com", "/verify-email-change")})
	bea.must("POST", "/api/user/email/undo", map[string]string{"token": h.linkTo(bea.email, "/undo-email-change")})

	fay := h.resident("Fay")
	fay.must("POST", "/api/privacy/deletion", nil)
	fay.must("POST", "/api/privacy/deletion/undo", map[string]string{"token": h.undoing(fay)})
	fay.must("POST", "/api/privacy/deletion", nil)
	fay.must("DELETE", "/api/privacy/deletion", nil)

	cat := h.resident("Cat")
	cat.must("POST", "/api/auth/request-reset", map[string]string{"email": cat.email})
	cat.password = "one that Cat will remember 4711"
	cat.must("POST", "/api/auth/reset-password", map[string]string{"token": h.linkTo(cat.email, "/reset"), "password": cat.password})
	cat.must("POST", "/api/auth/magic-link", map[string]string{"email": cat.email})
	cat.access = ""
	cat.signIn()
	cat.factor()
	var paper struct{ BackupCodes []string }
	cat.must("POST", "/api/auth/mfa/backup-codes", nil).json(h.t, &paper)
	cat.access = ""
	challenge := func() string {
		var asked struct{ Challenge string }
		a := cat.call("POST", "/api/auth/login", map[string]string{"email": cat.email, "password": cat.password})
		if err := json.Unmarshal([]byte(a.body), &asked); err != nil || a.status != http.StatusUnauthorized {
			h.t.Fatalf("the first step: %d %s", a.status, a.body)
		}
		return asked.Challenge
	}
	cat.must("POST", "/api/auth/mfa/recover", map[string]string{"challenge": challenge()})
	var in struct{ MobileAccessToken string }
	cat.must("POST", "/api/auth/mfa/challenge", map[string]string{"challenge": challenge(), "backupCode": paper.BackupCodes[0]}).json(h.t, &in)
	cat.access = in.MobileAccessToken
	cat.must("DELETE", "/api/auth/mfa/disable", nil)
}

// actAsStaff does what staff does for people, and invites somebody.
func (h *house) actAsStaff() {
	h.t.Helper()
	ada, dan := h.staffed("Ada", access.Admin), h.resident("Dan")
	var consent struct{ Code string }
	dan.must("POST", "/api/support/consent", map[string]int{"hours": 1}).json(h.t, &consent)
	dan.must("POST", "/api/privacy/consents", map[string]string{"document": "terms", "version": "2026-11-23"})
	var look struct{ ID string }
	ada.must("POST", "/api/admin/support/sessions", map[string]string{"code": consent.Code, "reason": "a test"}).json(h.t, &look)
	ada.must("DELETE", "/api/admin/support/sessions/"+look.ID, nil)
	at := "/api/admin/users/" + h.whoIs(dan.email)
	why := map[string]string{"reason": "a test"}
	ada.must("POST", at+"/tier", map[string]string{"tier": "free", "reason": "a test"})
	var judged struct{ Decisions []struct{ ID string } }
	ada.must("GET", at+"/risk", nil).json(h.t, &judged)
	ada.must("POST", at+"/risk/"+judged.Decisions[0].ID+"/review", map[string]string{"verdict": "owner", "reason": "a test"})
	ada.must("POST", at+"/sign-out", why)
	ada.must("POST", at+"/ban", why)
	ada.must("POST", at+"/unban", why)
	var hold struct{ ID string }
	ada.must("POST", at+"/holds", why).json(h.t, &hold)
	ada.must("POST", at+"/holds/"+hold.ID+"/end", why)
	ada.must("POST", "/api/admin/screenings/"+ada.screened(h.resident("Igor Kasimov"))+"/decide", map[string]string{"verdict": "clear", "note": "a test"})

	if _, err := h.app.Identity.Invite(h.operator(), access.SystemActor("operator", id.User{}), "Eli", "eli@example.com", access.Free); err != nil {
		h.t.Fatal(err)
	}
	eli := &person{house: h, email: "eli@example.com", address: "203.0.113.99"}
	eli.must("POST", "/api/auth/setup-password", map[string]string{"token": h.linkTo(eli.email, "/setup-password"), "password": "what Eli chose 1234567"})
}
