package bot_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/bot"
	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/envelope/envelopetest"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/telemetry"
	"flint/internal/provider/captcha"
	"flint/internal/ratelimit"
	far "flint/sandbox/captcha"
)

var (
	home      = netip.MustParseAddr("203.0.113.7")
	elsewhere = netip.MustParseAddr("198.51.100.4")
)

type house struct {
	*bot.Guard
	keys  *envelope.Keys
	store *ratelimit.Memory

	mu   sync.Mutex
	time time.Time
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

func setup(t testing.TB, when string, service bot.Service, pool *pgxpool.Pool) *house {
	t.Helper()
	if pool == nil {
		pool = pgtest.New(t)
	}
	keys := envelopetest.New(t, pool)
	h := &house{keys: keys, time: time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)}
	h.store = ratelimit.NewMemory(1000, h.now)
	h.Guard = h.node(t, when, service, pool)
	return h
}

// node is another node: the same keys and the same store.
func (h *house) node(t testing.TB, when string, service bot.Service, pool *pgxpool.Pool) *bot.Guard {
	t.Helper()
	origin, err := config.ParseOrigin("https://flint.example")
	if err != nil {
		t.Fatal(err)
	}
	g, err := bot.New(bot.Config{When: when, Origin: origin, Service: service, Now: h.now}, pool, h.keys, ratelimit.New(h.store))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func from(t testing.TB, a netip.Addr) context.Context {
	return telemetry.WithRequest(t.Context(), "request", a)
}

func (h *house) ask(t testing.TB, action string, a netip.Addr) bot.Challenge {
	t.Helper()
	c, err := h.Challenge(t.Context(), action, a, false)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// form is a form that was shown and filled in as people do.
func (h *house) form(t testing.TB, action string, a netip.Addr) bot.Form {
	t.Helper()
	c := h.ask(t, action, a)
	h.pass(5 * time.Second)
	return bot.Form{FormToken: c.Token}
}

func (h *house) fail(t testing.TB, a netip.Addr, accounts, each int) {
	t.Helper()
	for i := range accounts {
		for range each {
			h.SignedIn(from(t, a), fmt.Sprintf("user%d@example.com", i), false)
		}
	}
}

func TestPeopleAndOlderClientsAreLetThrough(t *testing.T) {
	t.Parallel()
	h := setup(t, bot.Suspicion, nil, nil)
	for name, f := range map[string]bot.Form{
		"the page":        h.form(t, bot.Login, home),
		"an older client": {},
	} {
		if err := h.Check(from(t, home), bot.Attempt{Form: f, Action: bot.Login}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	var none *bot.Guard
	if err := none.Check(t.Context(), bot.Attempt{Form: bot.Form{Website: "x"}}); err != nil {
		t.Error(err)
	}
	off := setup(t, bot.Off, nil, nil)
	off.fail(t, home, 50, 1)
	if err := off.Check(from(t, home), bot.Attempt{Action: bot.Login}); err != nil || off.ask(t, bot.Login, home).Required {
		t.Errorf("off: %v", err)
	}
}

func TestWhoFillsTheHiddenFieldIsTakenForABot(t *testing.T) {
	t.Parallel()
	h := setup(t, bot.Suspicion, nil, nil)
	f := h.form(t, bot.Register, home)
	f.Website = "https://spam.example"
	f.Proof = &bot.Proof{Token: "whatever"}
	if err := h.Check(from(t, home), bot.Attempt{Form: f, Action: bot.Register}); !errors.Is(err, bot.ErrDecoy) {
		t.Errorf("%v", err)
	}
	if n := h.Counts()["decoy hidden_field"]; n != 1 {
		t.Errorf("counted %d", n)
	}
}

func TestOddFormsMustShowWork(t *testing.T) {
	t.Parallel()
	for name, odd := range map[string]func(t *testing.T, h *house) bot.Form{
		"faster than people": func(t *testing.T, h *house) bot.Form {
			return bot.Form{FormToken: h.ask(t, bot.Login, home).Token}
		},
		"left open": func(t *testing.T, h *house) bot.Form {
			f := h.form(t, bot.Login, home)
			h.pass(3 * time.Hour)
			return f
		},
		"another form's token":    func(t *testing.T, h *house) bot.Form { return h.form(t, bot.Register, home) },
		"another network's token": func(t *testing.T, h *house) bot.Form { return h.form(t, bot.Login, elsewhere) },
		"a forged token": func(t *testing.T, h *house) bot.Form {
			f := h.form(t, bot.Login, home)
			b := []byte(f.FormToken)
			b[20] ^= 1
			return bot.Form{FormToken: string(b)}
		},
		"many failures from here": func(t *testing.T, h *house) bot.Form {
			h.fail(t, home, 2, 6)
			return h.form(t, bot.Login, home)
		},
		"failures for many accounts from here": func(t *testing.T, h *house) bot.Form {
			h.fail(t, home, 6, 1)
			return h.form(t, bot.Login, home)
		},
		"an older client after some failures, on a new device": func(t *testing.T, h *house) bot.Form {
			h.fail(t, home, 1, 4)
			return bot.Form{}
		},
		"a new device while accounts are sprayed from everywhere": func(t *testing.T, h *house) bot.Form {
			for i := range 60 {
				h.SignedIn(from(t, netip.AddrFrom4([4]byte{198, 18, 0, byte(i)})), fmt.Sprintf("u%d", i), false)
			}
			return h.form(t, bot.Login, home)
		},
	} {
		h := setup(t, bot.Suspicion, nil, nil)
		f := odd(t, h)
		if err := h.Check(from(t, home), bot.Attempt{Form: f, Action: bot.Login}); !errors.Is(err, bot.ErrChallenge) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p := bot.Work(h.ask(t, bot.Login, home))
		f.Proof = &p
		if err := h.Check(from(t, home), bot.Attempt{Form: f, Action: bot.Login}); err != nil {
			t.Errorf("%s, with work: %v", name, err)
		}
	}
}

func TestAKnownDeviceIsSparedWhenOnlyTheHourIsOdd(t *testing.T) {
	t.Parallel()
	h := setup(t, bot.Suspicion, nil, nil)
	for i := range 60 {
		h.SignedIn(from(t, netip.AddrFrom4([4]byte{198, 18, 0, byte(i)})), fmt.Sprintf("u%d", i), false)
	}
	if !h.Spraying(t.Context()) {
		t.Error("60 accounts failed, and it's no spray")
	}
	asked := 0
	known := func(context.Context) (bool, error) { asked++; return true, nil }
	if err := h.Check(from(t, home), bot.Attempt{Form: h.form(t, bot.Login, home), Action: bot.Login, Known: known}); err != nil || asked != 1 {
		t.Errorf("%v, asked %d times", err, asked)
	}
	if err := h.Check(from(t, home), bot.Attempt{Form: h.form(t, bot.Register, home), Action: bot.Register}); !errors.Is(err, bot.ErrChallenge) {
		t.Errorf("a stranger: %v", err)
	}
	h.pass(11 * time.Minute)
	if err := h.Check(from(t, home), bot.Attempt{Form: h.form(t, bot.Login, home), Action: bot.Login, Known: known}); err != nil || asked != 1 || h.Spraying(t.Context()) {
		t.Errorf("afterwards: %v, asked %d times", err, asked)
	}
}

func TestABusyHourIsNoSpray(t *testing.T) {
	t.Parallel()
	h := setup(t, bot.Suspicion, nil, nil)
	for i := range 300 { // one in four mistypes
		a := netip.AddrFrom4([4]byte{198, 18, byte(i / 250), byte(i % 250)})
		h.SignedIn(from(t, a), fmt.Sprintf("u%d", i), i%4 != 0)
	}
	for range 40 { // and one person doesn't stop
		h.SignedIn(from(t, elsewhere), "ana", false)
	}
	if h.Spraying(t.Context()) {
		t.Error("taken for a spray")
	}
}

func TestAProofIsGoodOnceOnAnyNode(t *testing.T) {
	t.Parallel()
	h := setup(t, bot.Always, nil, nil)
	second := h.node(t, bot.Always, nil, nil)
	if err := h.Check(from(t, home), bot.Attempt{Form: h.form(t, bot.Login, home), Action: bot.Login}); !errors.Is(err, bot.ErrChallenge) {
		t.Fatalf("without: %v", err)
	}
	work := func() bot.Form {
		f := h.form(t, bot.Login, home)
		p := bot.Work(h.ask(t, bot.Login, home))
		f.Proof = &p
		return f
	}
	f := work()
	var in, out sync.Map
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			g := []*bot.Guard{h.Guard, second}[i%2]
			if err := g.Check(from(t, home), bot.Attempt{Form: f, Action: bot.Login}); err == nil {
				in.Store(i, true)
			} else if errors.Is(err, bot.ErrProof) {
				out.Store(i, true)
			}
		})
	}
	wg.Wait()
	count := func(m *sync.Map) (n int) {
		m.Range(func(any, any) bool { n++; return true })
		return n
	}
	if count(&in) != 1 || count(&out) != 15 {
		t.Errorf("%d in, %d refused", count(&in), count(&out))
	}
	for name, spoil := range map[string]func(f *bot.Form) (action string, a netip.Addr){
		"another form":    func(*bot.Form) (string, netip.Addr) { return bot.Register, home },
		"another network": func(*bot.Form) (string, netip.Addr) { return bot.Login, elsewhere },
		"one nonce less":  func(f *bot.Form) (string, netip.Addr) { f.Proof.Nonces = f.Proof.Nonces[1:]; return bot.Login, home },
		"a wrong nonce":   func(f *bot.Form) (string, netip.Addr) { f.Proof.Nonces[3]++; return bot.Login, home },
		"no nonces":       func(f *bot.Form) (string, netip.Addr) { f.Proof.Nonces = nil; return bot.Login, home },
		"a response": func(f *bot.Form) (string, netip.Addr) {
			f.Proof.Nonces, f.Proof.Response = nil, "x"
			return bot.Login, home
		},
		"another token": func(f *bot.Form) (string, netip.Addr) {
			f.Proof.Token = h.ask(t, bot.Login, home).Token
			return bot.Login, home
		},
		"an easier token": func(f *bot.Form) (string, netip.Addr) { f.Proof.Token = easier(f.Proof.Token); return bot.Login, home },
		"eleven minutes":  func(*bot.Form) (string, netip.Addr) { h.pass(11 * time.Minute); return bot.Login, home },
	} {
		f := work()
		action, a := spoil(&f)
		if err := h.Check(from(t, a), bot.Attempt{Form: f, Action: action}); !errors.Is(err, bot.ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// easier asks less of a token's holder.
func easier(text string) string {
	b, _ := base64.RawURLEncoding.DecodeString(text)
	b[10] = 1
	return base64.RawURLEncoding.EncodeToString(b)
}

func TestTheOdderTheMoreWork(t *testing.T) {
	t.Parallel()
	h := setup(t, bot.Suspicion, nil, nil)
	last := h.ask(t, bot.Login, home)
	if last.Required {
		t.Error("demanded of nobody in particular")
	}
	for _, failures := range []int{3, 7, 12} {
		for range failures {
			h.fail(t, home, failures, 1)
		}
		c := h.ask(t, bot.Login, home)
		if c.Difficulty < last.Difficulty || c.Difficulty > 19 {
			t.Errorf("after %d failures: %d bits, before %d", failures, c.Difficulty, last.Difficulty)
		}
		last = c
	}
	if c := h.ask(t, bot.Login, home); !c.Required || c.Difficulty < 16 {
		t.Errorf("%+v", c)
	}
	if c := h.ask(t, bot.Login, elsewhere); c.Required {
		t.Errorf("elsewhere: %+v", c)
	}
}

// service is the sandbox's Turnstile, which can be switched off.
func service(t *testing.T, down *bool) *captcha.Client {
	t.Helper()
	h := far.New(nil).Handler()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if *down {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	c, err := captcha.New(captcha.Config{Kind: captcha.Turnstile, SiteKey: "key", Secret: config.NewSecret("sandbox"), BaseURL: s.URL}, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func response(action string) string {
	return far.Token{Kind: "turnstile", Action: action, Host: "flint.example", At: time.Now().UnixMilli(), Dice: fmt.Sprint(time.Now().UnixNano())}.String()
}

func TestAServiceJudgesAndItsOutageNeitherOpensNorLocks(t *testing.T) {
	t.Parallel()
	down := false
	h := setup(t, bot.Always, service(t, &down), nil)
	c := h.ask(t, bot.Login, home)
	if c.Kind != "turnstile" || c.SiteKey != "key" || !strings.HasSuffix(c.Script, "/turnstile/v0/api.js?render=explicit") {
		t.Fatalf("%+v", c)
	}
	try := func(p bot.Proof) error {
		return h.Check(from(t, home), bot.Attempt{Form: bot.Form{Proof: &p}, Action: bot.Login})
	}
	if err := try(bot.Proof{Token: c.Token, Response: response(bot.Login)}); err != nil {
		t.Errorf("good: %v", err)
	}
	if err := try(bot.Proof{Token: c.Token, Response: response(bot.Login)}); !errors.Is(err, bot.ErrProof) {
		t.Errorf("the challenge, again: %v", err)
	}
	if err := try(bot.Proof{Token: h.ask(t, bot.Login, home).Token, Response: response(bot.Register)}); !errors.Is(err, bot.ErrProof) {
		t.Errorf("of another form: %v", err)
	}
	cheap := h.ask(t, bot.Login, home)
	cheap.Difficulty = 13
	if err := try(bot.Work(cheap)); !errors.Is(err, bot.ErrProof) {
		t.Errorf("a little work instead: %v", err)
	}
	if hard, _ := h.Challenge(t.Context(), bot.Login, home, true); hard.Kind != "pow" || hard.Difficulty < 18 {
		t.Errorf("much work instead: %+v", hard)
	}

	down = true
	if err := try(bot.Proof{Token: h.ask(t, bot.Login, home).Token, Response: response(bot.Login)}); !errors.Is(err, bot.ErrProof) {
		t.Errorf("nobody could be asked: %v", err)
	}
	c = h.ask(t, bot.Login, home)
	if c.Kind != "pow" || !c.Required || c.Difficulty < 18 {
		t.Errorf("while it is down: %+v", c)
	}
	h.pass(2 * time.Minute)
	if c := h.ask(t, bot.Login, home); c.Kind != "turnstile" {
		t.Errorf("later: %+v", c)
	}
}

func TestRefusalsAreRecordedByReasonAndNameNobody(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	h := setup(t, bot.Always, nil, pool)
	for range 50 {
		_ = h.Check(from(t, home), bot.Attempt{Action: bot.Login})
		h.pass(2 * time.Second)
	}
	type entry struct {
		Detail  string
		Address string
		Request string
	}
	entries, err := postgres.Many[entry](postgres.AsSystem(t.Context(), "a test"), pool, `
		select detail::text as detail, coalesce(address::text, '') as address, coalesce(request_id, '') as request
		from audit_entries where verb = 'bot.refuse' order by at`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 || !strings.Contains(entries[1].Detail, `"count": 30`) || !strings.Contains(entries[1].Detail, `"reason_no_token": 30`) {
		t.Errorf("%+v", entries)
	}
	for _, e := range entries {
		if e.Address != "" || e.Request != "" {
			t.Errorf("names %s %s", e.Address, e.Request)
		}
	}
}

func TestHintsKnowTheKindOfDeviceAndNoMore(t *testing.T) {
	t.Parallel()
	h := setup(t, bot.Off, nil, nil)
	hints := func(pairs ...string) string {
		head := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			head.Set(pairs[i], pairs[i+1])
		}
		return string(bot.Hints(h.keys, head))
	}
	old := hints("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Accept-Language", "de-CH,de;q=0.8")
	if old != hints("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0", "Accept-Language", "de-ch, de;q=0.7") {
		t.Error("an update makes another device")
	}
	if old == hints("User-Agent", "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0", "Accept-Language", "de-CH,de;q=0.8") || old == hints() {
		t.Error("another system is the same")
	}
	if len(old) != 16 || strings.Contains(old, "Firefox") {
		t.Errorf("%q", old)
	}
}

func FuzzTokensAndProofsAreReadOrRefused(f *testing.F) {
	h := setup(f, bot.Always, nil, nil)
	c := h.ask(f, bot.Login, home)
	p := bot.Work(bot.Challenge{Token: c.Token, Difficulty: 1, Pieces: 8})
	f.Add(c.Token, p.Nonces[0], uint8(8))
	f.Add("", uint32(0), uint8(0))
	f.Add("AAAA", uint32(1), uint8(16))
	f.Add(strings.Repeat("A", 70), uint32(1<<31), uint8(255))
	f.Add(easier(c.Token), uint32(0), uint8(8))
	f.Fuzz(func(t *testing.T, token string, nonce uint32, n uint8) {
		nonces := make([]uint32, n)
		for i := range nonces {
			nonces[i] = nonce
		}
		form := bot.Form{FormToken: token, Proof: &bot.Proof{Token: token, Nonces: nonces}}
		// Eight times the same nonce is a proof once in 2^104.
		if err := h.Check(from(t, home), bot.Attempt{Form: form, Action: bot.Login}); !errors.Is(err, bot.ErrProof) {
			t.Errorf("%q %d: %v", token, nonce, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	h := setup(b, bot.Always, nil, nil)
	p := bot.Work(h.ask(b, bot.Login, home))
	ctx := from(b, home)
	for b.Loop() {
		_ = h.Check(ctx, bot.Attempt{Form: bot.Form{Proof: &p}, Action: bot.Login})
	}
}

func BenchmarkWork(b *testing.B) {
	h := setup(b, bot.Always, nil, nil)
	for b.Loop() {
		bot.Work(h.ask(b, bot.Login, home))
	}
}
