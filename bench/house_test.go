package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/app"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/telemetry"
	"flint/internal/platform/web"
	"flint/internal/session"
)

const (
	host     = "flint.example"
	password = "correct horse battery"
)

// house is one database and what its nodes share.
type house struct {
	b      testing.TB
	url    string // of the database
	state  string // folder with the key ring
	people int
	apart  bool   // the nodes to come hash in a process of its own, as servers do
	owner  bool   // the nodes to come work as a superuser, whom no policy holds back
	limits string // the nodes to come count by these instead of refusing nobody; see FLINT_LIMITS
}

// hashArg tells the test binary to hash for a node.
const hashArg = "hash"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == hashArg {
		if err := identity.HashFor(os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	m.Run()
}

func newHouse(b testing.TB) *house {
	b.Helper()
	return &house{b: b, url: pgtest.URL(b), state: b.TempDir()}
}

// node is one Flint with its own connections.
type node struct {
	*app.App
	cfg     app.Config
	pool    *pgxpool.Pool
	handler http.Handler
}

// The two doors that are added to each node: the same work behind them, nothing,
// so that what differs is who may enter. No limit counts at either.
const (
	open = "/api/bench/open" // nobody is asked who they are
	mine = "/api/bench/mine" // for those who are signed in
)

// build puts a node together; nothing of it runs yet.
func (h *house) build() *node {
	h.b.Helper()
	ctx := h.b.Context()
	n := &node{}
	database := pgtest.WithScope(pgtest.AppURL(h.url))
	if h.owner {
		database = h.url
	}
	shadow := "data" // counted, but nobody is refused
	if h.limits != "" {
		shadow = ""
	}
	if err := config.Load(ctx, config.Map(map[string]string{
		"DATABASE_URL": database, "FLINT_ORIGIN": "https://" + host, "FLINT_STATE": h.state, "FLINT_KEYRING": filepath.Join(h.state, "keyring"),
		"FLINT_TRUSTED_PROXIES": "127.0.0.1/32", // so that each caller may have an address, and limits, of their own
		"HIBP_BASE_URL":         "off",
		"FLINT_LIMITS":          h.limits,
		"FLINT_LIMITS_SHADOW":   shadow,
	}), &n.cfg); err != nil {
		h.b.Fatal(err)
	}
	var err error
	if n.pool, err = postgres.Open(ctx, n.cfg.Database); err != nil {
		h.b.Fatal(err)
	}
	h.b.Cleanup(n.pool.Close)
	if h.apart {
		n.cfg.Identity.HashCommand = []string{os.Args[0], hashArg}
	}
	// The log is written as in earnest, only to nowhere.
	if n.App, err = app.Build(context.Background(), n.cfg, n.pool, telemetry.NewLogger(io.Discard, slog.LevelInfo)); err != nil {
		h.b.Fatal(err)
	}
	h.b.Cleanup(n.Close)
	type nothing struct {
		Body struct {
			OK bool `json:"ok"`
		}
	}
	for path, needs := range map[string]access.Need{open: access.Public, mine: access.SignedIn} {
		web.Handle(n.Web, web.Op{Method: "GET", Path: path, Summary: "Do nothing", Tag: "bench", Needs: needs, Limit: "none"},
			func(context.Context, *struct{}) (*nothing, error) { return &nothing{}, nil })
	}
	n.handler = n.Web.Handler()
	return n
}

// start makes a node that knows who is signed in. Its background work doesn't
// run, so that every look at the database is a request's.
func (h *house) start() *node {
	h.b.Helper()
	n := h.build()
	if err := n.Sessions.Start(h.b.Context()); err != nil {
		h.b.Fatal(err)
	}
	h.b.Cleanup(n.Sessions.Stop)
	return n
}

// admit makes one more person with a confirmed address.
func (h *house) admit(n *node) identity.Person {
	h.b.Helper()
	h.people++
	p, err := n.Identity.Admit(h.b.Context(), access.SystemActor("bench", id.User{}), identity.Newcomer{
		FirstName: "Ana", Email: "ana" + strconv.Itoa(h.people) + "@example.com", Password: config.NewSecret(password),
	}, access.Premium)
	if err != nil {
		h.b.Fatal(err)
	}
	return p
}

// enter signs p in by a link, which hashes nothing.
func (h *house) enter(n *node, p identity.Person, d session.Delivery) session.Grant {
	h.b.Helper()
	ctx := h.b.Context()
	link, err := n.Sessions.IssueLink(ctx, access.SystemActor("bench", p.ID), p.ID, time.Minute)
	if err != nil {
		h.b.Fatal(err)
	}
	_, token, _ := strings.Cut(link.Reveal(), "#")
	g, err := n.Sessions.SignInByLink(ctx, config.NewSecret(token), config.Secret{}, session.ClientOf(d, "bench"))
	if err != nil {
		h.b.Fatal(err)
	}
	return g
}

// carry puts g into r the way its delivery does.
func carry(r *http.Request, g session.Grant, d session.Delivery) *http.Request {
	if d == session.Mobile {
		r.Header.Set("Authorization", "Bearer "+g.Access.Reveal())
	} else {
		r.AddCookie(&http.Cookie{Name: "__Host-accessToken", Value: g.Access.Reveal()})
	}
	return r
}

func get(path string) *http.Request {
	return httptest.NewRequest(http.MethodGet, "https://"+host+path, nil)
}

// login is a sign-in from address.
func login(ctx context.Context, base, email string, address netip.Addr) *http.Request {
	body, _ := json.Marshal(map[string]string{"email": email, "password": password})
	r, _ := http.NewRequestWithContext(ctx, http.MethodPost, base+"/api/auth/login", bytes.NewReader(body))
	r.Host, r.RemoteAddr = host, "127.0.0.1:1" // the latter for calls without a network
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Mobile-App", "true")
	r.Header.Set("X-Forwarded-For", address.String())
	return r
}

var addresses atomic.Uint32

// elsewhere is an address that nobody has called from yet.
func elsewhere() netip.Addr {
	n := addresses.Add(1)
	return netip.AddrFrom4([4]byte{100, byte(n >> 16), byte(n >> 8), byte(n)})
}

// warm waits until n answers for g without a look at the database.
func (h *house) warm(n *node, r *http.Request) {
	h.b.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		before := n.pool.Stat().AcquireCount()
		if _, err := n.Sessions.Authenticate(r); err != nil {
			h.b.Fatal(err)
		}
		if n.pool.Stat().AcquireCount() == before {
			return
		}
	}
	h.b.Fatal("the node never trusted its cache")
}

