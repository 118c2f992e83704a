package session_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
)

// vault is an operation that demands a fresh proof.
const vault = "/api/test/vault"

func mountVault(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "POST", Path: vault, Summary: "Open the vault", Needs: access.SignedIn, Limit: "write",
		Assurance: access.StepUp{Within: 10 * time.Minute, Factor: true},
	}, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
}

func (b browser) open(status int) webtest.Scenario {
	return webtest.Scenario{Method: "POST", Path: vault, Cookies: []*http.Cookie{b.access}, Status: status}
}

func (b browser) stepUp(body map[string]string, status int) webtest.Scenario {
	return webtest.Scenario{
		Path: "/api/auth/step-up", Cookies: []*http.Cookie{b.access}, Body: body, Status: status,
		NeverContains: []string{password}, Headers: map[string]string{"Set-Cookie": ""},
	}
}

func byPassword(p string) map[string]string {
	return map[string]string{"method": "password", "password": p}
}

func TestAFreshProofIsDemandedAndGiven(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b, other := h.signIn(t), h.signIn(t)
	h.web.Check(t, b.open(204)) // just signed in with the password
	h.pass(10 * time.Minute)
	refused := b.open(403)
	refused.Contains = []string{"step_up_required", `"errors":[{"where":"step-up","message":"password"}]`, `"methods":["password"]`}
	h.web.Check(t, refused)

	wrong := b.stepUp(byPassword("wrong"), 403)
	wrong.Contains = []string{"proof_wrong"}
	h.web.Check(t, wrong)
	h.web.Check(t, refused)
	var got struct {
		Level      string
		PasswordAt time.Time
		FactorAt   *time.Time
	}
	h.web.Check(t, b.stepUp(byPassword(password), 200)).JSON(t, &got)
	if got.Level != "aal1" || !got.PasswordAt.Equal(h.now()) || got.FactorAt != nil {
		t.Errorf("answer %+v", got)
	}
	h.web.Check(t, b.open(204)) // at once, whatever the cache holds
	h.web.Check(t, other.open(403))
	if vs := h.verbs(t); vs != "session.start session.start session.refuse session.refuse_step_up session.step_up" &&
		vs != "session.start session.start session.refuse_step_up session.step_up" {
		t.Errorf("audit: %s", vs)
	}
	h.pass(-24 * time.Hour) // a clock that is moved proves nothing
	if a := h.web.Do(t, b.open(0)); a.Status == 204 {
		t.Error("a proof from the future was taken")
	}
}

func TestAProofOnOneNodeCountsOnTheOtherAtOnce(t *testing.T) {
	t.Parallel()
	h := setup(t)
	second := h.start(t, origin)
	b := h.signIn(t)
	h.pass(time.Hour / 4)
	second.web.Check(t, b.open(403)) // cached there
	h.web.Check(t, b.stepUp(byPassword(password), 200))
	second.web.Check(t, b.open(204))
}

func TestALinkProvesNoPassword(t *testing.T) {
	t.Parallel()
	h := setup(t)
	link, err := h.IssueLink(t.Context(), access.SystemActor("demo", id.User{}), h.ana.ID, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(link.Reveal(), "#")
	b := cookiesOf(t, h.web.Check(t, webtest.Scenario{Path: "/api/auth/link", Body: map[string]string{"token": token}, Status: 200}))
	h.web.Check(t, b.open(403))
	h.web.Check(t, b.stepUp(byPassword(password), 200))
	h.web.Check(t, b.open(204))
}

func TestTheSameRulesHoldForThePhone(t *testing.T) {
	t.Parallel()
	h := setup(t)
	p := h.signInByPhone(t)
	open := func(status int) {
		t.Helper()
		h.web.Check(t, webtest.Scenario{Method: "POST", Path: vault, Bearer: p.Access, Status: status})
	}
	open(204)
	h.pass(11 * time.Minute)
	open(403)
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/step-up", Bearer: p.Access, Body: byPassword("wrong"), Status: 403})
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/step-up", Bearer: p.Access, Body: byPassword(password), Status: 200, Headers: map[string]string{"Set-Cookie": ""}})
	open(204)
	_, claims := decode(t, p.Access)
	if claims["acr"] != "aal1" || claims["amr"].([]any)[0] != "pwd" {
		t.Errorf("claims %v", claims)
	}
}

func TestASessionThatIsOverCannotStepUp(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	h.pass(11 * time.Minute)
	if err := h.Ban(t.Context(), access.SystemActor("test", id.User{}), h.ana.ID, "fraud"); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]webtest.Scenario{"step-up": b.stepUp(byPassword(password), 0), "vault": b.open(0)} {
		if a := h.web.Do(t, s); a.Status != 401 && a.Status != 403 { // within the second in which the news travels
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	eventually(t, "the session is over", func() bool { return h.web.Do(t, b.open(0)).Status == 401 })
	h.web.Check(t, b.stepUp(byPassword(password), 401))
}

// TestGuessingInAStolenSessionIsLimited: five tries in one session, ten in all of
// them; signing in isn't touched by it.
func TestGuessingInAStolenSessionIsLimited(t *testing.T) {
	t.Parallel()
	h := setup(t)
	stolen, again, mine := h.signIn(t), h.signIn(t), h.signIn(t)
	for range 5 {
		h.web.Check(t, stolen.stepUp(byPassword("wrong"), 403))
	}
	h.web.Check(t, stolen.stepUp(byPassword(password), 429)) // right, but not from there
	h.web.Check(t, mine.stepUp(byPassword(password), 200))
	for range 5 {
		h.web.Check(t, again.stepUp(byPassword("wrong"), 403))
	}
	h.web.Check(t, mine.stepUp(byPassword(password), 429)) // the account's ten are used up
	in := login("ana@example.com", password, nil)
	in.Status = 200
	h.web.Check(t, in)
	h.pass(15*time.Minute + time.Second)
	h.web.Check(t, mine.stepUp(byPassword(password), 200))
}

// TestAStrangerCannotBlockAStepUp uses the account's limit at the front door up,
// from everywhere; who is signed in still proves who they are.
func TestAStrangerCannotBlockAStepUp(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	h.pass(11 * time.Minute)
	if looked := h.swarm(t, "ana@example.com", 15); looked != 10 {
		t.Fatalf("%d guesses were looked at", looked)
	}
	h.web.Check(t, b.open(403))
	h.web.Check(t, b.stepUp(byPassword(password), 200))
	h.web.Check(t, b.open(204))
}

func TestProofsAreTakenBackInOtherSessions(t *testing.T) {
	t.Parallel()
	h := setup(t)
	mine, other := h.signIn(t), h.signIn(t)
	h.web.Check(t, other.open(204))
	err := postgres.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
		return h.ForgetProofs(t.Context(), tx, h.ana.ID, h.sessionOf(t, mine))
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other session has to prove itself", func() bool { return h.web.Do(t, other.open(0)).Status == 403 })
	h.web.Check(t, mine.open(204))
}

func (h *house) sessionOf(t *testing.T, b browser) id.Session {
	t.Helper()
	_, claims := decode(t, b.access.Value)
	s, err := id.Parse[id.Session](claims["sid"].(string))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
