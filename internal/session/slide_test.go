package session_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/web/webtest"
)

// visit asks who is signed in with both cookies, as a browser does, and returns
// the access cookie that came with the answer, if one did.
func (n *node) visit(t *testing.T, b browser, status int) *http.Cookie {
	t.Helper()
	return fresh(t, n.web.Check(t, b.anything(status)))
}

func (b browser) anything(status int) webtest.Scenario {
	return webtest.Scenario{
		Path: "/api/auth/user", Cookies: []*http.Cookie{b.access, b.refresh}, Status: status, Header: map[string]string{"User-Agent": firefox},
	}
}

func fresh(t *testing.T, a webtest.Answer) *http.Cookie {
	t.Helper()
	var found *http.Cookie
	for _, c := range a.Cookies {
		if !strings.HasSuffix(c.Name, "accessToken") || found != nil {
			t.Errorf("cookie %s", c.Raw)
		}
		found = c
	}
	if found != nil && (!found.HttpOnly || !found.Secure || found.SameSite != http.SameSiteStrictMode || found.Path != "/" || found.MaxAge != 20*60) {
		t.Errorf("cookie %s", found.Raw)
	}
	return found
}

func TestACookieSlidesInTheSecondHalfOfItsLife(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	h.pass(10 * time.Minute)
	if h.visit(t, b, 200) != nil {
		t.Fatal("it was renewed while half of it was left")
	}
	h.pass(time.Second)
	next := h.visit(t, b, 200)
	if next == nil || next.Value == b.access.Value {
		t.Fatal("it wasn't renewed")
	}
	if h.visit(t, b, 200) != nil {
		t.Error("the same half brought two")
	}
	h.pass(10 * time.Minute) // the first one is over, the next isn't
	h.web.Check(t, b.user(401))
	b.access = next
	h.web.Check(t, b.user(200))
	h.pass(time.Second)
	if h.visit(t, b, 200) == nil {
		t.Error("the chain broke")
	}
	if n := h.count(t, `select count(*)::int from refresh_tokens`); n != 1 {
		t.Errorf("%d refresh tokens: sliding rotates none", n)
	}
	if got := h.verbs(t); got != "session.start" {
		t.Errorf("audit: %s", got)
	}
	h.web.Check(t, b.renew(200)) // and the refresh token is what it was
}

// D5: cookies were renewed from claims, without a look at the database.
func TestD5NothingIsRenewedThatIsOverMeanwhile(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, h *house, b *browser){
		"the session was revoked": func(t *testing.T, h *house, _ *browser) {
			if err := h.RevokeAll(t.Context(), access.Actor{User: h.ana.ID}); err != nil {
				t.Fatal(err)
			}
		},
		"the person was banned": func(t *testing.T, h *house, _ *browser) {
			if err := h.Ban(t.Context(), access.SystemActor("test", id.User{}), h.ana.ID, "test"); err != nil {
				t.Fatal(err)
			}
		},
		"the refresh token is missing": func(_ *testing.T, _ *house, b *browser) { b.refresh = &http.Cookie{Name: "other", Value: "x"} },
		"the refresh token is another": func(_ *testing.T, _ *house, b *browser) {
			b.refresh = &http.Cookie{Name: b.refresh.Name, Value: strings.Repeat("A", 43)}
		},
		"the refresh token was rotated": func(t *testing.T, h *house, b *browser) { h.web.Check(t, b.renew(200)) },
		"the refresh token is somebody else's": func(t *testing.T, h *house, b *browser) {
			h.admit(t, "bob@example.com")
			b.refresh = cookiesOf(t, h.web.Check(t, login("bob@example.com", password, nil))).refresh
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := setup(t)
			b := h.signIn(t)
			actor := h.actorOf(t, b)
			h.pass(11 * time.Minute)
			end(t, h, &b)
			// Whatever a node still believes: the database decides.
			r := h.web.Request(t, b.anything(0))
			w := &answer{header: http.Header{}}
			h.Renew(w, r, actor)
			if c := w.header["Set-Cookie"]; c != nil {
				t.Errorf("renewed: %s", c)
			}
		})
	}
}

// answer is as much of a ResponseWriter as Renew needs.
type answer struct {
	http.ResponseWriter
	header http.Header
}

func (a *answer) Header() http.Header { return a.header }

func (n *node) actorOf(t *testing.T, b browser) access.Actor {
	t.Helper()
	actor, err := n.Authenticate(n.web.Request(t, b.anything(0)))
	if err != nil {
		t.Fatal(err)
	}
	return actor
}

