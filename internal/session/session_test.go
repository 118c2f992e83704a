package session_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/bot"
	"flint/internal/config"
	"flint/internal/envelope/envelopetest"
	"flint/internal/geo"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/mfa"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/queue"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
	"flint/internal/ratelimit"
	"flint/internal/risk"
	"flint/internal/session"
)

const (
	origin   = "https://flint.example"
	password = "correct horse battery"
	firefox  = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
)

// clock is moved by hand.
type clock struct {
	mu   sync.Mutex
	time time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time = c.time.Add(d)
}

// node is one running Flint, as far as signing in goes.
type node struct {
	*session.Service
	people  *identity.Service
	factors *mfa.Service
	risk    *risk.Service
	web     *webtest.Client // sends a browser's User-Agent, keeps no cookies
}

// house is a database with its first node.
type house struct {
	*node
	*clock
	pool *pgxpool.Pool
	ring string
	ana  identity.Person
	bots string // when a proof is demanded

	judged bool // sign-ins are judged
}

func setup(t *testing.T) *house {
	t.Helper()
	return guarded(t, bot.Off)
}

// guarded is setup with forms that are guarded.
func guarded(t *testing.T, when string) *house {
	t.Helper()
	h := &house{pool: pgtest.New(t), clock: &clock{time: time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)}, ring: filepath.Join(t.TempDir(), "ring"), bots: when}
	h.node = h.start(t, origin)
	h.ana = h.admit(t, "ana@example.com")
	return h
}

// setupJudged is setup with package risk at work.
func setupJudged(t *testing.T) *house {
	t.Helper()
	h := &house{pool: pgtest.New(t), clock: &clock{time: time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)}, ring: filepath.Join(t.TempDir(), "ring"), judged: true}
	h.node = h.start(t, origin)
	h.ana = h.admit(t, "ana@example.com")
	return h
}

// start starts a node on the same database and key ring.
func (h *house) start(t *testing.T, origin string) *node {
	t.Helper()
	keys := envelopetest.Under(t, h.pool, h.ring)
	jobs, err := queue.NewInserter(h.pool)
	if err != nil {
		t.Fatal(err)
	}
	o, err := config.ParseOrigin(origin)
	if err != nil {
		t.Fatal(err)
	}
	limits := ratelimit.New(ratelimit.NewMemory(1000, h.now))
	quiet := slog.New(slog.DiscardHandler)
	n := &node{}
	guard, err := bot.New(bot.Config{When: h.bots, Origin: o, Now: h.now, Log: quiet}, h.pool, keys, limits)
	if err != nil {
		t.Fatal(err)
	}
	if n.people, err = identity.New(identity.Config{
		Origin: o, Now: h.now, Bots: guard,
		EndSessions: func(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, except id.Session, reason string) (int, error) {
			return n.EndAll(ctx, tx, actor, user, except, reason)
		},
	}, h.pool, jobs, limits); err != nil {
		t.Fatal(err)
	}
	n.factors = mfa.New(mfa.Config{
		Pool: h.pool, Keys: keys, People: n.people, Limits: limits, Origin: o, Now: h.now, Jobs: jobs,
		EndSessions: func(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, except id.Session, reason string) (int, error) {
			return n.EndAll(ctx, tx, actor, user, except, reason)
		},
		Changed: func(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, left, proven bool) error {
			return n.FactorsChanged(ctx, tx, actor, user, left, proven)
		},
	})
	cfg := session.Config{Origin: o, Factors: n.factors, Bots: guard, Now: h.now, Log: quiet, Queue: jobs, Mails: true}
	if h.judged {
		if cfg.Atlas, err = geo.Open(geo.Config{}); err != nil {
			t.Fatal(err)
		}
		if cfg.Risk, err = risk.New(risk.Config{Mode: "on", HoldAt: 40, BlockAt: 130, BlockProvenAt: 160}, h.pool, keys, cfg.Atlas, h.now, quiet); err != nil {
			t.Fatal(err)
		}
	}
	n.risk = cfg.Risk
	if n.Service, err = session.New(cfg, h.pool, keys, n.people); err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Stop)
	api := web.New(web.Config{
		Origin: origin, Policies: limits.Names(), Log: quiet, Now: h.now, Authenticate: n.Authenticate, Proofs: n.Proofs,
		Renew:          n.Renew,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24")},
		Limit: func(context.Context, string, access.Actor, netip.Addr) (web.Decision, error) {
			return web.Decision{Allowed: true}, nil
		},
	})
	guard.Operations(api)
	n.people.Operations(api)
	n.factors.Operations(api)
	n.Operations(api)
	n.risk.Operations(api)
	mountVault(api)
	n.web = webtest.New(t, api.Handler(), origin)
	return n
}

