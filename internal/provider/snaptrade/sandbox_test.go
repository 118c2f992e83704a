package snaptrade_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
	"time"

	"flint/internal/config"
	"flint/internal/money"
	"flint/internal/platform/outbound"
	"flint/internal/provider/snaptrade"
	"flint/sandbox"
)

// sandboxed is the sandbox's SnapTrade behind a proxy that checks each request
// and each good answer against SnapTrade's OpenAPI document.
func sandboxed(t *testing.T) (*sandbox.Server, *snaptrade.Client) {
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
	checked, _ := newFar(t, nil)
	to, err := url.Parse(s.URLs().SnapTrade)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		rec := httptest.NewRecorder()
		proxy.ServeHTTP(rec, r)
		checked.check(r, body, rec.Code, rec.Body.String())
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}))
	t.Cleanup(front.Close)
	c := s.Credentials()
	client, err := snaptrade.New(snaptrade.Config{
		BaseURL: front.URL, ClientID: c.SnapTradeClient, ConsumerKey: config.NewSecret(c.SnapTradeKey), PortalOrigin: s.URLs().Site,
	}, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return s, client
}

// truth is what the sandbox knows about an account.
type truth struct {
	Users []struct {
		Connections []struct {
			ID       string
			Accounts []struct {
				ID       string
				Currency string
				Total    money.Decimal
				Cash     []struct {
					Currency string
					Cash     money.Decimal
				}
				Positions []struct {
					Symbol string
					Units  money.Decimal
				}
				Activities int
			}
		}
	}
}

func order(t *testing.T, s *sandbox.Server, method, path string, in, out any) {
	t.Helper()
	body, _ := json.Marshal(in)
	req, err := http.NewRequestWithContext(t.Context(), method, s.URLs().Site+"/control/snaptrade/"+path, bytes.NewReader(body))
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

func TestTheSandboxIsUnderstoodExactly(t *testing.T) {
	t.Parallel()
	s, client := sandboxed(t)
	ctx := t.Context()
	u, err := client.Register(ctx, "user-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Register(ctx, "user-1"); outbound.Of(err) == nil || outbound.Of(err).Code != snaptrade.CodeUserExists {
		t.Errorf("register twice: %v", err)
	}
	if _, _, err := client.Login(ctx, u, snaptrade.Portal{Redirect: "https://flint.test/connect/return/1"}); err != nil {
		t.Errorf("login: %v", err)
	}
	for _, broker := range []string{"SCHWAB", "COINBASE", "FIDELITY"} {
		var made struct{ AuthorizationID string }
		order(t, s, "POST", "connect", map[string]any{"userId": u.ID, "broker": broker}, &made)
		c, err := client.Connection(ctx, u, made.AuthorizationID)
		if err != nil || c.Brokerage.Slug != broker || c.Brokerage.Crypto() != (broker == "COINBASE") {
			t.Errorf("%s: %+v, %v", broker, c, err)
		}
	}
	var all truth
	order(t, s, "GET", "truth?userId="+u.ID, nil, &all)
	for _, c := range all.Users[0].Connections {
		accounts, err := client.ConnectionAccounts(ctx, u, c.ID)
		if err != nil || len(accounts) != len(c.Accounts) {
			t.Fatalf("accounts: %d, %v", len(accounts), err)
		}
		for i, want := range c.Accounts {
			if got := accounts[i]; got.ID != want.ID || got.Total == nil || !got.Total.Amount.Equal(want.Total) || string(got.Total.Currency) != want.Currency {
				t.Errorf("account %+v, want total %s %s", got, want.Total, want.Currency)
			}
			balances, err := client.Balances(ctx, u, want.ID)
			if err != nil || len(balances) != len(want.Cash) {
				t.Fatalf("balances: %+v, %v", balances, err)
			}
			for j, cash := range want.Cash {
				if string(balances[j].Currency) != cash.Currency || !balances[j].Cash.Equal(cash.Cash) {
					t.Errorf("cash %+v, want %+v", balances[j], cash)
				}
			}
			positions, err := client.Positions(ctx, u, want.ID)
			if err != nil || len(positions.List) != len(want.Positions) {
				t.Fatalf("positions: %d, want %d, %v", len(positions.List), len(want.Positions), err)
			}
			for j, p := range want.Positions {
				if got := positions.List[j]; got.Instrument.Symbol != p.Symbol || !got.Units.Equal(p.Units) {
					t.Errorf("position %+v, want %+v", got, p)
				}
			}
			if n := activities(t, client, u, want.ID); n != want.Activities {
				t.Errorf("%d activities, want %d", n, want.Activities)
			}
		}
	}
	first := all.Users[0].Connections[0].ID
	order(t, s, "POST", first+"/disable", nil, nil)
	if c, err := client.Connection(ctx, u, first); err != nil || !c.Disabled {
		t.Errorf("disabled: %+v, %v", c, err)
	}
	if err := client.RefreshConnection(ctx, u, first); outbound.ClassOf(err) != outbound.Reauth {
		t.Errorf("refresh of a disabled one: %v", err)
	}
	for range 2 {
		if err := client.DeleteConnection(ctx, u, first); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if _, err := client.Connection(ctx, u, first); outbound.ClassOf(err) != outbound.NotFound {
		t.Errorf("deleted: %v", err)
	}
	stranger := snaptrade.User{ID: u.ID, Secret: config.NewSecret("wrong")}
	if _, err := client.Connections(ctx, stranger); outbound.Of(err) == nil || outbound.Of(err).Code != snaptrade.CodeUserInvalid {
		t.Errorf("wrong secret: %v", err)
	}
	if err := client.DeleteUser(ctx, u.ID); err != nil {
		t.Error(err)
	}
}

// activities pages through an account's activities and returns how many there are.
func activities(t *testing.T, client *snaptrade.Client, u snaptrade.User, account string) int {
	t.Helper()
	seen := map[string]bool{}
	for {
		page, err := client.Activities(t.Context(), u, account, snaptrade.Window{Offset: len(seen), Limit: 200})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page.List {
			if seen[a.ID] {
				t.Fatalf("%s came twice", a.ID)
			}
			seen[a.ID] = true
		}
		if len(seen) >= page.Total || len(page.List) == 0 {
			return len(seen)
		}
	}
}
