package teller_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"flint/internal/config"
	"flint/internal/money"
	"flint/internal/platform/outbound"
	"flint/internal/provider/teller"
	"flint/sandbox"
)

// theSandbox runs the sandbox, whose Teller asks for TLS and client certificates.
func theSandbox(t *testing.T) *sandbox.Server {
	t.Helper()
	s, err := sandbox.New(sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Stop(ctx)
	})
	return s
}

// control orders the sandbox to do something and reads its answer into out.
func control(t *testing.T, s *sandbox.Server, method, path string, in, out any) {
	t.Helper()
	body, _ := json.Marshal(in)
	req, err := http.NewRequestWithContext(t.Context(), method, s.URLs().Site+"/control/"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s", path, answer.StatusCode, data)
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			t.Fatal(err)
		}
	}
}

func sandboxClient(t *testing.T, s *sandbox.Server, change ...func(*teller.Config)) *teller.Client {
	t.Helper()
	c := s.Credentials()
	cfg := teller.Config{
		BaseURL: s.URLs().Teller, ApplicationID: c.TellerApplication, Environment: "development",
		CertFile: c.TellerCertFile, KeyFile: c.TellerKeyFile, CAFile: c.TellerCAFile, SigningKey: c.TellerSigningKey,
	}
	for _, f := range change {
		f(&cfg)
	}
	client, err := teller.New(cfg, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// handedOver is what the widget's onSuccess gets.
type handedOver struct {
	AccessToken string
	User        struct{ ID string }
	Enrollment  struct{ ID string }
	Signatures  []string
}

// truth is what the sandbox knows about an enrollment.
type truth struct {
	Enrollments []struct {
		ID       string
		Accounts []struct {
			ID, Ledger, Available, PostedSum, PendingSum string
			Posted, Pending                              int
		}
	}
}

func TestTheSandboxIsUnderstoodToTheCent(t *testing.T) {
	t.Parallel()
	s := theSandbox(t)
	client := sandboxClient(t, s)
	var e handedOver
	control(t, s, "POST", "teller/enroll", map[string]any{"institution": "capital_one", "environment": "development", "nonce": "nonce-1"}, &e)
	signed := teller.Enrollment{Nonce: "nonce-1", AccessToken: e.AccessToken, UserID: e.User.ID, EnrollmentID: e.Enrollment.ID}
	if err := client.VerifyEnrollment(signed, e.Signatures); err != nil {
		t.Fatal(err)
	}
	signed.Nonce = "nonce-2"
	if err := client.VerifyEnrollment(signed, e.Signatures); !errors.Is(err, teller.ErrSignature) {
		t.Fatalf("another nonce: %v", err)
	}
	token := config.NewSecret(e.AccessToken)
	accounts, err := client.Accounts(t.Context(), token)
	if err != nil || len(accounts) == 0 {
		t.Fatalf("accounts: %d, %v", len(accounts), err)
	}
	var all truth
	control(t, s, "GET", "teller/enrollments", nil, &all)
	if len(all.Enrollments) != 1 || len(all.Enrollments[0].Accounts) != len(accounts) {
		t.Fatalf("truth: %+v", all)
	}
	for i, want := range all.Enrollments[0].Accounts {
		if accounts[i].ID != want.ID || accounts[i].EnrollmentID != e.Enrollment.ID {
			t.Fatalf("account %d is %s, not %s", i, accounts[i].ID, want.ID)
		}
		b, err := client.Balances(t.Context(), token, want.ID)
		if err != nil || !b.Ledger.Equal(money.MustParse(want.Ledger)) || !b.Available.Equal(money.MustParse(want.Available)) {
			t.Errorf("%s: balances %v %v, want %s %s (%v)", want.ID, b.Ledger, b.Available, want.Ledger, want.Available, err)
		}
		posted, pending, n := walk(t, client, token, want.ID)
		if !posted.Equal(money.MustParse(want.PostedSum)) || !pending.Equal(money.MustParse(want.PendingSum)) || n != want.Posted+want.Pending {
			t.Errorf("%s: %d rows sum to %s and %s, want %+v", want.ID, n, posted, pending, want)
		}
	}
}

// walk reads an account's whole history page by page.
func walk(t *testing.T, client *teller.Client, token config.Secret, account string) (posted, pending money.Decimal, n int) {
	t.Helper()
	const size = 250
	seen := map[string]bool{}
	for from := ""; ; {
		rows, err := client.Transactions(t.Context(), token, account, teller.Page{Count: size, FromID: from})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if seen[r.ID] {
				t.Fatalf("%s came twice", r.ID)
			}
			if seen[r.ID] = true; r.Status == "posted" {
				posted = posted.Add(r.Amount)
			} else {
				pending = pending.Add(r.Amount)
			}
		}
		if len(rows) < size {
			return posted, pending, len(seen)
		}
		from = rows[len(rows)-1].ID
	}
}

func TestTheSandboxFailsAsTellerDoes(t *testing.T) {
	t.Parallel()
	s := theSandbox(t)
	client := sandboxClient(t, s)
	var e handedOver
	control(t, s, "POST", "teller/enroll", map[string]any{"institution": "ally", "environment": "development"}, &e)
	token := config.NewSecret(e.AccessToken)
	accounts, err := client.Accounts(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(client *teller.Client, token config.Secret) *outbound.Error {
		_, err := client.Transactions(t.Context(), token, accounts[0].ID, teller.Page{Count: 1})
		return outbound.Of(err)
	}
	bare := sandboxClient(t, s, func(c *teller.Config) { c.Environment, c.CertFile, c.KeyFile = "sandbox", "", "" })
	if e := ask(bare, token); e == nil || e.Class != outbound.ProviderDown || e.Code != "certificate" {
		t.Errorf("without a certificate: %v", e)
	}
	if e := ask(client, config.NewSecret("token_unknown")); e == nil || e.Class != outbound.Reauth || e.Status != 403 {
		t.Errorf("an unknown token: %v", e)
	}
	for _, trouble := range []map[string]any{
		{"provider": "teller", "kind": "5xx", "count": 1},
		{"provider": "teller", "kind": "429", "count": 1, "retryAfter": 1},
		{"provider": "teller", "kind": "disconnect", "count": 1},
		{"provider": "teller", "kind": "half", "count": 1},
	} {
		control(t, s, "POST", "misbehave", trouble, nil)
		if e := ask(client, token); e != nil {
			t.Errorf("%v once wasn't mended by another attempt: %v", trouble["kind"], e)
		}
	}
	control(t, s, "POST", "teller/"+e.Enrollment.ID+"/disconnect", map[string]any{"reason": "credentials_invalid"}, nil)
	failed := ask(client, token)
	if failed == nil || failed.Class != outbound.Reauth {
		t.Fatalf("disconnected: %v", failed)
	}
	if reason, ok := teller.DisconnectReason(failed.Code); !ok || reason != "credentials_invalid" {
		t.Errorf("reason %q", reason)
	}
	for range 2 {
		if err := client.DeleteEnrollment(t.Context(), token); err != nil {
			t.Errorf("give up: %v", err)
		}
	}
	if _, err := client.Accounts(t.Context(), token); outbound.ClassOf(err) != outbound.Reauth {
		t.Errorf("after giving up: %v", err)
	}
}
