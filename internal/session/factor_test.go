package session_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp/totp"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
)

// app is an authenticator on somebody's phone.
type app struct {
	secret string
	backup []string
	*clock
}

// code returns what the app shows when its clock is off by d.
func (a *app) code(t *testing.T, d time.Duration) string {
	t.Helper()
	c, err := totp.GenerateCode(a.secret, a.now().Add(d))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (b browser) post(path string, body any, status int) webtest.Scenario {
	return webtest.Scenario{Method: "POST", Path: path, Body: body, Cookies: []*http.Cookie{b.access}, Status: status}
}

func (b browser) get(path string) webtest.Scenario {
	return webtest.Scenario{Path: path, Cookies: []*http.Cookie{b.access}, Status: 200}
}

func code(c string) map[string]string { return map[string]string{"code": c} }

// enrol sets an authenticator up in the session of b.
func (h *house) enrol(t *testing.T, b browser) *app {
	t.Helper()
	var made struct{ Secret, OTPAuthURI, QRCode string }
	h.web.Check(t, b.post("/api/auth/mfa/setup", nil, 200)).JSON(t, &made)
	if !strings.HasPrefix(made.OTPAuthURI, "otpauth://totp/Flint:ana@example.com?secret="+made.Secret+"&issuer=Flint") ||
		!strings.HasPrefix(made.QRCode, "data:image/svg+xml;base64,") || len(made.Secret) != 32 {
		t.Fatalf("set-up %+v", made)
	}
	a := &app{secret: made.Secret, clock: h.clock}
	h.web.Check(t, b.post("/api/auth/mfa/verify-setup", code("000000"), 422))
	var confirmed struct{ BackupCodes []string }
	h.web.Check(t, b.post("/api/auth/mfa/verify-setup", code(a.code(t, 0)), 200)).JSON(t, &confirmed)
	if a.backup = confirmed.BackupCodes; len(a.backup) != 10 {
		t.Fatalf("backup codes %v", a.backup)
	}
	return a
}

// firstStep signs in with the password and returns the challenge.
func (n *node) firstStep(t *testing.T, header map[string]string) string {
	t.Helper()
	in := login("ana@example.com", password, header)
	in.Status, in.Headers = 401, map[string]string{"Set-Cookie": ""}
	var p struct {
		Code, Challenge string
		MFARequired     bool
		Methods         []string
	}
	n.web.Check(t, in).JSON(t, &p)
	if p.Code != "mfa_required" || !p.MFARequired || len(p.Challenge) != 43 || p.Methods[0] != "totp" {
		t.Fatalf("problem %+v", p)
	}
	return p.Challenge
}

func secondStep(challenge, field, code string, status int) webtest.Scenario {
	return webtest.Scenario{
		Path: "/api/auth/mfa/challenge", Body: map[string]string{"challenge": challenge, field: code}, Status: status,
		Header: map[string]string{"User-Agent": firefox}, NeverContains: []string{challenge, code},
	}
}

func TestSigningInTakesTwoSteps(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	a := h.enrol(t, b)
	h.web.Check(t, b.open(204)) // the factor was just proven in this session
	s := b.get("/api/auth/user")
	s.Contains = []string{`"mfaEnabled":true`}
	h.web.Check(t, s)

	challenge := h.firstStep(t, nil)
	h.web.Check(t, secondStep(challenge, "code", a.code(t, 0), 401)) // the code of the set-up is used
	h.pass(30 * time.Second)
	in := secondStep(challenge, "code", a.code(t, 0), 200)
	in.Contains = []string{"ana@example.com"}
	fresh := cookiesOf(t, h.web.Check(t, in))
	_, claims := decode(t, fresh.access.Value)
	if claims["acr"] != "aal2" {
		t.Errorf("claims %v", claims)
	}
	h.web.Check(t, fresh.open(204))
	in.Status, in.Contains = 410, []string{"challenge_over"} // a challenge is good once
	h.web.Check(t, in)
	replay := h.firstStep(t, nil)
	wrong := secondStep(replay, "code", a.code(t, 0), 401) // and so is a code
	wrong.Contains = []string{"mfa_wrong"}
	h.web.Check(t, wrong)

	h.pass(30 * time.Second)
	both := login("ana@example.com", password, nil) // as older clients do
	both.Body = map[string]string{"email": "ana@example.com", "password": password, "mfaCode": a.code(t, 0)}
	h.web.Check(t, cookiesOf(t, h.web.Check(t, both)).open(204))
	both.Status, both.Contains = 401, []string{"mfa_wrong"}
	h.web.Check(t, both)
	if vs := h.verbs(t); !strings.Contains(vs, "factor.add session.ask_factor session.refuse session.start session.ask_factor session.refuse session.start session.refuse") {
		t.Errorf("audit: %s", vs)
	}
}

func TestTheSecretIsServerMadeAndSealed(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	h.web.Check(t, b.post("/api/auth/mfa/verify-setup", code("123456"), 409)) // nothing pending
	h.web.Check(t, b.post("/api/auth/mfa/verify-setup", map[string]string{"secret": "AAAA", "code": "123456"}, 422))
	a := h.enrol(t, b)
	n := h.count(t, `select count(*)::int from totp_factors t, backup_codes c
		where encode(t.secret, 'escape') like '%`+a.secret+`%' or encode(c.code_hash, 'escape') like '%`+a.backup[0]+`%' or t.pending is not null`)
	if n != 0 {
		t.Error("a secret is stored in the clear, or still pending")
	}
	s := b.get("/api/auth/mfa")
	s.Contains, s.NeverContains = []string{`"enabled":true`, `"backupCodesLeft":10`}, slices.Concat(a.backup, []string{a.secret})
	h.web.Check(t, s)
}

func TestAPendingAuthenticatorChangesNothingAndEnds(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	var made struct{ Secret string }
	h.web.Check(t, b.post("/api/auth/mfa/setup", nil, 200)).JSON(t, &made)
	h.signIn(t) // one step
	h.pass(15 * time.Minute)
	late := &app{secret: made.Secret, clock: h.clock}
	h.web.Check(t, b.post("/api/auth/mfa/verify-setup", code(late.code(t, 0)), 409))
}

func TestAReplacedAuthenticatorWorksUntilTheNewOneDoes(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	old := h.enrol(t, b)
	h.pass(time.Minute)
	h.web.Check(t, b.post("/api/auth/mfa/setup", nil, 200))
	h.web.Check(t, secondStep(h.firstStep(t, nil), "code", old.code(t, 0), 200))
	h.pass(time.Minute)
	fresh := h.enrol(t, b)
	h.pass(time.Minute)
	h.web.Check(t, secondStep(h.firstStep(t, nil), "code", old.code(t, 0), 401))
	h.web.Check(t, secondStep(h.firstStep(t, nil), "backupCode", old.backup[0], 401))
	h.web.Check(t, secondStep(h.firstStep(t, nil), "code", fresh.code(t, 0), 200))
}

func TestFactorsChangeOnlyAfterAFreshFactor(t *testing.T) {
	t.Parallel()
	h := setup(t)
	mine := h.signIn(t)
	stolen := h.signIn(t)
	h.pass(11 * time.Minute)
	h.web.Check(t, stolen.post("/api/auth/mfa/setup", nil, 403)) // an old session
	h.web.Check(t, mine.stepUp(byPassword(password), 200))
	a := h.enrol(t, mine)
	eventually(t, "the other session knows", func() bool {
		return strings.Contains(h.web.Do(t, stolen.post("/api/auth/mfa/setup", nil, 0)).Body, `"methods":["totp","backup_code"]`)
	})
	h.web.Check(t, stolen.stepUp(byPassword(password), 200)) // who knows the password
	for _, s := range []webtest.Scenario{
		stolen.post("/api/auth/mfa/setup", nil, 403),
		stolen.post("/api/auth/mfa/verify-setup", code("123456"), 403),
		stolen.post("/api/auth/mfa/backup-codes", nil, 403),
		{Method: "DELETE", Path: "/api/auth/mfa/disable", Cookies: []*http.Cookie{stolen.access}, Status: 403},
	} {
		s.Contains = []string{"step_up_required"}
		h.web.Check(t, s)
	}
	h.pass(11 * time.Minute)
	mine = cookiesOf(t, h.web.Check(t, mine.renew(200)))
	h.web.Check(t, mine.open(403))
	h.web.Check(t, mine.stepUp(map[string]string{"method": "totp", "code": "000000"}, 403))
	h.web.Check(t, mine.stepUp(map[string]string{"method": "totp", "code": a.code(t, 0)}, 200))
	h.web.Check(t, mine.stepUp(map[string]string{"method": "totp", "code": a.code(t, 0)}, 403)) // used
	h.web.Check(t, mine.open(204))
	var renewed struct{ BackupCodes []string }
	h.web.Check(t, mine.post("/api/auth/mfa/backup-codes", nil, 200)).JSON(t, &renewed)
	h.web.Check(t, secondStep(h.firstStep(t, nil), "backupCode", a.backup[0], 401)) // replaced

	h.web.Check(t, webtest.Scenario{Method: "DELETE", Path: "/api/auth/mfa/disable", Cookies: []*http.Cookie{mine.access}, Status: 200})
	if n := h.count(t, `select count(*)::int from sessions where factor_at is not null`); n != 0 {
		t.Errorf("%d sessions count as proven by a factor that is gone", n)
	}
	if n := h.count(t, `select count(*)::int from backup_codes`); n != 0 {
		t.Errorf("%d backup codes without a factor", n)
	}
	h.web.Check(t, h.signIn(t).open(204)) // one step again
	if vs := h.verbs(t); !strings.Contains(vs, "factor.renew_backup") || !strings.Contains(vs, "factor.remove") {
		t.Errorf("audit: %s", vs)
	}
	if n := h.count(t, `select count(*)::int from river_job where kind = 'identity.tell'`); n < 3 {
		t.Errorf("%d mails are queued", n)
	}
}

func TestABackupCodeWorksOnce(t *testing.T) {
	t.Parallel()
	h := setup(t)
	a := h.enrol(t, h.signIn(t))
	typed := strings.ToUpper(strings.ReplaceAll(a.backup[3], "-", " "))
	h.web.Check(t, secondStep(h.firstStep(t, nil), "backupCode", typed, 200))
	h.web.Check(t, secondStep(h.firstStep(t, nil), "backupCode", a.backup[3], 401))
	h.web.Check(t, secondStep(h.firstStep(t, nil), "backupCode", a.backup[4], 200))
	if vs := h.verbs(t); strings.Count(vs, "factor.use_backup") != 2 {
		t.Errorf("audit: %s", vs)
	}
}

// Kratos, Supabase: of many at once with one code, one gets in.
func TestACodeOpensOneThingHoweverManyTryAtOnce(t *testing.T) {
	t.Parallel()
	h := setup(t)
	a := h.enrol(t, h.signIn(t))
	h.pass(time.Minute)
	for field, value := range map[string]string{"code": a.code(t, 0), "backupCode": a.backup[0]} {
		h.pass(16 * time.Minute)
		if field == "code" {
			value = a.code(t, 0)
		}
		var challenges []string
		for range 4 {
			challenges = append(challenges, h.firstStep(t, nil))
		}
		var got sync.Map
		var all sync.WaitGroup
		for i, c := range challenges {
			all.Go(func() { got.Store(i, h.web.Do(t, secondStep(c, field, value, 0)).Status) })
		}
		all.Wait()
		in := 0
		got.Range(func(_, status any) bool {
			if status == 200 {
				in++
			}
			return true
		})
		if in != 1 {
			t.Errorf("%s: %d of four got in", field, in)
		}
	}
}

func TestTriesAreCountedPerPersonAcrossChallengesAndSessions(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	a := h.enrol(t, b)
	h.pass(16 * time.Minute)
	for range 2 {
		h.web.Check(t, secondStep(h.firstStep(t, nil), "code", "000000", 401))
	}
	h.web.Check(t, secondStep(h.firstStep(t, nil), "backupCode", "0000-0000-0000-0000", 401))
	mixed := login("ana@example.com", password, nil)
	mixed.Body = map[string]string{"email": "ana@example.com", "password": password, "mfaCode": "000000"}
	mixed.Status = 401
	h.web.Check(t, mixed)
	h.web.Check(t, b.stepUp(map[string]string{"method": "totp", "code": "000000"}, 403))
	refused := secondStep(h.firstStep(t, nil), "code", a.code(t, 0), 429) // even the right one
	if wait := h.web.Do(t, refused); wait.Status != 429 || wait.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", wait.Status, wait.Header)
	}
	h.pass(15 * time.Minute)
	h.web.Check(t, secondStep(h.firstStep(t, nil), "code", a.code(t, 0), 200))
}

