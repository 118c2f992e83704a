package snaptrade_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"flint/sandbox/snaptrade"
)

// browser is a person at the portal: it follows redirects within the site.
type browser struct {
	b    *bench
	http *http.Client
	at   *url.URL
	page string
}

func newBrowser(b *bench) *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{b: b, http: &http.Client{Jar: jar}}
}

func (w *browser) open(target string) int {
	w.b.t.Helper()
	return w.do("GET", target, nil)
}

func (w *browser) do(method, target string, form url.Values) int {
	w.b.t.Helper()
	if w.at != nil {
		u, err := w.at.Parse(target)
		if err != nil {
			w.b.t.Fatal(err)
		}
		target = u.String()
	}
	req, err := http.NewRequestWithContext(w.b.t.Context(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		w.b.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := w.http.Do(req)
	if err != nil {
		w.b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	w.at, w.page = resp.Request.URL, string(body)
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		w.b.t.Errorf("%s has the policy %q", target, csp)
	}
	return resp.StatusCode
}

func (w *browser) see(what ...string) {
	w.b.t.Helper()
	for _, x := range what {
		if !strings.Contains(w.page, x) {
			w.b.t.Errorf("%s doesn't show %q:\n%s", w.at, x, w.page)
		}
	}
}

var href = regexp.MustCompile(`<a class="button" href="([^"]*)"`)

// returns is where the last page's button leads.
func (w *browser) returns() string {
	w.b.t.Helper()
	m := href.FindStringSubmatch(w.page)
	if m == nil {
		w.b.t.Fatalf("no way back in %s", w.page)
	}
	return strings.ReplaceAll(m[1], "&amp;", "&")
}

// link asks for a portal link.
func (b *bench) link(body map[string]any) string {
	b.t.Helper()
	var got struct{ RedirectURI, SessionID string }
	b.call("POST", "/snapTrade/login", body).into(b.t, &got)
	if !strings.Contains(got.RedirectURI, got.SessionID) {
		b.t.Errorf("link %s doesn't name session %s", got.RedirectURI, got.SessionID)
	}
	return got.RedirectURI
}

const origin = "https://flint.example/connect/return/7"

func TestAPersonConnectsABrokerThroughThePortal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	w := newBrowser(b)
	if status := w.open(b.link(map[string]any{"customRedirect": origin})); status != http.StatusOK {
		t.Fatalf("the portal answers %d", status)
	}
	w.see("Choose your institution", "Charles Schwab", "Coinbase", "Simulated data", "/snaptrade/logo/SCHWAB.svg")
	w.open(w.at.Path + "?q=coin")
	if w.see("Coinbase"); strings.Contains(w.page, "Schwab") {
		t.Error("a search for coin finds Schwab")
	}
	w.open(w.at.Path + "/broker/SCHWAB")
	w.see("Sign in at Charles Schwab", "<strong>not</strong> trade")
	w.do("POST", w.at.Path, url.Values{"username": {"Ada "}, "password": {"wrong"}})
	w.see("1066", `role="alert"`)
	w.do("POST", w.at.Path, url.Values{"username": {"Ada "}, "password": {"x"}})
	w.see("Individual Brokerage", "****")
	w.do("POST", w.at.Path, url.Values{})
	w.see("Charles Schwab is connected")

	got := b.truth().Connections
	if len(got) != 1 || got[0].Login != "ada" || got[0].Type != "read" {
		t.Fatalf("connections: %+v", got)
	}
	if want := origin + "?status=SUCCESS&connection_id=" + got[0].ID; w.returns() != want {
		t.Errorf("returns to %s, want %s", w.returns(), want)
	}
	w.see(`{&#34;authorizationId&#34;:&#34;` + got[0].ID + `&#34;,&#34;status&#34;:&#34;SUCCESS&#34;}`)
	want := "USER_REGISTERED CONNECTION_ATTEMPTED CONNECTION_ATTEMPTED CONNECTION_ADDED NEW_ACCOUNT_AVAILABLE ACCOUNT_HOLDINGS_UPDATED ACCOUNT_TRANSACTIONS_INITIAL_UPDATE"
	if kinds := b.hooks.types(t); kinds != want {
		t.Errorf("webhooks %s, want %s", kinds, want)
	}

	// The same name again finds the same connection.
	w = newBrowser(b)
	w.open(b.link(map[string]any{"broker": "SCHWAB", "immediateRedirect": true, "customRedirect": origin + "?a=b"}))
	w.see("Sign in at Charles Schwab")
	w.do("POST", w.at.Path, url.Values{"username": {"ADA"}, "password": {"y"}})
	w.do("POST", w.at.Path, url.Values{})
	w.see("data-immediate")
	if want := origin + "?a=b&status=SUCCESS&connection_id=" + got[0].ID; w.returns() != want {
		t.Errorf("the second visit returns to %s, want %s", w.returns(), want)
	}
	if n := len(b.truth().Connections); n != 1 {
		t.Errorf("there are %d connections", n)
	}
}

func TestALinkOpensOnceAndForFiveMinutes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	link := b.link(nil)
	if status := newBrowser(b).open(link); status != http.StatusOK {
		t.Errorf("first: %d", status)
	}
	w := newBrowser(b)
	if status := w.open(link); status != http.StatusGone {
		t.Errorf("second: %d", status)
	}
	w.see("expired")
	link = b.link(nil)
	b.clock.set(monday.Add(5 * time.Minute))
	if status := newBrowser(b).open(link); status != http.StatusGone {
		t.Errorf("after five minutes: %d", status)
	}
	if status := newBrowser(b).open(b.site.URL + "/snaptrade/portal/redeem?token="); status != http.StatusGone {
		t.Errorf("without a token: %d", status)
	}
}