func TestEveryLimitStillEndsTheChain(t *testing.T) {
	t.Parallel()
	t.Run("the age of the refresh token", func(t *testing.T) {
		t.Parallel()
		h := setup(t)
		b := h.signIn(t)
		for range 12*60/15 - 1 {
			h.pass(15 * time.Minute)
			next := h.visit(t, b, 200)
			if next == nil {
				t.Fatal("the chain broke early")
			}
			b.access = next
		}
		h.pass(15 * time.Minute)
		if h.visit(t, b, 200) != nil {
			t.Error("after half a day it slides without a refresh")
		}
		next := cookiesOf(t, h.web.Check(t, b.renew(200)))
		h.pass(15 * time.Minute)
		if h.visit(t, next, 200) == nil {
			t.Error("it doesn't slide after the refresh")
		}
	})
	t.Run("the age of the session", func(t *testing.T) {
		t.Parallel()
		h := setup(t)
		b := h.signIn(t)
		for range 30*24/12 - 1 {
			h.pass(12 * time.Hour)
			b = cookiesOf(t, h.web.Check(t, b.renew(200)))
		}
		h.pass(12*time.Hour - time.Minute)
		b = cookiesOf(t, h.web.Check(t, b.renew(200)))
		h.pass(time.Minute)
		if h.visit(t, b, 401) != nil {
			t.Error("a session that is over was renewed")
		}
	})
}

func TestFiftyAtOnceRenewOnce(t *testing.T) {
	t.Parallel()
	h := setup(t)
	far := h.start(t, origin)
	b := h.signIn(t)
	h.pass(11 * time.Minute)
	var renewed atomic.Int32
	var wg sync.WaitGroup
	for i := range 50 {
		n := []*node{h.node, far}[i%2]
		wg.Go(func() {
			if a := n.web.Do(t, b.anything(200)); a.Status != 200 {
				t.Errorf("%d %s", a.Status, a.Body)
			} else if len(a.Cookies) > 0 {
				renewed.Add(1)
			}
		})
	}
	wg.Wait()
	if n := renewed.Load(); n != 1 {
		t.Errorf("%d renewals", n)
	}
	h.web.Check(t, b.renew(200))
	if got := h.verbs(t); got != "session.start" {
		t.Errorf("audit: %s", got)
	}
}

func TestWhoSignsOutMeanwhileIsSignedOut(t *testing.T) {
	t.Parallel()
	h := setup(t)
	for range 10 {
		b := h.signIn(t)
		h.pass(11 * time.Minute)
		var wg sync.WaitGroup
		var last *http.Cookie
		wg.Go(func() {
			a := h.web.Do(t, b.anything(0)) // 200 or 401, whoever comes first
			for _, c := range a.Cookies {
				last = c
			}
		})
		wg.Go(func() {
			h.web.Check(t, webtest.Scenario{Method: "POST", Path: "/api/auth/logout", Cookies: []*http.Cookie{b.access, b.refresh}, Status: 200})
		})
		wg.Wait()
		if last != nil {
			b.access = last // it came after the cookies were cleared
		}
		eventually(t, "the session is dead", func() bool { return h.web.Do(t, b.user(0)).Status == 401 })
	}
}

func TestOnlyCookiesOfRequestsThatGoWellSlide(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b, p := h.signIn(t), h.signInByPhone(t)
	h.pass(11 * time.Minute)
	s := bearer(p.Access, 200)
	s.Headers = map[string]string{"Set-Cookie": ""}
	h.web.Check(t, s)
	s.Cookies = []*http.Cookie{b.access, b.refresh} // a bearer token's request has no cookies
	h.web.Check(t, s)
	for _, s := range []webtest.Scenario{
		{Method: "DELETE", Path: "/api/auth/sessions/" + id.New[id.Session]().String(), Status: 404},
		{Method: "DELETE", Path: "/api/auth/sessions/42", Status: 422},
		{Path: "/api/nothing", Status: 404},
	} {
		s.Cookies, s.Headers, s.Header = []*http.Cookie{b.access, b.refresh}, map[string]string{"Set-Cookie": ""}, map[string]string{"User-Agent": firefox}
		h.web.Check(t, s)
	}
	s = b.anything(200)
	s.Header = map[string]string{"User-Agent": "curl/8"}
	if len(h.web.Check(t, s).Cookies) != 0 {
		t.Error("another browser's copy was renewed")
	}
	b.access = cookiesOf(t, h.web.Check(t, b.renew(200))).access
}

func TestARefreshThatFailsClearsTheCookies(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	if err := h.RevokeAll(t.Context(), access.Actor{User: h.ana.ID}); err != nil {
		t.Fatal(err)
	}
	a := h.web.Check(t, b.renew(401))
	if len(a.Cookies) != 2 {
		t.Errorf("%d cookies are cleared", len(a.Cookies))
	}
	for _, c := range a.Cookies {
		if c.MaxAge >= 0 || c.Value != "" || !c.Secure || !c.HttpOnly || c.Path != "/" {
			t.Errorf("cookie %s", c.Raw)
		}
	}
	h.web.Check(t, webtest.Scenario{Method: "POST", Path: "/api/auth/refresh", Status: 401, Contains: []string{"NO_TOKEN"}, Headers: map[string]string{"Set-Cookie": ""}})
}
