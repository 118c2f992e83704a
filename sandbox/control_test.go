package sandbox_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"strconv"
	"strings"
	"testing"

	"flint/sandbox"
)

type truth struct {
	Enrollments []struct {
		ID, Health string
		Accounts   []struct{ ID, Key, Ledger, Available string }
	}
}

func TestALiveTokenNeedsTheCertificate(t *testing.T) {
	t.Parallel()
	s := start(t)
	var e enrolled
	order(t, "POST", s.URLs().Site+"/control/teller/enroll", map[string]string{"institution": "chase", "environment": "production"}, &e)
	if !strings.HasPrefix(e.AccessToken, "token_") {
		t.Error(e.AccessToken)
	}
	if status, body := get(t, client(t, s, false), s.URLs().Teller+"/accounts", e.AccessToken); status != 400 || !strings.Contains(string(body), "Missing certificate") {
		t.Errorf("without: %d %s", status, body)
	}
	if status, body := get(t, client(t, s, true), s.URLs().Teller+"/accounts", e.AccessToken); status != 200 {
		t.Errorf("with: %d %s", status, body)
	}
	stranger := start(t)
	if _, err := client(t, stranger, true).Get(s.URLs().Teller + "/institutions"); err == nil {
		t.Error("a foreign certificate authority was trusted")
	}
}

func TestOrdersShowInTheTruthAndAreTold(t *testing.T) {
	t.Parallel()
	s := start(t)
	told := make(chan string, 10)
	product := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- string(body)
	}))
	defer product.Close()
	s.SetWebhooks(product.URL, "")
	e := enroll(t, s, "chase", "")
	at := s.URLs().Site + "/control/teller/" + e.Enrollment.ID
	var before, after truth
	order(t, "GET", s.URLs().Site+"/control/teller/enrollments", nil, &before)
	order(t, "POST", at+"/transactions", map[string]any{"amount": "-20.00", "description": "LUNCH", "account": "checking"}, nil)
	if got := <-told; !strings.Contains(got, "LUNCH") {
		t.Error(got)
	}
	order(t, "GET", s.URLs().Site+"/control/teller/enrollments", nil, &after)
	if a, b := before.Enrollments[0].Accounts[0], after.Enrollments[0].Accounts[0]; a.Ledger == b.Ledger || a.Key != "chase/checking" {
		t.Errorf("%+v became %+v", a, b)
	}
	order(t, "POST", at+"/disconnect", map[string]string{"reason": "account_locked"}, nil)
	if got := <-told; !strings.Contains(got, `"reason":"disconnected.account_locked"`) {
		t.Error(got)
	}
	order(t, "POST", at+"/repair?quiet=1", nil, nil)
	order(t, "POST", s.URLs().Site+"/control/teller/webhook-test", nil, nil)
	if got := <-told; !strings.Contains(got, `"payload":{}`) {
		t.Error(got)
	}
	var deliveries struct{ Deliveries []struct{ State string } }
	order(t, "POST", s.URLs().Site+"/control/webhooks/wait", nil, nil)
	order(t, "GET", s.URLs().Site+"/control/webhooks", nil, &deliveries)
	if len(deliveries.Deliveries) != 3 || deliveries.Deliveries[0].State != "delivered" {
		t.Errorf("%+v", deliveries)
	}
}

func TestTroubleAndCounting(t *testing.T) {
	t.Parallel()
	s := start(t)
	e := enroll(t, s, "chase", "")
	order(t, "POST", s.URLs().Site+"/control/misbehave", map[string]any{"provider": "teller", "match": "/accounts", "kind": "429", "count": 1, "retryAfter": 1}, nil)
	for _, want := range []int{429, 200} {
		if status, body := get(t, client(t, s, false), s.URLs().Teller+"/accounts", e.AccessToken); status != want {
			t.Errorf("%d %s, want %d", status, body, want)
		}
	}
	order(t, "POST", s.URLs().Site+"/control/misbehave", map[string]any{"provider": "ecb", "kind": "5xx", "status": 503}, nil)
	if status, _ := get(t, http.DefaultClient, s.URLs().ECB+"/stats/eurofxref/eurofxref-daily.xml", ""); status != 503 {
		t.Error(status)
	}
	order(t, "DELETE", s.URLs().Site+"/control/misbehave", nil, nil)
	if status, _ := get(t, http.DefaultClient, s.URLs().ECB+"/stats/eurofxref/eurofxref-daily.xml", ""); status != 200 {
		t.Error(status)
	}
	var counted struct {
		Total     int
		Providers map[string]int
		Paths     map[string]map[string]int
	}
	order(t, "GET", s.URLs().Site+"/control/requests", nil, &counted)
	if counted.Total != 4 || counted.Paths["teller"]["GET /accounts"] != 2 || counted.Providers["ecb"] != 2 {
		t.Errorf("%+v", counted)
	}
}

