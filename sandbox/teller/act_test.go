package teller_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/teller"
)

// event is a webhook that arrived.
type event struct {
	ID, Type string
	Payload  struct {
		EnrollmentID string `json:"enrollment_id"`
		AccountID    string `json:"account_id"`
		Reason       string
		Status       string
		Transactions []transaction
	}
	signature string
}

// listen lets webhooks come to the test.
func (b *bundle) listen() func() []event {
	b.t.Helper()
	var mu sync.Mutex
	var events []event
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var e event
		if err := json.Unmarshal(body, &e); err != nil {
			b.t.Error(err)
		}
		e.signature = r.Header.Get("Teller-Signature")
		if want := teller.Signature(*b.now, body, b.api.Secrets()...); e.signature != want {
			b.t.Errorf("signed %s, want %s", e.signature, want)
		}
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
	}))
	b.t.Cleanup(s.Close)
	b.hooks.Target(teller.Provider, s.URL)
	return func() []event {
		if err := b.hooks.Wait(b.t.Context()); err != nil {
			b.t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		out := events
		events = nil
		return out
	}
}

func (b *bundle) list(token, account string) []transaction {
	b.t.Helper()
	var out []transaction
	b.get("/accounts/"+account+"/transactions", token, &out)
	return out
}

func TestAPurchaseIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	events := b.listen()
	e := b.enroll(teller.EnrollOrder{Institution: "chase"})
	a := b.find(e.AccessToken, "checking")
	var before, after balances
	b.get("/accounts/"+a.ID+"/balances", e.AccessToken, &before)
	if _, err := b.api.Post(e.Enrollment.ID, teller.PostOrder{Amount: "-12.34", Description: "COFFEE"}, false); err != nil {
		t.Fatal(err)
	}
	b.get("/accounts/"+a.ID+"/balances", e.AccessToken, &after)
	if !after.Ledger.Equal(before.Ledger.Sub(decimal.RequireFromString("12.34"))) {
		t.Errorf("ledger %s became %s", before.Ledger, after.Ledger)
	}
	got := events()
	if len(got) != 1 || got[0].Type != "transactions.processed" || got[0].Payload.EnrollmentID != e.Enrollment.ID || got[0].Payload.Transactions[0].Description != "COFFEE" {
		t.Fatalf("%+v", got)
	}
	if first := b.list(e.AccessToken, a.ID)[0]; first.ID != got[0].Payload.Transactions[0].ID {
		t.Errorf("the newest is %+v", first)
	}
	b.checkSums(e, a.ID)
	if _, err := b.api.Post(e.Enrollment.ID, teller.PostOrder{Account: "savings", Amount: "5"}, true); err != nil {
		t.Fatal(err)
	}
	if got := events(); len(got) != 0 {
		t.Errorf("a quiet purchase was told: %+v", got)
	}
}

func TestATipTakesANewID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	events := b.listen()
	e := b.enroll(teller.EnrollOrder{Institution: "chase"})
	card := b.find(e.AccessToken, "credit_card")
	if _, err := b.api.Post(e.Enrollment.ID, teller.PostOrder{Account: card.ID, Amount: "50.00", Description: "BISTRO", Pending: true}, true); err != nil {
		t.Fatal(err)
	}
	pending := b.list(e.AccessToken, card.ID)[0]
	if pending.Status != "pending" || pending.Description != "BISTRO" {
		t.Fatalf("%+v", pending)
	}
	b.checkSums(e, card.ID)
	if _, err := b.api.PostPending(e.Enrollment.ID, teller.SettleOrder{Transaction: pending.ID, Amount: "59.00"}, false); err != nil {
		t.Fatal(err)
	}
	posted := events()[0].Payload.Transactions[0]
	if posted.Status != "posted" || posted.ID == pending.ID || posted.Amount.StringFixed(2) != "59.00" {
		t.Errorf("%+v", posted)
	}
	for _, x := range b.list(e.AccessToken, card.ID) {
		if x.ID == pending.ID {
			t.Error("the pending one is still there")
		}
	}
	b.checkSums(e, card.ID)
}

