package ratelimit_test

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"flint/internal/access"
	"flint/internal/platform/redis"
	"flint/internal/platform/redis/redistest"
	"flint/internal/ratelimit"
)

// These tests are one suite, and every store passes it: memory, one Redis and a
// cluster of three masters.

var update = flag.Bool("update", false, "write the golden files anew")

// kind is a sort of store.
type kind struct {
	name string
	at   func(t *testing.T, now func() time.Time) ratelimit.Store // at times of the test's
	node func(t *testing.T, skew time.Duration) ratelimit.Store   // one of several nodes, whose clock is wrong by skew
}

// everyStore runs test for each sort of store, side by side.
func everyStore(t *testing.T, test func(t *testing.T, k kind)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		one := ratelimit.NewMemory(0, nil)
		test(t, kind{"memory",
			func(_ *testing.T, now func() time.Time) ratelimit.Store { return ratelimit.NewMemory(0, now) },
			func(*testing.T, time.Duration) ratelimit.Store { return one }})
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, onRedis("redis", redistest.Start(t).URL()))
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		test(t, onRedis("cluster", redistest.Cluster(t, false).URL))
	})
}

func onRedis(name, url string) kind {
	return kind{name,
		func(t *testing.T, now func() time.Time) ratelimit.Store {
			t.Helper()
			return ratelimit.NewRedis(redistest.Client(t, url), now)
		},
		func(t *testing.T, skew time.Duration) ratelimit.Store {
			t.Helper()
			return node(t, redistest.Client(t, url), ratelimit.SharedConfig{Budget: 5 * time.Second, Now: func() time.Time { return time.Now().Add(skew) }})
		}}
}

// node is a node on client. Unless it says otherwise it's given seconds, not
// milliseconds: what is tested is the counting, and the machine is busy.
func node(t *testing.T, client *redis.Client, cfg ratelimit.SharedConfig) *ratelimit.Shared {
	t.Helper()
	cfg.Log = slog.New(slog.DiscardHandler)
	s := ratelimit.NewShared(client, cfg)
	t.Cleanup(s.Close)
	return s
}

// somebody is a caller that no other test has.
func somebody() [16]byte {
	var k [16]byte
	binary.BigEndian.PutUint64(k[:], people.Add(1)*0x9e3779b97f4a7c15) // far apart, so all over a cluster
	return k
}

var people atomic.Uint64

func takeOf(who [16]byte, rule string, l ratelimit.Limit) ratelimit.Take {
	return ratelimit.Take{Key: ratelimit.Key{Rule: rule, Kind: 'u', ID: who}, Limit: l}
}

func TestDecisionsAreThoseOfTheObviousWay(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, k kind) {
		c := newClock()
		m := k.at(t, c.now)
		rapid.Check(t, func(t *rapid.T) {
			a, b := &oracle{limit: drawLimit(t, "a")}, &oracle{limit: drawLimit(t, "b")}
			ann, other := somebody(), somebody()
			if rapid.Bool().Draw(t, "one caller") {
				other = ann
			}
			takeA, takeB := takeOf(ann, fmt.Sprint("a", a.limit.Windows, a.limit.Bucket), a.limit), takeOf(other, fmt.Sprint("b", b.limit.Windows, b.limit.Bucket), b.limit)
			for range rapid.IntRange(1, 80).Draw(t, "steps") {
				c.pass(time.Duration(rapid.SampledFrom([]int{0, 0, 1, 7, 100, 999, 1000, 5003, 20000}).Draw(t, "pass")) * time.Millisecond)
				takes, want := []ratelimit.Take{takeA}, a.allows(c.now())
				both := rapid.Bool().Draw(t, "both")
				if both {
					takes, want = append(takes, takeB), want && b.allows(c.now())
				}
				out, err := m.Take(t.Context(), takes)
				if err != nil || out.Allowed != want {
					t.Fatalf("allowed %v, the obvious way says %v (%v)", out.Allowed, want, err)
				}
				if out.Allowed {
					if rapid.IntRange(0, 9).Draw(t, "undo") == 0 {
						if err := m.Undo(t.Context(), out.Receipt); err != nil {
							t.Fatal(err)
						}
						continue
					}
					a.admitted = append(a.admitted, c.now())
					if both {
						b.admitted = append(b.admitted, c.now())
					}
				} else {
					at := c.now().Add(out.Retry)
					early := a.allows(at.Add(-1)) && (!both || b.allows(at.Add(-1)))
					if early || !a.allows(at) || both && !b.allows(at) {
						t.Fatalf("retry after %v isn't exact", out.Retry)
					}
				}
				for i, w := range a.limit.Windows {
					if left := w.Calls - a.within(c.now(), w.Per); out.Quotas[0][i].Remaining != left && (out.Allowed || k.name != "cluster") {
						t.Fatalf("%d remain, not %d", out.Quotas[0][i].Remaining, left)
					}
				}
			}
		})
	})
}

