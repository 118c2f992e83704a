package apikey_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/apikey"
	"flint/internal/config"
	"flint/internal/envelope/envelopetest"
	"flint/internal/id"
	"flint/internal/identity"
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

// house is apikey behind real HTTP, beside real sessions, with one operation
// that keys read.
type house struct {
	*apikey.Service
	people   *identity.Service
	sessions *session.Service
	web      *webtest.Client
	pool     *pgxpool.Pool
	mu       sync.Mutex
	time     time.Time
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

type who struct{ Body struct{ User string } }

func setup(t *testing.T) *house {
	t.Helper()
	h := &house{pool: pgtest.New(t), time: time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)}
	o, err := config.ParseOrigin(origin)
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := queue.NewInserter(h.pool)
	if err != nil {
		t.Fatal(err)
	}
	ring := envelopetest.New(t, h.pool)
	limits := ratelimit.New(ratelimit.NewMemory(1000, h.now))
	if h.people, err = identity.New(identity.Config{Origin: o, Now: h.now}, h.pool, jobs, limits); err != nil {
		t.Fatal(err)
	}
	if h.sessions, err = session.New(session.Config{Origin: o, Now: h.now, Log: slog.New(slog.DiscardHandler)}, h.pool, ring, h.people); err != nil {
		t.Fatal(err)
	}
	if err := h.sessions.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.sessions.Stop)
	h.Service = apikey.New(apikey.Config{Pool: h.pool, People: h.people, Now: h.now})
	api := web.New(web.Config{
		Origin: origin, Policies: limits.Names(), Log: slog.New(slog.DiscardHandler), Now: h.now,
		Authenticate: func(r *http.Request) (access.Actor, error) {
			if apikey.Is(r) {
				return h.Authenticate(r)
			}
			return h.sessions.Authenticate(r)
		},
		Limit: func(context.Context, string, access.Actor, netip.Addr) (web.Decision, error) {
			return web.Decision{Allowed: true}, nil
		},
	})
	h.Operations(api)
	h.sessions.Operations(api)
	web.Handle(api, web.Op{Method: "GET", Path: "/api/test", Summary: "Say who reads", Needs: access.ManageOwn, Limit: "data", Keys: true},
		func(ctx context.Context, _ *struct{}) (*who, error) {
			out := &who{}
			out.Body.User = access.From(ctx).User.String()
			return out, nil
		})
	h.web = webtest.New(t, api.Handler(), origin)
	return h
}

// person admits somebody and signs them in.
func (h *house) person(t *testing.T, email string, tier access.Tier) (identity.Person, string) {
	t.Helper()
	p, err := h.people.Admit(t.Context(), access.SystemActor("test", id.User{}),
		identity.Newcomer{FirstName: "Ana", Email: email, Password: config.NewSecret(password)}, tier)
	if err != nil {
		t.Fatal(err)
	}
	return p, h.signIn(t, email)
}

func (h *house) signIn(t *testing.T, email string) string {
	t.Helper()
	var in struct{ MobileAccessToken string }
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/login", Header: map[string]string{"X-Mobile-App": "true"},
		Body: map[string]string{"email": email, "password": password}, Status: 200}).JSON(t, &in)
	return in.MobileAccessToken
}

type made struct {
	Key    string
	APIKey struct{ ID, Prefix, Name, ExpiresAt string }
}

func (h *house) make(t *testing.T, bearer string, days int) made {
	t.Helper()
	var m made
	h.web.Check(t, webtest.Scenario{Path: "/api/keys", Bearer: bearer, Body: map[string]any{"name": "sheet", "expiresInDays": days}, Status: 201}).JSON(t, &m)
	return m
}

func read(key string, status int) webtest.Scenario {
	return webtest.Scenario{Path: "/api/test", Bearer: key, Status: status, NeverContains: []string{key}}
}

