package session_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
)

func TestABrowserGetsCookiesThatNoScriptReads(t *testing.T) {
	t.Parallel()
	h := setup(t)
	a := h.web.Check(t, login("Ana@Example.com", password, nil))
	if strings.Contains(a.Body, "oken") {
		t.Errorf("the body holds a token: %s", a.Body)
	}
	b := cookiesOf(t, a)
	for want, c := range map[string]*http.Cookie{"__Host-accessToken": b.access, "__Host-refreshToken": b.refresh} {
		if c.Name != want || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie %s: %s", want, c.Raw)
		}
	}
	if b.access.MaxAge != 20*60 || b.refresh.MaxAge != 7*24*3600 {
		t.Errorf("cookies live for %d and %d s", b.access.MaxAge, b.refresh.MaxAge)
	}
	s := b.user(200)
	s.Contains = []string{`"email":"ana@example.com"`, `"subscriptionTier":"basic"`, `"emailVerified":true`}
	h.web.Check(t, s)
	if got := h.verbs(t); got != "session.start" {
		t.Errorf("audit: %s", got)
	}
}

func TestWithoutHTTPSCookiesWorkOnThisMachine(t *testing.T) {
	t.Parallel()
	h := setup(t)
	n := h.start(t, "http://localhost:8080")
	b := n.signIn(t)
	if b.access.Name != "accessToken" || b.access.Secure || !b.access.HttpOnly || b.access.SameSite != http.SameSiteStrictMode {
		t.Errorf("cookie %s", b.access.Raw)
	}
	n.web.Check(t, b.user(200))
}

func TestThePhoneGetsTokensAndNeverACookie(t *testing.T) {
	t.Parallel()
	h := setup(t)
	mobile := map[string]string{"X-Mobile-App": "true"}
	none := map[string]string{"Set-Cookie": ""}
	p := h.signInByPhone(t)
	h.web.Check(t, bearer(p.Access, 200))
	for _, s := range []webtest.Scenario{
		login("ana@example.com", password, map[string]string{"X-Mobile-App": "true"}),
		{Path: "/api/auth/logout", Method: "POST", Header: mobile, Status: 200},
		{Path: "/api/auth/refresh", Method: "POST", Header: mobile, Status: 401},
		{Path: "/api/auth/logout", Body: map[string]string{"refreshToken": "x"}, Header: mobile, Status: 200},
		{Path: "/api/auth/logout", Method: "POST", Bearer: p.Access, Status: 200},
		p.renew(401), // the logout above ended it
	} {
		s.Headers = none
		h.web.Check(t, s)
	}
}

// D-PRD: the session confusion of cookies beside a Bearer token.
func TestARequestWithABearerTokenNeverReadsCookies(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b, p := h.signIn(t), h.signInByPhone(t)
	both := []*http.Cookie{b.access, b.refresh}
	h.web.Run(t,
		webtest.Scenario{Name: "bad bearer, good cookie", Path: "/api/auth/user", Bearer: "x.y.z", Cookies: both, Status: 401, Contains: []string{"INVALID_TOKEN"}},
		webtest.Scenario{Name: "empty bearer, good cookie", Path: "/api/auth/user", Header: map[string]string{"Authorization": "Bearer "}, Cookies: both, Status: 401, Contains: []string{"NO_TOKEN"}},
		webtest.Scenario{Name: "basic, good cookie", Path: "/api/auth/user", Header: map[string]string{"Authorization": "Basic eDp5"}, Cookies: both, Status: 401, Contains: []string{"NO_TOKEN"}},
		webtest.Scenario{Name: "mobile header, good cookie", Path: "/api/auth/user", Header: map[string]string{"X-Mobile-App": "true"}, Cookies: both, Status: 401, Contains: []string{"NO_TOKEN"}},
		webtest.Scenario{Name: "web token as bearer", Path: "/api/auth/user", Bearer: b.access.Value, Status: 401, Contains: []string{"INVALID_TOKEN"}},
		webtest.Scenario{Name: "mobile token as cookie", Path: "/api/auth/user", Cookies: []*http.Cookie{{Name: "__Host-accessToken", Value: p.Access}}, Status: 401, Contains: []string{"INVALID_TOKEN"}},
		webtest.Scenario{Name: "cookie without its prefix", Path: "/api/auth/user", Cookies: []*http.Cookie{{Name: "accessToken", Value: b.access.Value}}, Status: 401, Contains: []string{"NO_TOKEN"}},
		webtest.Scenario{Name: "two cookies of one name", Path: "/api/auth/user", Header: map[string]string{"Cookie": "__Host-accessToken=x; __Host-accessToken=" + b.access.Value}, Status: 401, Contains: []string{"INVALID_TOKEN"}},
		webtest.Scenario{Name: "token in the query", Path: "/api/auth/user?token=" + p.Access, Status: 401, Contains: []string{"NO_TOKEN"}, NeverContains: []string{p.Access}},
		webtest.Scenario{Name: "refresh by cookie beside a bearer", Method: "POST", Path: "/api/auth/refresh", Bearer: p.Access, Cookies: both, Status: 401, Headers: map[string]string{"Set-Cookie": ""}},
		webtest.Scenario{Name: "web refresh token in the body", Path: "/api/auth/refresh-token", Body: map[string]string{"refreshToken": b.refresh.Value}, Status: 401},
		webtest.Scenario{Name: "mobile refresh token as cookie", Method: "POST", Path: "/api/auth/refresh", Cookies: []*http.Cookie{{Name: "__Host-refreshToken", Value: p.Refresh}}, Status: 401},
		webtest.Scenario{Name: "refresh token as access token", Path: "/api/auth/user", Bearer: p.Refresh, Status: 401, Contains: []string{"INVALID_TOKEN"}},
	)
	h.web.Check(t, b.user(200)) // none of that ended either
	h.web.Check(t, b.renew(200))
	h.web.Check(t, p.renew(200))
}