func TestTheInboxWaits(t *testing.T) {
	t.Parallel()
	s := start(t)
	sent := make(chan error, 1)
	go func() {
		sent <- smtp.SendMail(strings.TrimPrefix(s.URLs().SMTP, "smtp://"), nil, "flint@example.com", []string{"ada@example.com"},
			[]byte("Subject: Confirm\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script><a href=x>y</a>"))
	}()
	var got struct {
		Messages []struct {
			ID      int
			Subject string
		}
	}
	order(t, "GET", s.URLs().Site+"/control/inbox?to=ada@example.com&wait=20", nil, &got)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if len(got.Messages) != 1 || got.Messages[0].Subject != "Confirm" {
		t.Fatalf("%+v", got)
	}
	resp, err := http.Get(s.URLs().Site + "/inbox/1/html")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "sandbox ") || strings.Contains(policy, "allow-scripts") || !strings.Contains(policy, "default-src 'none'") {
		t.Error(policy)
	}
	if status, body := get(t, http.DefaultClient, s.URLs().Site+"/inbox/1", ""); status != 200 || strings.Contains(string(body), "<script>alert") {
		t.Errorf("%d %s", status, body)
	}
}

// TestOnlyThisMachineGivesOrders holds off web pages that try to reach the
// sandbox through the browser of whoever runs it.
func TestOnlyThisMachineGivesOrders(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"as it should be": {func(*http.Request) {}, 200},
		"another host":    {func(r *http.Request) { r.Host = "evil.example" }, 421},
		"another site":    {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		"another origin":  {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URLs().Site+"/control/webhooks/flush", nil)
		if err != nil {
			t.Fatal(err)
		}
		c.change(req)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, c.want)
		}
	}
	if _, err := sandbox.New(sandbox.Config{Listen: sandbox.Listen{Site: "0.0.0.0:0"}}); err == nil {
		t.Error("it would listen to the world")
	}
}

func TestBadOrdersAreSentences(t *testing.T) {
	t.Parallel()
	s := start(t)
	for path, body := range map[string]string{
		"/control/teller/enroll":                `{"institution":"chase","bonus":1}`,
		"/control/teller/enroll?":               `{"institution":"nowhere"}`,
		"/control/misbehave":                    `{"kind":"sing"}`,
		"/control/webhooks":                     `{"duplicate":-1}`,
		"/control/teller/enr_none/disconnect":   `{`,
		"/control/teller/enr_none/transactions": `{"amount":"a lot"}`,
	} {
		resp, err := http.Post(s.URLs().Site+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var problem struct{ Error string }
		if err := json.NewDecoder(resp.Body).Decode(&problem); err != nil || resp.StatusCode != 400 || problem.Error == "" {
			t.Errorf("%s %s: %d %+v %v", path, body, resp.StatusCode, problem, err)
		}
		_ = resp.Body.Close()
	}
}

func TestTheSimulatePageWorks(t *testing.T) {
	t.Parallel()
	s := start(t)
	e := enroll(t, s, "chase", "")
	p := &person{t: t}
	for _, form := range [][]string{
		{"do", "purchase", "enrollment", e.Enrollment.ID, "amount", "7.25", "merchant", "Blue Bottle"},
		{"do", "pending", "enrollment", e.Enrollment.ID, "amount", "7.25"},
		{"do", "tip", "enrollment", e.Enrollment.ID},
		{"do", "break", "enrollment", e.Enrollment.ID, "reason", "disconnected.account_locked"},
		{"do", "repair", "enrollment", e.Enrollment.ID},
		{"do", "trouble", "provider", "teller", "kind", "latency", "count", "1"},
		{"do", "calm"}, {"do", "webhooks", "hold", "on"}, {"do", "test"}, {"do", "flush"},
	} {
		p.at = s.URLs().Site + "/simulate"
		p.send(form...)
		p.sees(`role="status"`)
		if strings.Contains(p.page, "didn&#39;t work") {
			t.Errorf("%v: %s", form, p.page)
		}
	}
	p.at = s.URLs().Site + "/simulate"
	p.send("do", "dance")
	p.sees("didn&#39;t work")
}

func TestTheWorldOutlivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keep := func(c *sandbox.Config) { c.Dir = dir }
	s := start(t, keep)
	e := enroll(t, s, "capital_one", "")
	key := s.Credentials().TellerSigningKey
	var before, after truth
	order(t, "GET", s.URLs().Site+"/control/teller/enrollments", nil, &before)
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := start(t, keep, func(c *sandbox.Config) { c.Start = 19000 }) // the world's own first day counts
	order(t, "GET", again.URLs().Site+"/control/teller/enrollments", nil, &after)
	if a, b := before.Enrollments[0], after.Enrollments[0]; a.ID != b.ID || a.Accounts[0] != b.Accounts[0] || again.Credentials().TellerSigningKey != key {
		t.Errorf("%+v became %+v", a, b)
	}
	if status, _ := get(t, client(t, again, true), again.URLs().Teller+"/accounts", e.AccessToken); status != 200 {
		t.Error(status)
	}
	if _, err := sandbox.New(sandbox.Config{Dir: dir, Seed: 7}); err == nil {
		t.Error("another seed took over the folder")
	}
}