func TestAKeyIsShownOnceAndKeptAsAHash(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana, bearer := h.person(t, "ana@example.com", access.Pro)
	m := h.make(t, bearer, 30)
	if len(m.Key) != len("flint_key_")+43 || !strings.HasPrefix(m.Key, m.APIKey.Prefix) || len(m.APIKey.Prefix) != 16 {
		t.Errorf("key %q, hint %q", m.Key, m.APIKey.Prefix)
	}
	s := read(m.Key, 200)
	s.Contains = []string{ana.ID.String()}
	h.web.Check(t, s)
	h.web.Check(t, webtest.Scenario{Path: "/api/keys", Bearer: bearer, Status: 200,
		Contains:      []string{m.APIKey.Prefix, `"allowed":true`, `"lastUsedAt":"2026-11-23T14:00:00Z"`, `"lastAddress":"127.0.0.1"`, `"scope":"data:read"`},
		NeverContains: []string{m.Key}})
	for _, table := range []string{"api_keys", "audit_entries", "river_job"} {
		n, err := postgres.Scalar[int](t.Context(), h.pool, `select count(*)::int from `+table+` x where x::text like '%' || @key || '%'`,
			postgres.Args{"key": m.Key[len(m.APIKey.Prefix):]})
		if err != nil || n != 0 {
			t.Errorf("%s holds the key, error %v", table, err)
		}
	}
	jobs, err := postgres.Scalar[int](t.Context(), h.pool, `select count(*)::int from river_job where kind = 'identity.tell'`, nil)
	if err != nil || jobs != 1 {
		t.Errorf("%d warnings, error %v", jobs, err)
	}
}

func TestAKeyStopsWorking(t *testing.T) {
	t.Parallel()
	h := setup(t)
	_, bearer := h.person(t, "ana@example.com", access.Premium)
	eve, eves := h.person(t, "eve@example.com", access.Premium)
	remove := func(bearer, key string, status int) webtest.Scenario {
		return webtest.Scenario{Method: "DELETE", Path: "/api/keys/" + key, Bearer: bearer, Status: status}
	}
	one, two, theirs := h.make(t, bearer, 1), h.make(t, bearer, 365), h.make(t, eves, 365)
	h.web.Check(t, remove(eves, two.APIKey.ID, 404)) // somebody else's doesn't exist
	h.web.Check(t, read(two.Key, 200))
	h.web.Check(t, remove(bearer, two.APIKey.ID, 204))
	h.web.Check(t, read(two.Key, 401)) // at once
	h.web.Check(t, remove(bearer, two.APIKey.ID, 404))
	h.pass(24 * time.Hour)
	h.web.Check(t, read(one.Key, 401))

	h.web.Check(t, read(theirs.Key, 200))
	for tier, status := range map[access.Tier]int{access.Free: 401, access.Basic: 401, access.Pro: 200} {
		if _, err := h.pool.Exec(t.Context(), `update users set tier = $1 where id = $2`, tier, eve.ID); err != nil {
			t.Fatal(err)
		}
		h.web.Check(t, read(theirs.Key, status))
	}
	if err := h.sessions.Ban(t.Context(), access.SystemActor("test", eve.ID), eve.ID, "fraud"); err != nil {
		t.Fatal(err)
	}
	h.web.Check(t, read(theirs.Key, 401))
}

func TestAKeyIsNoSession(t *testing.T) {
	t.Parallel()
	h := setup(t)
	_, bearer := h.person(t, "ana@example.com", access.Pro)
	m := h.make(t, bearer, 30)
	cookie := []*http.Cookie{{Name: "__Host-accessToken", Value: m.Key}}
	h.web.Run(t,
		webtest.Scenario{Name: "make another", Path: "/api/keys", Bearer: m.Key, Body: map[string]string{"name": "x"}, Status: 403, Contains: []string{"key_scope"}},
		webtest.Scenario{Name: "list keys", Path: "/api/keys", Bearer: m.Key, Status: 403, Contains: []string{"key_scope"}},
		webtest.Scenario{Name: "remove itself", Method: "DELETE", Path: "/api/keys/" + m.APIKey.ID, Bearer: m.Key, Status: 403, Contains: []string{"key_scope"}},
		webtest.Scenario{Name: "see sessions", Path: "/api/auth/sessions", Bearer: m.Key, Status: 403, Contains: []string{"key_scope"}},
		webtest.Scenario{Name: "step up", Path: "/api/auth/step-up", Bearer: m.Key, Body: map[string]string{"method": "password", "password": password}, Status: 403, Contains: []string{"key_scope"}},
		webtest.Scenario{Name: "as a cookie", Path: "/api/test", Cookies: cookie, Status: 401},
		webtest.Scenario{Name: "as basic", Path: "/api/test", Header: map[string]string{"Authorization": "Basic " + m.Key}, Status: 401},
		webtest.Scenario{Name: "as refresh token", Path: "/api/auth/refresh-token", Body: map[string]string{"refreshToken": m.Key}, Status: 401},
		webtest.Scenario{Name: "in the query", Path: "/api/test?key=" + m.Key, Status: 401},
		webtest.Scenario{Name: "with more behind it", Path: "/api/test", Bearer: m.Key + "A", Status: 401, Contains: []string{"key_invalid"}},
		webtest.Scenario{Name: "in other letters", Path: "/api/test", Bearer: "flint_key_" + strings.ToUpper(m.Key[10:]), Status: 401, Contains: []string{"key_invalid"}},
		webtest.Scenario{Name: "the hint alone", Path: "/api/test", Bearer: m.APIKey.Prefix, Status: 401, Contains: []string{"key_invalid"}},
		webtest.Scenario{Name: "its beginning alone", Path: "/api/test", Bearer: "flint_key_", Status: 401, Contains: []string{"key_invalid"}},
		webtest.Scenario{Name: "endless", Path: "/api/test", Bearer: "flint_key_" + strings.Repeat("x", 4000), Status: 401, Contains: []string{"key_invalid"}},
		webtest.Scenario{Name: "beside a session's cookie", Path: "/api/test", Bearer: "flint_key_x", Cookies: cookie, Status: 401, Contains: []string{"key_invalid"}},
	)
	h.web.Check(t, read(m.Key, 200))
}

