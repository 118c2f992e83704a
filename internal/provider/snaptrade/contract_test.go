package snaptrade_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"flint/internal/config"
	"flint/internal/platform/outbound"
	"flint/internal/provider/snaptrade"
)

// far is SnapTrade's far end. It checks each request's signature, and both the
// request and its own answer against SnapTrade's OpenAPI document.
type far struct {
	t       *testing.T
	router  routers.Router
	answers map[string]string // "GET /accounts" -> "status body"
	odd     bool              // answers wrongly, on purpose

	mu   sync.Mutex
	seen []string
}

const consumerKey = "consumer-key-for-test-vectors-000001"

// document routes requests to http://far.test by SnapTrade's own document.
var document = sync.OnceValues(func() (routers.Router, error) {
	raw, err := os.ReadFile("testdata/openapi.yaml")
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		return nil, err
	}
	doc.Servers = openapi3.Servers{{URL: "http://far.test"}}
	return legacy.NewRouter(doc, openapi3.DisableExamplesValidation())
})

func newFar(t *testing.T, answers map[string]string) (*far, *snaptrade.Client) {
	t.Helper()
	f := &far{t: t, answers: answers}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	router, err := document()
	if err != nil {
		t.Fatal(err)
	}
	f.router = router
	c, err := snaptrade.New(snaptrade.Config{
		BaseURL: s.URL, ClientID: "SANDBOXCLIENT", ConsumerKey: config.NewSecret(consumerKey), PortalOrigin: "https://portal.test", PerMinute: 240,
	}, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return f, c
}

func (f *far) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	want, err := snaptrade.Sign(config.NewSecret(consumerKey), r.URL.EscapedPath(), r.URL.RawQuery, body)
	if err != nil || r.Header.Get("Signature") != want {
		f.t.Errorf("%s %s: signature %s, want %s", r.Method, r.URL.Path, r.Header.Get("Signature"), want)
	}
	key := r.Method + " " + r.URL.Path
	f.mu.Lock()
	f.seen = append(f.seen, key+" "+string(body))
	f.mu.Unlock()
	status, answer := 404, `{"detail":"Resource does not exist","status_code":404,"code":"1011"}`
	if a, ok := f.answers[key]; ok {
		status, answer = 200, a
		if code, rest, ok := strings.Cut(a, "|"); ok {
			_ = json.Unmarshal([]byte(code), &status)
			answer = rest
		}
	}
	f.check(r, body, status, answer)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Request-ID", "req-7")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
}

func (f *far) check(r *http.Request, body []byte, status int, answer string) {
	abs := r.Clone(r.Context())
	abs.URL.Scheme, abs.URL.Host, abs.Host = "http", "far.test", "far.test"
	abs.Body = io.NopCloser(bytes.NewReader(body))
	route, params, err := f.router.FindRoute(abs)
	if err != nil {
		f.t.Errorf("%s %s isn't in the document: %v", r.Method, r.URL.Path, err)
		return
	}
	in := &openapi3filter.RequestValidationInput{
		Request: abs, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
		f.t.Errorf("%s %s: our request: %v", r.Method, r.URL.Path, err)
	}
	if status != 200 || f.odd {
		return // the document's error schemas name fields that the wire doesn't
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: status, Header: http.Header{"Content-Type": {"application/json"}}}
	// The document's own examples write times with a space, which its schema forbids.
	answer = spaced.ReplaceAllString(answer, "${1}T${2}")
	if err := openapi3filter.ValidateResponse(r.Context(), out.SetBodyBytes([]byte(answer))); err != nil {
		f.t.Errorf("%s %s: the answer: %v", r.Method, r.URL.Path, err)
	}
}

var spaced = regexp.MustCompile(`(\d{4}-\d\d-\d\d) (\d\d:\d\d)`)

const (
	connectionID = "87b24961-b51e-4db8-9226-f198f6518a89"
	accountID    = "917c8734-8470-4a3e-a18f-57c3f2ee6631"
)

var person = snaptrade.User{ID: "user-7f3a", Secret: config.NewSecret("secret-1b2c & more")}