// worked is how long the cores have worked for this process. On a machine that
// is shared it says what a wall clock doesn't.
func worked() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // only a wrong argument fails
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// times are how long something took, each time.
type times []time.Duration

// at returns the value below which the share q of them lies.
func (t times) at(q float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// mean is for times of the processor: the kernel books them in lumps, which only
// many of them even out.
func (t times) mean() time.Duration {
	var sum time.Duration
	for _, each := range t {
		sum += each
	}
	return sum / time.Duration(max(len(t), 1))
}

func (t times) milliseconds(q float64) float64 { return float64(t.at(q).Microseconds()) / 1000 }

// TestTheHouseStands does once, without a clock, what the benchmarks time.
func TestTheHouseStands(t *testing.T) {
	h := newHouse(t)
	near, far := h.start(), h.start()
	p := h.admit(near)
	for _, d := range []session.Delivery{session.Web, session.Mobile} {
		g := h.enter(near, p, d)
		for _, n := range []*node{near, far} {
			answer := httptest.NewRecorder()
			n.handler.ServeHTTP(answer, carry(get(mine), g, d))
			if answer.Code != http.StatusOK {
				t.Errorf("%s: %d %s", d, answer.Code, answer.Body)
			}
		}
	}
	answer := httptest.NewRecorder()
	near.handler.ServeHTTP(answer, login(t.Context(), "", p.Email, elsewhere()))
	if answer.Code != http.StatusOK {
		t.Errorf("sign in: %d %s", answer.Code, answer.Body)
	}
	answer = httptest.NewRecorder()
	near.handler.ServeHTTP(answer, get(mine))
	if answer.Code != http.StatusUnauthorized {
		t.Errorf("a stranger: %d %s", answer.Code, answer.Body)
	}
}
