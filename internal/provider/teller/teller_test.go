package teller_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flint/internal/config"
	"flint/internal/platform/outbound"
	"flint/internal/provider/teller"
)

const token = "test_token_ky6igyqi3qxa4"

// bank answers like api.teller.io: a path and query each have one answer.
func bank(t *testing.T, answers map[string]string) *teller.Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if r.URL.Path != "/institutions" && (!ok || user != token || password != "") {
			t.Errorf("%s: basic auth %q %q", r.URL.Path, user, password)
		}
		if r.Header.Get("Teller-Version") != teller.Version {
			t.Errorf("version %q", r.Header.Get("Teller-Version"))
		}
		body, ok := answers[r.Method+" "+r.URL.RequestURI()]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error":{"code":"not_found","message":"nothing at `+r.URL.RequestURI()+`"}}`)
			return
		}
		if status, rest, ok := strings.Cut(body, "|"); ok {
			w.WriteHeader(map[string]int{"204": 204, "400": 400, "401": 401, "403": 403, "404": 404, "410": 410, "429": 429, "502": 502}[status])
			body = rest
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	c, err := teller.New(teller.Config{BaseURL: s.URL, ApplicationID: "app_test", Environment: "sandbox"}, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func secret() config.Secret { return config.NewSecret(token) }

// The objects are those of Teller's documentation.
const account = `{"id":"acc_pq1example000","enrollment_id":"enr_pq1example000","name":"Everyday Checking","type":"depository","subtype":"checking",
 "currency":"USD","last_four":"4410","status":"open","institution":{"id":"first_example","name":"First Example Bank"},
 "links":{"self":"https://api.teller.io/accounts/acc_pq1example000","balances":"https://api.teller.io/accounts/acc_pq1example000/balances"}}`

const transaction = `{"id":"txn_pq1example005","account_id":"acc_pq1example000","amount":"-18.42","date":"2026-01-14","description":"SQ *CORNER BAKERY 0042",
 "status":"posted","type":"card_payment","running_balance":"1834.27",
 "details":{"processing_status":"complete","category":"dining","counterparty":{"name":"CORNER BAKERY","type":"organization"}}}`

func TestObjectsAreReadExactly(t *testing.T) {
	t.Parallel()
	c := bank(t, map[string]string{
		"GET /institutions":                        `[{"id":"first_example","name":"First Example Bank","products":["verify"]}]`,
		"GET /accounts":                            `[` + account + `]`,
		"GET /accounts/acc_pq1example000/balances": `{"account_id":"acc_pq1example000","ledger":"9007199254740993.07","available":null}`,
		"GET /accounts/acc_pq1example000/transactions?count=2&end_date=2026-01-31&from_id=txn_9&start_date=2026-01-01": `[` + transaction + `,
			{"id":"txn_pending","amount":"4.5","date":"2026-01-15","description":"HOLD","status":"pending","type":"card_payment","running_balance":null,"details":{"processing_status":"pending","category":null,"counterparty":null}},
			{"id":"txn_bare","amount":"100","date":"2026-01-15","description":"","status":"posted","type":"new_type"}]`,
		"GET /accounts/acc_pq1example000/transactions/txn_pq1example005": transaction,
		"DELETE /accounts": "204|",
	})
	ctx := t.Context()
	banks, err := c.Institutions(ctx)
	if err != nil || len(banks) != 1 || banks[0].Name != "First Example Bank" {
		t.Fatalf("institutions: %+v, %v", banks, err)
	}
	accounts, err := c.Accounts(ctx, secret())
	if err != nil || len(accounts) != 1 || accounts[0].LastFour != "4410" || accounts[0].Links.Balances == "" || accounts[0].Links.Transactions != "" {
		t.Fatalf("accounts: %+v, %v", accounts, err)
	}
	b, err := c.Balances(ctx, secret(), "acc_pq1example000")
	if err != nil || b.Available != nil || b.Ledger.String() != "9007199254740993.07" {
		t.Fatalf("balances: %+v, %v", b, err)
	}
	rows, err := c.Transactions(ctx, secret(), "acc_pq1example000", teller.Page{
		Count: 2, FromID: "txn_9", Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
	})
	if err != nil || len(rows) != 3 {
		t.Fatalf("transactions: %+v, %v", rows, err)
	}
	first := rows[0]
	if first.Amount.String() != "-18.42" || first.RunningBalance.String() != "1834.27" || first.Counterparty != "CORNER BAKERY" ||
		first.Category != "dining" || first.Date.Format(time.RFC3339) != "2026-01-14T00:00:00Z" {
		t.Errorf("posted: %+v", first)
	}
	if rows[1].RunningBalance != nil || rows[1].Counterparty != "" || rows[1].Status != "pending" {
		t.Errorf("pending: %+v", rows[1])
	}
	if one, err := c.Transaction(ctx, secret(), "acc_pq1example000", "txn_pq1example005"); err != nil || one.ID != first.ID {
		t.Errorf("transaction: %+v, %v", one, err)
	}
	if err := c.DeleteEnrollment(ctx, secret()); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func TestErrorsAreClassed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer, code string
		class        outbound.Class
	}{
		{`400|{"error":{"code":"bad_request","message":"Missing certificate: …"}}`, "certificate", outbound.ProviderDown},
		{`400|{"error":{"code":"bad_request","message":"count is no number"}}`, "bad_request", outbound.Bug},
		{`401|{"error":{"code":"unauthorized","message":""}}`, "unauthorized", outbound.Bug},
		{`403|{"error":{"code":"forbidden","message":""}}`, "forbidden", outbound.Reauth},
		{`404|{"error":{"code":"not_found","message":""}}`, "not_found", outbound.NotFound},
		{`404|{"error":{"code":"enrollment.disconnected","message":"Enrollment is not healthy"}}`, "enrollment.disconnected", outbound.Reauth},
		{`404|{"error":{"code":"enrollment.disconnected.user_action.mfa_required","message":""}}`, "enrollment.disconnected.user_action.mfa_required", outbound.Reauth},
		{`404|{"error":{"code":"account_number_verification_pending","message":""}}`, "account_number_verification_pending", outbound.Transient},
		{`410|{"error":{"code":"account.closed.moved","message":""}}`, "account.closed.moved", outbound.NotFound},
		{`429|`, "", outbound.RateLimited},
		{`502|<html>bad gateway</html>`, "", outbound.Transient},
		{`{"not":"a list"}`, "bad_answer.json", outbound.Bug},
		{`[{"id":"acc_1","enrollment_id":"enr_1","currency":"usd"}]`, "bad_answer.currency", outbound.Bug},
	} {
		_, err := bank(t, map[string]string{"GET /accounts": c.answer}).Accounts(t.Context(), secret())
		e := outbound.Of(err)
		if e == nil || e.Class != c.class || e.Code != c.code {
			t.Errorf("%s: got %v", c.answer, err)
		}
	}
}

func TestGivingUpTwiceIsNoError(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"403|{}", "404|{}", "410|{}"} {
		if err := bank(t, map[string]string{"DELETE /accounts": answer}).DeleteEnrollment(t.Context(), secret()); err != nil {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

func TestOddRowsAreRefusedAndNotQuoted(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]string{
		"amount":          `{"id":"txn_1","amount":"1e5","date":"2026-01-14","status":"posted"}`,
		"date":            `{"id":"txn_1","amount":"1","date":"1970-01-01","status":"posted"}`,
		"status":          `{"id":"txn_1","amount":"1","date":"2026-01-14","status":"maybe"}`,
		"id":              `{"amount":"1","date":"2026-01-14","status":"posted"}`,
		"json":            `{"id":"txn_1","amount":987654.321,"date":"2026-01-14","status":"posted"}`,
		"running_balance": `{"id":"txn_1","amount":"1","date":"2026-01-14","status":"posted","running_balance":"lots"}`,
	} {
		_, err := bank(t, map[string]string{"GET /accounts/a%2Fb/transactions": "[" + row + "]"}).Transactions(t.Context(), secret(), "a/b", teller.Page{})
		if e := outbound.Of(err); e == nil || e.Code != "bad_answer."+name || strings.Contains(err.Error(), "987654") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestConfigSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	if err := (teller.Config{}).Validate(); err != nil {
		t.Errorf("switched off: %v", err)
	}
	err := teller.Config{ApplicationID: "app_1", Environment: "production", BaseURL: "http://api.teller.io"}.Validate()
	for _, want := range []string{"https", "TELLER_CERT_FILE", "TELLER_SIGNING_KEY"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s isn't mentioned: %v", want, err)
		}
	}
}

func TestReasonOfADisconnection(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"enrollment.disconnected":                     "disconnected",
		"disconnected":                                "disconnected",
		"enrollment.disconnected.account_locked":      "account_locked",
		"disconnected.user_action.mfa_required":       "user_action.mfa_required",
		"enrollment.something_new":                    "something_new",
		"enrollment.disconnected.credentials_invalid": "credentials_invalid",
	} {
		if got, ok := teller.DisconnectReason(code); !ok || got != want {
			t.Errorf("%s: got %q, %v", code, got, ok)
		}
	}
	if _, ok := teller.DisconnectReason("not_found"); ok {
		t.Error("not_found is no disconnection")
	}
}