const connection = `{"id":"` + connectionID + `","created_date":"2024-07-23 22:50:22.761390+00:00","name":"Connection-1","type":"read","disabled":false,
 "brokerage":{"id":"dd5300c9-4a11-4d4a-9c8b-cfc0f7bbd1c0","slug":"COINBASE","name":"Coinbase","display_name":"Coinbase","brokerage_type":{"id":"8ffb3fb8-4c14-4a0f-bd5c-0d5a0ee5a9a2","name":"Cryptocurrency Exchange"},"enabled":true,"maintenance_mode":false}}`

const account = `{"id":"` + accountID + `","brokerage_authorization":"` + connectionID + `","name":null,"number":"Q6542138443","institution_account_id":"in-1","institution_name":"Robinhood",
 "created_date":"2024-07-23T22:50:22.761390Z","status":"open","account_category":"INVESTMENT","raw_type":"Margin","is_paper":false,
 "balance":{"total":{"amount":15363.230000000000000001,"currency":"USD"}},
 "sync_status":{"transactions":{"initial_sync_completed":true,"last_successful_sync":"2026-01-24","first_transaction_date":null},
  "holdings":{"initial_sync_completed":true,"last_successful_sync":"2024-06-28T18:42:46.561408Z","holdings_unavailable":false}}}`

