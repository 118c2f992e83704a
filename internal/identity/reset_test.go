package identity_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
)

const second = "a wholly different phrase"

func askReset(email string) webtest.Scenario {
	return webtest.Scenario{Path: "/api/auth/request-reset", Body: map[string]string{"email": email}, Status: 200, NeverContains: []string{email}}
}

func resetWith(token, password string, status int) webtest.Scenario {
	return webtest.Scenario{
		Path: "/api/auth/reset-password", Body: map[string]string{"token": token, "password": password}, Status: status,
		NeverContains: []string{token, password, "argon2"}, Headers: map[string]string{"Set-Cookie": ""},
	}
}

func changeTo(bearer, present, next string, status int) webtest.Scenario {
	return webtest.Scenario{
		Path: "/api/user/change-password", Bearer: bearer, Body: map[string]string{"currentPassword": present, "newPassword": next}, Status: status,
		NeverContains: []string{present, next, "argon2"},
	}
}

// signIn returns the access and the refresh token of a mobile sign-in.
func (h *house) signIn(t *testing.T, email, password string) (bearer, refresh string) {
	t.Helper()
	a := h.web.Check(t, webtest.Scenario{
		Path: "/api/auth/login", Header: map[string]string{"X-Mobile-App": "true"}, Body: map[string]string{"email": email, "password": password}, Status: 200,
	})
	var body struct{ MobileAccessToken, MobileRefreshToken string }
	a.JSON(t, &body)
	return body.MobileAccessToken, body.MobileRefreshToken
}

// opens says whether an access token is still good.
func (h *house) opens(t *testing.T, bearer string) bool {
	t.Helper()
	return h.web.Do(t, webtest.Scenario{Path: "/api/me", Bearer: bearer}).Status == 200
}

// shut fails unless the token stops working within a second.
func (h *house) shut(t *testing.T, what, bearer string) {
	t.Helper()
	end := time.Now().Add(time.Second)
	for h.opens(t, bearer) {
		if time.Now().After(end) {
			t.Errorf("%s still opens the account after a second", what)
			return
		}
	}
}

func (h *house) mailed(t *testing.T, to string, nth int, page string) string {
	t.Helper()
	m := h.inbox.Wait(to, nth)
	_, token, ok := strings.Cut(m.Link(origin+page), "#")
	if !ok {
		t.Fatalf("no link to %s in:\n%s", page, m.Text)
	}
	return token
}

// resetToken asks for a reset and takes the token out of the mail, the nth to
// that address.
func (h *house) resetToken(t *testing.T, email string, nth int) string {
	t.Helper()
	h.web.Check(t, askReset(email))
	h.work(t)
	return h.mailed(t, email, nth, "/reset")
}

