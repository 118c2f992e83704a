package session_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"flint/internal/bot"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
)

// challenge asks for what a form needs.
func (h *house) challenge(t *testing.T, action, from string) bot.Challenge {
	t.Helper()
	var c bot.Challenge
	s := webtest.Scenario{Path: "/api/auth/challenge?action=" + url.QueryEscape(action), Status: 200, Header: map[string]string{"X-Forwarded-For": from}}
	h.web.Check(t, s).JSON(t, &c)
	return c
}

// post sends a form with these fields from an address.
func (h *house) post(t *testing.T, path, from string, fields map[string]any, cookies ...*http.Cookie) webtest.Answer {
	t.Helper()
	return h.web.Do(t, webtest.Scenario{Path: path, Body: fields, Cookies: cookies, Header: map[string]string{"X-Forwarded-For": from, "User-Agent": firefox}})
}

func forms() map[string]string {
	return map[string]string{
		bot.Login: "/api/auth/login", bot.Register: "/api/auth/public-register", bot.Reset: "/api/auth/request-reset",
		bot.Resend: "/api/auth/resend-verification", bot.Link: "/api/auth/magic-link",
	}
}

func fields(action, email string) map[string]any {
	switch action {
	case bot.Login:
		return map[string]any{"email": email, "password": "a wrong password"}
	case bot.Register:
		return map[string]any{"email": email, "password": "quiet lantern over water", "firstName": "Ana"}
	}
	return map[string]any{"email": email}
}

func TestEveryPublicFormIsGuardedTheSameForEverybody(t *testing.T) {
	t.Parallel()
	h := guarded(t, bot.Suspicion)
	for action, path := range forms() {
		for i, email := range []string{"ana@example.com", "nobody@example.com"} {
			from := fmt.Sprintf("203.0.113.%d", 20+10*len(action)+i)
			quick := fields(action, email)
			quick["formToken"] = h.challenge(t, action, from).Token // sent back at once
			if a := h.post(t, path, from, quick); a.Status != 403 || !strings.Contains(a.Body, `"code":"challenge_required"`) {
				t.Errorf("%s for %s: %d %s", action, email, a.Status, a.Body)
			}
			quick["proof"] = bot.Work(h.challenge(t, action, from))
			want := map[string]int{bot.Login: 401, bot.Register: 201}[action]
			if want == 0 {
				want = 200
			}
			if a := h.post(t, path, from, quick); a.Status != want {
				t.Errorf("%s for %s, with work: %d %s", action, email, a.Status, a.Body)
			}
			if a := h.post(t, path, from, quick); a.Status != 403 || !strings.Contains(a.Body, `"code":"captcha_failed"`) {
				t.Errorf("%s for %s, with the same work: %d %s", action, email, a.Status, a.Body)
			}
			h.pass(20 * time.Minute)
		}
	}
}

func TestABotThatFillsTheHiddenFieldLearnsNothing(t *testing.T) {
	t.Parallel()
	h := guarded(t, bot.Suspicion)
	count := func() int {
		n, err := postgres.Scalar[int](postgres.AsSystem(t.Context(), "a test"), h.pool, `select (select count(*) from users)::int + (select count(*) from river_job)::int + (select count(*) from sessions)::int`, nil)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	for action, path := range forms() {
		f := fields(action, "new@example.com")
		if action == bot.Login {
			f = map[string]any{"email": "ana@example.com", "password": password}
		}
		f["website"] = "https://spam.example"
		want := map[string]int{bot.Login: 401, bot.Register: 201}[action]
		if want == 0 {
			want = 200
		}
		if a := h.post(t, path, "203.0.113.9", f); a.Status != want || strings.Contains(a.Body, "website") {
			t.Errorf("%s: %d %s", action, a.Status, a.Body)
		}
	}
	if n := count(); n != before {
		t.Errorf("%d rows more", n-before)
	}
}

func TestASprayIsMetWithWorkButKnownDevicesAreSpared(t *testing.T) {
	t.Parallel()
	h := guarded(t, bot.Suspicion)
	mine := deviceOf(t, h.from(t, "ana@example.com"))
	asked := 0
	for i := range 60 {
		a := h.post(t, "/api/auth/login", stranger(i), map[string]any{"email": fmt.Sprintf("u%d@example.com", i), "password": "Winter2026!"})
		if a.Status == 403 {
			asked++
		}
	}
	if asked < 30 {
		t.Errorf("%d of 60 were asked for a proof", asked)
	}
	shown := func(cookies ...*http.Cookie) webtest.Answer {
		token := h.challenge(t, bot.Login, "203.0.113.9").Token
		h.pass(4 * time.Second)
		return h.post(t, "/api/auth/login", "203.0.113.9", map[string]any{"email": "ana@example.com", "password": password, "formToken": token}, cookies...)
	}
	if a := shown(); a.Status != 403 {
		t.Errorf("a new device: %d", a.Status)
	}
	if a := shown(mine); a.Status != 200 {
		t.Errorf("a known device: %d %s", a.Status, a.Body)
	}
}