func TestWhoMayMakeAKey(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ask := func(bearer string, body any, status int, contains string) webtest.Scenario {
		return webtest.Scenario{Path: "/api/keys", Bearer: bearer, Body: body, Status: status, Contains: []string{contains}, NeverContains: []string{"flint_key_"}}
	}
	name := map[string]string{"name": "sheet"}
	for tier, email := range map[access.Tier]string{access.Free: "free@example.com", access.Basic: "basic@example.com"} {
		_, bearer := h.person(t, email, tier)
		h.web.Check(t, ask(bearer, name, 403, "plan_required"))
	}
	_, bearer := h.person(t, "ana@example.com", access.Pro)
	h.web.Check(t, ask("", name, 401, "NO_TOKEN"))
	h.web.Check(t, ask(bearer, map[string]string{"name": " "}, 422, "body.name"))
	h.web.Check(t, ask(bearer, map[string]string{"name": "a\u202eb"}, 422, "body.name"))
	h.web.Check(t, ask(bearer, map[string]any{"name": "x", "expiresInDays": 366}, 422, "body.expiresInDays"))
	h.web.Check(t, ask(bearer, map[string]any{"name": "x", "scope": "trade"}, 422, "body"))
	h.pass(11 * time.Minute)
	h.web.Check(t, ask(bearer, name, 403, "step_up_required"))

	bearer = h.signIn(t, "ana@example.com")
	var got atomic.Int32
	var wg sync.WaitGroup
	for range 16 { // at once: not one more than ten
		wg.Go(func() {
			a := h.web.Do(t, webtest.Scenario{Path: "/api/keys", Bearer: bearer, Body: name})
			switch {
			case a.Status == 201:
				got.Add(1)
			case a.Code() != "too_many_keys":
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
	wg.Wait()
	if got.Load() != 10 {
		t.Errorf("%d keys", got.Load())
	}
	h.pass(91 * 24 * time.Hour) // the default is 90 days
	bearer = h.signIn(t, "ana@example.com")
	h.web.Check(t, webtest.Scenario{Path: "/api/keys", Bearer: bearer, Status: 200, Contains: []string{`"keys":[]`}})
	if m := h.make(t, bearer, 1); m.APIKey.ExpiresAt != fmt.Sprint(h.now().AddDate(0, 0, 1).Format(time.RFC3339)) {
		t.Errorf("expires %s", m.APIKey.ExpiresAt)
	}
}

func TestKeysThatEndedLongAgoAreRemoved(t *testing.T) {
	t.Parallel()
	h := setup(t)
	_, bearer := h.person(t, "ana@example.com", access.Pro)
	h.make(t, bearer, 1)
	h.make(t, bearer, 365)
	left := func() int {
		t.Helper()
		w := &apikey.SweepWorker{Service: h.Service}
		if err := w.Work(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		n, err := postgres.Scalar[int](t.Context(), h.pool, `select count(*)::int from api_keys`, nil)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	h.pass(30 * 24 * time.Hour) // the first one expired 29 days ago
	if n := left(); n != 2 {
		t.Errorf("%d keys are left", n)
	}
	h.pass(24*time.Hour + time.Second)
	if n := left(); n != 1 {
		t.Errorf("%d keys are left", n)
	}
}
