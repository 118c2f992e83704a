package session_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
)

func (h *house) count(t *testing.T, sql string) int {
	t.Helper()
	n, err := postgres.Scalar[int](t.Context(), h.pool, sql, nil)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (h *house) renewPhone(t *testing.T, p phone) phone {
	t.Helper()
	var next phone
	h.web.Check(t, p.renew(200)).JSON(t, &next)
	return next
}

// D7: rotation was three statements without reuse detection.
func TestD7OneHundredParallelRefreshesMakeOneChildAndNoLogout(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	children := make([]browser, 100)
	var wg sync.WaitGroup
	for i := range children {
		wg.Go(func() {
			a := h.web.Do(t, b.renew(0))
			if a.Status != 200 {
				t.Errorf("refresh %d: %d %s", i, a.Status, a.Body)
				return
			}
			for _, c := range a.Cookies {
				switch {
				case strings.HasSuffix(c.Name, "refreshToken"):
					children[i].refresh = c
				default:
					children[i].access = c
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for _, c := range children {
		if c.refresh.Value != children[0].refresh.Value || c.refresh.Value == b.refresh.Value {
			t.Fatal("two children, or none")
		}
	}
	if n := h.count(t, `select count(*)::int from refresh_tokens`); n != 2 {
		t.Errorf("%d refresh tokens are stored, want parent and child", n)
	}
	h.web.Check(t, children[99].user(200))
	h.web.Check(t, b.user(200)) // the old access token lives out its time
	h.web.Check(t, children[50].renew(200))
}

func TestTheSameClientGetsTheSameChildWithinTheGraceTime(t *testing.T) {
	t.Parallel()
	h := setup(t)
	p := h.signInByPhone(t)
	child := h.renewPhone(t, p)
	h.pass(20 * time.Second)
	again := h.renewPhone(t, p) // the answer was lost in a tunnel
	if again.Refresh != child.Refresh || child.Refresh == p.Refresh {
		t.Error("another child")
	}
	grandchild := h.renewPhone(t, again)
	if grandchild.Refresh == child.Refresh {
		t.Error("the child is its own parent")
	}
	if got := h.verbs(t); got != "session.start" {
		t.Errorf("audit: %s", got)
	}
}

func TestReuseRevokesTheSessionAndItsAccessTokens(t *testing.T) {
	t.Parallel()
	for name, thief := range map[string]func(h *house, p phone) webtest.Scenario{
		"after the grace time": func(h *house, p phone) webtest.Scenario {
			h.pass(20*time.Second + time.Millisecond)
			return p.renew(401)
		},
		"by another client at once": func(_ *house, p phone) webtest.Scenario {
			s := p.renew(401)
			s.Header = map[string]string{"User-Agent": "curl/8"}
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := setup(t)
			p := h.signInByPhone(t)
			other := h.signIn(t) // another session of the same person is not touched
			child := h.renewPhone(t, p)
			h.web.Check(t, bearer(child.Access, 200))
			s := thief(h, p)
			s.Contains = []string{"INVALID_TOKEN"}
			h.web.Check(t, s)
			eventually(t, "the access token is dead", func() bool { return h.web.Do(t, bearer(child.Access, 0)).Status == 401 })
			h.web.Check(t, child.renew(401))
			h.web.Check(t, p.renew(401))
			h.web.Check(t, other.user(200))
			h.web.Check(t, other.renew(200))
			if got := h.verbs(t); got != "session.start session.start session.reuse session.end" {
				t.Errorf("audit: %s", got)
			}
		})
	}
}

func TestChainsEndIdleAndAbsolutely(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	t.Run("idle for seven days", func(t *testing.T) {
		t.Parallel()
		h := setup(t)
		p := h.signInByPhone(t)
		h.pass(7*day - time.Second)
		p = h.renewPhone(t, p)
		h.pass(7 * day)
		h.web.Check(t, p.renew(401))
	})
	t.Run("thirty days old", func(t *testing.T) {
		t.Parallel()
		h := setup(t)
		p := h.signInByPhone(t)
		for range 29 {
			h.pass(day)
			p = h.renewPhone(t, p)
		}
		h.pass(day - time.Minute)
		p = h.renewPhone(t, p)
		h.web.Check(t, bearer(p.Access, 200))
		h.pass(time.Minute)
		a := h.web.Check(t, bearer(p.Access, 401)) // its own time isn't up, the session's is
		if a.Code() != "INVALID_TOKEN" {
			t.Error(a.Body)
		}
		h.web.Check(t, p.renew(401))
	})
}

// D5, D7: banned people went on, and renewed for ever.
func TestD7WhoIsBannedOrGoneCannotRefresh(t *testing.T) {
	t.Parallel()
	h := setup(t)
	p := h.signInByPhone(t)
	// Behind the program's back, so that only the look at the person can tell.
	if _, err := h.pool.Exec(t.Context(), `update users set banned_at = now()`); err != nil {
		t.Fatal(err)
	}
	h.web.Check(t, p.renew(401))
	if n := h.count(t, `select count(*)::int from refresh_tokens where rotated_at is not null`); n != 0 {
		t.Error("the token was used up by a refusal")
	}
	if _, err := h.pool.Exec(t.Context(), `update users set banned_at = null`); err != nil {
		t.Fatal(err)
	}
	p = h.renewPhone(t, p)
	if _, err := h.pool.Exec(t.Context(), `delete from users`); err != nil {
		t.Fatal(err)
	}
	h.web.Check(t, p.renew(401))
}

func TestUnknownRefreshTokensChangeNothing(t *testing.T) {
	t.Parallel()
	h := setup(t)
	p := h.signInByPhone(t)
	for _, bad := range []string{"x", strings.Repeat("A", 43), p.Refresh[:42], p.Refresh + "A", p.Access[:200]} {
		a := h.web.Check(t, phone{Refresh: bad}.renew(401))
		if a.Code() != "INVALID_TOKEN" || (len(bad) > 1 && strings.Contains(a.Body, bad)) {
			t.Error(a.Body)
		}
	}
	h.web.Check(t, webtest.Scenario{Method: "POST", Path: "/api/auth/refresh", Status: 401, Contains: []string{"NO_TOKEN"}})
	h.renewPhone(t, p)
}

func TestOnlyHashesOfTokensAreStored(t *testing.T) {
	t.Parallel()
	h := setup(t)
	p := h.renewPhone(t, h.signInByPhone(t))
	dump, err := postgres.Scalar[string](t.Context(), h.pool, `
		select concat((select string_agg(r::text, ' ') from refresh_tokens r), (select string_agg(s::text, ' ') from sessions s),
		              (select string_agg(a::text, ' ') from audit_entries a), (select string_agg(k::text, ' ') from signing_keys k))`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(dump, p.Refresh) || strings.Contains(dump, p.Access) {
		t.Error("a token is in the database")
	}
}

func TestSigningOutEndsTheSessionForGood(t *testing.T) {
	t.Parallel()
	h := setup(t)
	t.Run("in a browser", func(t *testing.T) {
		b := h.signIn(t)
		a := h.web.Check(t, webtest.Scenario{Method: "POST", Path: "/api/auth/logout", Cookies: []*http.Cookie{b.access, b.refresh}, Status: 200})
		for _, c := range a.Cookies {
			if c.MaxAge >= 0 || c.Value != "" || !c.Secure || c.Path != "/" {
				t.Errorf("cookie %s", c.Raw)
			}
		}
		if len(a.Cookies) != 2 {
			t.Errorf("%d cookies are cleared", len(a.Cookies))
		}
		eventually(t, "the access token is dead", func() bool { return h.web.Do(t, b.user(0)).Status == 401 })
		h.web.Check(t, b.renew(401))
	})
	t.Run("in a browser whose access token has run out", func(t *testing.T) {
		b := h.signIn(t)
		h.pass(time.Hour)
		h.web.Check(t, webtest.Scenario{Method: "POST", Path: "/api/auth/logout", Cookies: []*http.Cookie{b.refresh}, Status: 200})
		h.web.Check(t, b.renew(401))
	})
	t.Run("on the phone", func(t *testing.T) {
		p := h.signInByPhone(t)
		h.web.Check(t, webtest.Scenario{
			Path: "/api/auth/logout", Body: map[string]string{"refreshToken": p.Refresh}, Header: map[string]string{"X-Mobile-App": "true"},
			Status: 200, Headers: map[string]string{"Set-Cookie": ""},
		})
		h.web.Check(t, p.renew(401))
		eventually(t, "the access token is dead", func() bool { return h.web.Do(t, bearer(p.Access, 0)).Status == 401 })
	})
	t.Run("from another site", func(t *testing.T) {
		b := h.signIn(t)
		for _, path := range []string{"/api/auth/logout", "/api/auth/refresh", "/api/auth/login"} {
			h.web.Check(t, webtest.Scenario{
				Method: "POST", Path: path, Cookies: []*http.Cookie{b.access, b.refresh}, Status: 403,
				Header: map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
			})
		}
		h.web.Check(t, b.user(200))
	})
}

func TestSessionsAreListedAndEndedByTheirOwnerAlone(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.admit(t, "mallory@example.com")
	mallory := cookiesOf(t, h.web.Check(t, login("mallory@example.com", password, nil)))
	b, p, q := h.signIn(t), h.signInByPhone(t), h.signInByPhone(t)
	type one struct {
		ID                    id.Session
		DeviceInfo, IPAddress string
		IsCurrent             bool
	}
	list := func(s webtest.Scenario) []one {
		s.Path = "/api/auth/sessions"
		var got struct{ Sessions []one }
		h.web.Check(t, s).JSON(t, &got)
		return got.Sessions
	}
	mine := list(b.user(200))
	if len(mine) != 3 || !mine[2].IsCurrent || mine[0].IsCurrent || mine[2].DeviceInfo != firefox || mine[0].DeviceInfo != "Flint/1.0 iPhone" || mine[0].IPAddress == "" {
		t.Fatalf("sessions %+v", mine)
	}
	if onPhone := list(bearer(q.Access, 200)); len(onPhone) != 3 || !onPhone[0].IsCurrent {
		t.Errorf("the phone doesn't know itself: %+v", onPhone) // the predecessor's never did
	}
	end := func(b browser, session string, status int) {
		h.web.Check(t, webtest.Scenario{Method: "DELETE", Path: "/api/auth/sessions/" + session, Cookies: []*http.Cookie{b.access}, Status: status})
	}
	end(mallory, mine[0].ID.String(), 404) // a stranger's session isn't there
	h.web.Check(t, bearer(q.Access, 200))
	end(b, "42", 422)
	end(b, id.New[id.Session]().String(), 404)
	end(b, mine[0].ID.String(), 200)
	end(b, mine[0].ID.String(), 404)
	eventually(t, "the one is signed out", func() bool { return h.web.Do(t, bearer(q.Access, 0)).Status == 401 })
	h.web.Check(t, bearer(p.Access, 200))
	h.web.Check(t, webtest.Scenario{Method: "DELETE", Path: "/api/auth/sessions", Cookies: []*http.Cookie{b.access}, Status: 200})
	eventually(t, "the others are signed out", func() bool { return h.web.Do(t, bearer(p.Access, 0)).Status == 401 })
	h.web.Check(t, b.user(200))
	if left := list(b.user(200)); len(left) != 1 || !left[0].IsCurrent {
		t.Errorf("left %+v", left)
	}
	h.web.Check(t, mallory.user(200))
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/sessions", Status: 401, Contains: []string{"NO_TOKEN"}})
}

func TestOldSessionsAreSwept(t *testing.T) {
	t.Parallel()
	h := setup(t)
	p := h.signInByPhone(t)
	gone := h.signInByPhone(t)
	if _, err := h.RevokeOthers(t.Context(), access.Actor{User: h.ana.ID, Session: sessionOf(t, h, p)}); err != nil {
		t.Fatal(err)
	}
	_ = gone
	sweep := func() (sessions, tokens int) {
		if err := h.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		return h.count(t, `select count(*)::int from sessions`), h.count(t, `select count(*)::int from refresh_tokens`)
	}
	if s, r := sweep(); s != 2 || r != 2 {
		t.Errorf("%d sessions and %d tokens are left", s, r)
	}
	h.pass(8 * 24 * time.Hour)
	if s, r := sweep(); s != 2 || r != 0 {
		t.Errorf("after 8 days %d sessions and %d tokens are left", s, r)
	}
	h.pass(23 * 24 * time.Hour)
	if s, _ := sweep(); s != 1 {
		t.Errorf("after 31 days %d sessions are left", s)
	}
	h.pass(30 * 24 * time.Hour)
	if s, _ := sweep(); s != 0 {
		t.Errorf("after 61 days %d sessions are left", s)
	}
}

func sessionOf(t *testing.T, h *house, p phone) id.Session {
	t.Helper()
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+p.Access)
	a, err := h.Authenticate(r)
	if err != nil {
		t.Fatal(err)
	}
	return a.Session
}