func TestLeavingThePortalSaysSo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	w := newBrowser(b)
	w.open(b.link(map[string]any{"customRedirect": "flint://return"}))
	w.open(w.at.Path + "/leave")
	if got := w.returns(); got != "flint://return?status=ABANDONED" {
		t.Errorf("returns to %s", got)
	}
	w.see(`data-message="ABANDONED"`)
	if len(b.truth().Connections) != 0 {
		t.Error("something was connected")
	}
}

func TestABrokenConnectionIsRepairedByTheSameLoginOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	auth, _ := b.connect("FIDELITY")
	b.order(auth+"/disable", nil)
	b.hooks.types(t)
	w := newBrowser(b)
	w.open(b.link(map[string]any{"reconnect": auth, "customRedirect": origin}))
	w.see("Sign in again at Fidelity", `value="ada"`)
	w.do("POST", w.at.Path, url.Values{"username": {"bob"}, "password": {"x"}})
	w.see("1023")
	w.do("POST", w.at.Path, url.Values{"username": {"ada"}, "password": {"x"}})
	w.do("POST", w.at.Path, url.Values{})
	w.see("is connected", auth)
	if got := b.truth().Connections; len(got) != 1 || got[0].Disabled {
		t.Errorf("after the repair: %+v", got)
	}
	if kinds := b.hooks.types(t); kinds != "CONNECTION_ATTEMPTED CONNECTION_FIXED ACCOUNT_HOLDINGS_UPDATED" {
		t.Errorf("webhooks: %s", kinds)
	}
	b.call("POST", "/snapTrade/login", map[string]any{"reconnect": "no-such-connection"}).fails(t, http.StatusNotFound, "1011")
}

func TestTheSandboxBrokerPlaysItsScenarios(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	for scenario, sees := range map[string]string{
		"Self-directed": "Self-directed", "Cash only": "Cash Account", "No transactions": "Self-directed", "No accounts": "none yet",
		"Invalid credentials": "1066", "Account locked": "locked", "Rate limited": "3000",
	} {
		w := newBrowser(b)
		w.open(b.link(map[string]any{"broker": "SANDBOX"}))
		w.do("POST", w.at.Path, url.Values{"username": {scenario}, "password": {"x"}, "scenario": {scenario}})
		w.see(sees)
		if strings.HasSuffix(w.at.Path, "/confirm") {
			w.do("POST", w.at.Path, url.Values{})
			w.see("is connected")
		}
	}
	accounts := map[string]snaptrade.TruthConnection{}
	for _, c := range b.truth().Connections {
		accounts[c.Login] = c
	}
	if len(accounts) != 4 {
		t.Fatalf("%d scenarios connected", len(accounts))
	}
	if c := accounts["no accounts"]; len(c.Accounts) != 0 {
		t.Error("No accounts has some")
	}
	if a := accounts["no transactions"].Accounts[0]; a.Activities != 0 || len(a.Positions) == 0 {
		t.Errorf("No transactions: %d activities, %d positions", a.Activities, len(a.Positions))
	}
	if a := accounts["cash only"].Accounts[0]; len(a.Positions) != 0 || !a.Total.IsPositive() || !a.Total.Equal(a.Cash[0].Cash) {
		t.Errorf("Cash only: %+v", a)
	}
}

func TestLoginRefusesWhatThePortalCannotDo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	for _, body := range []map[string]any{
		{"connectionType": "steal"}, {"locale": "xx"}, {"customRedirect": "javascript:alert(1)"}, {"customRedirect": "/relative"},
	} {
		b.call("POST", "/snapTrade/login", body).fails(t, http.StatusBadRequest, "1012")
	}
	b.call("POST", "/snapTrade/login", map[string]any{"broker": "NOBODY"}).fails(t, http.StatusNotFound, "1011")
	b.link(map[string]any{"locale": "pt_BR", "connectionType": "trade-if-available", "connectionPortalVersion": "v4", "showCloseButton": false, "darkMode": true})
}
