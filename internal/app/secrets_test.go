package app_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// canary is a secret that must not turn up where it doesn't belong.
type canary struct {
	name, value string
	// handed says which answers carry it on purpose, by method and path.
	handed []string
	mailed bool
}

// TestNoSecretIsFoundInClear lives through a person's whole beginning, with all
// that can go wrong, and then looks for every secret of it in the database, the
// log, the mails and all answers: as it is, in hexadecimal and in base64.
func TestNoSecretIsFoundInClear(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	canaries := h.live()
	for _, c := range canaries {
		if len(c.value) < 12 {
			t.Errorf("%s is %q: too short to be looked for", c.name, c.value)
		}
	}
	places := h.dump()
	places["the log"] = h.log.String()
	// What is there is found, also in what is binary.
	for place, what := range map[string]string{"the table users": "America/New_York", "the table signing_keys": h.publicKey()} {
		if (canary{value: what}).in(places[place]) == "" {
			t.Errorf("%s isn't found in %s: the search is blind", what, place)
		}
	}
	var box struct{ Messages []json.RawMessage }
	h.order("GET", "/control/inbox", nil, &box)
	mails := fmt.Sprint(len(box.Messages))
	for _, m := range box.Messages {
		mails += string(m)
	}
	for _, c := range canaries {
		for place, text := range places {
			if found := c.in(text); found != "" {
				t.Errorf("%s is in %s: …%s…", c.name, place, found)
			}
		}
		if found := c.in(mails); found != "" && !c.mailed {
			t.Errorf("%s is in a mail: …%s…", c.name, found)
		}
		h.answered(c)
	}
	if n := len(h.tape.answers); n < 25 || len(box.Messages) < 2 || !strings.Contains(h.log.String(), "sync failed") {
		t.Errorf("%d answers, %d mails: too little has happened to prove anything", n, len(box.Messages))
	}
}

// live does it all and returns the secrets that were in use.
func (h *house) live() []canary {
	h.t.Helper()
	p := h.newcomer("Ann")
	p.call("POST", "/api/auth/login", map[string]string{"email": p.email, "password": p.password + " not"})
	p.must("POST", "/api/auth/verify-email", map[string]string{"token": p.confirmation})
	p.call("POST", "/api/auth/public-register", map[string]string{"firstName": "Ann", "email": p.email, "password": p.password}) // known already
	p.signIn()
	canaries := []canary{
		{name: "the password", value: p.password},
		{name: "the confirmation token", value: p.confirmation, mailed: true},
		{name: "an access token", value: p.access, handed: []string{"POST /api/auth/login"}},
		{name: "a refresh token", value: p.refresh, handed: []string{"POST /api/auth/login"}},
	}
	var again struct{ MobileAccessToken, MobileRefreshToken string }
	p.must("POST", "/api/auth/refresh-token", map[string]string{"refreshToken": p.refresh}).json(h.t, &again)
	canaries = append(canaries,
		canary{name: "the next access token", value: again.MobileAccessToken, handed: []string{"POST /api/auth/refresh-token"}},
		canary{name: "the next refresh token", value: again.MobileRefreshToken, handed: []string{"POST /api/auth/refresh-token"}})
	canaries = append(canaries, p.inTheBrowser()...)
	bank, token := p.atTheBank()
	canaries = append(canaries, token)
	canaries = append(canaries, p.atTheBroker()...)
	p.settled()
	p.mistakes(bank, token.value)
	p.settled()
	return append(canaries, h.configured()...)
}

// inTheBrowser signs in with cookies and by a link.
func (p *person) inTheBrowser() []canary {
	p.t.Helper()
	link, err := p.app.LoginLink(p.t.Context(), p.email, time.Hour)
	if err != nil {
		p.t.Fatal(err)
	}
	_, token, _ := strings.Cut(link.Reveal(), "#")
	canaries := []canary{{name: "the sign-in link", value: token}}
	cookies := ""
	all := []string{"POST /api/auth/login", "POST /api/auth/link", "POST /api/auth/refresh"}
	for _, step := range []struct{ path, body string }{
		{"/api/auth/login", fmt.Sprintf(`{"email":%q,"password":%q}`, p.email, p.password)},
		{"/api/auth/link", fmt.Sprintf(`{"token":%q}`, token)},
		{"/api/auth/refresh", ""},
	} {
		r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+step.path, strings.NewReader(step.body))
		if err != nil {
			p.t.Fatal(err)
		}
		if step.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		r.Header.Set("Origin", p.url)
		r.Header.Set("Cookie", cookies)
		r.Header.Set("X-Forwarded-For", p.address)
		a, err := p.do(r)
		if err != nil || a.status != http.StatusOK {
			p.t.Fatalf("%s: %d %s (%v)", step.path, a.status, a.body, err)
		}
		var pairs []string
		for _, c := range (&http.Response{Header: a.header}).Cookies() {
			pairs = append(pairs, c.Name+"="+c.Value)
			canaries = append(canaries, canary{name: c.Name + " of " + step.path, value: c.Value, handed: all})
		}
		cookies = strings.Join(pairs, "; ")
	}
	return canaries
}