func TestLifeOfAUser(t *testing.T) {
	t.Parallel()
	f, c := newFar(t, map[string]string{
		"POST /snapTrade/registerUser":                      `{"userId":"user-7f3a","userSecret":"secret-1b2c"}`,
		"POST /snapTrade/login":                             `{"redirectURI":"https://portal.test/connect?token=abc","sessionId":"s-1"}`,
		"GET /authorizations":                               `[` + connection + `]`,
		"GET /authorizations/" + connectionID:               connection,
		"POST /authorizations/" + connectionID + "/refresh": `{"detail":"Connection refresh has been requested."}`,
		"DELETE /connection/" + connectionID:                `{"detail":"queued","connection_id":"` + connectionID + `"}`,
		"DELETE /snapTrade/deleteUser":                      `{"status":"deleted","detail":"queued","userId":"user-7f3a"}`,
		"GET /accounts":                                     `[` + account + `]`,
		"GET /authorizations/" + connectionID + "/accounts": `[` + account + `]`,
	})
	ctx := t.Context()
	u, err := c.Register(ctx, "user-7f3a")
	if err != nil || u.Secret.Reveal() != "secret-1b2c" {
		t.Fatalf("register: %v", err)
	}
	address, session, err := c.Login(ctx, u, snaptrade.Portal{Broker: "COINBASE", Redirect: "https://flint.test/connect/return/1?a=1&b=2", Reconnect: connectionID})
	if err != nil || address.Reveal() != "https://portal.test/connect?token=abc" || session != "s-1" {
		t.Fatalf("login: %v", err)
	}
	if last := f.seen[len(f.seen)-1]; !strings.Contains(last, `a=1&b=2`) || !strings.Contains(last, `"reconnect":"`+connectionID+`"`) {
		t.Errorf("login sent %s", last)
	}
	all, err := c.Connections(ctx, person)
	if err != nil || len(all) != 1 || !all[0].Brokerage.Crypto() || all[0].Created.Year() != 2024 || all[0].Disabled {
		t.Errorf("connections: %+v, %v", all, err)
	}
	if one, err := c.Connection(ctx, person, connectionID); err != nil || one.ID != connectionID {
		t.Errorf("connection: %+v, %v", one, err)
	}
	accounts, err := c.ConnectionAccounts(ctx, person, connectionID)
	if err != nil || len(accounts) != 1 {
		t.Fatalf("accounts: %v", err)
	}
	a := accounts[0]
	if a.Total.Amount.String() != "15363.230000000000000001" || a.Name != "" || a.InstitutionID != "in-1" || !a.Holdings.InitialDone ||
		a.Transactions.LastSuccess.Format(time.DateOnly) != "2026-01-24" || !a.Transactions.First.IsZero() {
		t.Errorf("account: %+v", a)
	}
	if _, err := c.Accounts(ctx, person); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"refresh": c.RefreshConnection(ctx, person, connectionID), "delete": c.DeleteConnection(ctx, person, connectionID), "delete user": c.DeleteUser(ctx, "user-7f3a"),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHoldingsAreReadExactly(t *testing.T) {
	t.Parallel()
	instrument := `"id":"1ef3a5d3-4a9b-40b2-b8d1-cc35f74d6324"`
	_, c := newFar(t, map[string]string{
		"GET /accounts/" + accountID + "/balances": `[{"currency":{"id":"87b24961-b51e-4db8-9226-f198f6518a89","code":"USD","name":"US Dollar"},"cash":-300.71,"buying_power":410.71},
		  {"currency":{"id":"87b24961-b51e-4db8-9226-f198f6518a80","code":"CAD","name":"Canadian Dollar"},"cash":null,"buying_power":null}]`,
		"GET /accounts/" + accountID + "/positions/all": `{"data_freshness":{"as_of":"2026-01-02T15:04:05Z"},"results":[
		  {"instrument":{"kind":"crypto",` + instrument + `,"symbol":"BTC","raw_symbol":"BTC","description":null,"currency":"USD","exchange":null},"units":"1E-8","price":"97000.123456789012345678","cost_basis":null,"currency":"USD"},
		  {"instrument":{"kind":"mutualfund",` + instrument + `,"symbol":"SPAXX","raw_symbol":"SPAXX"},"units":"1000.50","price":"1","cost_basis":"1","currency":"USD","cash_equivalent":true},
		  {"instrument":{"kind":"option",` + instrument + `,"symbol":"AAPL  261218C00240000","option_type":"CALL","strike_price":"240","expiration_date":"2026-12-18","multiplier":"100","underlying":{"kind":"stock",` + instrument + `,"symbol":"AAPL","raw_symbol":"AAPL"}},"units":"-2","price":"3.10","cost_basis":"2.05","currency":"USD"}]}`,
		"GET /accounts/" + accountID + "/activities": `{"pagination":{"offset":0,"limit":1000,"total":2},"data":[
		  {"id":"2f7dc9b3-5c33-4668-3440-2b31e056ebe6","type":"BUY","price":0.1,"units":3,"amount":-0.3,"fee":0,"fx_rate":null,"currency":{"id":"87b24961-b51e-4db8-9226-f198f6518a89","code":"USD","name":"US Dollar"},
		   "option_type":"","description":"bought","trade_date":"2026-01-02T23:30:00-05:00","settlement_date":"2026-01-04T00:00:00Z","institution":"Robinhood","external_reference_id":"x-1","symbol":{"symbol":"VAB.TO","raw_symbol":"VAB"}},
		  {"id":"2f7dc9b3-5c33-4668-3440-2b31e056ebe7","type":"SOMETHING_NEW","price":0,"units":0,"amount":null,"fee":0,"currency":null,"option_type":"","description":"","trade_date":null,"settlement_date":"2026-01-04T00:00:00Z","institution":"Robinhood"}]}`,
	})
	ctx := t.Context()
	balances, err := c.Balances(ctx, person, accountID)
	if err != nil || len(balances) != 2 || balances[0].Cash.String() != "-300.71" || balances[1].Cash != nil {
		t.Fatalf("balances: %+v, %v", balances, err)
	}
	p, err := c.Positions(ctx, person, accountID)
	if err != nil || len(p.List) != 3 || p.AsOf.IsZero() {
		t.Fatalf("positions: %+v, %v", p, err)
	}
	btc, fund, option := p.List[0], p.List[1], p.List[2]
	if btc.Units.String() != "0.00000001" || btc.Price.String() != "97000.123456789012345678" || btc.CostBasis != nil {
		t.Errorf("crypto: %+v", btc)
	}
	if !fund.CashEquivalent || option.Instrument.Multiplier.String() != "100" || option.Units.String() != "-2" || option.Instrument.Expiration.Format(time.DateOnly) != "2026-12-18" {
		t.Errorf("fund %+v, option %+v", fund, option)
	}
	page, err := c.Activities(ctx, person, accountID, snaptrade.Window{Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)})
	if err != nil || page.Total != 2 || len(page.List) != 2 {
		t.Fatalf("activities: %+v, %v", page, err)
	}
	buy := page.List[0]
	if buy.Amount.String() != "-0.3" || buy.Symbol != "VAB.TO" || buy.Trade.Format(time.DateOnly) != "2026-01-02" || buy.Currency != "USD" || buy.Reference != "x-1" {
		t.Errorf("activity: %+v", buy)
	}
	if other := page.List[1]; other.Amount != nil || !other.Trade.IsZero() || other.Currency != "" {
		t.Errorf("activity: %+v", other)
	}
}