func TestAChallengeOpensOnlyItsOwnDoor(t *testing.T) {
	t.Parallel()
	h := setup(t)
	a := h.enrol(t, h.signIn(t))
	h.pass(time.Minute)
	h.admit(t, "mallory@example.com")
	own := cookiesOf(t, h.web.Check(t, login("mallory@example.com", password, nil)))
	var made struct{ Secret string }
	h.web.Check(t, own.post("/api/auth/mfa/setup", nil, 200)).JSON(t, &made)
	hers := &app{secret: made.Secret, clock: h.clock}
	h.web.Check(t, own.post("/api/auth/mfa/verify-setup", code(hers.code(t, 0)), 200))
	h.pass(time.Minute)

	challenge := h.firstStep(t, nil)
	h.web.Check(t, secondStep(challenge, "code", hers.code(t, 0), 401)) // another person's app
	byPhone := secondStep(challenge, "code", a.code(t, 0), 410)         // another kind of client
	byPhone.Header = map[string]string{"X-Mobile-App": "true"}
	byPhone.Headers = map[string]string{"Set-Cookie": ""}
	h.web.Check(t, byPhone)
	h.web.Check(t, secondStep(strings.Repeat("A", 43), "code", a.code(t, 0), 410))
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/mfa/challenge", Body: map[string]string{"challenge": challenge}, Status: 422})
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/mfa/challenge", Status: 422,
		Body: map[string]string{"challenge": challenge, "code": a.code(t, 0), "backupCode": a.backup[0]}})
	for name, s := range map[string]webtest.Scenario{
		"as access token":  bearer(challenge, 401),
		"as refresh token": {Path: "/api/auth/refresh-token", Body: map[string]string{"refreshToken": challenge}, Status: 401},
		"as link":          {Path: "/api/auth/link", Body: map[string]string{"token": challenge}, Status: 410},
	} {
		if got := h.web.Do(t, s); got.Status != s.Status {
			t.Errorf("a challenge %s: %d", name, got.Status)
		}
	}
	h.pass(5 * time.Minute)
	h.web.Check(t, secondStep(challenge, "code", a.code(t, 0), 410)) // late
	last := h.firstStep(t, nil)
	if err := h.Ban(t.Context(), access.SystemActor("test", id.User{}), h.ana.ID, "fraud"); err != nil {
		t.Fatal(err)
	}
	h.web.Check(t, secondStep(last, "code", a.code(t, 0), 410))
}