// atTheBank links a bank: first with proofs that are wrong, then while Teller
// fails in every way.
func (p *person) atTheBank() (string, canary) {
	p.t.Helper()
	body, e := p.enroll("chase")
	right := body["signatures"]
	body["signatures"] = []string{base64.StdEncoding.EncodeToString(make([]byte, 64))}
	if a := p.call("POST", "/api/connections/teller", body); a.status < 400 {
		p.t.Errorf("a wrong signature: %d", a.status)
	}
	body["signatures"] = right
	var c struct{ ID string }
	p.must("POST", "/api/connections/teller", body).json(p.t, &c)
	p.settled()
	for _, kind := range []map[string]any{
		{"kind": "5xx", "status": 500, "count": 3}, {"kind": "half", "count": 2}, {"kind": "disconnect", "count": 2}, {"kind": "429", "count": 1, "retryAfter": 1},
	} {
		kind["provider"] = "teller"
		p.order("POST", "/control/misbehave", kind, nil)
	}
	p.order("POST", "/control/teller/"+e.Enrollment.ID+"/transactions", map[string]string{"amount": "-4.00"}, nil)
	p.until("the sync has failed", func() bool { return strings.Contains(p.log.String(), "sync failed") })
	p.order("DELETE", "/control/misbehave", nil, nil)
	p.order("POST", "/control/teller/"+e.Enrollment.ID+"/transactions", map[string]string{"amount": "-5.00"}, nil)
	return c.ID, canary{name: "Teller's access token", value: e.AccessToken}
}

// atTheBroker links a broker while SnapTrade fails, and returns what SnapTrade
// knows of the person.
func (p *person) atTheBroker() []canary {
	p.t.Helper()
	p.order("POST", "/control/misbehave", map[string]any{"provider": "snaptrade", "kind": "5xx", "count": 3}, nil)
	p.call("POST", "/api/connections/snaptrade/start", map[string]string{"kind": "brokerage", "broker": "SCHWAB"})
	p.order("DELETE", "/control/misbehave", nil, nil)
	_, authorization := p.connectBroker("SCHWAB", "brokerage", "ann")
	p.order("POST", "/control/misbehave", map[string]any{"provider": "snaptrade", "kind": "half", "count": 4}, nil)
	p.until("the half answers are used up", func() bool {
		var desk struct{ Orders []any }
		p.order("GET", "/control/misbehave", nil, &desk)
		if len(desk.Orders) > 0 { // each deposit's webhook sets off another sync
			p.order("POST", "/control/snaptrade/"+authorization+"/deposit", map[string]string{"amount": "1.00"}, nil)
		}
		return len(desk.Orders) == 0
	})
	var canaries []canary
	for _, secret := range p.secretsOfTheWorld() {
		canaries = append(canaries, canary{name: "SnapTrade's user secret", value: secret})
	}
	for _, a := range p.tape.answers {
		var start struct{ RedirectURL string }
		if a.path != "/api/connections/snaptrade/start" || json.Unmarshal([]byte(a.body), &start) != nil || start.RedirectURL == "" {
			continue
		}
		u, err := url.Parse(start.RedirectURL)
		if err != nil {
			p.t.Fatal(err)
		}
		for name, values := range u.Query() {
			if len(values[0]) >= 24 && name != "customRedirect" && !strings.HasPrefix(values[0], p.url) {
				canaries = append(canaries, canary{name: "the portal's " + name, value: values[0], handed: []string{"POST /api/connections/snaptrade/start"}})
			}
		}
	}
	return canaries
}

// secretsOfTheWorld reads the user secrets that the sandbox's SnapTrade keeps.
func (p *person) secretsOfTheWorld() []string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.state, "world", "snaptrade.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	var kept struct {
		Users map[string]struct{ Secret string }
	}
	if err := json.Unmarshal(text, &kept); err != nil || len(kept.Users) == 0 {
		p.t.Fatalf("%d users are kept (%v)", len(kept.Users), err)
	}
	var list []string
	for _, u := range kept.Users {
		list = append(list, u.Secret)
	}
	return list
}