func TestErrorsAreClassedAndHoldNoSecret(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		answer, code string
		class        outbound.Class
	}{
		{`400|{"detail":"secret-1b2c","status_code":400,"code":"1076"}`, "1076", outbound.Bug},
		{`401|{"detail":"Unable to verify signature sent","code":"1076"}`, "1076", outbound.ProviderDown},
		{`401|{"detail":"Invalid clientId provided","code":"0000"}`, "0000", outbound.ProviderDown},
		{`401|{"detail":"Invalid userID or userSecret provided secret-1b2c","code":"1083"}`, snaptrade.CodeUserInvalid, outbound.Reauth},
		{`402|{"detail":"disabled","code":3003}`, snaptrade.CodeConnectionDisabled, outbound.Reauth},
		{`403|{"default_detail":"no","default_code":"1141"}`, "1141", outbound.Bug},
		{`404|{"detail":"Resource does not exist","code":"1011"}`, "1011", outbound.NotFound},
		{`410|{}`, "", outbound.NotFound},
		{`425|{"detail":"wait","code":"3012"}`, "3012", outbound.Transient},
		{`429|{"detail":"Request was throttled. Expected available in 70 seconds.","code":"throttled"}`, "throttled", outbound.RateLimited},
		{`500|{"detail":"unexpected","code":"1000"}`, "1000", outbound.Transient},
		{`501|{"error":"not there"}`, "not_implemented", outbound.NotFound},
		{`{"id":7}`, "bad_answer.json", outbound.Bug},
	} {
		f, c := newFar(t, map[string]string{"GET /authorizations/" + connectionID: tc.answer})
		f.odd = tc.answer[0] == '{'
		_, err := c.Connection(t.Context(), person, connectionID)
		e := outbound.Of(err)
		if e == nil || e.Class != tc.class || e.Code != tc.code {
			t.Errorf("%s: got %v", tc.answer, err)
			continue
		}
		if e.Class == outbound.RateLimited && e.RetryAfter != 70*time.Second {
			t.Errorf("retry after %v", e.RetryAfter)
		}
		if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "userId") {
			t.Errorf("leaks: %v", err)
		}
	}
}

func TestThePortalMustBeTheOneConfigured(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{"https://portal.test.evil.test/x", "http://portal.test/x", "javascript:alert(1)", ""} {
		_, c := newFar(t, map[string]string{"POST /snapTrade/login": `{"redirectURI":"` + uri + `","sessionId":"s"}`})
		if _, _, err := c.Login(t.Context(), person, snaptrade.Portal{}); err == nil {
			t.Errorf("%q was accepted", uri)
		}
	}
}

func TestWhatIsGoneNeedsNoDeleting(t *testing.T) {
	t.Parallel()
	_, c := newFar(t, nil)
	if err := c.DeleteConnection(t.Context(), person, connectionID); err != nil {
		t.Error(err)
	}
	if err := c.DeleteUser(t.Context(), person.ID); err != nil {
		t.Error(err)
	}
}

func TestConfigSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	if err := (snaptrade.Config{}).Validate(); err != nil {
		t.Errorf("switched off: %v", err)
	}
	err := snaptrade.Config{ClientID: "x", BaseURL: "http://api.snaptrade.com", PortalOrigin: "https://app.snaptrade.com/path"}.Validate()
	for _, want := range []string{"https", "CONSUMER_KEY", "PORTAL_ORIGIN"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s isn't mentioned: %v", want, err)
		}
	}
}