func TestSigningInTellsNothingAboutWhoIsKnown(t *testing.T) {
	t.Parallel()
	h := setup(t)
	mallory := h.admit(t, "mallory@example.com")
	if err := h.Ban(t.Context(), access.SystemActor("test", id.User{}), mallory.ID, "fraud"); err != nil {
		t.Fatal(err)
	}
	strip := func(a webtest.Answer) string {
		a.Header.Del("Date")
		a.Header.Del("X-Request-Id")
		body, _, _ := strings.Cut(a.Body, `"instance"`)
		return fmt.Sprint(a.Status, a.Header, body)
	}
	stranger := strip(h.web.Do(t, login("nobody@example.com", password, nil)))
	if !strings.HasPrefix(stranger, "401") || !strings.Contains(stranger, "bad_credentials") {
		t.Fatal(stranger)
	}
	for name, s := range map[string]webtest.Scenario{
		"wrong password": login("ana@example.com", "wrong password", nil),
		"empty password": login("ana@example.com", "", nil),
		"banned":         login("mallory@example.com", password, nil),
		"no address":     login("ana", password, nil),
	} {
		if got := strip(h.web.Do(t, s)); got != stranger {
			t.Errorf("%s is answered\n%s\nand a stranger\n%s", name, got, stranger)
		}
	}
	if got := h.verbs(t); got != "session.refuse session.refuse" {
		t.Errorf("audit: %s", got)
	}
	n, err := postgres.Scalar[int](t.Context(), h.pool, `select count(*)::int from audit_entries where detail::text like '%nobody%' or detail::text like '%assword"%wrong%'`, nil)
	if err != nil || n != 0 {
		t.Errorf("what was typed is in the audit log: %d, %v", n, err)
	}
}

func TestASessionIsNeverOneThatSomebodyElsePutThere(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.admit(t, "mallory@example.com")
	planted := cookiesOf(t, h.web.Check(t, login("mallory@example.com", password, nil)))
	s := login("ana@example.com", password, nil)
	s.Cookies = []*http.Cookie{planted.access, planted.refresh}
	mine := cookiesOf(t, h.web.Check(t, s))
	if mine.access.Value == planted.access.Value || mine.refresh.Value == planted.refresh.Value {
		t.Error("a token was taken over")
	}
	eventually(t, "the planted session is over", func() bool { return h.web.Do(t, planted.user(0)).Status == 401 })
	h.web.Check(t, planted.renew(401))
	u := mine.user(200)
	u.Contains = []string{"ana@example.com"}
	h.web.Check(t, u)
}

func TestALinkSignsInOnce(t *testing.T) {
	t.Parallel()
	h := setup(t)
	issue := func() string {
		link, err := h.IssueLink(t.Context(), access.SystemActor("demo", id.User{}), h.ana.ID, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		token, ok := strings.CutPrefix(link.Reveal(), origin+"/signin/link#")
		if !ok {
			t.Fatalf("link %q", link.Reveal())
		}
		return token
	}
	use := func(token string, status int, header map[string]string) webtest.Answer {
		return h.web.Check(t, webtest.Scenario{Path: "/api/auth/link", Body: map[string]string{"token": token}, Status: status, Header: header, NeverContains: []string{token}})
	}
	first := issue()
	second := issue()
	use(first, 410, nil) // a newer one ended it
	b := cookiesOf(t, use(second, 200, nil))
	h.web.Check(t, b.user(200))
	use(second, 410, nil)
	third := issue()
	h.pass(61 * time.Second)
	use(third, 410, nil)
	var p phone
	use(issue(), 200, map[string]string{"X-Mobile-App": "true"}).JSON(t, &p)
	h.web.Check(t, bearer(p.Access, 200))
	late := issue()
	if err := h.Ban(t.Context(), access.SystemActor("test", id.User{}), h.ana.ID, "fraud"); err != nil {
		t.Fatal(err)
	}
	use(late, 410, nil)
}

func TestAnUnconfirmedPersonSignsInAndIsKnownAsOne(t *testing.T) {
	t.Parallel()
	h := setup(t)
	err := h.people.Register(t.Context(), identity.Newcomer{FirstName: "Bea", Email: "bea@example.com", Password: config.NewSecret(password)})
	if err != nil {
		t.Fatal(err)
	}
	b := cookiesOf(t, h.web.Check(t, login("bea@example.com", password, nil)))
	actor := func() access.Actor {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.AddCookie(b.access)
		a, err := h.Authenticate(r)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := actor(); a.Confirmed || a.Tier != access.Free || a.Session.IsZero() {
		t.Errorf("actor %+v", a)
	}
	token := mustToken(t, h, "bea@example.com")
	if _, err := h.people.Confirm(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the session knows of the confirmation, with the same token", func() bool { return actor().Confirmed })
}
