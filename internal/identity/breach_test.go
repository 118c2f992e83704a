package identity_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
	"flint/internal/provider/hibp"
	far "flint/sandbox/hibp"
)

const lost = "breached by the sandbox"

// leaks is the service that knows breaches, for a house.
type leaks struct {
	*far.Breaches
	down  atomic.Bool
	asked atomic.Int32
	paths atomic.Value // of the last question
}

func setupBreaches(t *testing.T) (*house, *leaks) {
	t.Helper()
	l := &leaks{Breaches: far.New(42)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.asked.Add(1)
		l.paths.Store(r.URL.RequestURI())
		if l.down.Load() {
			http.Error(w, "", http.StatusServiceUnavailable)
			return
		}
		l.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	h := build(t, func(h *house, cfg *identity.Config) {
		c, err := hibp.New(hibp.Config{BaseURL: s.URL}, h.now, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Breaches, cfg.Log = c, slog.New(slog.DiscardHandler)
	})
	t.Cleanup(h.Settle)
	return h, l
}

func TestBreachedPasswordsAreRefusedWhereverOneIsChosen(t *testing.T) {
	t.Parallel()
	h, l := setupBreaches(t)
	ana := h.register(t, "ana@example.com")
	if path := l.paths.Load(); l.asked.Load() != 1 || len(path.(string)) != len("/range/12345") {
		t.Errorf("asked %d times, for %v", l.asked.Load(), path)
	}
	bearer, _ := h.signIn(t, "ana@example.com", password)
	for name, s := range map[string]webtest.Scenario{
		"register": {Path: "/api/auth/public-register", Body: map[string]string{"firstName": "Bea", "email": "bea@example.com", "password": lost}},
		"change":   changeTo(bearer, password, lost, 0),
		"reset":    resetWith(h.mint(t, ana.ID, identity.ResetPassword), lost, 0),
	} {
		if a := h.web.Do(t, s); a.Status != 422 || a.Code() != "password_breached" || strings.Contains(a.Body, lost) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	s := strengthOf(lost)
	s.Contains = []string{`"breached":true`, `"acceptable":false`, `"code":"password_breached"`}
	h.web.Check(t, s)
	s = strengthOf(second)
	s.Contains = []string{`"breached":false`, `"acceptable":true`}
	h.web.Check(t, s)
	before := l.asked.Load()
	h.web.Check(t, strengthOf("half a"))
	if l.asked.Load() != before {
		t.Error("somebody else was asked about half a password")
	}
}

func TestAServiceThatIsDownKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	h, l := setupBreaches(t)
	l.down.Store(true)
	s := registration("ana@example.com")
	s.Body = map[string]string{"firstName": "Ana", "email": "ana@example.com", "password": lost}
	h.web.Check(t, s)
	ana, err := h.PersonByEmail(t.Context(), "ana@example.com")
	if err != nil || h.Unanswered() != 1 {
		t.Fatalf("%d unanswered, error %v", h.Unanswered(), err)
	}
	h.work(t)
	h.web.Check(t, verification(h.token(t, "ana@example.com", 1), 200))
	s = strengthOf(second)
	s.Contains = []string{`"breached":null`, `"acceptable":true`}
	h.web.Check(t, s)
	h.signIn(t, "ana@example.com", lost)
	h.Settle()
	if strings.Contains(h.verbs(t, ana.ID), "password.breached") {
		t.Error("told of what nobody knows")
	}
	// It is back: the next sign-in is what finds out, and the person is told once.
	l.down.Store(false)
	h.pass(time.Minute)
	for range 3 {
		h.signIn(t, "ana@example.com", lost)
		h.Settle()
	}
	if n := strings.Count(h.verbs(t, ana.ID), "password.breached"); n != 1 {
		t.Errorf("noted %d times", n)
	}
	h.work(t)
	told := 0
	for _, m := range h.inbox.Mails() {
		if m.Subject == "Choose another password" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

func TestAPasswordThatLeaksLaterIsFoundAtASignIn(t *testing.T) {
	t.Parallel()
	h, l := setupBreaches(t)
	ana := h.register(t, "ana@example.com")
	h.signIn(t, "ana@example.com", password)
	h.Settle()
	if l.asked.Load() != 1 {
		t.Errorf("asked again after a moment: %d times", l.asked.Load())
	}
	l.Leak(password, 3)
	h.pass(31 * 24 * time.Hour)
	bearer, _ := h.signIn(t, "ana@example.com", password) // it keeps nobody out
	h.Settle()
	flagged := func() bool {
		yes, err := postgres.Scalar[bool](t.Context(), h.pool, `select password_breached_at is not null from users where id = @user`, postgres.Args{"user": ana.ID})
		if err != nil {
			t.Fatal(err)
		}
		return yes
	}
	if !flagged() || !h.opens(t, bearer) {
		t.Error("not noted, or kept out")
	}
	h.web.Check(t, changeTo(bearer, password, second, 200))
	if flagged() {
		t.Error("the new password has the old one's stain")
	}
	h.actor = access.Actor{}
	// Wrong passwords are nobody's business.
	before := l.asked.Load()
	h.pass(31 * 24 * time.Hour)
	h.web.Do(t, webtest.Scenario{Path: "/api/auth/login", Body: map[string]string{"email": "ana@example.com", "password": "a wrong password"}})
	h.Settle()
	if l.asked.Load() != before {
		t.Error("asked about a wrong password")
	}
}
