package identity_test

import (
	"strings"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/identity"
	"flint/internal/platform/web/webtest"
)

func strengthOf(password string, words ...string) webtest.Scenario {
	return webtest.Scenario{Path: "/api/auth/password-strength", Body: map[string]any{"password": password, "words": words}, Status: 200}
}

func TestPasswordsThatGuessingFindsAreRefused(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.actor = access.Actor{}
	for password, want := range map[string]string{
		"password": "password_common", "PassWord": "password_common", "12345678": "password_common", "password123": "password_common",
		"qwertyuiop": "password_common", "letmein123": "password_common", "1q2w3e4r5t": "password_common",
		"zxcvbnm1234": "password_common", "zxcvbnm,./zx": "password_guessable", "aaaaaaaaaaaaaaaaaaaaaaa": "password_guessable", "abcdefghijklm": "password_guessable",
		"19841984": "password_guessable", "passwordpassword": "password_common", "passwordpassword1": "password_guessable", "hunter2hunter2": "password_guessable",
		"Ana@Example.com": "password_guessable", "anaexample1": "password_guessable", "AnaMaria2026": "password_guessable",
		"flintflint": "password_guessable", "Flint-Ana-1": "password_guessable",
		"sevn777": "password_too_short", "😀😀😀😀😀😀😀": "password_too_short", strings.Repeat("long words ", 24): "password_too_long",
		// No rules about which characters: length is what counts.
		"onlylowercasewords": "", "ALLUPPERCASEWORDS": "", "730164928561": "", "k7#qz!9v": "", "a phrase with spaces": "", "пароль не простой": "",
	} {
		a := h.web.Do(t, webtest.Scenario{
			Path: "/api/auth/public-register", Body: map[string]string{"firstName": "Ana Maria", "email": "ana@example.com", "password": password},
		})
		if a.Code() != want || (want == "") != (a.Status == 201) || password != "password" && strings.Contains(a.Body, password) {
			t.Errorf("%q: %d %s, want %q", password, a.Status, a.Body, want)
		}
		if s := h.web.Do(t, strengthOf(password, "Ana Maria", "ana@example.com")); s.Status != 200 || (want == "") != strings.Contains(s.Body, `"acceptable":true`) ||
			!strings.Contains(s.Body, want) {
			t.Errorf("%q is rated %d %s, and registration says %q", password, s.Status, s.Body, want)
		}
	}
}

func TestAPersonsOwnWordsMakeAPasswordWeak(t *testing.T) {
	t.Parallel()
	h := setup(t)
	type rating struct {
		Score      int
		Acceptable bool
		Message    string
		Breached   *bool
	}
	rate := func(password string, words ...string) (r rating) {
		h.web.Check(t, strengthOf(password, words...)).JSON(t, &r)
		return r
	}
	if r := rate("zebulonquixley"); !r.Acceptable {
		t.Errorf("to a stranger: %+v", r)
	}
	if r := rate("zebulonquixley", "Zebulon", "quixley@example.com"); r.Acceptable || !strings.Contains(r.Message, "own name") {
		t.Errorf("to himself: %+v", r)
	}
	if r := rate("correct horse battery staple"); r.Score != 4 || r.Breached != nil {
		t.Errorf("a good one: %+v", r)
	}
	if r := rate(""); r.Score != 0 || r.Acceptable {
		t.Errorf("nothing: %+v", r)
	}
	ana := h.register(t, "zebulon@example.com")
	h.actor = access.Actor{User: ana.ID}
	if r := rate("zebulon1"); r.Acceptable {
		t.Errorf("who is signed in needn't say their words: %+v", r)
	}
	h.web.Run(t,
		webtest.Scenario{Name: "too many words", Path: "/api/auth/password-strength", Body: map[string]any{"password": "x", "words": make([]string, 11)}, Status: 422},
		webtest.Scenario{Name: "a word too long", Path: "/api/auth/password-strength", Body: map[string]any{"password": "x", "words": []string{strings.Repeat("w", 201)}}, Status: 422},
		webtest.Scenario{Name: "no password", Path: "/api/auth/password-strength", Body: map[string]any{}, Status: 422},
	)
}

// Estimates take time in the square of the length, and anybody may ask.
func TestTheEstimateIsQuickForTheWorstPassword(t *testing.T) {
	t.Parallel()
	h := setup(t)
	for _, worst := range []string{strings.Repeat("ab1!", 64), strings.Repeat("password", 32), strings.Repeat("1", 256), strings.Repeat("4@ss", 64), strings.Repeat("2026", 64)} {
		start := time.Now()
		h.web.Check(t, strengthOf(worst, strings.Repeat("ab1!", 40), "password"))
		if took := time.Since(start); took > time.Second {
			t.Errorf("%.8q…: %v", worst, took)
		}
	}
}

func TestAResetKnowsThePersonsWordsToo(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.register(t, "zebulon@example.com")
	token := h.mint(t, ana.ID, identity.ResetPassword)
	if a := h.web.Do(t, resetWith(token, "zebulon1", 0)); a.Code() != "password_guessable" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := h.web.Do(t, resetWith(token, "baseball1", 0)); a.Code() != "password_common" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	h.web.Check(t, resetWith(token, second, 200))
}
