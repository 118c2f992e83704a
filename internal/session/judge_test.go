package session_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"flint/internal/access"
	"flint/internal/envelope"
	"flint/internal/geo"
	"flint/internal/id"
	"flint/internal/platform/mail"
	"flint/internal/platform/mail/mailtest"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
	"flint/internal/session"
)

// Where people of these tests are.
const (
	london  = "81.2.69.142"
	london2 = "81.2.70.9"
	leeds   = "82.69.10.1"
	tokyo   = "133.11.0.1"
	windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
)

// signing is ana's sign-in from an address, with an agent and these cookies.
func signing(from, agent string, cookies ...*http.Cookie) webtest.Scenario {
	s := login("ana@example.com", password, map[string]string{"X-Forwarded-For": from, "User-Agent": agent})
	s.Cookies = cookies
	return s
}

// settle lets ana sign in from london on ten days, and returns her device.
func (h *house) settle(t *testing.T) *http.Cookie {
	t.Helper()
	var own *http.Cookie
	for range 10 {
		var with []*http.Cookie
		if own != nil {
			with = append(with, own)
		}
		own = deviceOf(t, h.web.Check(t, signing(london, firefox, with...)))
		h.pass(24 * time.Hour)
	}
	h.warnings(t)
	return own
}

type problem struct {
	Code, Challenge string
	Methods         []string
}

// held sends a sign-in that has to be held, and returns its challenge.
func (h *house) held(t *testing.T, s webtest.Scenario) string {
	t.Helper()
	s.Status = 401
	var p problem
	h.web.Check(t, s).JSON(t, &p)
	if p.Code != "verification_required" || p.Challenge == "" || len(p.Methods) != 1 || p.Methods[0] != "email" {
		t.Fatalf("not held: %+v", p)
	}
	return p.Challenge
}