func (h *house) mint(t *testing.T, user id.User, purpose identity.Purpose) string {
	t.Helper()
	var token config.Secret
	if err := postgres.InTx(t.Context(), h.pool, func(tx pgx.Tx) (err error) {
		token, err = h.MakeToken(t.Context(), tx, user, purpose, time.Hour)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return token.Reveal()
}

func TestAResetByMailEndsEverythingElse(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.register(t, "ana@example.com")
	h.work(t)
	old, refresh := h.signIn(t, "ana@example.com", password)
	link := h.mint(t, ana.ID, identity.SignInLink)
	if !h.opens(t, old) {
		t.Fatal("the session doesn't work")
	}
	token := h.resetToken(t, "ana@example.com", 2)
	h.web.Check(t, resetWith(token, second, 200))
	h.shut(t, "the old session", old)
	h.web.Run(t,
		webtest.Scenario{Name: "the old refresh token", Path: "/api/auth/refresh-token", Body: map[string]string{"refreshToken": refresh}, Status: 401},
		webtest.Scenario{Name: "the old password", Path: "/api/auth/login", Body: map[string]string{"email": "ana@example.com", "password": password}, Status: 401},
		webtest.Scenario{Name: "an earlier sign-in link", Path: "/api/auth/link", Body: map[string]string{"token": link}, Status: 410},
	)
	h.web.Check(t, resetWith(token, "yet another long phrase", 410)) // replayed
	h.signIn(t, "ana@example.com", second)
	h.work(t)
	told := 0
	for _, m := range h.inbox.Mails() {
		if m.Subject == "Your password was changed" && strings.Contains(m.Text, "reset by mail") && !strings.Contains(m.Text, "#") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the owner was told %d times", told)
	}
	if p, _ := h.Person(t.Context(), ana.ID); !p.Confirmed() {
		t.Error("the mail came to the address, which is therefore confirmed")
	}
	if got := h.verbs(t, ana.ID); !strings.Contains(got, "password.ask_reset email.confirm session.end password.reset") {
		t.Errorf("audit: %s", got)
	}
}

func TestResetTokensAreGoodForOneThingOnceAndNotForLong(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana, mallory := h.register(t, "ana@example.com"), h.register(t, "mallory@example.com")
	h.work(t)
	confirmation := h.token(t, "ana@example.com", 1)
	for name, bad := range map[string]string{
		"a confirmation": confirmation, "a sign-in link": h.mint(t, ana.ID, identity.SignInLink), "an invitation": h.mint(t, ana.ID, identity.SetupPassword),
		"nothing known": strings.Repeat("A", 43), "a quote": "' or 1=1 --", "a null": "x\u0001",
	} {
		if a := h.web.Do(t, resetWith(bad, second, 0)); a.Status != 410 || a.Code() != "link_invalid" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	first := h.resetToken(t, "ana@example.com", 2)
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/setup-password", Body: map[string]string{"token": first, "password": second}, Status: 410})
	h.web.Check(t, verification(first, 410))
	later := h.mint(t, ana.ID, identity.ResetPassword)
	h.web.Check(t, resetWith(first, second, 410)) // a later one ended it
	h.pass(time.Hour + time.Second)
	h.web.Check(t, resetWith(later, second, 410)) // too late
	fresh := h.mint(t, mallory.ID, identity.ResetPassword)
	if err := postgres.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
		return h.Ban(t.Context(), tx, access.SystemActor("test", mallory.ID), mallory.ID, "fraud")
	}); err != nil {
		t.Fatal(err)
	}
	h.web.Check(t, resetWith(fresh, second, 410)) // banned
	h.signIn(t, "ana@example.com", password)      // nothing of this did anything
}

func TestOfManyResetsWithOneTokenOneWins(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.register(t, "ana@example.com")
	token := h.mint(t, ana.ID, identity.ResetPassword)
	var mu sync.Mutex
	var won []string
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			phrase := fmt.Sprintf("parallel phrase number %d", i)
			switch a := h.web.Do(t, resetWith(token, phrase, 0)); a.Status {
			case 200:
				mu.Lock()
				won = append(won, phrase)
				mu.Unlock()
			case 410, 503:
			default:
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d calls used one token", len(won))
	}
	h.signIn(t, "ana@example.com", won[0])
}

func TestARefusedPasswordDoesNotCostTheLink(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.register(t, "ana@example.com")
	token := h.mint(t, ana.ID, identity.ResetPassword)
	for name, c := range map[string]struct{ password, code string }{
		"short": {"seven77", "password_too_short"}, "long": {strings.Repeat("ü", 257), "password_too_long"},
		"the present one": {password, "password_reused"},
	} {
		if a := h.web.Do(t, resetWith(token, c.password, 0)); a.Status != 422 || a.Code() != c.code || !strings.Contains(a.Body, "body.password") {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	h.web.Check(t, resetWith(token, second, 200))
}

func TestChangingThePasswordKeepsThisSessionAlone(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana, bea := h.register(t, "ana@example.com"), h.register(t, "bea@example.com")
	h.work(t)
	mine, myRefresh := h.signIn(t, "ana@example.com", password)
	other, otherRefresh := h.signIn(t, "ana@example.com", password)
	beas, _ := h.signIn(t, "bea@example.com", password)
	reset := h.mint(t, ana.ID, identity.ResetPassword)
	h.web.Run(t,
		webtest.Scenario{Name: "a stranger", Path: "/api/user/change-password", Body: map[string]string{"currentPassword": password, "newPassword": second}, Status: 401},
		changeTo(mine, "not my password", second, 422),
		changeTo(mine, password, "2 few", 422),
		changeTo(mine, password, password, 422),
	)
	if !h.opens(t, other) {
		t.Error("a refused change ended a session")
	}
	h.web.Check(t, changeTo(mine, password, second, 200))
	h.shut(t, "another session", other)
	if !h.opens(t, mine) || !h.opens(t, beas) {
		t.Error("the session that changed it, or another person's, has ended")
	}
	h.web.Run(t,
		webtest.Scenario{Name: "my refresh token", Path: "/api/auth/refresh-token", Body: map[string]string{"refreshToken": myRefresh}, Status: 200},
		webtest.Scenario{Name: "the other's refresh token", Path: "/api/auth/refresh-token", Body: map[string]string{"refreshToken": otherRefresh}, Status: 401},
		resetWith(reset, "yet another long phrase", 410),
	)
	h.web.Check(t, verification(h.token(t, "ana@example.com", 1), 200)) // what opens nothing goes on
	h.signIn(t, "ana@example.com", second)
	h.signIn(t, "bea@example.com", password)
	if got := h.verbs(t, ana.ID); !strings.Contains(got, "password.refuse session.end password.change") {
		t.Errorf("audit: %s", got)
	}
	_ = bea
}

func TestTheLastPasswordsDoNotReturn(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.register(t, "ana@example.com")
	phrase := func(n int) string { return fmt.Sprintf("%d times the moon rose", n) }
	bearer, _ := h.signIn(t, "ana@example.com", password)
	h.web.Check(t, changeTo(bearer, password, phrase(1), 200))
	for n := 2; n <= 6; n++ {
		h.web.Check(t, changeTo(bearer, phrase(n-1), phrase(n), 200))
	}
	for n := 1; n <= 6; n++ {
		if a := h.web.Do(t, changeTo(bearer, phrase(6), phrase(n), 0)); a.Status != 422 || a.Code() != "password_reused" {
			t.Errorf("password %d of 6 returned: %d %s", n, a.Status, a.Body)
		}
	}
	h.web.Check(t, changeTo(bearer, phrase(6), phrase(6)+"!", 200)) // compared exactly: almost isn't the same
	h.web.Check(t, changeTo(bearer, phrase(6)+"!", password, 200))  // far enough back
	n, err := postgres.Scalar[int](t.Context(), h.pool, `select count(*)::int from password_history`, nil)
	if err != nil || n != 5 {
		t.Errorf("%d earlier passwords are kept, error %v", n, err)
	}
}

func TestWrongPresentPasswordsAreLimitedInTheSession(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.register(t, "ana@example.com")
	bearer, _ := h.signIn(t, "ana@example.com", password)
	last := 0
	for range 6 {
		last = h.web.Do(t, changeTo(bearer, "guess guess", second, 0)).Status
	}
	if last != 429 {
		t.Errorf("the sixth guess is answered %d", last)
	}
	for range 6 { // in another session there are five more, and then none in any
		other, _ := h.signIn(t, "ana@example.com", password)
		last = h.web.Do(t, changeTo(other, "guess guess", second, 0)).Status
	}
	if last != 429 {
		t.Errorf("the eleventh guess, in yet another session, is answered %d", last)
	}
}

func TestASignInUnderWayDoesNotOutliveTheChange(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.register(t, "ana@example.com")
	// Somebody has proven the old password and is about to get a session.
	p, refused, err := h.Check(t.Context(), "ana@example.com", config.NewSecret(password))
	if err != nil || refused != "" {
		t.Fatal(refused, err)
	}
	if err := h.Reset(t.Context(), config.NewSecret(h.mint(t, ana.ID, identity.ResetPassword)), config.NewSecret(second)); err != nil {
		t.Fatal(err)
	}
	if err := postgres.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
		still, err := h.StillProven(t.Context(), tx, p)
		if still {
			t.Error("the earlier password still counts as proven")
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestAnInvitedPersonChoosesTheirFirstPassword(t *testing.T) {
	t.Parallel()
	h := setup(t)
	p, err := h.Invite(t.Context(), access.SystemActor("operator", id.User{}), "Ina", "INA@example.com", access.Pro)
	if err != nil || p.Confirmed() || p.Tier != access.Pro {
		t.Fatalf("person %+v, error %v", p, err)
	}
	if _, err := h.Invite(t.Context(), access.SystemActor("operator", id.User{}), "Ina", "ina@example.com", access.Pro); err == nil {
		t.Error("invited twice")
	}
	for _, guess := range []string{"", "x", password} {
		if _, refused, err := h.Check(t.Context(), "ina@example.com", config.NewSecret(guess)); refused != identity.WrongPassword || err != nil {
			t.Errorf("with %q: %q %v", guess, refused, err)
		}
	}
	h.work(t)
	token := h.mailed(t, "ina@example.com", 1, "/setup-password")
	h.web.Check(t, resetWith(token, second, 410)) // not what it is for
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/setup-password", Body: map[string]string{"token": token, "password": second}, Status: 200})
	h.signIn(t, "ina@example.com", second)
	if p, _ := h.Person(t.Context(), p.ID); !p.Confirmed() {
		t.Error("the invitation came to the address, which is therefore confirmed")
	}
	if n, _ := postgres.Scalar[int](t.Context(), h.pool, `select count(*)::int from password_history`, nil); n != 0 {
		t.Error("no password was remembered as one")
	}
}

func TestAskingForAResetTellsNothing(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana, mallory := h.register(t, "ana@example.com"), h.register(t, "mallory@example.com")
	if err := postgres.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
		return h.Ban(t.Context(), tx, access.SystemActor("test", mallory.ID), mallory.ID, "fraud")
	}); err != nil {
		t.Fatal(err)
	}
	h.work(t)
	strip := func(a webtest.Answer) string {
		a.Header.Del("Date")
		a.Header.Del("X-Request-Id")
		var p map[string]any
		_ = json.Unmarshal([]byte(a.Body), &p)
		delete(p, "instance")
		return fmt.Sprint(a.Status, a.Header, p)
	}
	answers := map[string][]string{}
	for _, email := range []string{"stranger@example.com", "ana@example.com", "mallory@example.com"} {
		for range 5 { // into the limit of mails to one address
			answers[email] = append(answers[email], strip(h.web.Do(t, askReset(email))))
		}
		if got := strings.Join(answers[email], "\n"); got != strings.Join(answers["stranger@example.com"], "\n") {
			t.Errorf("%s is answered\n%s", email, got)
		}
	}
	if !strings.HasPrefix(answers["ana@example.com"][4], "429") {
		t.Error("mails to one address aren't limited")
	}
	if kinds := h.work(t); len(kinds) != 3 {
		t.Errorf("jobs %v: one a minute for each address, known or not", kinds)
	}
	if n := len(h.inbox.Mails()); n != 2 { // one confirmation, one reset: the banned get none
		t.Errorf("%d mails", n)
	}
	if got := h.verbs(t, ana.ID); !strings.Contains(got, "password.ask_reset") {
		t.Errorf("audit: %s", got)
	}
}

func TestResetMailsCannotBeBent(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.register(t, "ana@example.com")
	h.work(t)
	for _, email := range []string{"ana@example.com\r\nBcc: evil@example.com", "ana@example.com,evil@example.com", "<ana@example.com>", "ana@example.com\u0000"} {
		if a := h.web.Do(t, webtest.Scenario{Path: "/api/auth/request-reset", Body: map[string]string{"email": email}}); a.Status != 422 && a.Status != 400 {
			t.Errorf("%q: %d %s", email, a.Status, a.Body)
		}
	}
	s := askReset("ana@example.com")
	s.Header, s.Status = map[string]string{"Host": "evil.example"}, 421
	h.web.Check(t, s)
	s = askReset("ana@example.com")
	s.Header = map[string]string{"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", "X-Original-URL": "http://evil.example/", "Origin": origin}
	h.web.Check(t, s)
	h.work(t)
	if m := h.inbox.Wait("ana@example.com", 2); strings.Contains(m.Raw, "evil") || !strings.Contains(m.Text, origin+"/reset#") || len(h.inbox.Mails()) != 2 {
		t.Errorf("the mail:\n%s", m.Raw)
	}
}
