// Package sdktest runs the providers' own client programs against the sandbox:
// what their SDK accepts, our sandbox may call exact.
package sdktest

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"flint/sandbox"
	"flint/sandbox/snaptrade"
)

// node runs a script of this folder and returns what it printed. Without the
// packages the test is skipped on a developer's machine, and fails in CI.
func node(t *testing.T, script string, env ...string) []byte {
	t.Helper()
	if _, err := os.Stat("node_modules/snaptrade-typescript-sdk"); err != nil {
		if os.Getenv("CI") == "" {
			t.Skip("the SDK isn't installed: run npm ci in sandbox/sdktest")
		}
		t.Fatal("the SDK isn't installed: run npm ci in sandbox/sdktest")
	}
	cmd := exec.CommandContext(t.Context(), "node", script)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, stderr.Bytes())
	}
	return out
}

func start(t *testing.T) *sandbox.Server {
	t.Helper()
	s, err := sandbox.New(sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

type result struct {
	Online       bool
	Brokerages   int
	Refused      map[string]string
	Users        []string
	Portal       []int
	Connections  []string
	Same         bool
	Detail       string
	OfConnection int
	Accounts     []struct {
		ID          string
		Total       json.Number
		Synced      bool
		Cash        []string
		Positions   []string
		Activities  int
		Page        int
		NewestFirst bool
	}
	Truth   snaptrade.Truth
	Refresh int
	Deleted bool
	Symbols []string
	Gone    string
}

func TestTheOfficialSnapTradeSDKWorksAgainstTheSandbox(t *testing.T) {
	t.Parallel()
	s := start(t)
	var got result
	out := node(t, "snaptrade.mjs", "SNAPTRADE_BASE_URL="+s.URLs().SnapTrade, "CONTROL_URL="+s.URLs().Site,
		"SNAPTRADE_CLIENT_ID="+s.Credentials().SnapTradeClient, "SNAPTRADE_CONSUMER_KEY="+s.Credentials().SnapTradeKey)
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	for what, want := range map[string]string{
		"again": "400 1010", "oldSecret": "401 1083", "key": "401 1076", "history": "403 1141", "disabled": "402 3003",
	} {
		if got.Refused[what] != want {
			t.Errorf("%s is refused with %q, want %q", what, got.Refused[what], want)
		}
	}
	if !got.Online || got.Brokerages != 12 || !slices.Equal(got.Portal, []int{200, 200}) || !got.Same || got.Detail != "Coinbase" || got.OfConnection != 1 ||
		got.Refresh != 200 || !got.Deleted || !slices.Equal(got.Symbols, []string{"AAPL"}) || got.Gone != "deleted" || !slices.Equal(got.Users, []string{"sdk user/1&é"}) {
		t.Errorf("the SDK got %s", out)
	}
	if want := []string{"SCHWAB read false", "COINBASE read false", "ROBINHOOD read false"}; !slices.Equal(got.Connections, want) {
		t.Errorf("connections %q, want %q", got.Connections, want)
	}
	if len(got.Accounts) != 3 {
		t.Fatalf("%d accounts", len(got.Accounts))
	}
	for _, a := range got.Accounts {
		if !a.Synced || a.Activities < 100 || a.Page != 7 || !a.NewestFirst || len(a.Positions) < 5 || len(a.Cash) == 0 {
			t.Errorf("account %+v", a)
		}
	}
	var truth []snaptrade.TruthAccount
	for _, c := range got.Truth.Users[0].Connections {
		truth = append(truth, c.Accounts...)
	}
	for i, a := range got.Accounts {
		want := truth[i]
		var cash, positions []string
		for _, c := range want.Cash {
			cash = append(cash, c.Currency+" "+c.Cash.String())
		}
		for _, p := range want.Positions {
			kind := strings.Replace(p.Kind, "moneymarket", "mutualfund", 1)
			positions = append(positions, strings.Join([]string{kind, p.Symbol, p.Units.String(), p.Price.String()}, " "))
		}
		if a.ID != want.ID || a.Total.String() != want.Total.String() || !slices.Equal(a.Cash, cash) || !slices.Equal(a.Positions, positions) || a.Activities != want.Activities {
			t.Errorf("the SDK read %+v, the truth is %+v", a, want)
		}
	}
	if !slices.ContainsFunc(got.Accounts[2].Positions, func(p string) bool { return strings.HasPrefix(p, "option AAPL  ") }) {
		t.Errorf("Robinhood holds %q", got.Accounts[2].Positions)
	}
}
