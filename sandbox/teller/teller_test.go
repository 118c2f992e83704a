package teller_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/hook"
	"flint/sandbox/teller"
	"flint/sandbox/world"
)

var update = flag.Bool("update", false, "write the golden files")

// bundle is Teller without a network, frozen on a Friday.
type bundle struct {
	t     *testing.T
	api   *teller.API
	now   *time.Time
	hooks *hook.Sender
}

func setup(t *testing.T) *bundle {
	t.Helper()
	return open(t, t.TempDir(), time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC))
}

func open(t *testing.T, dir string, at time.Time) *bundle {
	t.Helper()
	b := &bundle{t: t, now: &at}
	now := func() time.Time { return *b.now }
	state, err := world.OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	b.hooks = hook.New(hook.Config{Now: now})
	t.Cleanup(b.hooks.Stop)
	b.api, err = teller.New(teller.Config{
		Seed: 42, Clock: world.Clock{Start: world.Date(2023, 11, 1), Now: now}, State: state, Hooks: b.hooks, Log: slog.New(slog.DiscardHandler),
		BaseURL: func() string { return "https://api.teller.test" },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bundle) enroll(o teller.EnrollOrder) teller.Enrollment {
	b.t.Helper()
	e, err := b.api.Enroll(o)
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}

func (b *bundle) ask(method, path, token string) (int, string) {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, path, nil)
	if token != "" {
		r.SetBasicAuth(token, "")
	}
	w := httptest.NewRecorder()
	b.api.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func (b *bundle) get(path, token string, into any) {
	b.t.Helper()
	status, body := b.ask("GET", path, token)
	if status != 200 {
		b.t.Fatalf("%s: %d %s", path, status, body)
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		b.t.Fatal(err)
	}
}

type account struct {
	ID, Name, Type, Subtype, Status string
	Links                           map[string]string
}

type transaction struct {
	ID             string
	AccountID      string `json:"account_id"`
	Amount         decimal.Decimal
	Date           string
	Status         string
	Description    string
	RunningBalance *decimal.Decimal `json:"running_balance"`
	Details        struct {
		ProcessingStatus string `json:"processing_status"`
		Category         *string
	}
}

type balances struct{ Ledger, Available decimal.Decimal }

// find returns the enrollment's account of a subtype.
func (b *bundle) find(token, subtype string) account {
	b.t.Helper()
	var all []account
	b.get("/accounts", token, &all)
	for _, a := range all {
		if a.Subtype == subtype {
			return a
		}
	}
	b.t.Fatalf("no %s account", subtype)
	return account{}
}

func golden(t *testing.T, name, body string) {
	t.Helper()
	var pretty any
	if err := json.Unmarshal([]byte(body), &pretty); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".json")
	got := strings.TrimSpace(body) + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s\n got %s\nwant %s", name, got, want)
	}
}

func TestObjectsAreTellers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := b.enroll(teller.EnrollOrder{Institution: "chase"})
	a := b.find(e.AccessToken, "checking")
	for name, path := range map[string]string{
		"institutions": "/institutions", "accounts": "/accounts", "identity": "/identity",
		"details": "/accounts/" + a.ID + "/details", "balances": "/accounts/" + a.ID + "/balances",
		"transactions": "/accounts/" + a.ID + "/transactions?count=5",
		"card":         "/accounts/" + b.find(e.AccessToken, "credit_card").ID + "/transactions?count=6",
	} {
		status, body := b.ask("GET", path, e.AccessToken)
		if status != 200 {
			t.Errorf("%s: %d %s", path, status, body)
			continue
		}
		golden(t, name, body)
	}
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "enrollment", string(data))
}