func TestADayIsTheSameInEveryProcess(t *testing.T) {
	t.Parallel()
	var bodies [2]string
	for i := range bodies {
		s := start(t)
		e := enroll(t, s, "chase", "")
		_, body := get(t, client(t, s, false), s.URLs().Teller+"/accounts", e.AccessToken)
		bodies[i] = strings.ReplaceAll(string(body), s.URLs().Teller, "")
	}
	if bodies[0] != bodies[1] {
		t.Errorf("%s\n%s", bodies[0], bodies[1])
	}
}

// register makes a SnapTrade user, signed as a client signs.
func register(t *testing.T, s *sandbox.Server, user string) {
	t.Helper()
	keys := s.Credentials()
	path, query := "/api/v1/snapTrade/registerUser", "clientId="+keys.SnapTradeClient+"&timestamp="+strconv.FormatInt(frozen().Unix(), 10)
	signed, err := json.Marshal(map[string]any{"content": map[string]string{"userId": user}, "path": path, "query": query})
	if err != nil {
		t.Fatal(err)
	}
	signed = bytes.ReplaceAll(signed, []byte(`\u0026`), []byte("&"))
	mac := hmac.New(sha256.New, []byte(keys.SnapTradeKey))
	mac.Write(signed)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URLs().SnapTrade+path+"?"+query, strings.NewReader(`{"userId":"`+user+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
}

func TestBrokersStandBesideTheBanks(t *testing.T) {
	t.Parallel()
	s := start(t)
	register(t, s, "u1")
	var made struct{ AuthorizationID string }
	order(t, "POST", s.URLs().Site+"/control/snaptrade/connect", map[string]string{"userId": "u1", "broker": "SCHWAB"}, &made)
	p := &person{t: t}
	for _, form := range [][]string{
		{"do", "deposit", "amount", "5000.00"}, {"do", "buy", "symbol", "AAPL", "units", "2"}, {"do", "sell", "symbol", "AAPL", "units", "1"},
		{"do", "disable"}, {"do", "enable"},
	} {
		p.at = s.URLs().Site + "/simulate"
		p.send(append(form, "enrollment", made.AuthorizationID)...)
		p.sees("Charles Schwab")
		if strings.Contains(p.page, "didn&#39;t work") {
			t.Errorf("%v: %s", form, p.page)
		}
	}
	p.read(http.MethodGet, s.URLs().Site+"/accounts", nil)
	p.sees("Charles Schwab")
	var state struct {
		SnapTrade struct{ Users []struct{ UserID string } }
	}
	order(t, "GET", s.URLs().Site+"/control/state", nil, &state)
	if len(state.SnapTrade.Users) != 1 || state.SnapTrade.Users[0].UserID != "u1" {
		t.Errorf("%+v", state)
	}
}
