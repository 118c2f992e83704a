package risk_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/envelope/envelopetest"
	"flint/internal/geo"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/risk"
)

var (
	now     = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	quiet   = slog.New(slog.DiscardHandler)
	usual   = risk.Config{Mode: "on", HoldAt: 40, BlockAt: 130, BlockProvenAt: 160}
	london  = netip.MustParseAddr("81.2.69.142")
	tokyo   = netip.MustParseAddr("133.11.0.1")
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
)

type desk struct {
	*risk.Service
	pool *pgxpool.Pool
	user id.User
}

func setup(t *testing.T, cfg risk.Config) *desk {
	t.Helper()
	atlas, err := geo.Open(geo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{pool: pgtest.New(t), user: id.New[id.User]()}
	if d.Service, err = risk.New(cfg, d.pool, envelopetest.New(t, d.pool), atlas, func() time.Time { return now }, quiet); err != nil {
		t.Fatal(err)
	}
	if err := postgres.Exec(d.all(t), d.pool, `
		insert into users (id, email_mac, sealed, password_hash, tier, created_at, updated_at) values (@id, 'ana@example.com', 'Ana', '', 'free', @now, @now)`,
		postgres.Args{"id": d.user, "now": now}); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *desk) all(t *testing.T) context.Context { return postgres.AsSystem(t.Context(), "a test") }

func (d *desk) in(t *testing.T, fn func(ctx context.Context, tx pgx.Tx) error) {
	t.Helper()
	ctx := d.all(t)
	if err := postgres.InTx(ctx, d.pool, func(tx pgx.Tx) error { return fn(ctx, tx) }); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) judge(t *testing.T, a risk.Attempt, begun bool) risk.Decision {
	t.Helper()
	a.User, a.Email = d.user, "ana@example.com"
	if a.Action == "" {
		a.Action = risk.Password
	}
	if a.TimeZone == "" {
		a.TimeZone = "Europe/London"
	}
	var got risk.Decision
	d.in(t, func(ctx context.Context, tx pgx.Tx) (err error) {
		if got, err = d.Judge(ctx, tx, a); err != nil || !begun {
			return err
		}
		return d.Began(ctx, tx, d.user, got.ID, a.At)
	})
	return got
}

func names(d risk.Decision) []string {
	var list []string
	for _, r := range d.Reasons {
		list = append(list, r.Signal)
	}
	slices.Sort(list)
	return list
}

// past gives ana n mornings in London, at nine, up to yesterday.
func (d *desk) past(t *testing.T, n int) {
	t.Helper()
	for i := n; i > 0; i-- {
		d.judge(t, risk.Attempt{Address: london, Agent: firefox, At: now.AddDate(0, 0, -i).Add(-5 * time.Hour), Device: risk.Standing{Known: true, Agent: firefox}}, true)
	}
}

func TestEachSignalIsSeenWhenItShould(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "lists")
	if err := os.WriteFile(list, []byte("# ours\n81.2.69.0/24 hosting\n81.2.69.200 tor # an exit\n2a02::/16 strange\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := usual
	cfg.Lists = list
	d := setup(t, cfg)
	own := risk.Standing{Known: true, Agent: firefox}
	clean := netip.MustParseAddr("81.2.70.1")
	if got := d.judge(t, risk.Attempt{Address: clean, Agent: firefox, At: now}, false); got.Score != 0 || got.Outcome != risk.Allow {
		t.Errorf("a new account: %+v", got)
	}
	if got := d.judge(t, risk.Attempt{Address: clean, Agent: firefox, At: now, Earlier: true}, false); got.Outcome != risk.VerifyEmail || !slices.Equal(names(got), []string{"long_away", "new_device"}) {
		t.Errorf("long away: %+v", got)
	}
	d.past(t, 30)
	nine := time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		a    risk.Attempt
		want []string
	}{
		"nothing":           {risk.Attempt{Address: clean, Device: own}, nil},
		"a new device":      {risk.Attempt{Address: clean}, []string{"new_device"}},
		"another provider":  {risk.Attempt{Address: netip.MustParseAddr("82.69.10.1"), Device: own}, []string{"new_network"}},
		"another country":   {risk.Attempt{Address: tokyo, Device: own, At: nine.Add(24 * time.Hour)}, []string{"new_country", "new_network"}},
		"too fast":          {risk.Attempt{Address: tokyo, Device: own, At: now.AddDate(0, 0, -1).Add(-4 * time.Hour)}, []string{"impossible_travel", "new_country", "new_network"}},
		"over the channel":  {risk.Attempt{Address: netip.MustParseAddr("193.252.19.3"), Device: own, At: now.AddDate(0, 0, -1).Add(-4 * time.Hour)}, []string{"new_country", "new_network"}},
		"at night":          {risk.Attempt{Address: clean, Device: own, At: nine.Add(-6 * time.Hour)}, []string{"unusual_hour"}},
		"by another clock":  {risk.Attempt{Address: clean, Device: own, TimeZone: "no such zone", At: nine.Add(-6 * time.Hour)}, nil},
		"a copied cookie":   {risk.Attempt{Address: clean, Agent: "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0", Device: own}, []string{"device_changed", "new_system"}},
		"other languages":   {risk.Attempt{Address: clean, Hints: []byte("fr"), Device: risk.Standing{Known: true, Agent: firefox, Hints: []byte("en")}}, []string{"hints_changed"}},
		"the same ones":     {risk.Attempt{Address: clean, Hints: []byte("en"), Device: risk.Standing{Known: true, Agent: firefox, Hints: []byte("en")}}, nil},
		"never said":        {risk.Attempt{Address: clean, Hints: []byte("en"), Device: own}, nil},
		"an updated one":    {risk.Attempt{Address: clean, Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:155.0) Gecko/20100101 Firefox/155.0", Device: own}, nil},
		"a breach":          {risk.Attempt{Address: clean, Breached: true}, []string{"breached_password", "new_device"}},
		"a breach, at home": {risk.Attempt{Address: clean, Device: own, Breached: true}, nil},
		"hosting":           {risk.Attempt{Address: london, Device: own}, []string{"listed_hosting"}},
		"tor":               {risk.Attempt{Address: netip.MustParseAddr("81.2.69.200"), Device: own}, []string{"listed_tor"}},
		"nowhere":           {risk.Attempt{Device: own}, nil},
	} {
		if c.a.At.IsZero() {
			c.a.At = nine
		}
		if c.a.Agent == "" {
			c.a.Agent = firefox
		}
		got := d.judge(t, c.a, false)
		if g := names(got); !slices.Equal(g, c.want) {
			t.Errorf("%s: %v, not %v", name, g, c.want)
		}
		for _, r := range got.Reasons {
			if r.Says() == "" || r.Weight == 0 {
				t.Errorf("%s isn't explained", r.Signal)
			}
		}
	}
}

func TestWrongPasswordsWeighByAccountNetworkAndNumber(t *testing.T) {
	t.Parallel()
	d := setup(t, usual)
	d.past(t, 3)
	home := netip.MustParseAddr("81.2.70.1")
	see := func(want ...string) {
		t.Helper()
		got := names(d.judge(t, risk.Attempt{Address: home, Agent: firefox, At: now}, false))
		if !slices.Equal(got, append([]string{"new_device"}, want...)) && !slices.Equal(got, append(want, "new_device")) {
			t.Errorf("%v, not %v", got, want)
		}
	}
	fail := func(n int, email func(int) string, from func(int) string) {
		t.Helper()
		d.in(t, func(ctx context.Context, tx pgx.Tx) error {
			for i := range n {
				if err := d.Failed(ctx, tx, email(i), netip.MustParseAddr(from(i))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	same := func(s string) func(int) string { return func(int) string { return s } }
	nth := func(s string) func(int) string {
		return func(i int) string { return s[:len(s)-1] + string(rune('a'+i/26)) + string(rune('a'+i%26)) }
	}
	fail(4, same(" Ana@Example.com "), same("2001:db8::1"))
	see()
	fail(1, same("ana@example.com"), same("2001:db8::1"))
	see("account_guessed")
	fail(15, same("ana@example.com"), same("2001:db8::1"))
	see("account_hammered")
	fail(10, same("office@example.com"), same("81.2.70.200"))
	see("account_hammered", "network_guessing")
	fail(4, nth("someone"), same("81.2.70.9"))
	see("account_hammered", "network_spraying")
	fail(60, nth("others"), same("198.51.100.1"))
	got := d.judge(t, risk.Attempt{Address: home, Agent: firefox, At: now}, false)
	if !slices.Contains(names(got), "attack_under_way") || got.Outcome != risk.VerifyEmail {
		t.Errorf("%+v", got)
	}
	if got := d.judge(t, risk.Attempt{Address: home, Agent: firefox, At: now.Add(25 * time.Hour)}, false); !slices.Equal(names(got), []string{"new_device"}) {
		t.Errorf("a day later: %v", names(got))
	}
	text, err := postgres.Scalar[string](d.all(t), d.pool, `select string_agg(f::text, ' ') from risk_failures f`, nil)
	if err != nil || len(text) == 0 || slices.Contains([]string{"ana"}, text) {
		t.Fatal(err)
	}
}

func TestThePostgresBookCountsAsTheOneInMemory(t *testing.T) {
	t.Parallel()
	d := setup(t, usual)
	m := risk.NewMemory()
	random := rand.New(rand.NewPCG(3, 4))
	accounts, networks := []string{"aaaa", "bbbb", "cccc", "dddd"}, []string{"10.0.0.0/24", "10.0.1.0/24", ""}
	at := now
	d.in(t, func(ctx context.Context, tx pgx.Tx) error {
		b := risk.BookIn(tx)
		for range 300 {
			at = at.Add(time.Duration(random.IntN(600)) * time.Second)
			a, n := accounts[random.IntN(4)], networks[random.IntN(3)]
			m.Fail(a, n, at)
			if err := risk.InsertFailure(ctx, tx, a, n, at); err != nil {
				return err
			}
			ask, net := accounts[random.IntN(4)], networks[random.IntN(3)]
			want, _ := m.Failed(ctx, ask, net, at)
			got, err := b.Failed(ctx, ask, net, at)
			if err != nil {
				return err
			}
			if got != want {
				t.Fatalf("%s %s: %+v, and in memory %+v", ask, net, got, want)
			}
		}
		return nil
	})
	d.past(t, 5)
	for i := 5; i > 0; i-- {
		m.Begin(d.user, risk.Past{At: now.AddDate(0, 0, -i).Add(-5 * time.Hour), Network: "81.2.0.0/16", Agent: firefox, Country: "GB"})
	}
	want, _ := m.Past(t.Context(), d.user, now.AddDate(0, 0, -3))
	d.in(t, func(ctx context.Context, tx pgx.Tx) error {
		got, err := risk.BookIn(tx).Past(ctx, d.user, now.AddDate(0, 0, -3))
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d, and in memory %d: %v", len(got), len(want), err)
		}
		for i := range got {
			if !got[i].At.Equal(want[i].At) || got[i].Country != want[i].Country || got[i].Network != want[i].Network || got[i].Agent != want[i].Agent {
				t.Errorf("%+v, and in memory %+v", got[i], want[i])
			}
		}
		return nil
	})
}

func TestOutcomesFollowTheScoreAndWhatIsProvenAlready(t *testing.T) {
	t.Parallel()
	d := setup(t, usual)
	d.past(t, 5)
	abroad := risk.Attempt{Address: tokyo, Agent: "Mozilla/5.0 (Windows NT 10.0) Chrome/150.0 Safari/537.36", At: now.AddDate(0, 0, -1).Add(-4 * time.Hour)}
	for name, c := range map[string]struct {
		change func(*risk.Attempt)
		want   risk.Outcome
	}{
		"a password":          {func(*risk.Attempt) {}, risk.VerifyEmail},
		"a known password":    {func(a *risk.Attempt) { a.Breached = true }, risk.Block},
		"with more time":      {func(a *risk.Attempt) { a.At = now }, risk.VerifyEmail},
		"and a second factor": {func(a *risk.Attempt) { a.At, a.Factor = now, true }, risk.StepUp},
		"a factor, and known": {func(a *risk.Attempt) { a.Factor, a.Breached = true, true }, risk.Block},
		"a passkey":           {func(a *risk.Attempt) { a.Action = risk.Passkey }, risk.Allow},
		"a link":              {func(a *risk.Attempt) { a.Action = risk.Link }, risk.Allow},
		"her own, trusted one": {func(a *risk.Attempt) {
			a.Agent = firefox
			a.Device = risk.Standing{Known: true, Trusted: true, Agent: firefox}
		}, risk.Allow},
	} {
		a := abroad
		c.change(&a)
		if got := d.judge(t, a, false); got.Outcome != c.want || got.Does() != c.want {
			t.Errorf("%s: %s at %d: %v", name, got.Outcome, got.Score, names(got))
		}
	}
	cfg := usual
	cfg.Mode = "watch"
	w := setup(t, cfg)
	if got := w.judge(t, risk.Attempt{Address: tokyo, Agent: firefox, At: now, Earlier: true}, false); got.Outcome != risk.VerifyEmail || got.Does() != risk.Allow {
		t.Errorf("watching: %+v", got)
	}
	cfg.Mode = "off"
	off, err := risk.New(cfg, nil, nil, nil, nil, quiet)
	if err != nil || off != nil {
		t.Fatalf("%v %v", off, err)
	}
	if got, err := off.Judge(t.Context(), nil, risk.Attempt{}); err != nil || got.Does() != risk.Allow {
		t.Errorf("off: %+v %v", got, err)
	}
}

func TestWhatIsOldIsRemoved(t *testing.T) {
	t.Parallel()
	d := setup(t, usual)
	system := postgres.AsSystem(t.Context(), "a test")
	for _, age := range []time.Duration{25 * time.Hour, 23 * time.Hour} {
		err := postgres.Exec(system, d.pool, `insert into risk_failures (at, account, network) values (@at, '', '')`, postgres.Args{"at": now.Add(-age)})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	n, err := postgres.Scalar[int](system, d.pool, `select count(*)::int from risk_failures`, nil)
	if err != nil || n != 1 {
		t.Errorf("%d wrong passwords are left: %v", n, err)
	}
}

func TestSettingsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*risk.Config){
		"mode": func(c *risk.Config) { c.Mode = "perhaps" }, "order": func(c *risk.Config) { c.BlockAt = 30 },
		"proven": func(c *risk.Config) { c.BlockProvenAt = 100 }, "list": func(c *risk.Config) { c.Lists = "/nonexistent" },
	} {
		cfg := usual
		change(&cfg)
		if _, err := risk.NewEngine(cfg, nil, quiet); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