// TestEveryStoreAnswersAsTheGoldenFile holds a few hundred answers for the limits
// of the table, so that a change of any of them is seen.
func TestEveryStoreAnswersAsTheGoldenFile(t *testing.T) {
	t.Parallel()
	policies := map[string]access.Tier{"login": "", "register": "", "auth": "", "login-delay": "", "connect": "", "shield": ""}
	for tier := range map[access.Tier]bool{access.Free: true, access.Basic: true, access.Pro: true} {
		policies["data "+string(tier)], policies["trading "+string(tier)] = tier, tier
	}
	got := map[string][]string{}
	var mu sync.Mutex
	t.Run("stores", func(t *testing.T) {
		everyStore(t, func(t *testing.T, k kind) {
			c := newClock()
			s, answers := k.at(t, c.now), map[string][]string{}
			for name, tier := range policies {
				limit := limitOf(t, name, tier)
				take := []ratelimit.Take{takeOf(somebody(), name, limit)}
				begin := c.now()
				for i := range 40 {
					out, err := s.Take(t.Context(), take)
					if err != nil {
						t.Fatal(err)
					}
					says := fmt.Sprintf("after %v: allowed", c.now().Sub(begin))
					if !out.Allowed {
						says = fmt.Sprintf("after %v: again in %v", c.now().Sub(begin), out.Retry)
					}
					for _, q := range out.Quotas[0] {
						says += fmt.Sprintf(", %d of %d remain and all in %v", q.Remaining, q.Limit, q.Reset)
					}
					answers[name] = append(answers[name], says)
					c.pass([]time.Duration{0, 0, 0, time.Microsecond, 50 * time.Millisecond, 1001 * time.Millisecond, 0, 3 * time.Second}[i%8])
					if i%10 == 9 && !out.Allowed {
						c.pass(out.Retry)
					}
				}
			}
			if k.name == "memory" {
				mu.Lock()
				got = answers
				mu.Unlock()
			}
			if !*update {
				same(t, answers)
			}
		})
	})
	if *update {
		text, err := json.MarshalIndent(got, "", " ")
		if err == nil {
			err = os.WriteFile("testdata/answers.json", append(text, '\n'), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func same(t *testing.T, answers map[string][]string) {
	t.Helper()
	text, err := os.ReadFile("testdata/answers.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]string
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if len(want) != len(answers) {
		t.Fatalf("%d limits, %d in the file", len(answers), len(want))
	}
	for name, vs := range want {
		for i, v := range vs {
			if answers[name][i] != v {
				t.Errorf("%s, call %d: %s, not %s", name, i, answers[name][i], v)
				break
			}
		}
	}
}

// limitOf returns what the table says.
func limitOf(t *testing.T, name string, tier access.Tier) ratelimit.Limit {
	t.Helper()
	for _, p := range ratelimit.Policies() {
		if p.Name == name || p.Name+" "+string(tier) == name {
			return p.Limit(tier)
		}
	}
	t.Fatal("no limit is named " + name)
	return ratelimit.Limit{}
}

// TestNoWindowEverHoldsMore lets 64 goroutines on three nodes, whose clocks are
// wrong, ask as fast as they can, and looks at every admission afterwards.
func TestNoWindowEverHoldsMore(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, k kind) {
		nodes := []ratelimit.Store{k.node(t, 0), k.node(t, 40*time.Second), k.node(t, -time.Hour)}
		limit := ratelimit.Limit{Windows: []ratelimit.Window{{5, 200 * time.Millisecond}, {12, time.Second}},
			Bucket: ratelimit.Bucket{Every: 50 * time.Millisecond, Tolerance: 200 * time.Millisecond}}
		ann, bob := somebody(), somebody()
		takes := []ratelimit.Take{takeOf(ann, "a", limit), takeOf(bob, "b", ratelimit.Limit{Windows: []ratelimit.Window{{20, time.Minute}}})}
		var mu sync.Mutex
		var admitted []int64
		all := 0
		stop := time.Now().Add(1500 * time.Millisecond)
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for time.Now().Before(stop) {
					mine := takes[:1]
					if i%4 == 0 { // both, in either order
						mine = []ratelimit.Take{takes[i/4%2], takes[1-i/4%2]}
					}
					out, err := nodes[i%3].Take(t.Context(), mine)
					if err != nil || out.Origin == ratelimit.FromNode {
						t.Errorf("%v by %v", err, out.Origin)
						return
					}
					if !out.Allowed {
						continue
					}
					mu.Lock()
					all++
					if k.name != "cluster" || len(mine) == 1 { // of several servers there are several times
						admitted = append(admitted, out.Receipt.At)
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		unit := time.Microsecond
		if k.name == "memory" {
			unit = time.Nanosecond
		}
		slices.Sort(admitted)
		for _, w := range limit.Windows {
			for i := w.Calls; i < len(admitted); i++ {
				if d := time.Duration(admitted[i]-admitted[i-w.Calls]) * unit; d < w.Per {
					t.Errorf("%d calls in %v", w.Calls+1, d)
				}
			}
		}
		if all < 12 || all > 36 {
			t.Errorf("%d allowed in all", all)
		}
	})
}

// TestARefusedCallLeavesNoTrace has one caller's limit used up and asks for it
// together with another's.
func TestARefusedCallLeavesNoTrace(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, k kind) {
		s := k.at(t, newClock().now)
		ann, bob := somebody(), somebody()
		full := takeOf(ann, "full", ratelimit.Limit{Windows: []ratelimit.Window{{1, time.Hour}}})
		if out, err := s.Take(t.Context(), []ratelimit.Take{full}); err != nil || !out.Allowed {
			t.Fatalf("%+v, %v", out, err)
		}
		limit := ratelimit.Limit{Windows: []ratelimit.Window{{3, time.Minute}}, Bucket: ratelimit.Bucket{Every: time.Second, Tolerance: 10 * time.Second}}
		for _, free := range []ratelimit.Take{takeOf(ann, "free", limit), takeOf(bob, "free", limit)} {
			for range 10 {
				out, err := s.Take(t.Context(), []ratelimit.Take{free, full})
				if err != nil || out.Allowed || out.Retry != time.Hour || out.Waits[0] != 0 {
					t.Fatalf("%+v, %v", out, err)
				}
			}
			out, err := s.Take(t.Context(), []ratelimit.Take{free})
			if err != nil || out.Quotas[0][0].Remaining != 2 || out.Quotas[0][1].Remaining != 10 {
				t.Errorf("something was counted: %+v, %v", out.Quotas, err)
			}
		}
	})
}

func TestAClockThatStepsBackGivesNothingAwayInAnyStore(t *testing.T) {
	t.Parallel()
	everyStore(t, func(t *testing.T, k kind) {
		c := newClock()
		s := k.at(t, c.now)
		take := []ratelimit.Take{takeOf(somebody(), "x", ratelimit.Limit{Windows: []ratelimit.Window{{2, time.Minute}}})}
		for i, want := range []bool{true, true, false} {
			if out, err := s.Take(t.Context(), take); err != nil || out.Allowed != want {
				t.Fatalf("call %d: %+v, %v", i, out, err)
			}
		}
		c.pass(-30 * time.Second)
		if out, err := s.Take(t.Context(), take); err != nil || out.Allowed || out.Retry != time.Minute {
			t.Errorf("%+v, %v", out, err)
		}
		c.pass(90 * time.Second)
		if out, err := s.Take(t.Context(), take); err != nil || !out.Allowed {
			t.Errorf("a minute later: %+v, %v", out, err)
		}
	})
}
