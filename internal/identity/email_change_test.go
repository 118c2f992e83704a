package identity_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
)

const (
	confirmPage = "/verify-email-change"
	undoPage    = "/undo-email-change"
)

// workChanges sends the queued mails about changes of addresses and returns
// which they were.
func (h *house) workChanges(t *testing.T) string {
	t.Helper()
	type queued struct {
		ID     int64
		Change id.EmailChange
		Mail   string
	}
	jobs, err := postgres.Many[queued](t.Context(), h.pool, `
		with taken as (delete from river_job where kind = 'identity.email_change' returning id, args)
		select id, (args->>'change')::uuid as change, args->>'mail' as mail from taken order by id`, nil)
	if err != nil {
		t.Fatal(err)
	}
	var which []string
	for _, j := range jobs {
		which = append(which, j.Mail)
		w := &identity.EmailChangeWorker{Service: h.Service, Sender: h.mail}
		if err := w.Work(t.Context(), &river.Job[identity.EmailChangeArgs]{JobRow: &rivertype.JobRow{}, Args: identity.EmailChangeArgs{Change: j.Change, Mail: j.Mail}}); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(which, " ")
}

func askChange(bearer, email string, status int) webtest.Scenario {
	return webtest.Scenario{Path: "/api/user/email", Bearer: bearer, Body: map[string]string{"newEmail": email}, Status: status, NeverContains: []string{email}}
}

func confirmChange(token string, status int) webtest.Scenario {
	return webtest.Scenario{Path: "/api/user/email/confirm", Body: map[string]string{"token": token}, Status: status, NeverContains: []string{token}}
}

func undoChange(token string, status int) webtest.Scenario {
	return webtest.Scenario{Path: "/api/user/email/undo", Body: map[string]string{"token": token}, Status: status, NeverContains: []string{token}}
}

// newest returns the token in the newest mail to an address that has a link to
// page.
func (h *house) newest(t *testing.T, to, page string) string {
	t.Helper()
	mails := h.inbox.Mails()
	for i := len(mails) - 1; i >= 0; i-- {
		if mails[i].To != to {
			continue
		}
		if _, token, ok := strings.Cut(mails[i].Link(origin+page), "#"); ok {
			return token
		}
	}
	t.Fatalf("no mail to %s links to %s", to, page)
	return ""
}

func (h *house) addressOf(t *testing.T, user id.User) string {
	t.Helper()
	p, err := h.Person(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	return p.Email
}

// move changes an address from a session, as its owner or a thief would.
func (h *house) move(t *testing.T, bearer, to string) {
	t.Helper()
	h.web.Check(t, askChange(bearer, to, 200))
	h.workChanges(t)
	h.web.Check(t, confirmChange(h.newest(t, to, confirmPage), 200))
	h.workChanges(t)
}

func TestAnAddressChangesWhenTheNewOneIsProven(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.confirmed(t, "ana@example.com")
	bearer, _ := h.signIn(t, "ana@example.com", password)
	h.web.Check(t, askChange(bearer, " Ana@New.example ", 200))
	if got := h.workChanges(t); got != "confirm asked" {
		t.Fatalf("mails: %s", got)
	}
	token := h.newest(t, "ana@new.example", confirmPage)
	for _, s := range []webtest.Scenario{ // what a mail scanner does
		{Method: "GET", Path: "/api/user/email/confirm?token=" + token},
		{Method: "HEAD", Path: "/api/user/email/confirm"},
		{Method: "GET", Path: "/api/user/email/undo?token=" + h.newest(t, "ana@example.com", undoPage)},
	} {
		if a := h.web.Do(t, s); a.Status < 400 {
			t.Errorf("%s %s: %d", s.Method, s.Path, a.Status)
		}
	}
	if h.addressOf(t, ana.ID) != "ana@example.com" {
		t.Fatal("the address changed before the new one was proven")
	}

	// A link that signs in at the old address is over with the change.
	h.web.Check(t, askLink("ana@example.com"))
	h.workLinks(t)
	old := h.newest(t, "ana@example.com", "/signin/link")
	h.web.Check(t, confirmChange(token, 200))
	h.web.Check(t, useLink(old, 410))
	again := confirmChange(token, 200)
	again.Contains = []string{`"alreadyVerified":true`}
	h.web.Check(t, again)
	if got := h.workChanges(t); got != "done" {
		t.Errorf("mails: %s", got)
	}
	me := webtest.Scenario{Path: "/api/auth/user", Bearer: bearer, Status: 200, Contains: []string{`"email":"ana@new.example"`, `"emailVerified":true`}}
	h.web.Check(t, me)
	h.signIn(t, "ana@new.example", password)
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/login", Body: map[string]string{"email": "ana@example.com", "password": password}, Status: 401})
	if got := h.verbs(t, ana.ID); !strings.Contains(got, "email.ask_change session.ask_link email.change session.start") {
		t.Errorf("audit: %s", got)
	}
	for _, m := range h.inbox.Mails() {
		if m.To == "ana@example.com" && strings.Contains(m.Text, "new.example") || m.To == "ana@new.example" && strings.Contains(m.Text, "ana@example.com") {
			t.Errorf("a mail to one mailbox names the other:\n%s", m.Text)
		}
	}
}

func TestOnlyAFreshProofBeginsAChange(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.confirmed(t, "ana@example.com")
	bearer, _ := h.signIn(t, "ana@example.com", password)
	h.web.Check(t, webtest.Scenario{Path: "/api/user/email", Body: map[string]string{"newEmail": "a@new.example"}, Status: 401})
	same := askChange(bearer, "ANA@example.com", 422)
	same.Contains = []string{"body.newEmail"}
	h.web.Check(t, same)
	bad := askChange(bearer, "no address", 422)
	bad.Contains = []string{"body.newEmail"}
	h.web.Check(t, bad)
	h.pass(11 * time.Minute)
	stale := askChange(bearer, "ana@new.example", 403)
	stale.Contains = []string{"step_up_required", "password"}
	h.web.Check(t, stale)
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/step-up", Bearer: bearer, Body: map[string]string{"method": "password", "password": password}, Status: 200})

	// A link in the mailbox proves the mailbox, not what the change asks for.
	h.web.Check(t, askLink("ana@example.com"))
	h.workLinks(t)
	s := useLink(h.newest(t, "ana@example.com", "/signin/link"), 200)
	s.Header = map[string]string{"X-Mobile-App": "true"}
	var in struct{ MobileAccessToken string }
	h.web.Check(t, s).JSON(t, &in)
	h.web.Check(t, askChange(in.MobileAccessToken, "ana@new.example", 403))
	h.web.Check(t, askChange(bearer, "ana@new.example", 200))
}

// The thief has the password and a session, and takes the address with them.
func TestTheOwnerTakesAStolenAccountBack(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.confirmed(t, "ana@example.com")
	owner, _ := h.signIn(t, "ana@example.com", password)
	thief, refresh := h.signIn(t, "ana@example.com", password)
	h.move(t, thief, "thief@evil.example")
	if h.addressOf(t, ana.ID) != "thief@evil.example" {
		t.Fatal("the scene isn't set")
	}
	// The thief prepares a way back, and even changes the password.
	h.web.Check(t, changeTo(thief, password, second, 200))
	h.web.Check(t, askLink("thief@evil.example"))
	h.workLinks(t)
	way := h.newest(t, "thief@evil.example", "/signin/link")
	h.web.Check(t, askReset("thief@evil.example"))
	h.work(t)
	reset := h.newest(t, "thief@evil.example", "/reset")

	undo := h.newest(t, "ana@example.com", undoPage)
	h.pass(71 * time.Hour)
	h.web.Check(t, undoChange(undo, 200))
	if h.addressOf(t, ana.ID) != "ana@example.com" {
		t.Error("the address isn't back")
	}
	h.shut(t, "the thief's session", thief)
	h.shut(t, "the owner's session", owner)
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/refresh-token", Body: map[string]string{"refreshToken": refresh}, Status: 401})
	h.web.Check(t, useLink(way, 410))
	h.web.Check(t, resetWith(reset, "the thief's third password", 410))
	for _, email := range []string{"ana@example.com", "thief@evil.example"} {
		for _, p := range []string{password, second, ""} {
			h.web.Check(t, webtest.Scenario{Path: "/api/auth/login", Body: map[string]string{"email": email, "password": p}, Status: 401})
		}
	}
	h.web.Check(t, undoChange(undo, 410)) // once
	if got := h.workChanges(t); got != "undone" {
		t.Errorf("mails: %s", got)
	}

	h.web.Check(t, askReset("ana@example.com"))
	h.work(t)
	token := h.newest(t, "ana@example.com", "/reset")
	h.web.Check(t, resetWith(token, password, 422)) // the stolen one doesn't come back
	h.pass(time.Minute)                             // after three wrong passwords from here
	h.web.Check(t, resetWith(token, "the owner's next password", 200))
	h.signIn(t, "ana@example.com", "the owner's next password")
	if got := h.verbs(t, ana.ID); !strings.Contains(got, "email.change ") || !strings.Contains(got, "email.undo_change session.end") {
		t.Errorf("audit: %s", got)
	}
}

func TestAThiefWhoMovesOnTwiceIsUndoneAtOnce(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.confirmed(t, "ana@example.com")
	thief, _ := h.signIn(t, "ana@example.com", password)
	h.move(t, thief, "b@evil.example")
	h.pass(time.Minute)
	h.move(t, thief, "c@evil.example")
	h.web.Check(t, askChange(thief, "d@evil.example", 200))
	h.workChanges(t)
	next := h.newest(t, "d@evil.example", confirmPage)
	h.web.Check(t, undoChange(h.newest(t, "ana@example.com", undoPage), 200))
	if h.addressOf(t, ana.ID) != "ana@example.com" {
		t.Errorf("the address is %s", h.addressOf(t, ana.ID))
	}
	for _, mailbox := range []string{"b@evil.example", "c@evil.example"} {
		h.web.Check(t, undoChange(h.newest(t, mailbox, undoPage), 410))
	}
	h.web.Check(t, confirmChange(next, 410))
	if h.addressOf(t, ana.ID) != "ana@example.com" {
		t.Errorf("the address is %s", h.addressOf(t, ana.ID))
	}
}

func TestAChangeIsStoppedBeforeItIsMade(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.confirmed(t, "ana@example.com")
	thief, _ := h.signIn(t, "ana@example.com", password)
	h.web.Check(t, askChange(thief, "thief@evil.example", 200))
	h.workChanges(t)
	h.web.Check(t, undoChange(h.newest(t, "ana@example.com", undoPage), 200))
	h.shut(t, "the thief's session", thief)
	h.web.Check(t, confirmChange(h.newest(t, "thief@evil.example", confirmPage), 410))
	if got := h.addressOf(t, ana.ID); got != "ana@example.com" {
		t.Errorf("the address is %s", got)
	}
	if got := h.workChanges(t); got != "" {
		t.Errorf("mails: %s", got)
	}
}

func TestLinksOfChangesAreGoodForOneThingAndNotForEver(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.confirmed(t, "ana@example.com")
	bearer, _ := h.signIn(t, "ana@example.com", password)
	h.web.Check(t, askChange(bearer, "one@new.example", 200))
	h.workChanges(t)
	one, stop := h.newest(t, "one@new.example", confirmPage), h.newest(t, "ana@example.com", undoPage)
	for _, s := range []webtest.Scenario{
		undoChange(one, 410), confirmChange(stop, 410), verification(one, 410), useLink(one, 410), useLink(stop, 410),
		resetWith(one, second, 410), resetWith(stop, second, 410), confirmChange(strings.Repeat("x", 43), 410), undoChange("xyz0", 410),
	} {
		h.web.Check(t, s)
	}

	h.web.Check(t, askChange(bearer, "two@new.example", 200)) // ends the first
	h.workChanges(t)
	h.web.Check(t, confirmChange(one, 410))
	h.web.Check(t, undoChange(stop, 410))
	two := h.newest(t, "two@new.example", confirmPage)
	h.web.Check(t, changeTo(bearer, password, second, 200)) // so does another password
	h.web.Check(t, confirmChange(two, 410))

	h.web.Check(t, askChange(bearer, "three@new.example", 200))
	h.workChanges(t)
	three := h.newest(t, "three@new.example", confirmPage)
	h.pass(24 * time.Hour)
	h.web.Check(t, confirmChange(three, 410))
	h.web.Check(t, undoChange(h.newest(t, "ana@example.com", undoPage), 410))
	bearer, _ = h.signIn(t, "ana@example.com", second)

	h.move(t, bearer, "four@new.example")
	h.pass(72 * time.Hour)
	h.web.Check(t, undoChange(h.newest(t, "ana@example.com", undoPage), 410))
	if got := h.addressOf(t, ana.ID); got != "four@new.example" {
		t.Errorf("the address is %s", got)
	}
	h.pass(40 * 24 * time.Hour)
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := postgres.Scalar[int](t.Context(), h.pool, `select count(*)::int from email_changes`, nil); err != nil || n != 0 {
		t.Errorf("%d changes are kept, error %v", n, err)
	}
}

func TestAskingForAnAddressTellsNothingOfWhoHasIt(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.confirmed(t, "ana@example.com")
	bob := h.confirmed(t, "bob@example.com")
	bearer, _ := h.signIn(t, "ana@example.com", password)
	answers := map[string]bool{}
	for _, email := range []string{"bob@example.com", "free@example.com"} {
		a := h.web.Do(t, askChange(bearer, email, 200))
		a.Header.Del("Date")
		a.Header.Del("X-Request-Id")
		answers[fmt.Sprint(a.Status, a.Header, a.Body)] = true
		if got := h.workChanges(t); got != "confirm asked" {
			t.Errorf("mails: %s", got)
		}
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
	m := h.inbox.Wait("bob@example.com", 2)
	if m.Subject != "You already have a Flint account" || strings.Contains(m.Raw, "ana@example.com") || m.Link(origin+confirmPage) != "" {
		t.Errorf("bob reads\n%s", m.Text)
	}

	// Taken between the question and the answer.
	h.pass(16 * time.Minute)
	bearer, _ = h.signIn(t, "ana@example.com", password)
	h.web.Check(t, askChange(bearer, "late@example.com", 200))
	h.workChanges(t)
	h.register(t, "late@example.com")
	h.web.Check(t, confirmChange(h.newest(t, "late@example.com", confirmPage), 410))
	if h.addressOf(t, bob.ID) != "bob@example.com" {
		t.Error("bob's address moved")
	}
}

func TestNobodyTakesAnAddressThatCanBePutBack(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.confirmed(t, "ana@example.com")
	h.confirmed(t, "eve@example.com")
	thief, _ := h.signIn(t, "ana@example.com", password)
	h.move(t, thief, "thief@evil.example")
	h.web.Check(t, registration("ana@example.com")) // the same answer as ever
	if _, err := h.PersonByEmail(t.Context(), "ana@example.com"); err == nil {
		t.Error("the address was given away")
	}
	h.work(t)
	eve, _ := h.signIn(t, "eve@example.com", password)
	h.web.Check(t, askChange(eve, "ana@example.com", 200))
	h.workChanges(t)
	if m := h.inbox.Mails(); m[len(m)-1].To == "ana@example.com" && m[len(m)-1].Link(origin+confirmPage) != "" {
		t.Error("eve could move to it")
	}
	h.web.Check(t, undoChange(h.newest(t, "ana@example.com", undoPage), 200))
	if got := h.addressOf(t, ana.ID); got != "ana@example.com" {
		t.Errorf("the address is %s", got)
	}
	// Three days after a change that nobody undid, it's anybody's.
	h.web.Check(t, askReset("ana@example.com"))
	h.work(t)
	h.web.Check(t, resetWith(h.newest(t, "ana@example.com", "/reset"), second, 200))
	bearer, _ := h.signIn(t, "ana@example.com", second)
	h.pass(time.Minute)
	h.move(t, bearer, "ana@new.example")
	h.pass(73 * time.Hour)
	if p := h.register(t, "ana@example.com"); p.ID == ana.ID || p.Confirmed() {
		t.Errorf("%+v", p)
	}
}

// Whoever mistyped their address corrects it; its owner isn't handed the account.
func TestAnAddressThatWasNeverProvenUndoesNothing(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.register(t, "typo@example.com")
	h.work(t)
	bearer, _ := h.signIn(t, "typo@example.com", password)
	h.web.Check(t, askChange(bearer, "right@example.com", 200))
	h.workChanges(t)
	h.web.Check(t, confirmChange(h.newest(t, "right@example.com", confirmPage), 200))
	h.workChanges(t)
	for _, m := range h.inbox.Mails() {
		if m.To == "typo@example.com" && m.Subject != "Confirm your e-mail address" {
			t.Errorf("a stranger reads %q", m.Subject)
		}
	}
	h.web.Check(t, verification(h.token(t, "typo@example.com", 1), 410)) // and confirms nothing
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/user", Bearer: bearer, Status: 200, Contains: []string{"right@example.com", `"emailVerified":true`}})
}

func TestChangesBombNobody(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.confirmed(t, "ana@example.com")
	h.confirmed(t, "bob@example.com")
	bearer, _ := h.signIn(t, "ana@example.com", password)
	for i := range 3 {
		h.web.Check(t, askChange(bearer, fmt.Sprintf("victim%d@example.com", i), 200))
	}
	if a := h.web.Do(t, askChange(bearer, "victim4@example.com", 429)); a.Status != 429 || a.Header.Get("Retry-After") == "" {
		t.Errorf("a fourth change in a quarter of an hour: %d", a.Status)
	}
	bob, _ := h.signIn(t, "bob@example.com", password)
	h.web.Check(t, askChange(bob, "victim0@example.com", 200))
	h.web.Check(t, askChange(bob, "victim0@example.com", 200))
	h.web.Check(t, askChange(bob, "victim0@example.com", 429)) // whoever asks
	who, err := h.PersonByEmail(t.Context(), "bob@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.pool.Exec(t.Context(), `update users set banned_at = now() where id = $1`, who.ID); err != nil {
		t.Fatal(err)
	}
	before := len(h.inbox.Mails())
	h.workChanges(t)
	if n := len(h.inbox.Mails()) - before; n != 2 { // the newest change of ana's alone, to both
		t.Errorf("%d mails", n)
	}
}

func TestTwoTabsAtOnceChangeOnceAndUndoWins(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.confirmed(t, "ana@example.com")
	bearer, _ := h.signIn(t, "ana@example.com", password)
	h.web.Check(t, askChange(bearer, "ana@new.example", 200))
	h.workChanges(t)
	token := h.newest(t, "ana@new.example", confirmPage)
	var made atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			a := h.web.Do(t, confirmChange(token, 200))
			if a.Status != 200 {
				t.Errorf("%d %s", a.Status, a.Body)
			}
			if !strings.Contains(a.Body, "alreadyVerified") {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 || h.addressOf(t, ana.ID) != "ana@new.example" {
		t.Errorf("%d changes, the address is %s", made.Load(), h.addressOf(t, ana.ID))
	}

	h.workChanges(t)
	undo := h.newest(t, "ana@example.com", undoPage)
	var undone atomic.Int32
	for i := range 8 {
		wg.Go(func() {
			if i%2 == 0 {
				h.web.Do(t, confirmChange(token, 0))
				return
			}
			if a := h.web.Do(t, undoChange(undo, 0)); a.Status == 200 {
				undone.Add(1)
			}
		})
	}
	wg.Wait()
	if undone.Load() != 1 || h.addressOf(t, ana.ID) != "ana@example.com" {
		t.Errorf("%d times undone, the address is %s", undone.Load(), h.addressOf(t, ana.ID))
	}
}