func TestALinkDoesNotReplaceTheSecondStep(t *testing.T) {
	t.Parallel()
	h := setup(t)
	a := h.enrol(t, h.signIn(t))
	h.pass(time.Minute)
	link, err := h.IssueLink(t.Context(), access.SystemActor("demo", id.User{}), h.ana.ID, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(link.Reveal(), "#")
	var p struct{ Code, Challenge string }
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/link", Body: map[string]string{"token": token}, Status: 401}).JSON(t, &p)
	b := cookiesOf(t, h.web.Check(t, secondStep(p.Challenge, "code", a.code(t, 0), 200)))
	h.web.Check(t, b.open(204))
	if n := h.count(t, `select count(*)::int from sessions where how = 'link' and password_at is null and factor_at is not null`); n != 1 {
		t.Error("the session doesn't say how it began")
	}
}

func TestThePhoneTakesTheSecondStepByTheSameRules(t *testing.T) {
	t.Parallel()
	h := setup(t)
	a := h.enrol(t, h.signIn(t))
	h.pass(time.Minute)
	mobile := map[string]string{"X-Mobile-App": "true", "User-Agent": "Flint/1.0 iPhone"}
	in := secondStep(h.firstStep(t, mobile), "code", a.code(t, 0), 200)
	in.Header, in.Headers = mobile, map[string]string{"Set-Cookie": ""}
	var p phone
	h.web.Check(t, in).JSON(t, &p)
	h.web.Check(t, webtest.Scenario{Method: "POST", Path: vault, Bearer: p.Access, Status: 204})
	var renewed phone
	h.web.Check(t, p.renew(200)).JSON(t, &renewed)
	if _, claims := decode(t, renewed.Access); claims["acr"] != "aal2" || !slices.Contains(claims["amr"].([]any), any("mfa")) {
		t.Errorf("claims after renewal %v", claims)
	}
}

func TestAMovedClockReplaysNothing(t *testing.T) {
	t.Parallel()
	h := setup(t)
	a := h.enrol(t, h.signIn(t))
	h.pass(time.Hour)
	now := a.code(t, 0)
	h.web.Check(t, secondStep(h.firstStep(t, nil), "code", now, 200))
	h.pass(-time.Minute)
	h.web.Check(t, secondStep(h.firstStep(t, nil), "code", a.code(t, 0), 401)) // an earlier step
	h.pass(time.Minute)
	h.web.Check(t, secondStep(h.firstStep(t, nil), "code", now, 401))
	h.web.Check(t, secondStep(h.firstStep(t, nil), "code", a.code(t, 30*time.Second), 200)) // an app that is ahead
}

func TestAnOperatorResetsWhoHasLostEverything(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	h.enrol(t, b)
	operator := access.SystemActor("cli", id.User{})
	r, err := h.factors.AskReset(t.Context(), operator, h.ana.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.factors.HurryReset(t.Context(), operator, h.ana.ID, config.NewSecret(r.Hurry)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.factors.AskReset(t.Context(), operator, h.ana.ID); err == nil {
		t.Error("there was nothing left to reset")
	}
	h.signIn(t)
	eventually(t, "what was open is over", func() bool { return h.web.Do(t, b.open(0)).Status == 401 })
	who, err := postgres.Scalar[string](t.Context(), h.pool, `select actor_name from audit_entries where verb = 'factor.remove'`, nil)
	if err != nil || who != "cli" {
		t.Errorf("recorded as done by %q, %v", who, err)
	}
	if h.factors.Disable(t.Context(), access.Actor{User: h.ana.ID}) == nil {
		t.Error("there is nothing to disable")
	}
}

func TestAResetOfThePasswordKeepsTheSecondStep(t *testing.T) {
	t.Parallel()
	h := setup(t)
	a := h.enrol(t, h.signIn(t))
	h.pass(time.Minute)
	before := h.firstStep(t, nil)
	var token config.Secret
	err := postgres.InTx(t.Context(), h.pool, func(tx pgx.Tx) (err error) {
		token, err = h.people.MakeToken(t.Context(), tx, h.ana.ID, identity.ResetPassword, time.Hour)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	const fresh = "another horse, another battery"
	reset := webtest.Scenario{Path: "/api/auth/reset-password", Body: map[string]string{"token": token.Reveal(), "password": fresh}, Status: 200, Headers: map[string]string{"Set-Cookie": ""}}
	h.web.Check(t, reset)
	h.web.Check(t, secondStep(before, "code", a.code(t, 0), 410)) // begun with the old password
	in := login("ana@example.com", fresh, nil)
	in.Status, in.Contains = 401, []string{"mfa_required"}
	var p struct{ Challenge string }
	h.web.Check(t, in).JSON(t, &p)
	h.web.Check(t, secondStep(p.Challenge, "code", a.code(t, 0), 200))
}
