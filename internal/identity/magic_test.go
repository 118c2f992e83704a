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

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
)

// workLinks runs the queued jobs for sign-in links and returns how many those
// were.
func (h *house) workLinks(t *testing.T) int {
	t.Helper()
	users, err := postgres.Many[struct{ ID id.User }](t.Context(), h.pool, `
		delete from river_job where kind = 'identity.link' returning (args->>'user')::uuid as id`, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range users {
		err := (&identity.LinkWorker{Service: h.Service, Sender: h.mail}).Work(t.Context(), &river.Job[identity.LinkArgs]{JobRow: &rivertype.JobRow{}, Args: identity.LinkArgs{User: u.ID}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return len(users)
}

func askLink(email string) webtest.Scenario {
	return webtest.Scenario{Path: "/api/auth/magic-link", Body: map[string]string{"email": email}, Status: 200, NeverContains: []string{email}}
}

func useLink(token string, status int) webtest.Scenario {
	return webtest.Scenario{Path: "/api/auth/link", Body: map[string]string{"token": token}, Status: status, NeverContains: []string{token}}
}

// fragment takes what stands behind # out of a mailed link.
func (h *house) fragment(t *testing.T, to string, nth int, path string) string {
	t.Helper()
	m := h.inbox.Wait(to, nth)
	link, token, ok := strings.Cut(m.Link(origin+path), "#")
	if !ok || link != origin+path || len(token) != 43 {
		t.Fatalf("no link to %s in:\n%s", path, m.Text)
	}
	return token
}

// confirmed registers somebody and confirms their address.
func (h *house) confirmed(t *testing.T, email string) identity.Person {
	t.Helper()
	p := h.register(t, email)
	h.work(t)
	h.web.Check(t, verification(h.token(t, email, 1), 200))
	return p
}

func TestASignInLinkWorksOnceAndOnlyTheNewestOne(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.confirmed(t, "ana@example.com")
	h.web.Check(t, askLink("Ana@Example.com"))
	h.workLinks(t)
	first := h.fragment(t, "ana@example.com", 2, "/signin/link")

	// What scanners do uses nothing up.
	for _, s := range []webtest.Scenario{
		{Method: "GET", Path: "/api/auth/link?token=" + first},
		{Method: "HEAD", Path: "/api/auth/link"},
		{Method: "POST", Path: "/api/auth/link?token=" + first},
		{Method: "POST", Path: "/api/auth/link", Body: "token=" + first, Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
	} {
		if a := h.web.Do(t, s); a.Status < 400 {
			t.Errorf("%s %s: %d", s.Method, s.Path, a.Status)
		}
	}
	h.web.Check(t, askLink("ana@example.com"))
	if n := h.workLinks(t); n != 1 {
		t.Fatalf("%d mails", n)
	}
	second := h.fragment(t, "ana@example.com", 3, "/signin/link")
	h.web.Check(t, useLink(first, 410))
	h.web.Check(t, useLink(second, 200))
	h.web.Check(t, useLink(second, 410))
	if got := h.verbs(t, ana.ID); !strings.HasSuffix(got, "session.ask_link session.ask_link session.start") {
		t.Errorf("audit: %s", got)
	}

	h.pass(20 * time.Minute)
	h.web.Check(t, askLink("ana@example.com"))
	h.workLinks(t)
	late := h.fragment(t, "ana@example.com", 4, "/signin/link")
	h.pass(15*time.Minute + time.Second)
	h.web.Check(t, useLink(late, 410))
}

func TestTwoTabsWithOneLinkAreOneSignIn(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.confirmed(t, "ana@example.com")
	h.web.Check(t, askLink("ana@example.com"))
	h.workLinks(t)
	token := h.fragment(t, "ana@example.com", 2, "/signin/link")
	var in atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if a := h.web.Do(t, useLink(token, 0)); a.Status == 200 {
				in.Add(1)
			} else if a.Code() != "link_invalid" {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
	wg.Wait()
	if in.Load() != 1 {
		t.Errorf("%d sign-ins with one link", in.Load())
	}
}

func TestALinkForSomethingElseSignsNobodyIn(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.register(t, "ana@example.com")
	h.work(t)
	confirm := h.token(t, "ana@example.com", 1)
	h.web.Check(t, useLink(confirm, 410))
	h.web.Check(t, verification(confirm, 200)) // and isn't used up by the attempt
	h.web.Check(t, askLink("ana@example.com"))
	h.workLinks(t)
	link := h.fragment(t, "ana@example.com", 2, "/signin/link")
	h.web.Check(t, verification(link, 410))
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/reset-password", Body: map[string]string{"token": link, "password": "another horse, another battery"}, Status: 410})
	h.web.Check(t, useLink(link, 200))
}

// Whoever opens an account with somebody else's address waits for its owner to
// open it for them.
func TestALinkDoesNotOpenAnAccountThatAnotherPrepared(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.register(t, "victim@example.com")
	h.work(t)
	h.pass(2 * time.Minute)
	h.web.Check(t, askLink("victim@example.com"))
	h.workLinks(t)
	m := h.inbox.Wait("victim@example.com", 2)
	if m.Link(origin+"/signin/link") != "" || m.Link(origin+"/verify") == "" {
		t.Errorf("an unconfirmed account got\n%s", m.Text)
	}
}

func TestAskingForALinkTellsNothingAndBombsNobody(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.confirmed(t, "ana@example.com")
	h.register(t, "new@example.com")
	mallory := h.confirmed(t, "mallory@example.com")
	if err := h.sessions.Ban(t.Context(), access.SystemActor("test", mallory.ID), mallory.ID, "fraud"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.pool.Exec(t.Context(), `delete from river_job`); err != nil {
		t.Fatal(err)
	}
	answers := map[string]bool{}
	for _, email := range []string{"ana@example.com", "nobody@example.com", "new@example.com", "mallory@example.com"} {
		for i := range 4 { // the fourth is too much, known or not
			a := h.web.Do(t, askLink(email))
			a.Header.Del("Date")
			a.Header.Del("X-Request-Id")
			body, _, _ := strings.Cut(a.Body, `"instance"`)
			answers[fmt.Sprint(i == 3, a.Status, a.Header, body)] = true
		}
	}
	if len(answers) != 2 {
		t.Errorf("%d different answers: %v", len(answers), answers)
	}
	jobs, err := postgres.Scalar[int](t.Context(), h.pool, `select count(*)::int from river_job`, nil)
	if err != nil || jobs != 4 { // the same for each, whoever is there: three in a minute are one
		t.Errorf("%d jobs, error %v", jobs, err)
	}
	before := len(h.inbox.Mails())
	h.workLinks(t)
	if n := len(h.inbox.Mails()) - before; n != 2 { // ana's link, new's confirmation
		t.Errorf("%d mails", n)
	}
	for _, bad := range []string{"ana", "", "ana@example.com\r\nBcc: eve@example.com", strings.Repeat("a", 2000) + "@example.com"} {
		s := askLink("x")
		s.Body, s.Status, s.NeverContains = map[string]string{"email": bad}, 422, []string{"Bcc"}
		h.web.Check(t, s)
	}
}
