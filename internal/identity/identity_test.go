package identity_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/envelope/envelopetest"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/mail"
	"flint/internal/platform/mail/mailtest"
	"flint/internal/platform/outbound"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/queue"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
	"flint/internal/ratelimit"
	"flint/internal/session"
)

const (
	origin   = "https://flint.example"
	password = "correct horse battery"
)

// house is identity behind real HTTP, with a mail server and a clock to move.
type house struct {
	*identity.Service
	web   *webtest.Client
	pool  *pgxpool.Pool
	inbox *mailtest.Server
	mail  mail.Sender
	mu    sync.Mutex
	time  time.Time
	actor access.Actor // who is calling, unless a bearer token says it

	sessions *session.Service
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.time
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.time = h.time.Add(d)
}

func setup(t *testing.T) *house {
	t.Helper()
	h := build(t, nil)
	return h
}

// build makes a house. change may be nil; it sees the settings before they are
// used.
func build(t *testing.T, change func(*house, *identity.Config)) *house {
	t.Helper()
	h := &house{pool: pgtest.New(t), inbox: mailtest.New(t), time: time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)}
	jobs, err := queue.NewInserter(h.pool)
	if err != nil {
		t.Fatal(err)
	}
	o, err := config.ParseOrigin(origin)
	if err != nil {
		t.Fatal(err)
	}
	limits := ratelimit.New(ratelimit.NewMemory(1000, h.now))
	cfg := identity.Config{
		Origin: o, Now: h.now,
		EndSessions: func(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, except id.Session, reason string) (int, error) {
			return h.sessions.EndAll(ctx, tx, actor, user, except, reason)
		},
	}
	if change != nil {
		change(h, &cfg)
	}
	if h.Service, err = identity.New(cfg, h.pool, jobs, limits); err != nil {
		t.Fatal(err)
	}
	keys := envelopetest.New(t, h.pool)
	if h.sessions, err = session.New(session.Config{Origin: o, Now: h.now, Log: slog.New(slog.DiscardHandler)}, h.pool, keys, h.Service); err != nil {
		t.Fatal(err)
	}
	if err := h.sessions.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.sessions.Stop)
	if h.mail, err = mail.New(mail.Config{URL: h.inbox.URL(), From: "Flint <flint@flint.example>", Timeout: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
	api := web.New(web.Config{
		Origin: origin, Policies: limits.Names(), Log: slog.New(slog.DiscardHandler), Now: h.now,
		Authenticate: func(r *http.Request) (access.Actor, error) {
			if !h.actor.User.IsZero() || r.Header.Get("Authorization") == "" {
				return h.actor, nil
			}
			return h.sessions.Authenticate(r)
		},
		Limit: func(context.Context, string, access.Actor, netip.Addr) (web.Decision, error) {
			return web.Decision{Allowed: true}, nil
		},
	})
	h.Operations(api)
	h.sessions.Operations(api)
	h.web = webtest.New(t, api.Handler(), origin)
	return h
}

// work runs the queued mail jobs, oldest first, and returns their kinds.
func (h *house) work(t *testing.T) []string {
	t.Helper()
	type queued struct {
		ID    int64
		Kind  string
		User  id.User
		Entry id.Entry
	}
	jobs, err := postgres.Many[queued](t.Context(), h.pool,
		`select id, kind, coalesce((args->>'user')::uuid, '00000000-0000-0000-0000-000000000000') as user,
		        coalesce((args->>'entry')::uuid, '00000000-0000-0000-0000-000000000000') as entry
		 from river_job where state = 'available' order by id`, nil)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, j := range jobs {
		kinds = append(kinds, j.Kind)
		switch j.Kind {
		case "identity.confirm":
			err = (&identity.ConfirmWorker{Service: h.Service, Sender: h.mail}).Work(t.Context(), &river.Job[identity.ConfirmArgs]{JobRow: &rivertype.JobRow{}, Args: identity.ConfirmArgs{User: j.User}})
		case "identity.known_address":
			err = (&identity.NoticeWorker{Service: h.Service, Sender: h.mail}).Work(t.Context(), &river.Job[identity.NoticeArgs]{JobRow: &rivertype.JobRow{}, Args: identity.NoticeArgs{User: j.User}})
		case "identity.reset":
			err = (&identity.ResetWorker{Service: h.Service, Sender: h.mail}).Work(t.Context(), &river.Job[identity.ResetArgs]{JobRow: &rivertype.JobRow{}, Args: identity.ResetArgs{User: j.User}})
		case "identity.setup":
			err = (&identity.SetupWorker{Service: h.Service, Sender: h.mail}).Work(t.Context(), &river.Job[identity.SetupArgs]{JobRow: &rivertype.JobRow{}, Args: identity.SetupArgs{User: j.User}})
		case "identity.tell":
			err = (&identity.TellWorker{Service: h.Service, Sender: h.mail}).Work(t.Context(), &river.Job[identity.TellArgs]{JobRow: &rivertype.JobRow{}, Args: identity.TellArgs{Entry: j.Entry}})
		}
		if err != nil {
			t.Fatalf("job %s: %v", j.Kind, err)
		}
		if _, err := h.pool.Exec(t.Context(), `delete from river_job where id = $1`, j.ID); err != nil {
			t.Fatal(err)
		}
	}
	return kinds
}

func registration(email string) webtest.Scenario {
	return webtest.Scenario{
		Path: "/api/auth/public-register", Status: 201,
		Body: map[string]string{"firstName": "Ana", "email": email, "password": password},
	}
}

func (h *house) register(t *testing.T, email string) identity.Person {
	t.Helper()
	h.web.Check(t, registration(email))
	p, err := h.PersonByEmail(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// token takes the token out of the nth mail to an address.
func (h *house) token(t *testing.T, to string, nth int) string {
	t.Helper()
	m := h.inbox.Wait(to, nth)
	_, token, ok := strings.Cut(m.Link(origin+"/verify"), "#")
	if !ok {
		t.Fatalf("no link in:\n%s", m.Text)
	}
	return token
}

func verification(token string, status int) webtest.Scenario {
	return webtest.Scenario{Path: "/api/auth/verify-email", Body: map[string]string{"token": token}, Status: status, NeverContains: []string{token}}
}

func (h *house) verbs(t *testing.T, subject id.User) string {
	t.Helper()
	lines, err := audit.ListFor(t.Context(), h.pool, subject, audit.Page{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var vs []string
	for _, l := range lines {
		vs = append([]string{l.Verb}, vs...)
	}
	return strings.Join(vs, " ")
}

// D11: the predecessor never sent the confirmation mail, said it had, and built
// its link from the Host header.
func TestD11ARegistrationIsConfirmedThroughItsMail(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := registration("  ANA@Example.COM ")
	s.NeverContains = []string{password, "ana@example.com"}
	h.web.Check(t, s)
	p, err := h.PersonByEmail(t.Context(), "ana@example.com")
	if err != nil || p.Confirmed() || p.Tier != access.Free || p.FirstName != "Ana" {
		t.Fatalf("person %+v, error %v", p, err)
	}
	if kinds := h.work(t); len(kinds) != 1 || kinds[0] != "identity.confirm" {
		t.Fatalf("jobs %v", kinds)
	}
	m := h.inbox.Wait("ana@example.com", 1)
	if !strings.Contains(m.HTML, origin+"/verify#") || strings.Contains(m.Text+m.HTML, "Ana") {
		t.Errorf("the mail must link to the origin and not repeat the name:\n%s", m.Text)
	}
	token := h.token(t, "ana@example.com", 1)
	a := h.web.Check(t, verification(token, 200))
	if strings.Contains(a.Body, "alreadyVerified") {
		t.Errorf("first time: %s", a.Body)
	}
	if p, _ := h.Person(t.Context(), p.ID); !p.Confirmed() {
		t.Error("still not confirmed")
	}
	again := verification(token, 200)
	again.Contains = []string{`"alreadyVerified":true`}
	h.web.Check(t, again)
	if got := h.verbs(t, p.ID); got != "account.register email.confirm" {
		t.Errorf("audit: %s", got)
	}
}

func TestLinksNeverFollowTheHostHeader(t *testing.T) {
	t.Parallel()
	h := setup(t)
	s := registration("ana@example.com")
	s.Header = map[string]string{"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", "X-Forwarded-Proto": "http"}
	h.web.Check(t, s)
	s = registration("bea@example.com")
	s.Header, s.Status = map[string]string{"Host": "evil.example"}, 421
	h.web.Check(t, s)
	h.work(t)
	if m := h.inbox.Wait("ana@example.com", 1); strings.Contains(m.Raw, "evil") {
		t.Errorf("the mail names the attacker's host:\n%s", m.Raw)
	}
	if n := len(h.inbox.Mails()); n != 1 {
		t.Errorf("%d mails", n)
	}
}

func TestConfirmationTokensAreSingleUseShortLivedAndReplaced(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.register(t, "ana@example.com")
	h.work(t)
	first := h.token(t, "ana@example.com", 1)
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/resend-verification", Body: map[string]string{"email": "Ana@example.com"}, Status: 200})
	worker := &identity.ConfirmWorker{Service: h.Service, Sender: h.mail}
	job := &river.Job[identity.ConfirmArgs]{JobRow: &rivertype.JobRow{}, Args: identity.ConfirmArgs{User: ana.ID}}
	if err := worker.Work(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	second := h.token(t, "ana@example.com", 2)
	h.web.Check(t, verification(first, 410)) // a newer one ended it
	h.pass(24*time.Hour + time.Second)
	h.web.Check(t, verification(second, 410)) // too late
	if err := worker.Work(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	third := h.token(t, "ana@example.com", 3)
	for name, bad := range map[string]string{"another": strings.Repeat("A", 43), "cut": third[:42], "longer": third + "A", "its hash": "x"} {
		if a := h.web.Do(t, verification(bad, 0)); a.Status != 410 || a.Code() != "link_invalid" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	var wins int
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range 8 {
		wg.Go(func() {
			already, err := h.Confirm(t.Context(), config.NewSecret(third))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if !already {
				wins++
			}
		})
	}
	wg.Wait()
	if wins != 1 {
		t.Errorf("one token confirmed %d times", wins)
	}
	if err := worker.Work(t.Context(), job); err != nil || len(h.inbox.Mails()) != 3 {
		t.Errorf("a confirmed person got another mail: %d, error %v", len(h.inbox.Mails()), err)
	}
}

func TestATokenIsNothingToAnotherPurpose(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.register(t, "ana@example.com")
	var link config.Secret
	err := postgres.InTx(t.Context(), h.pool, func(tx pgx.Tx) (err error) {
		link, err = h.MakeToken(t.Context(), tx, ana.ID, identity.SignInLink, time.Hour)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h.web.Check(t, verification(link.Reveal(), 410))
	err = postgres.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
		user, err := h.UseToken(t.Context(), tx, identity.SignInLink, link)
		if err == nil && user != ana.ID {
			t.Errorf("token of %v, want %v", user, ana.ID)
		}
		return err
	})
	if err != nil {
		t.Errorf("for its own purpose: %v", err)
	}
}

func TestNoTokenIsStoredOrQueued(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.register(t, "ana@example.com")
	args, err := postgres.Scalar[string](t.Context(), h.pool, `select string_agg(args::text, ' ') from river_job`, nil)
	if err != nil || strings.Contains(args, "ana") || len(args) > 60 {
		t.Errorf("the job holds %s (%v)", args, err)
	}
	h.work(t)
	token := h.token(t, "ana@example.com", 1)
	dump, err := postgres.Scalar[string](t.Context(), h.pool, `
		select concat((select string_agg(t::text, ' ') from mail_tokens t), (select string_agg(u::text, ' ') from users u),
		              (select string_agg(a::text, ' ') from audit_entries a), (select string_agg(j::text, ' ') from river_job j))`, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{token, fmt.Sprintf("%x", token), password} {
		if strings.Contains(dump, secret) {
			t.Errorf("the database holds %q", secret)
		}
	}
	if !strings.Contains(dump, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Error("the password isn't hashed as OWASP says")
	}
}

// D10: register and resend told strangers which addresses are known.
func TestD10NothingTellsWhetherAnAddressIsKnown(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.register(t, "ana@example.com")
	h.work(t)
	h.web.Check(t, verification(h.token(t, "ana@example.com", 1), 200))
	bea := h.register(t, "bea@example.com") // known, not confirmed
	h.work(t)

	strip := func(a webtest.Answer) string {
		a.Header.Del("Date")
		a.Header.Del("X-Request-Id")
		return fmt.Sprint(a.Status, a.Header, a.Body)
	}
	compare := func(what string, of func(email string) webtest.Scenario) {
		t.Helper()
		stranger := strip(h.web.Do(t, of("new-"+what+"@example.com")))
		for _, known := range []string{"ana@example.com", "bea@example.com", "ANA@EXAMPLE.COM"} {
			if got := strip(h.web.Do(t, of(known))); got != stranger {
				t.Errorf("%s: %s is answered\n%s\nand a stranger\n%s", what, known, got, stranger)
			}
		}
	}
	compare("register", registration)
	compare("resend", func(email string) webtest.Scenario {
		return webtest.Scenario{Path: "/api/auth/resend-verification", Body: map[string]string{"email": email}}
	})
	h.work(t)
	if m := h.inbox.Wait("ana@example.com", 2); !strings.Contains(m.Subject, "already have") || strings.Contains(m.Raw, "verify#") {
		t.Errorf("the owner was told %q", m.Subject)
	}
	if p, _ := h.Person(t.Context(), ana.ID); p.FirstName != "Ana" || p.ID != ana.ID {
		t.Errorf("the known person changed: %+v", p)
	}
	if got := h.verbs(t, ana.ID); !strings.HasPrefix(got, "account.register email.confirm account.register_again") {
		t.Errorf("audit: %s", got)
	}
	h.inbox.Wait("bea@example.com", 2)
	if _, reason, err := h.Check(t.Context(), "bea@example.com", config.NewSecret(password)); reason != "" || err != nil {
		t.Errorf("bea can't prove herself any more: %q %v", reason, err)
	}
	_ = bea
}

// D1: GET /api/auth/user handed out the whole row, hashes included.
func TestD1ThePersonSeesNoHash(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.web.Run(t, webtest.Scenario{Name: "nobody", Path: "/api/auth/user", Status: 401, Contains: []string{"NO_TOKEN"}})
	ana := h.register(t, "ana@example.com")
	h.actor = access.Actor{User: ana.ID}
	h.web.Run(t,
		webtest.Scenario{
			Name: "user", Path: "/api/auth/user", Status: 200, NeverContains: []string{"argon2", "hash", "assword"},
			Contains: []string{`"email":"ana@example.com"`, `"firstName":"Ana"`, `"lastName":""`, `"role":"user"`, `"subscriptionTier":"free"`, `"mfaEnabled":false`, `"emailVerified":false`, `"currency":"USD"`},
		},
		webtest.Scenario{
			Name: "me", Path: "/api/me", Status: 200, NeverContains: []string{"argon2", "hash", "assword"},
			Contains: []string{`"id":"` + ana.ID.String() + `"`, `"name":"Ana"`, `"createdAt":"2026-11-23T14:00:00Z"`},
		},
	)
}

func TestMailWaitsWithoutAServerAndGivesUpOnDeadBoxes(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.register(t, "ana@example.com")
	job := &river.Job[identity.ConfirmArgs]{JobRow: &rivertype.JobRow{}, Args: identity.ConfirmArgs{User: ana.ID}}
	err := (&identity.ConfirmWorker{Service: h.Service, Sender: mail.Unset{}}).Work(t.Context(), job)
	if _, ok := errors.AsType[*river.JobSnoozeError](err); !ok {
		t.Errorf("without a server: %v", err)
	}
	if n, _ := postgres.Scalar[int](t.Context(), h.pool, `select count(*)::int from mail_tokens`, nil); n != 0 {
		t.Error("a token was made for a mail that can't leave")
	}
	h.inbox.Refuse("ana@example.com", 550)
	err = (&identity.ConfirmWorker{Service: h.Service, Sender: h.mail}).Work(t.Context(), job)
	if _, ok := errors.AsType[*river.JobCancelError](err); !ok || strings.Contains(err.Error(), "ana@") {
		t.Errorf("dead box: %v", err)
	}
}

// failing is a Sender that always fails in the same way.
type failing struct{ err error }

func (f failing) Send(context.Context, mail.Message) error { return f.err }

func TestMailWaitsForSettingsAndForAsLongAsItIsAsked(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.register(t, "ana@example.com")
	job := &river.Job[identity.ConfirmArgs]{JobRow: &rivertype.JobRow{}, Args: identity.ConfirmArgs{User: ana.ID}}
	for err, want := range map[error]time.Duration{
		fmt.Errorf("%w: 403", mail.ErrSettings): 5 * time.Minute,
		fmt.Errorf("deliver: %w", &outbound.Error{Class: outbound.RateLimited, RetryAfter: 7 * time.Minute}): 7 * time.Minute,
	} {
		got := (&identity.ConfirmWorker{Service: h.Service, Sender: failing{err}}).Work(t.Context(), job)
		if snooze, ok := errors.AsType[*river.JobSnoozeError](got); !ok || snooze.Duration != want {
			t.Errorf("%v: %v", err, got)
		}
	}
	down := &outbound.Error{Class: outbound.Transient, Status: 500}
	if err := (&identity.ConfirmWorker{Service: h.Service, Sender: failing{down}}).Work(t.Context(), job); !errors.Is(err, down) {
		t.Errorf("down: %v", err)
	}
}

func TestAdmitMakesAConfirmedPersonOnce(t *testing.T) {
	t.Parallel()
	h := setup(t)
	who := identity.Newcomer{FirstName: "Demo", Email: "demo@flint.example", Password: config.NewSecret(password)}
	p, err := h.Admit(t.Context(), access.SystemActor("demo", id.User{}), who, access.Premium)
	if err != nil || !p.Confirmed() || p.Tier != access.Premium {
		t.Fatalf("person %+v, error %v", p, err)
	}
	if _, err := h.Admit(t.Context(), access.SystemActor("demo", id.User{}), who, access.Free); !errors.Is(err, identity.ErrKnown) {
		t.Errorf("error %v", err)
	}
	if kinds := h.work(t); len(kinds) != 0 {
		t.Errorf("jobs %v", kinds)
	}
	if got := h.verbs(t, p.ID); got != "account.admit email.confirm" {
		t.Errorf("audit: %s", got)
	}
}

func TestOldTokensAreSwept(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.register(t, "ana@example.com")
	h.work(t)
	h.pass(7 * 24 * time.Hour)
	count := func() int {
		if err := h.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		n, err := postgres.Scalar[int](t.Context(), h.pool, `select count(*)::int from mail_tokens`, nil)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if count() != 1 {
		t.Error("swept too early")
	}
	h.pass(25 * time.Hour)
	if count() != 0 {
		t.Error("not swept")
	}
}
