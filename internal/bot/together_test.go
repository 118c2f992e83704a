package bot_test

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"flint/internal/bot"
	"flint/internal/config"
	"flint/internal/envelope/envelopetest"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/redis/redistest"
	"flint/internal/ratelimit"
)

// fleet returns three nodes with one key ring that count in the Redis of url.
func fleet(t *testing.T, url string) (*house, []*bot.Guard) {
	t.Helper()
	h := &house{keys: envelopetest.New(t, pgtest.New(t)), time: time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)}
	origin, err := config.ParseOrigin("https://flint.example")
	if err != nil {
		t.Fatal(err)
	}
	var nodes []*bot.Guard
	for range 3 {
		// A busy machine may not keep to the 20 ms, which package ratelimit tests.
		store := ratelimit.NewShared(redistest.Client(t, url), ratelimit.SharedConfig{Nodes: 3, Budget: 5 * time.Second, Now: h.now, Clock: h.now})
		t.Cleanup(store.Close)
		g, err := bot.New(bot.Config{Origin: origin, Now: h.now}, nil, h.keys, ratelimit.New(store))
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, g)
	}
	h.Guard = nodes[0]
	return h, nodes
}

// demands reports whether a node asks visitors of a for a proof.
func demands(t *testing.T, g *bot.Guard, a netip.Addr) bool {
	t.Helper()
	c, err := g.Challenge(t.Context(), bot.Login, a, false)
	if err != nil {
		t.Fatal(err)
	}
	return c.Required
}

func TestNodesSeeEachOthersFailures(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) (string, []*redistest.Server){
		"one server": func(t *testing.T) (string, []*redistest.Server) {
			t.Helper()
			s := redistest.Start(t)
			return s.URL(), []*redistest.Server{s}
		},
		"a cluster": func(t *testing.T) (string, []*redistest.Server) {
			t.Helper()
			g := redistest.Cluster(t, false)
			return g.URL, g.Servers
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, servers := start(t)
			h, nodes := fleet(t, url)
			for i := range 9 { // three on each node, which is little by itself
				nodes[i%3].SignedIn(from(t, home), "ann@example.com", false)
			}
			if demands(t, nodes[0], home) {
				t.Error("nine failures of one account are enough")
			}
			nodes[2].SignedIn(from(t, home), "ann@example.com", true)
			nodes[1].SignedIn(from(t, home), "ann@example.com", false)
			for i, g := range nodes {
				if !demands(t, g, home) || demands(t, g, elsewhere) {
					t.Errorf("node %d: ten failures %v, none %v", i, demands(t, g, home), demands(t, g, elsewhere))
				}
			}
			for i := range 5 {
				nodes[i%3].SignedIn(from(t, elsewhere), fmt.Sprintf("user%d", i), false)
			}
			if !demands(t, nodes[0], elsewhere) {
				t.Error("failures of five accounts on three nodes aren't enough")
			}
			keptAndNamed(t, servers)
			h.pass(21 * time.Minute)
			for i, g := range nodes {
				if demands(t, g, home) || demands(t, g, elsewhere) {
					t.Errorf("node %d remembers after 21 minutes", i)
				}
			}
		})
	}
}

// keptAndNamed looks at what is in Redis: every key goes by itself, and nobody is
// named.
func keptAndNamed(t *testing.T, servers []*redistest.Server) {
	t.Helper()
	found := 0
	for _, s := range servers {
		keys := strings.Fields(s.Do("EVAL", "return table.concat(redis.call('KEYS', '*{watch}*'), ' ')", "0"))
		found += len(keys)
		for _, k := range keys {
			if !strings.HasPrefix(k, "flint:ratelimit:{watch}:") {
				t.Errorf("a key named %s", k)
			}
			if ttl, err := strconv.Atoi(s.Do("TTL", k)); err != nil || ttl <= 0 || ttl > 3600+20*60 { // an hour more in tests
				t.Errorf("%s is kept for %d s, %v", k, ttl, err)
			}
		}
		if len(keys) > 0 {
			all := s.Do("EVAL", "return table.concat(redis.call('LRANGE', 'flint:ratelimit:{watch}:network:203.0.113.7', 0, -1), ' ') .. table.concat(redis.call('ZRANGE', 'flint:ratelimit:{watch}:accounts', 0, -1), ' ')", "0")
			if all == "" || strings.Contains(all, "ann") || strings.Contains(all, "user") {
				t.Errorf("Redis holds %q", all)
			}
		}
	}
	if found != 4 {
		t.Errorf("%d keys for two networks and what is everybody's", found)
	}
}

func TestASprayOverThreeNodesIsOne(t *testing.T) {
	t.Parallel()
	h, nodes := fleet(t, redistest.Start(t).URL())
	try := func(i int, well bool) {
		a := netip.AddrFrom4([4]byte{198, 18, byte(i / 250), byte(i % 250)})
		nodes[i%3].SignedIn(from(t, a), fmt.Sprintf("u%d", i), well)
	}
	for i := range 18 {
		try(i, false)
	}
	for i, g := range nodes {
		if g.Spraying(t.Context()) {
			t.Errorf("node %d: 18 accounts are a spray", i)
		}
	}
	for i := 18; i < 24; i++ { // eight on each node
		try(i, false)
	}
	for i, g := range nodes {
		if !g.Spraying(t.Context()) {
			t.Errorf("node %d doesn't see the spray", i)
		}
	}
	for i := 100; i < 130; i++ { // most sign-ins go well
		try(i, true)
	}
	if nodes[0].Spraying(t.Context()) {
		t.Error("a busy hour is a spray")
	}
	for i := 200; i < 230; i++ {
		try(i, false)
	}
	if !nodes[0].Spraying(t.Context()) {
		t.Error("54 accounts of 84 sign-ins are none")
	}
	h.pass(11 * time.Minute)
	if nodes[0].Spraying(t.Context()) {
		t.Error("it is remembered for longer than ten minutes")
	}
}

// TestANodeGoesOnWithWhatItSawItself kills Redis, flushes it, and gives it back.
func TestANodeGoesOnWithWhatItSawItself(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	h, nodes := fleet(t, server.URL())
	for range 6 {
		nodes[0].SignedIn(from(t, home), "ann@example.com", false)
		nodes[1].SignedIn(from(t, home), "ann@example.com", false)
	}
	if !demands(t, nodes[2], home) {
		t.Fatal("twelve failures aren't enough while Redis is there")
	}
	server.Kill()
	for i, g := range nodes {
		if demands(t, g, home) {
			t.Errorf("node %d knows what others saw, from nowhere", i)
		}
	}
	for range 4 { // ten that it saw itself
		nodes[0].SignedIn(from(t, home), "ann@example.com", false)
	}
	if !demands(t, nodes[0], home) || demands(t, nodes[1], home) {
		t.Errorf("alone: the one that saw ten %v, the one that saw six %v", demands(t, nodes[0], home), demands(t, nodes[1], home))
	}
	server.Restart()
	if !demands(t, nodes[0], home) {
		t.Error("the node forgets what it saw for a Redis that saw nothing")
	}
	for deadline := time.Now().Add(30 * time.Second); !demands(t, nodes[2], elsewhere); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nodes never count together again")
		}
		nodes[0].SignedIn(from(t, elsewhere), "ann@example.com", false)
	}
	h.pass(21 * time.Minute)
	if demands(t, nodes[0], home) {
		t.Error("it remembers after 21 minutes")
	}
}