func (h *house) admit(t *testing.T, email string) identity.Person {
	t.Helper()
	p, err := h.people.Admit(t.Context(), access.SystemActor("test", id.User{}),
		identity.Newcomer{FirstName: "Ana", Email: email, Password: config.NewSecret(password)}, access.Basic)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func login(email, password string, header map[string]string) webtest.Scenario {
	if header == nil {
		header = map[string]string{}
	}
	if header["User-Agent"] == "" {
		header["User-Agent"] = firefox
	}
	return webtest.Scenario{
		Path: "/api/auth/login", Status: 200, Header: header,
		Body: map[string]string{"email": email, "password": password}, NeverContains: []string{password, "argon2"},
	}
}

// browser is a client with the cookies of one session.
type browser struct{ access, refresh *http.Cookie }

func cookiesOf(t *testing.T, a webtest.Answer) browser {
	t.Helper()
	var b browser
	for _, c := range a.Cookies {
		switch {
		case strings.HasSuffix(c.Name, "accessToken"):
			b.access = c
		case strings.HasSuffix(c.Name, "refreshToken"):
			b.refresh = c
		}
	}
	if b.access == nil || b.refresh == nil {
		t.Fatalf("no cookies: %d %s", a.Status, a.Body)
	}
	return b
}

func (n *node) signIn(t *testing.T) browser {
	t.Helper()
	return cookiesOf(t, n.web.Check(t, login("ana@example.com", password, nil)))
}

// phone is the tokens of a mobile session.
type phone struct {
	Access  string `json:"mobileAccessToken"`
	Refresh string `json:"mobileRefreshToken"`
}

func (n *node) signInByPhone(t *testing.T) phone {
	t.Helper()
	a := n.web.Check(t, login("ana@example.com", password, map[string]string{"X-Mobile-App": "true", "User-Agent": "Flint/1.0 iPhone"}))
	var p phone
	a.JSON(t, &p)
	return p
}

// user asks who is signed in.
func (b browser) user(status int) webtest.Scenario {
	return webtest.Scenario{Path: "/api/auth/user", Cookies: []*http.Cookie{b.access}, Status: status}
}

func bearer(token string, status int) webtest.Scenario {
	return webtest.Scenario{Path: "/api/auth/user", Bearer: token, Status: status}
}

func (b browser) renew(status int) webtest.Scenario {
	return webtest.Scenario{
		Method: "POST", Path: "/api/auth/refresh", Cookies: []*http.Cookie{b.refresh}, Status: status,
		Header: map[string]string{"User-Agent": firefox},
	}
}

func (p phone) renew(status int) webtest.Scenario {
	return webtest.Scenario{
		Path: "/api/auth/refresh-token", Body: map[string]string{"refreshToken": p.Refresh}, Status: status,
		Header: map[string]string{"User-Agent": "Flint/1.0 iPhone"}, Headers: map[string]string{"Set-Cookie": ""},
	}
}

func (h *house) verbs(t *testing.T) string {
	t.Helper()
	lines, err := audit.ListFor(t.Context(), h.pool, h.ana.ID, audit.Page{Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	var vs []string
	for _, l := range lines {
		vs = append([]string{l.Verb}, vs...)
	}
	return strings.TrimPrefix(strings.Join(vs, " "), "account.admit email.confirm ")
}

// eventually waits until check holds, a second at most: the promise about
// revocation.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Second)
	for tick := time.NewTicker(2 * time.Millisecond); time.Now().Before(deadline); <-tick.C {
		if check() {
			return
		}
	}
	t.Errorf("not within a second: %s", what)
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	var cfg session.Config
	if err := config.Load(t.Context(), config.Map(nil), &cfg); err != nil || cfg.AccessTTL != 20*time.Minute || cfg.MaxTTL != 720*time.Hour {
		t.Errorf("defaults %+v, error %v", cfg, err)
	}
	for name, value := range map[string]string{
		"FLINT_ACCESS_TTL": "24h", "FLINT_SESSION_IDLE": "1000h", "FLINT_SESSION_MAX": "9000h", "FLINT_REFRESH_GRACE": "10m",
		"FLINT_SIGNING_KEY_AGE": "1h",
	} {
		var cfg session.Config
		if err := config.Load(t.Context(), config.Map(map[string]string{name: value}), &cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: error %v", name, value, err)
		}
	}
}