func TestDoors(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := b.enroll(teller.EnrollOrder{Institution: "chase"})
	live := b.enroll(teller.EnrollOrder{Institution: "chase", Environment: "development"})
	broken := b.enroll(teller.EnrollOrder{Institution: "chase", Username: "account_locked"})
	old := b.enroll(teller.EnrollOrder{Institution: "wells_fargo"})
	a := "/accounts/" + b.find(e.AccessToken, "checking").ID
	closed := ""
	var all []account
	b.get("/accounts", old.AccessToken, &all)
	for _, one := range all {
		if one.Status == "closed" {
			closed = "/accounts/" + one.ID
		}
	}
	capital := b.enroll(teller.EnrollOrder{Institution: "capital_one"})
	quiet := b.find(capital.AccessToken, "certificate_of_deposit")
	if _, told := quiet.Links["details"]; told {
		t.Error("an account whose details aren't known links to them")
	}
	for _, c := range []struct {
		method, path, token string
		status              int
		code                string
	}{
		{"GET", "/institutions", "", 200, ""},
		{"GET", "/accounts", "", 401, "unauthorized"},
		{"GET", "/nowhere", "", 401, "unauthorized"},
		{"GET", "/accounts", "test_token_wrong", 403, "forbidden"},
		{"GET", "/accounts", live.AccessToken, 400, "bad_request"},
		{"GET", "/accounts", e.AccessToken, 200, ""},
		{"GET", "/nowhere", e.AccessToken, 404, "not_found"},
		{"POST", a + "/payments", e.AccessToken, 404, "not_found"},
		{"OPTIONS", a + "/payments", e.AccessToken, 404, "not_found"},
		{"GET", a, old.AccessToken, 404, "not_found"},
		{"GET", a + "/transactions/txn_none", e.AccessToken, 404, "not_found"},
		{"GET", a + "/transactions?count=0", e.AccessToken, 400, "bad_request"},
		{"GET", a + "/transactions?count=many", e.AccessToken, 400, "bad_request"},
		{"GET", a + "/transactions?from_id=txn_none", e.AccessToken, 400, "bad_request"},
		{"GET", a + "/transactions?start_date=yesterday", e.AccessToken, 400, "bad_request"},
		{"GET", a + "/transactions?end_date=2026-13-01", e.AccessToken, 400, "bad_request"},
		{"GET", "/accounts/" + quiet.ID + "/details", capital.AccessToken, 404, "not_found"},
		{"GET", closed, old.AccessToken, 200, ""},
		{"GET", closed + "/balances", old.AccessToken, 410, "account.closed"},
		{"GET", closed + "/transactions", old.AccessToken, 410, "account.closed"},
		{"GET", "/accounts", broken.AccessToken, 200, ""},
		{"GET", "/identity", broken.AccessToken, 404, "enrollment.disconnected.account_locked"},
	} {
		status, body := b.ask(c.method, c.path, c.token)
		if status != c.status || (c.code != "" && !strings.Contains(body, `{"error":{"code":"`+c.code+`","message":"`)) {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, status, body, c.status, c.code)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/institutions", nil)
	r.Header.Set("Teller-Version", "1999-01-01")
	w := httptest.NewRecorder()
	b.api.Handler().ServeHTTP(w, r)
	if w.Code != 400 {
		t.Errorf("an unknown version: %d", w.Code)
	}
}

func TestPagesMakeTheWhole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := b.enroll(teller.EnrollOrder{Institution: "capital_one"})
	path := "/accounts/" + b.find(e.AccessToken, "credit_card").ID + "/transactions"
	var whole []transaction
	b.get(path, e.AccessToken, &whole)
	if len(whole) < 1500 {
		t.Fatalf("only %d transactions", len(whole))
	}
	for i := 1; i < len(whole); i++ {
		if whole[i].Date > whole[i-1].Date {
			t.Fatalf("%s comes after %s", whole[i].Date, whole[i-1].Date)
		}
	}
	for _, count := range []int{1, 301, 100_000} {
		var paged []transaction
		from := ""
		for {
			var page []transaction
			b.get(fmt.Sprintf("%s?count=%d&from_id=%s", path, count, from), e.AccessToken, &page)
			paged = append(paged, page...)
			if len(page) < count || (count == 1 && len(paged) == 15) {
				break
			}
			from = page[len(page)-1].ID
		}
		if count == 1 {
			whole := fmt.Sprint(ids(whole[:15]))
			if got := fmt.Sprint(ids(paged)); got != whole {
				t.Errorf("one by one: %s, want %s", got, whole)
			}
			continue
		}
		if fmt.Sprint(ids(paged)) != fmt.Sprint(ids(whole)) {
			t.Errorf("pages of %d give %d, the whole is %d", count, len(paged), len(whole))
		}
	}
	var june []transaction
	b.get(path+"?start_date=2026-06-01&end_date=2026-06-30", e.AccessToken, &june)
	n := 0
	for _, x := range whole {
		if strings.HasPrefix(x.Date, "2026-06") {
			n++
		}
	}
	if n == 0 || len(june) != n {
		t.Errorf("June has %d, the window gives %d", n, len(june))
	}
}