// TestABooksOwnPendingSettlesOnce settles what the book would post by itself
// later: it must not come twice.
func TestABooksOwnPendingSettlesOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := b.enroll(teller.EnrollOrder{Institution: "capital_one"})
	card := b.find(e.AccessToken, "credit_card")
	pending := b.list(e.AccessToken, card.ID)[0]
	if pending.Status != "pending" {
		t.Fatalf("%+v isn't pending; choose another day for the test", pending)
	}
	if _, err := b.api.PostPending(e.Enrollment.ID, teller.SettleOrder{Transaction: pending.ID, SameID: true}, true); err != nil {
		t.Fatal(err)
	}
	*b.now = b.now.AddDate(0, 0, 10)
	settled, again := 0, 0
	for _, x := range b.list(e.AccessToken, card.ID) {
		switch {
		case x.ID == pending.ID:
			settled++
		case x.Description == pending.Description && x.Amount.Equal(pending.Amount):
			again++
		}
	}
	if settled != 1 || again != 0 {
		t.Errorf("%s is there %d times, and %d times more as the book has it", pending.Description, settled, again)
	}
	b.checkSums(e, card.ID)
}

func TestRemovedIsGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := b.enroll(teller.EnrollOrder{Institution: "capital_one"})
	card := b.find(e.AccessToken, "credit_card")
	for _, x := range b.list(e.AccessToken, card.ID)[:12] { // pending and posted
		if err := b.api.Remove(e.Enrollment.ID, x.ID); err != nil {
			t.Fatal(err)
		}
		if err := b.api.Remove(e.Enrollment.ID, x.ID); !errors.Is(err, teller.ErrNotFound) {
			t.Errorf("removed twice: %v", err)
		}
	}
	b.checkSums(e, card.ID)
}

func TestADisconnectIsToldOnceAndRepaired(t *testing.T) {
	t.Parallel()
	b := setup(t)
	events := b.listen()
	e := b.enroll(teller.EnrollOrder{Institution: "chase", Username: "disconnected"})
	a := b.find(e.AccessToken, "checking")
	for range 2 {
		status, body := b.ask("GET", "/accounts/"+a.ID+"/balances", e.AccessToken)
		if status != 404 || !strings.Contains(body, `"enrollment.disconnected"`) {
			t.Errorf("%d %s", status, body)
		}
	}
	if got := events(); len(got) != 1 || got[0].Type != "enrollment.disconnected" || got[0].Payload.Reason != "disconnected" {
		t.Fatalf("%+v", got)
	}
	again := b.enroll(teller.EnrollOrder{Enrollment: e.Enrollment.ID, Nonce: "n2"})
	if again.AccessToken != e.AccessToken || len(again.Signatures) != 1 {
		t.Errorf("the repair gave %+v", again)
	}
	if status, _ := b.ask("GET", "/accounts/"+a.ID+"/balances", e.AccessToken); status != 200 {
		t.Error(status)
	}
	for _, reason := range teller.Reasons() {
		if err := b.api.Disconnect(e.Enrollment.ID, reason, false); err != nil {
			t.Error(err)
		}
		if _, body := b.ask("GET", "/accounts/"+a.ID+"/transactions?count=1", e.AccessToken); !strings.Contains(body, `"enrollment.`+reason+`"`) {
			t.Error(body)
		}
	}
	if got := events(); len(got) != len(teller.Reasons()) {
		t.Errorf("%d told", len(got))
	}
	if err := b.api.Repair(e.Enrollment.ID, false); err != nil {
		t.Fatal(err)
	}
	if got := events(); len(got) != 1 || got[0].Type != "transactions.processed" {
		t.Errorf("%+v", got)
	}
}

func TestANewDayIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	events := b.listen()
	e := b.enroll(teller.EnrollOrder{Institution: "capital_one"})
	b.api.Tick(*b.now)
	if got := events(); len(got) != 0 {
		t.Errorf("told on the first day: %+v", got)
	}
	before := map[string]string{}
	card := b.find(e.AccessToken, "credit_card").ID
	for _, x := range b.list(e.AccessToken, card) {
		before[x.ID] = x.Status
	}
	*b.now = b.now.AddDate(0, 0, 3)
	b.api.Tick(*b.now)
	b.api.Tick(*b.now)
	got := events()
	if len(got) != 1 {
		t.Fatalf("%d told", len(got))
	}
	told := map[string]bool{}
	for _, x := range got[0].Payload.Transactions {
		told[x.ID] = true
	}
	for _, x := range b.list(e.AccessToken, card) {
		if before[x.ID] != x.Status && !told[x.ID] {
			t.Errorf("%+v is new and wasn't told", x)
		}
	}
}

func TestMicrodeposits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	events := b.listen()
	e := b.enroll(teller.EnrollOrder{Institution: "ally", Username: "verify.microdeposit"})
	var all []account
	b.get("/accounts", e.AccessToken, &all)
	for _, a := range all {
		if _, body := b.ask("GET", "/accounts/"+a.ID+"/details", e.AccessToken); !strings.Contains(body, "account_number_verification_pending") {
			t.Error(body)
		}
		got := events()
		status, body := b.ask("GET", "/accounts/"+a.ID+"/details", e.AccessToken)
		switch a.Name {
		case "Success":
			if status != 200 || got[0].Payload.Status != "completed" {
				t.Errorf("%d %s %+v", status, body, got)
			}
		case "Failure":
			if status != 404 || got[0].Payload.Status != "expired" || !strings.Contains(body, "account_number_verification_expired") {
				t.Errorf("%d %s %+v", status, body, got)
			}
		default:
			t.Errorf("an account is named %s", a.Name)
		}
	}
}

func TestEnrollmentsOutliveARestart(t *testing.T) {
	t.Parallel()
	dir, at := t.TempDir(), time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC)
	b := open(t, dir, at)
	e := b.enroll(teller.EnrollOrder{Institution: "chase"})
	if _, err := b.api.Post(e.Enrollment.ID, teller.PostOrder{Amount: "-1.00"}, true); err != nil {
		t.Fatal(err)
	}
	_, before := b.ask("GET", "/accounts/"+b.find(e.AccessToken, "checking").ID+"/transactions", e.AccessToken)
	again := open(t, dir, at)
	_, after := again.ask("GET", "/accounts/"+again.find(e.AccessToken, "checking").ID+"/transactions", e.AccessToken)
	if before != after {
		t.Error("the account looks otherwise after a restart")
	}
	if again.api.SigningKey() != b.api.SigningKey() {
		t.Error("the signing key changed")
	}
}

func TestBadOrdersSayWhy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := b.enroll(teller.EnrollOrder{Institution: "chase"})
	id := e.Enrollment.ID
	post := func(o teller.PostOrder) error { _, err := b.api.Post(id, o, true); return err }
	enroll := func(o teller.EnrollOrder) error { _, err := b.api.Enroll(o); return err }
	for name, err := range map[string]error{
		"no institution":  enroll(teller.EnrollOrder{Institution: "bank_of_nowhere"}),
		"no such user":    enroll(teller.EnrollOrder{Institution: "chase", Username: "root"}),
		"no such place":   enroll(teller.EnrollOrder{Institution: "chase", Environment: "staging"}),
		"no such account": enroll(teller.EnrollOrder{Institution: "chase", Accounts: []string{"yacht"}}),
		"nought":          post(teller.PostOrder{Amount: "0"}),
		"three decimals":  post(teller.PostOrder{Amount: "1.234"}),
		"huge":            post(teller.PostOrder{Amount: "1e9"}),
		"tomorrow":        post(teller.PostOrder{Amount: "1", Date: "2026-11-21"}),
		"unknown reason":  b.api.Disconnect(id, "bored", true),
		"settle a posted": func() error {
			_, err := b.api.PostPending(id, teller.SettleOrder{Transaction: b.list(e.AccessToken, b.find(e.AccessToken, "savings").ID)[0].ID}, true)
			return err
		}(),
	} {
		if !errors.Is(err, teller.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.api.Disconnect("enr_none", "", true); !errors.Is(err, teller.ErrNotFound) {
		t.Error(err)
	}
}