// codes sends the mails with codes that are queued and returns them.
func (h *house) codes(t *testing.T) []mailtest.Mail {
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
	holds, err := postgres.Many[id.Hold](t.Context(), h.pool, `delete from river_job where kind = 'session.hold' returning (args->>'hold')::uuid`, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, hold := range holds {
		w := &session.HoldWorker{Service: h.Service, Sender: sender, Atlas: atlas}
		if err := w.Work(t.Context(), &river.Job[session.HoldArgs]{JobRow: &rivertype.JobRow{}, Args: session.HoldArgs{Hold: hold}}); err != nil {
			t.Fatal(err)
		}
	}
	return inbox.Mails()
}

var sixDigits = regexp.MustCompile(`The code is (\d{6})\.`)

func codeIn(t *testing.T, m mailtest.Mail) string {
	t.Helper()
	found := sixDigits.FindStringSubmatch(strings.ReplaceAll(m.Text, "\n", " "))
	if found == nil {
		t.Fatalf("no code in %s", m.Text)
	}
	return found[1]
}

func verifying(challenge, code string, status int) webtest.Scenario {
	return webtest.Scenario{
		Path: "/api/auth/verify-sign-in", Status: status, Header: map[string]string{"User-Agent": windows, "X-Forwarded-For": tokyo},
		Body: map[string]string{"challenge": challenge, "code": code},
	}
}

func TestTheFirstSignInOfANewAccountIsNotHeld(t *testing.T) {
	t.Parallel()
	h := setupJudged(t)
	h.web.Check(t, signing(tokyo, windows))
	h.pass(time.Hour)
	h.web.Check(t, signing(tokyo, windows)) // without the cookie, but where she was
}

func TestWhatIsUsualIsAllowed(t *testing.T) {
	t.Parallel()
	h := setupJudged(t)
	own := h.settle(t)
	h.web.Check(t, signing(london, firefox, own))
	h.web.Check(t, signing(london2, windows)) // a new computer, at home
	h.web.Check(t, signing(leeds, firefox, own))
	h.web.Check(t, signing(tokyo, firefox, own)) // her own computer behind a VPN
	h.web.Check(t, signing("127.0.0.1", firefox, own))
	if m := h.codes(t); len(m) != 0 {
		t.Errorf("%d mails with codes", len(m))
	}
}

func TestAnUnusualSignInWaitsForTheMailbox(t *testing.T) {
	t.Parallel()
	h := setupJudged(t)
	h.settle(t)
	challenge := h.held(t, signing(tokyo, windows))
	h.web.Check(t, verifying(challenge, "000000", 401)) // before the mail
	m := h.codes(t)
	if len(m) != 1 || m[0].To != "ana@example.com" {
		t.Fatalf("%d mails", len(m))
	}
	for _, want := range []string{"Chrome on Windows", tokyo, "Japan", origin + "/forgot"} {
		if !strings.Contains(m[0].Text, want) {
			t.Errorf("the mail doesn't say %q:\n%s", want, m[0].Text)
		}
	}
	code := codeIn(t, m[0])
	wrong := "123456"
	if code == wrong {
		wrong = "654321"
	}
	s := verifying(challenge, wrong, 401)
	s.Contains = []string{"verification_wrong"}
	h.web.Check(t, s)
	phone := verifying(challenge, code, 410)
	phone.Header["X-Mobile-App"] = "true"
	h.web.Check(t, phone)
	h.web.Check(t, verifying(challenge+"x", code, 410))
	// As a factor's challenge it is nothing.
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/mfa/challenge", Status: 410, Body: map[string]string{"challenge": challenge, "code": code}})

	ok := verifying(challenge, code[:3]+" "+code[3:], 200)
	ok.Contains = []string{`"success":true`}
	a := h.web.Check(t, ok)
	if vs := h.verbs(t); !strings.HasSuffix(vs, "session.start") {
		t.Errorf("the log says %q", vs)
	}
	h.web.Check(t, cookiesOf(t, a).user(200))
	h.web.Check(t, verifying(challenge, code, 410)) // once
	h.pass(time.Hour)
	h.web.Check(t, signing(tokyo, windows, deviceOf(t, a))) // known from now on
	if told := h.warnings(t); len(told) != 1 {
		t.Errorf("%d notices", len(told))
	}
}

func TestFiveWrongCodesEndIt(t *testing.T) {
	t.Parallel()
	h := setupJudged(t)
	h.settle(t)
	challenge := h.held(t, signing(tokyo, windows))
	code := codeIn(t, h.codes(t)[0])
	for i := range 5 {
		h.web.Check(t, verifying(challenge, fmt.Sprintf("%d%s", (int(code[0]-'0')+1+i)%10, code[1:]), 401))
	}
	h.web.Check(t, verifying(challenge, code, 410))

	challenge = h.held(t, signing(tokyo, windows))
	code = codeIn(t, h.codes(t)[0])
	h.pass(11 * time.Minute)
	h.web.Check(t, verifying(challenge, code, 410))

	// What changes the password ends what waits.
	challenge = h.held(t, signing(tokyo, windows))
	code = codeIn(t, h.codes(t)[0])
	if err := postgres.InTx(postgres.AsUser(t.Context(), h.ana.ID), h.pool, func(tx pgx.Tx) error {
		_, err := h.EndAll(t.Context(), tx, access.Actor{User: h.ana.ID}, h.ana.ID, id.Session{}, "password")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	h.web.Check(t, verifying(challenge, code, 410))
	for range 4 { // nobody fills her mailbox
		s := signing(tokyo, windows)
		s.Status = 0
		if a := h.web.Do(t, s); a.Status == 429 {
			return
		}
	}
	t.Error("mails without end")
}

// movedTo has ana's live sessions be used from an address.
func (h *house) movedTo(t *testing.T, address string) {
	t.Helper()
	ctx := postgres.AsUser(t.Context(), h.ana.ID)
	keys, err := envelope.Of(ctx, h.pool)
	if err != nil {
		t.Fatal(err)
	}
	live, err := postgres.Many[id.Session](ctx, h.pool, `select id from sessions where user_id = @ana and revoked_at is null`, postgres.Args{"ana": h.ana.ID})
	if err != nil {
		t.Fatal(err)
	}
	for _, session := range live {
		ref := envelope.Ref{Owner: h.ana.ID, Place: "sessions.sealed", Row: session.String()}
		sealed, err := keys.Pack(ctx, ref, map[string]string{"device": firefox, "address": address})
		if err != nil {
			t.Fatal(err)
		}
		if err := postgres.Exec(ctx, h.pool, `update sessions set sealed = @sealed where id = @id`, postgres.Args{"sealed": sealed, "id": session}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatLooksLikeAnAttackIsRefusedAsAWrongPasswordIs(t *testing.T) {
	t.Parallel()
	h := setupJudged(t)
	own := h.settle(t)
	for i := range 6 { // from next door, passwords for many accounts
		h.fail(t, fmt.Sprintf("nobody%d@example.com", i), "133.11.0.77")
	}
	h.pass(-23 * time.Hour) // she was in London an hour ago
	mine := cookiesOf(t, h.web.Check(t, signing(london, firefox, own)))
	h.pass(23 * time.Hour)
	theirs := cookiesOf(t, h.web.Check(t, signing(london, firefox, own)))
	h.movedTo(t, "133.11.0.200") // as if whoever attacks had been in before

	wrong := signing("82.1.1.1", windows)
	wrong.Body, wrong.Status, wrong.NeverContains = map[string]string{"email": "ana@example.com", "password": "not the password"}, 401, nil
	right := signing(tokyo, windows)
	right.Status = 401
	w, r := h.web.Check(t, wrong), h.web.Check(t, right)
	strip := regexp.MustCompile(`"instance":"[^"]*"`)
	if a, b := strip.ReplaceAllString(w.Body, ""), strip.ReplaceAllString(r.Body, ""); a != b {
		t.Errorf("a blocked sign-in answers\n%s\nand a wrong password\n%s", b, a)
	}
	h.web.Check(t, theirs.user(401)) // it began next door to what was stopped
	h.web.Check(t, mine.user(401))   // her browser's session was replaced by her own later one, not by us
	m := h.warnings(t)
	if len(m) != 1 || m[0].Subject != "A sign-in to Flint was stopped" || !strings.Contains(m[0].Text, "Japan") || !strings.Contains(m[0].Text, "/forgot") {
		t.Fatalf("%d notices: %+v", len(m), m)
	}
	status := 0
	for i := range 12 { // as with wrong passwords, whoever goes on is told to wait: the right one shows in nothing
		s := signing(fmt.Sprintf("133.11.0.%d", i+2), windows)
		s.Status = 0
		if status = h.web.Do(t, s).Status; status == 429 {
			break
		}
	}
	if status != 429 {
		t.Errorf("the right password, blocked, may be tried without end: %d", status)
	}
	after := cookiesOf(t, h.web.Check(t, signing(london, firefox, own)))
	s := after.user(200)
	s.Path = "/api/security/decisions?limit=30"
	s.Contains = []string{`"outcome":"block"`, "network_spraying", "many accounts were tried", "impossible_travel", `"country":"JP"`, "Chrome on Windows", `"begun":false`}
	h.web.Check(t, s)
}

func TestASecondFactorIsProofEnough(t *testing.T) {
	t.Parallel()
	h := setupJudged(t)
	own := h.settle(t)
	h.enrol(t, cookiesOf(t, h.web.Check(t, signing(london, firefox, own))))
	s := signing(tokyo, windows)
	s.Status, s.Contains = 401, []string{"mfa_required"}
	h.web.Check(t, s)
	if m := h.codes(t); len(m) != 0 {
		t.Error("a code is mailed to somebody with a second factor")
	}
	if got := h.lastOutcome(t); got != "step_up" {
		t.Errorf("judged as %s", got)
	}
}

func TestALinkProvesTheMailbox(t *testing.T) {
	t.Parallel()
	h := setupJudged(t)
	h.settle(t)
	link, err := h.IssueLink(postgres.AsUser(t.Context(), h.ana.ID), access.Actor{User: h.ana.ID}, h.ana.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(link.Reveal(), "#")
	h.web.Check(t, webtest.Scenario{
		Path: "/api/auth/link", Status: 200, Header: map[string]string{"User-Agent": windows, "X-Forwarded-For": tokyo}, Body: map[string]string{"token": token},
	})
	if got := h.lastOutcome(t); got != "allow" {
		t.Errorf("judged as %s", got)
	}
}

func TestATrustedDeviceIsNotHeldUntilItsTrustEnds(t *testing.T) {
	t.Parallel()
	h := setupJudged(t)
	own := h.settle(t)
	here := cookiesOf(t, h.web.Check(t, signing(london, firefox, own)))
	trust := webtest.Scenario{
		Path: "/api/auth/devices/trust", Cookies: []*http.Cookie{here.access, own}, Body: map[string]bool{"trusted": true}, Status: 200,
		Header: map[string]string{"User-Agent": firefox},
	}
	without := trust
	without.Cookies, without.Status = []*http.Cookie{here.access}, 409
	h.web.Check(t, without)
	h.web.Check(t, trust)
	if vs := h.verbs(t); !strings.HasSuffix(vs, "device.trust") {
		t.Errorf("the log says %q", vs)
	}
	if m := h.warnings(t); len(m) != 1 || m[0].Subject != "A device is trusted now" {
		t.Errorf("%d notices", len(m))
	}
	list := webtest.Scenario{
		Path: "/api/auth/devices", Cookies: []*http.Cookie{here.access, own}, Status: 200,
		Contains:      []string{`"name":"Firefox on Linux"`, `"trusted":true`, `"current":true`, `"lastPlace":"the United Kingdom"`},
		NeverContains: []string{own.Value, "token"},
	}
	h.web.Check(t, list)

	for i := range 20 { // a stranger hammers the account, and her VPN is in Japan
		h.fail(t, "ana@example.com", fmt.Sprintf("82.%d.0.1", i))
	}
	h.web.Check(t, signing(tokyo, firefox, own))
	moved := signing(tokyo, windows, own) // the cookie alone is not the device
	h.held(t, moved)
	h.pass(91 * 24 * time.Hour)
	stale := cookiesOf(t, h.web.Check(t, signing(london, firefox, own)))
	list.Cookies = []*http.Cookie{stale.access, own}
	list.Contains = []string{`"trusted":false`}
	h.web.Check(t, list)

	var devices struct{ Devices []struct{ ID string } }
	h.web.Check(t, list).JSON(t, &devices)
	forget := webtest.Scenario{Method: "DELETE", Path: "/api/auth/devices/" + devices.Devices[0].ID, Cookies: []*http.Cookie{stale.access}, Status: 200}
	h.web.Check(t, forget)
	forget.Status = 404
	h.web.Check(t, forget)
}

func TestWithoutAMailServerNobodyWaitsForAMail(t *testing.T) {
	t.Parallel()
	h := setupJudged(t)
	h.settle(t)
	if err := postgres.Exec(postgres.AsUser(t.Context(), h.ana.ID), h.pool, `update users set email_verified_at = null`, nil); err != nil {
		t.Fatal(err)
	}
	h.web.Check(t, signing(tokyo, windows)) // nor does who has no mailbox that is known to be theirs
	if got := h.lastOutcome(t); got != "verify_email" {
		t.Errorf("judged as %s", got)
	}
}

func (h *house) lastOutcome(t *testing.T) string {
	t.Helper()
	got, err := postgres.Scalar[string](postgres.AsSystem(t.Context(), "a test"), h.pool, `select outcome from risk_decisions order by at desc, id desc limit 1`, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// fail notes a wrong password, without the work of one.
func (h *house) fail(t *testing.T, email, from string) {
	t.Helper()
	ctx := postgres.AsSystem(t.Context(), "a test")
	if err := postgres.InTx(ctx, h.pool, func(tx pgx.Tx) error {
		return h.risk.Failed(ctx, tx, email, netip.MustParseAddr(from))
	}); err != nil {
		t.Fatal(err)
	}
}
