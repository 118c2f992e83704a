package ratelimit_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/ratelimit"
)

func row(t *testing.T, cfg ratelimit.Config, name string) ratelimit.Policy {
	t.Helper()
	table, _, err := cfg.Table()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range table {
		if p.Name == name {
			return p
		}
	}
	t.Fatal("no limit is named " + name)
	return ratelimit.Policy{}
}

func TestConfigurationChangesNumbersOfTheTable(t *testing.T) {
	t.Parallel()
	cfg := ratelimit.Config{Nodes: 3, Adjust: " register = 5/1m, 20/1h ;data=free:80,pro:300; webhook=6000; login=3/1m,30/1h;", Shadow: []string{"trading", " "}}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"register": "5 in 1m, 20 in 1h",
		"login":    "3 in 1m, 30 in 1h",
		"webhook":  "1001 at once and one every 10ms",
		"auth":     "5 in 15m",
	} {
		if got := row(t, cfg, name).Limits(); got != want {
			t.Errorf("%s: %s, not %s", name, got, want)
		}
	}
	data := row(t, cfg, "data")
	if data.Tiers[access.Free] != 80 || data.Tiers[access.Basic] != 100 || data.Tiers[access.Pro] != 300 {
		t.Errorf("%v", data.Tiers)
	}
	if !row(t, cfg, "trading").Shadow || row(t, cfg, "data").Shadow {
		t.Error("the wrong ones are in the shadow")
	}
	for _, p := range ratelimit.Policies() {
		if p.Name == "data" && p.Tiers[access.Free] != 50 {
			t.Error("the table itself was changed")
		}
	}
}

func TestConfigurationThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"login", "nobody=1/1m", "register=", "register=0/1m", "register=5", "register=5/0s", "register=5/1ns", "register=99999/1m", "register=1/800h",
		"register=free:4", "data=50/1m", "data=gold:5", "data=free:0", "data=free", "webhook=0", "webhook=5/1m", "webhook=-1", "webhook=9999999",
		"login=6/1m,50/1h", "login=5/1m", "login=5/30s,50/1h", "factor=5/15m", "login-delay=3/15s", "auth=6/15m",
	} {
		err := ratelimit.Config{Nodes: 1, Adjust: bad}.Validate()
		if err == nil || !strings.Contains(err.Error(), "FLINT_LIMITS: ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range []ratelimit.Config{{}, {Nodes: 1001}, {Nodes: 1, Shadow: []string{"nobody"}}, {Nodes: 1, Shadow: []string{"login"}}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func TestWhatGuardsIsLoosenedOnlyAloud(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	l, err := ratelimit.Open(ratelimit.Config{
		Nodes: 1, Adjust: "login!=100/1m; register=9/1m", Shadow: []string{"factor!"}, Now: newClock().now, Log: slog.New(slog.NewTextHandler(&said, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, name := range []string{"login", "factor"} {
		if strings.Count(said.String(), "policy="+name+"\n") != 1 {
			t.Errorf("%s isn't warned of: %s", name, said.String())
		}
	}
	if strings.Contains(said.String(), "register") {
		t.Error("register guards nothing")
	}
	for range 100 {
		if d, err := l.Allow(t.Context(), "login", access.Actor{}, here); err != nil || !d.Allowed {
			t.Fatalf("%+v, %v", d, err)
		}
	}
}

func TestALimitInTheShadowCountsAndRefusesNobody(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	k := newClock()
	l, err := ratelimit.Open(ratelimit.Config{Nodes: 1, Shadow: []string{"connect", "auth!"}, Now: k.now, Log: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	said.Reset()
	for range 25 {
		d, err := l.Allow(t.Context(), "connect", access.Actor{}, here)
		if err != nil || !d.Allowed || len(d.Quotas) != 0 {
			t.Fatalf("%+v, %v", d, err)
		}
	}
	if n := strings.Count(said.String(), "policy=connect"); n != 15 {
		t.Errorf("%d of 15 are logged", n)
	}
	count := map[ratelimit.Verdict]uint64{}
	for _, c := range l.Stats() {
		if c.Policy == "connect" && c.Origin == ratelimit.FromMemory {
			count[c.Verdict] = c.N
		}
	}
	if count[ratelimit.Allowed] != 10 || count[ratelimit.Shadowed] != 15 || count[ratelimit.Refused] != 0 {
		t.Errorf("%v", count)
	}
	for range 20 { // what turns out well isn't counted here, either
		d, err := l.Allow(t.Context(), "auth", access.Actor{}, here)
		if err != nil || d.Undo == nil {
			t.Fatalf("%+v, %v", d, err)
		}
		d.Undo()
	}
	if strings.Contains(said.String(), "policy=auth") {
		t.Error("good calls were counted in the shadow")
	}
}

func TestSeveralPoliciesAboutOneCallAreDecidedTogether(t *testing.T) {
	t.Parallel()
	k := newClock()
	l := ratelimit.New(ratelimit.NewMemory(0, k.now))
	both := []ratelimit.About{{"login-account", "ann@example.com"}, {"login-delay", "ann@example.com 203.0.113.7"}}
	for range 3 {
		if d, err := l.AllowAll(t.Context(), both...); err != nil || !d.Allowed {
			t.Fatalf("%+v, %v", d, err)
		}
	}
	d, err := l.AllowAll(t.Context(), both...)
	if err != nil || d.Allowed || d.Retry != 15*time.Second || len(d.Violated) != 1 || d.Violated[0] != "login-delay-15s" {
		t.Fatalf("%+v, %v", d, err)
	}
	if d, _ := l.AllowFor(t.Context(), "login-account", "ann@example.com"); d.Quotas[0].Remaining != 6 {
		t.Errorf("a refused call was counted: %+v", d.Quotas)
	} else {
		d.Undo()
	}
	k.pass(15 * time.Second)
	if d, err = l.AllowAll(t.Context(), both...); err != nil || !d.Allowed {
		t.Fatalf("%+v, %v", d, err)
	}
	d.Undo()
	if d, _ := l.AllowFor(t.Context(), "login-account", "ann@example.com"); d.Quotas[0].Remaining != 6 {
		t.Errorf("it wasn't taken back: %+v", d.Quotas)
	}
}

func FuzzAdjust(f *testing.F) {
	for _, s := range []string{"login=1/1m", "data=free:1", "shield=5;login!=9/1h", "=", ";;", "login=1/1m,"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, text string) { _ = ratelimit.Config{Nodes: 1, Adjust: text}.Validate() })
}