func ids(list []transaction) []string {
	var out []string
	for _, x := range list {
		out = append(out, x.ID)
	}
	return out
}

func TestBalancesAreSums(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, institution := range []string{"chase", "capital_one", "american_express", "ally"} {
		e := b.enroll(teller.EnrollOrder{Institution: institution})
		var all []account
		b.get("/accounts", e.AccessToken, &all)
		for _, a := range all {
			b.checkSums(e, a.ID)
		}
	}
}

// checkSums holds an account's transactions against its balances and the truth.
func (b *bundle) checkSums(e teller.Enrollment, id string) {
	b.t.Helper()
	var list []transaction
	var have balances
	b.get("/accounts/"+id+"/transactions", e.AccessToken, &list)
	b.get("/accounts/"+id+"/balances", e.AccessToken, &have)
	var truth teller.AccountTruth
	for _, one := range b.api.Enrollments() {
		for _, a := range one.Accounts {
			if a.ID == id {
				truth = a
			}
		}
	}
	running, pending := decimal.RequireFromString(truth.Opening), decimal.Zero
	for i := len(list) - 1; i >= 0; i-- {
		x := list[i]
		if x.Status == "pending" {
			pending = pending.Add(x.Amount)
			if x.RunningBalance != nil {
				b.t.Errorf("%s is pending and has a running balance", x.ID)
			}
			continue
		}
		running = running.Add(x.Amount)
		if x.RunningBalance == nil || !x.RunningBalance.Equal(running) {
			b.t.Fatalf("%s: running balance %v, want %s", x.ID, x.RunningBalance, running)
		}
	}
	if !have.Ledger.Equal(running) || !have.Available.Equal(running.Add(pending)) || truth.Ledger != running.StringFixed(2) {
		b.t.Errorf("%s: balances %v, truth %s, sums %s and %s", id, have, truth.Ledger, running, pending)
	}
	if truth.Posted+truth.Pending != len(list) {
		b.t.Errorf("%s: %d transactions, truth %d and %d", id, len(list), truth.Posted, truth.Pending)
	}
}

func TestEnrollingTwiceGivesOtherIDs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := b.enroll(teller.EnrollOrder{Institution: "chase"}), b.enroll(teller.EnrollOrder{Institution: "chase"})
	if one.AccessToken == two.AccessToken || one.User == two.User || b.find(one.AccessToken, "checking").ID == b.find(two.AccessToken, "checking").ID {
		t.Errorf("%+v and %+v", one, two)
	}
}

func TestDroppingEndsAccess(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := b.enroll(teller.EnrollOrder{Institution: "chase"})
	a := b.find(e.AccessToken, "savings")
	if status, body := b.ask("DELETE", "/accounts/"+a.ID, e.AccessToken); status != 204 || body != "" {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := b.ask("GET", "/accounts/"+a.ID, e.AccessToken); status != 404 {
		t.Errorf("the dropped account answers %d", status)
	}
	if status, _ := b.ask("DELETE", "/accounts", e.AccessToken); status != 204 {
		t.Error(status)
	}
	if status, _ := b.ask("GET", "/accounts", e.AccessToken); status != 403 {
		t.Errorf("the dropped enrollment answers %d", status)
	}
}
