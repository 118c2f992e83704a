package ratelimit_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/platform/redis/redistest"
	"flint/internal/ratelimit"
)

// These tests take Redis away from a node in every way there is.

// hourly allows n calls an hour.
func hourly(n int, alone ratelimit.Mode) []ratelimit.Take {
	t := takeOf(somebody(), "test", ratelimit.Limit{Windows: []ratelimit.Window{{n, time.Hour}}})
	t.Alone = alone
	return []ratelimit.Take{t}
}

// ask takes once and demands that somebody answers.
func ask(t *testing.T, s ratelimit.Store, takes []ratelimit.Take) ratelimit.Outcome {
	t.Helper()
	out, err := s.Take(t.Context(), takes)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// drain takes until it's refused, and returns how often it wasn't.
func drain(t *testing.T, s ratelimit.Store, takes []ratelimit.Take) int {
	t.Helper()
	for n := 0; ; n++ {
		if !ask(t, s, takes).Allowed {
			return n
		}
	}
}

// wait demands that something becomes true soon.
func wait(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// unhurried is what a node is told when what is tested isn't the 20 ms: the
// machine that runs the tests is busy.
func unhurried(nodes int) ratelimit.SharedConfig {
	return ratelimit.SharedConfig{Nodes: nodes, Budget: 2 * time.Second}
}

func TestTheScriptIsSentAgainToAServerThatForgotIt(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := node(t, redistest.Client(t, server.URL()), unhurried(1))
	takes := hourly(5, ratelimit.Part)
	ask(t, s, takes)
	server.Do("SCRIPT", "FLUSH")
	if out := ask(t, s, takes); out.Origin != ratelimit.FromRedis || out.Quotas[0][0].Remaining != 3 {
		t.Errorf("after SCRIPT FLUSH: %+v", out)
	}
	if calls := server.Do("INFO", "commandstats"); !strings.Contains(calls, "cmdstat_evalsha:calls=2") || !strings.Contains(calls, "cmdstat_eval:calls=2") {
		t.Errorf("two by hash, of which each was told in full once: %s", calls)
	}
}

func TestAFlushedServerBeginsAgain(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := redistest.Client(t, server.URL())
	takes := hourly(3, ratelimit.Part)
	if n := drain(t, node(t, client, unhurried(1)), takes); n != 3 {
		t.Fatalf("%d", n)
	}
	server.Do("FLUSHALL")
	if n := drain(t, node(t, client, unhurried(1)), takes); n != 3 { // another node, which remembers no refusal
		t.Errorf("%d after FLUSHALL", n)
	}
}

// TestANodeGoesOnWithoutRedis kills the server under a node, holds it to what
// each policy says then, and gives the server back.
func TestANodeGoesOnWithoutRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := node(t, redistest.Client(t, server.URL()), unhurried(3))
	if out := ask(t, s, hourly(1, ratelimit.Part)); out.Origin != ratelimit.FromRedis {
		t.Fatalf("%+v", out)
	}
	server.Kill()
	for mode, want := range map[ratelimit.Mode]int{ratelimit.Part: 4, ratelimit.Whole: 10} {
		takes := hourly(10, mode)
		if out := ask(t, s, takes); out.Origin != ratelimit.FromNode {
			t.Errorf("%v by %v", mode, out.Origin)
		}
		if n := 1 + drain(t, s, takes); n != want {
			t.Errorf("%v: %d of 10 by one of three nodes", mode, n)
		}
	}
	out, err := s.Take(t.Context(), hourly(10, ratelimit.Closed))
	if f := fault.Of(err); !errors.Is(err, ratelimit.ErrUncounted) || f.Retry <= 0 || out.Allowed {
		t.Errorf("closed: %+v, %v", out, err)
	}
	undo := hourly(3, ratelimit.Part)
	first := ask(t, s, undo)
	if err := s.Undo(t.Context(), first.Receipt); err != nil || !ask(t, s, undo).Allowed {
		t.Errorf("a count can't be taken back: %v", err)
	}
	if !s.Alone() {
		t.Error("the node still asks")
	}
	server.Restart()
	wait(t, "the node asks again", func() bool { return !s.Alone() })
	if out := ask(t, s, hourly(1, ratelimit.Closed)); out.Origin != ratelimit.FromRedis || !out.Allowed {
		t.Errorf("after all: %+v", out)
	}
}

func TestANodeThatNeverMetRedisStartsAlone(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Kill()
	s := node(t, redistest.Lazy(t, server.URL()), unhurried(2))
	if n := drain(t, s, hourly(10, ratelimit.Part)); n != 5 {
		t.Errorf("%d of 10 by one of two nodes", n)
	}
	server.Restart()
	wait(t, "it finds Redis", func() bool { return !s.Alone() })
	if out := ask(t, s, hourly(1, ratelimit.Part)); out.Origin != ratelimit.FromRedis {
		t.Errorf("%+v", out)
	}
}

// TestRedisHasItsTimeAndNoMore puts a slow line in between.
func TestRedisHasItsTimeAndNoMore(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	line := newLine(t, server.Addr)
	s := node(t, redistest.Client(t, "redis://"+line.addr), ratelimit.SharedConfig{})
	takes := hourly(1000, ratelimit.Whole)
	wait(t, "Redis decides", func() bool { return ask(t, s, takes).Origin == ratelimit.FromRedis })
	line.delay.Store(int64(time.Second))
	var took []time.Duration
	for range 30 {
		begin := time.Now()
		if out := ask(t, s, takes); out.Origin != ratelimit.FromNode || !out.Allowed {
			t.Fatalf("%+v", out)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	if !s.Alone() || took[15] > 5*time.Millisecond { // only the first five wait
		t.Errorf("half of the calls take %v", took[15])
	}
	if worst := took[29]; worst > 500*time.Millisecond { // 20 on a machine that has time
		t.Errorf("the slowest took %v", worst)
	}
	line.delay.Store(0)
	wait(t, "the node asks again", func() bool { return !s.Alone() })
}

func TestAReplicaCountsNothing(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t)
	replica := master.Replica()
	s := node(t, redistest.Client(t, replica.URL()), unhurried(1))
	if out := ask(t, s, hourly(5, ratelimit.Part)); out.Origin != ratelimit.FromNode {
		t.Errorf("%+v", out)
	}
	for range 6 {
		ask(t, s, hourly(5, ratelimit.Part))
	}
	if !s.Alone() {
		t.Error("it is asked on")
	}
	replica.Promote()
	wait(t, "a master is asked", func() bool { return !s.Alone() })
}

// TestCountsSurviveAFailover kills the master of a replicated group and goes on
// until its successor decides, with the counts that it has.
func TestCountsSurviveAFailover(t *testing.T) {
	t.Parallel()
	for name, group := range map[string]func(*testing.T) *redistest.Group{
		"sentinel": func(t *testing.T) *redistest.Group { t.Helper(); return redistest.Watched(t) },
		"cluster":  func(t *testing.T) *redistest.Group { t.Helper(); return redistest.Cluster(t, true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := group(t)
			s := node(t, redistest.Client(t, g.URL), ratelimit.SharedConfig{Nodes: 2, Budget: 200 * time.Millisecond})
			var callers [][]ratelimit.Take
			for range 30 { // on every server of a cluster
				takes := hourly(100, ratelimit.Part)
				callers = append(callers, takes)
				wait(t, "Redis counts three", func() bool {
					out := ask(t, s, takes)
					return out.Origin == ratelimit.FromRedis && out.Quotas[0][0].Remaining <= 97
				})
			}
			g.Servers[0].Do("WAIT", "1", "5000")
			g.Servers[0].Kill()
			for i, takes := range callers {
				wait(t, "a successor counts", func() bool {
					out := ask(t, s, takes)
					if out.Origin == ratelimit.FromRedis && out.Quotas[0][0].Remaining > 97 {
						t.Fatalf("caller %d: %d remain", i, out.Quotas[0][0].Remaining)
					}
					return out.Origin == ratelimit.FromRedis
				})
			}
		})
	}
}

// TestARefusalIsRepeatedWithoutAsking floods one caller's limit and counts what
// reaches Redis; and nobody waits longer for it than Redis would have had them.
func TestARefusalIsRepeatedWithoutAsking(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	client := redistest.Client(t, server.URL())
	k := newClock()
	cfg := unhurried(1)
	cfg.Now, cfg.Clock = k.now, k.now
	s, other := node(t, client, cfg), node(t, client, cfg)
	takes := hourly(3, ratelimit.Part)
	drain(t, s, takes)
	before := evals(server)
	k.pass(20 * time.Minute)
	for range 1000 {
		out := ask(t, s, takes)
		if out.Allowed || out.Origin != ratelimit.FromRefusals || out.Retry != 40*time.Minute || out.Quotas[0][0].Reset != 40*time.Minute {
			t.Fatalf("%+v", out)
		}
	}
	if n := evals(server); n != before {
		t.Errorf("%s scripts were run, not %s", n, before)
	}
	if out := ask(t, other, takes); out.Allowed || out.Retry != 40*time.Minute {
		t.Errorf("another node says %+v", out)
	}
	k.pass(40*time.Minute - 1)
	if out := ask(t, s, takes); out.Allowed || out.Origin != ratelimit.FromRedis {
		t.Errorf("just before: %+v", out)
	}
	k.pass(1)
	if out := ask(t, s, takes); !out.Allowed {
		t.Errorf("when it is over: %+v", out)
	}

	failures := hourly(3, ratelimit.Part)
	failures[0].Refundable = true
	first := ask(t, other, failures)
	drain(t, s, failures)
	if err := other.Undo(t.Context(), first.Receipt); err != nil {
		t.Fatal(err)
	}
	k.pass(time.Second)
	if out := ask(t, s, failures); !out.Allowed {
		t.Errorf("what another node took back is refused for longer than a second: %+v", out)
	}
}

func evals(s *redistest.Server) string {
	_, after, _ := strings.Cut(s.Do("INFO", "commandstats"), "cmdstat_evalsha:calls=")
	n, _, _ := strings.Cut(after, ",")
	return n
}

func TestNodesShareWhatIsKeyedByIdentifierAndShowNobodyWho(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	pepper := []byte("thirty-two bytes from a key ring")
	var limiters []*ratelimit.Limiter
	for range 2 {
		client := redistest.Client(t, server.URL())
		l, err := ratelimit.Open(ratelimit.Config{Nodes: 2, Redis: client, Pepper: pepper})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Close)
		limiters = append(limiters, l)
	}
	allowed := 0
	for i := range 40 {
		d, err := limiters[i%2].AllowFor(t.Context(), "mail-recipient", "Ann@example.com")
		if err != nil {
			t.Fatal(err)
		}
		if d.Allowed {
			allowed++
		}
	}
	alone := false
	for _, l := range limiters {
		for _, c := range l.Stats() {
			alone = alone || c.Origin == ratelimit.FromNode
		}
	}
	if allowed != 3 && !alone { // a machine too busy for 20 ms shows nothing here
		t.Errorf("%d mails by two nodes", allowed)
	}
	for _, addr := range []string{"203.0.113.7", "2001:db8:1:2::9"} {
		if _, err := limiters[0].Allow(t.Context(), "login", access.Actor{}, netip.MustParseAddr(addr)); err != nil {
			t.Fatal(err)
		}
	}
	keys := ""
	for _, pattern := range []string{"*id:*", "*ip4:*", "*ip6:*"} {
		keys += server.Do("EVAL", "return table.concat(redis.call('KEYS', ARGV[1]), ' ')", "0", pattern) + "\n"
	}
	if strings.Contains(strings.ToLower(keys), "ann") || !alone && !(strings.Contains(keys, "flint:ratelimit:{ip4:203.0.113.7}:login:") &&
		strings.Contains(keys, "flint:ratelimit:{ip6:20010db800010002}:login:") && strings.Contains(keys, "flint:ratelimit:{id:")) {
		t.Errorf("keys: %s", keys)
	}
}

// line is a connection to a server that can be made slow.
type line struct {
	addr  string
	delay atomic.Int64 // of what the server says, in nanoseconds
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &line{addr: l.Addr().String()}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			mu.Lock()
			open = append(open, near, far)
			mu.Unlock()
			wg.Go(func() { _, _ = io.Copy(far, near); _ = far.Close() })
			wg.Go(func() {
				defer near.Close()
				buf := make([]byte, 1<<16)
				for {
					n, err := far.Read(buf)
					time.Sleep(time.Duration(p.delay.Load()))
					if _, bad := near.Write(buf[:n]); err != nil || bad != nil {
						return
					}
				}
			})
		}
	})
	return p
}