// mistakes sends secrets where they don't belong.
func (p *person) mistakes(bank, token string) {
	p.t.Helper()
	p.address = "203.0.113.207" // the first one has signed in often enough
	for _, m := range []struct {
		method, path string
		in           any
	}{
		{"POST", "/api/auth/login", map[string]string{"email": p.email, "password": p.password, "pasword": p.password}},
		{"POST", "/api/auth/login", []byte(`{"email":"` + p.email + `","password":"` + p.password)},
		{"POST", "/api/auth/login", map[string]any{"email": p.email, "password": []string{p.password}}},
		{"POST", "/api/auth/login", map[string]string{"email": p.password, "password": p.email}},
		{"POST", "/api/auth/public-register", map[string]string{"firstName": "A", "email": "no address", "password": p.password}},
		{"POST", "/api/auth/refresh-token", map[string]string{"refreshToken": p.refresh}}, // used before
		{"POST", "/api/auth/verify-email", map[string]string{"token": p.confirmation}},    // used before
		{"POST", "/api/auth/verify-email", map[string]string{"token": p.confirmation + "x"}},
		{"POST", "/api/connections/teller", map[string]string{"accessToken": token, "attempt": token}},
		{"POST", "/api/connections/teller", []byte(`{"accessToken":"` + token)},
		{"PATCH", "/api/transactions/x", map[string]string{"secret": p.password}},
		{"GET", "/api/nothing", nil},
		{"GET", "/api/transactions?cursor=x", nil},
		{"POST", "/api/teller/webhook", map[string]string{"token": token}},
		{"POST", "/api/snaptrade/webhooks", map[string]string{"token": token}},
	} {
		if a := p.call(m.method, m.path, m.in); a.status < 400 && m.path != "/api/auth/verify-email" && m.path != "/api/auth/refresh-token" {
			p.t.Errorf("%s %s: %d", m.method, m.path, a.status)
		}
	}
	other := *p
	other.access += "x"
	other.call("GET", "/api/accounts", nil)
	other.access = token
	other.call("GET", "/api/accounts", nil)
	p.address = "203.0.113.208"
	p.access = "" // the session ended when its refresh token was used twice, or is about to
	p.signIn()
	p.must("DELETE", "/api/connections/"+bank, nil)
}

// publicKey returns the bytes of the key that access tokens are verified with.
func (h *house) publicKey() string {
	h.t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(h.app.Sessions.JWKS()[0].X)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(raw)
}

// configured lists the secrets of the installation.
func (h *house) configured() []canary {
	h.t.Helper()
	keys := h.world.Credentials()
	canaries := []canary{{name: "SnapTrade's consumer key", value: keys.SnapTradeKey}}
	for _, s := range keys.TellerSecrets {
		canaries = append(canaries, canary{name: "a webhook secret", value: s})
	}
	pem, err := os.ReadFile(keys.TellerKeyFile)
	if err != nil {
		h.t.Fatal(err)
	}
	canaries = append(canaries, canary{name: "the client certificate's key", value: strings.Split(string(pem), "\n")[1]})
	ring, err := os.ReadFile(filepath.Join(h.state, "keyring"))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, word := range regexp.MustCompile(`[A-Za-z0-9+/_=-]{32,}`).FindAllString(string(ring), -1) {
		canaries = append(canaries, canary{name: "a key of the ring", value: word})
	}
	return canaries
}

// in returns where c is in text, with a little around it, or nothing.
func (c canary) in(text string) string {
	raw := []byte(c.value)
	quoted, _ := json.Marshal(c.value)
	for _, form := range []string{
		c.value, url.QueryEscape(c.value), strings.Trim(string(quoted), `"`), hex.EncodeToString(raw),
		base64.RawStdEncoding.EncodeToString(raw)[:len(raw)], base64.RawURLEncoding.EncodeToString(raw)[:len(raw)],
	} {
		if i := strings.Index(text, form); i >= 0 {
			return text[max(0, i-60):i] + "[" + c.name + "]" + text[i+len(form):min(len(text), i+len(form)+20)]
		}
	}
	return ""
}

// answered looks for c in every answer that doesn't hand it over on purpose.
func (h *house) answered(c canary) {
	h.t.Helper()
	for _, a := range h.tape.answers {
		on := false
		for _, place := range c.handed {
			on = on || place == a.method+" "+a.path
		}
		if found := c.in(a.body + fmt.Sprint(a.header)); found != "" && !on {
			h.t.Errorf("%s is in the answer to %s %s: %d …%s…", c.name, a.method, a.path, a.status, found)
		}
	}
}

var binary = regexp.MustCompile(`\\x([0-9a-f]{2,})`)

// dump returns each table of the database as text; what is binary is there twice,
// in hexadecimal and decoded.
func (h *house) dump() map[string]string {
	h.t.Helper()
	out := h.tables()
	if len(out) < 20 || !strings.Contains(out["the table users"], "America/New_York") {
		h.t.Fatalf("%d tables were read", len(out))
	}
	return out
}

func (h *house) tables() map[string]string {
	h.t.Helper()
	out := map[string]string{}
	for _, table := range h.rows(`select table_name::text from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`) {
		var text strings.Builder
		for _, row := range h.rows(`select t::text from ` + pgx.Identifier{table}.Sanitize() + ` t`) {
			text.WriteString(row + "\n")
			for _, m := range binary.FindAllStringSubmatch(row, -1) {
				raw, err := hex.DecodeString(m[1])
				if err != nil {
					h.t.Fatal(err)
				}
				text.Write(append(raw, '\n'))
			}
		}
		out["the table "+table] = text.String()
	}
	return out
}
