package bench_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"flint/internal/platform/redis/redistest"
	"flint/internal/ratelimit"
)

const (
	limitsFor   = 2 * time.Second // each turn
	limitsTurns = 5
	attackFor   = 8 * time.Second
	limitsBy    = 64 // callers of the limiter at the same time
	attackers   = 40
	attackShort = time.Second // the attack's windows: 5 in this, 20 in ten times this
)

// contender decides whether a caller gets past two windows: 5 and 50 for speed,
// 5 and 20 in the attack.
type contender struct {
	name   string
	allow  func(ctx context.Context, caller uint64, short, long time.Duration, calls int) (bool, error)
	script bool // it's another program: bench/limits-node
}

// BenchmarkLimits compares Flint's limits with go-redis/redis_rate and with
// express-rate-limit + rate-limit-redis, on one Redis server: the two windows of
// a sign-in, decided for ever new callers (Spread) and for one who is refused
// long since (Flood), in short turns, of which the medians count; and under an
// attack on the edges of the windows (Attack), after which every admission is
// looked at. None of them uses HTTP.
func BenchmarkLimits(b *testing.B) {
	server := redistest.Start(b)
	contenders := []contender{flintLimits(b, server), redisRate(server)}
	if installed(b) {
		contenders = append(contenders, contender{name: "express", script: true})
	}
	for _, what := range []string{"Spread", "Flood"} {
		b.Run(what, func(b *testing.B) {
			for b.Loop() {
				compare(b, server, contenders, strings.ToLower(what))
			}
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("Attack", func(b *testing.B) {
		for b.Loop() {
			for _, c := range contenders {
				server.Do("FLUSHALL")
				all, over := c.attack(b, server)
				b.ReportMetric(float64(all), c.name+"-admitted")
				b.ReportMetric(float64(over), c.name+"-too-many")
			}
		}
		b.ReportMetric(0, "ns/op")
	})
}

// compare has the contenders decide in turns, and reports the median of each and
// the median of the ratios of each round, Flint's to theirs.
func compare(b *testing.B, server *redistest.Server, contenders []contender, what string) {
	b.Helper()
	rates, ratios, trips, commands := map[string][]float64{}, map[string][]float64{}, map[string]float64{}, map[string]float64{}
	for range limitsTurns {
		for i, c := range contenders {
			server.Do("FLUSHALL")
			server.Do("CONFIG", "RESETSTAT")
			decisions, rate := c.run(b, server, what)
			sent, run := traffic(server)
			trips[c.name], commands[c.name] = float64(sent)/float64(decisions), float64(run)/float64(decisions)
			rates[c.name] = append(rates[c.name], rate)
			if i > 0 {
				flint := rates[contenders[0].name]
				ratios[c.name] = append(ratios[c.name], flint[len(flint)-1]/rate)
			}
		}
	}
	for _, c := range contenders {
		b.ReportMetric(median(rates[c.name]), c.name+"/s")
		b.ReportMetric(trips[c.name], c.name+"-trips")
		b.ReportMetric(commands[c.name], c.name+"-commands")
		if len(ratios[c.name]) > 0 {
			b.ReportMetric(median(ratios[c.name]), "flint:"+c.name)
		}
	}
}

func median(xs []float64) float64 {
	slices.Sort(xs)
	return xs[len(xs)/2]
}

// flintLimits is a node as it is, but for the time that Redis has: here it is
// to decide, however busy the machine.
func flintLimits(b *testing.B, server *redistest.Server) contender {
	b.Helper()
	shared := ratelimit.NewShared(redistest.Client(b, server.URL()), ratelimit.SharedConfig{Budget: 10 * time.Second, Log: slog.New(slog.DiscardHandler)})
	b.Cleanup(shared.Close)
	return contender{name: "flint", allow: func(ctx context.Context, caller uint64, short, long time.Duration, calls int) (bool, error) {
		limit := ratelimit.Limit{Windows: []ratelimit.Window{{Calls: 5, Per: short}, {Calls: calls, Per: long}}}
		key := ratelimit.Key{Rule: "login:" + strconv.Itoa(calls), Kind: 'u'}
		binary.BigEndian.PutUint64(key.ID[:], caller)
		out, err := shared.Take(ctx, []ratelimit.Take{{Key: key, Limit: limit}})
		return out.Allowed, err
	}}
}

// redisRate takes two calls for two windows, as it must.
func redisRate(server *redistest.Server) contender {
	limiter := redis_rate.NewLimiter(redis.NewClient(&redis.Options{Addr: server.Addr, PoolSize: limitsBy}))
	return contender{name: "redis_rate", allow: func(ctx context.Context, caller uint64, short, long time.Duration, calls int) (bool, error) {
		key := strconv.FormatUint(caller, 16)
		first, err := limiter.Allow(ctx, key+":short", redis_rate.Limit{Rate: 5, Burst: 5, Period: short})
		if err != nil || first.Allowed == 0 {
			return false, err
		}
		second, err := limiter.Allow(ctx, key+":long", redis_rate.Limit{Rate: calls, Burst: calls, Period: long})
		return err == nil && second.Allowed > 0, err
	}}
}

// run has the contender decide for a while, and returns how often it did and how
// many times a second.
func (c contender) run(b *testing.B, server *redistest.Server, what string) (decisions uint64, rate float64) {
	b.Helper()
	if c.script {
		var said struct {
			Decisions uint64
			Rate      float64
		}
		if err := json.Unmarshal(runScript(b, server, what, limitsFor+500*time.Millisecond, limitsBy), &said); err != nil {
			b.Fatal(err)
		}
		return said.Decisions, said.Rate
	}
	one := rand.Uint64()
	var n atomic.Uint64
	var wg sync.WaitGroup
	begin := time.Now()
	for range limitsBy {
		wg.Go(func() {
			for time.Since(begin) < limitsFor {
				caller := one
				if what == "spread" {
					caller = rand.Uint64()
				}
				if _, err := c.allow(b.Context(), caller, time.Minute, time.Hour, 50); err != nil {
					b.Error(err)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return n.Load(), float64(n.Load()) / time.Since(begin).Seconds()
}

// admission is a call that was let through, between two moments.
type admission struct{ begin, end time.Duration }

// attack has callers begin a window with one call and then ask as often as they
// can around its end. It returns how many calls were admitted and how many of
// them were too many for an exact window, whenever between its begin and end
// each was counted.
func (c contender) attack(b *testing.B, server *redistest.Server) (all, over int) {
	b.Helper()
	admitted := map[string][]admission{}
	if c.script {
		for line := range strings.Lines(string(runScript(b, server, "attack", attackFor, attackers, strconv.FormatInt(attackShort.Milliseconds(), 10)))) {
			var who string
			var begin, end float64
			if _, err := fmt.Sscan(line, &who, &begin, &end); err == nil {
				admitted[who] = append(admitted[who], admission{time.Duration(begin * 1e6), time.Duration(end * 1e6)})
			}
		}
	} else {
		var mu sync.Mutex
		var wg sync.WaitGroup
		start := time.Now()
		for i := range attackers {
			wg.Go(func() {
				wait(b.Context(), rand.N(attackShort))
				call := func() {
					begin := time.Since(start)
					ok, err := c.allow(b.Context(), uint64(1e6+i), attackShort, 10*attackShort, 20)
					if err != nil {
						b.Error(err)
					}
					if ok {
						mu.Lock()
						admitted[strconv.Itoa(i)] = append(admitted[strconv.Itoa(i)], admission{begin, time.Since(start)})
						mu.Unlock()
					}
				}
				for time.Since(start) < attackFor {
					call()
					wait(b.Context(), attackShort*85/100)
					for until := time.Since(start) + attackShort*3/10; time.Since(start) < until; wait(b.Context(), 10*time.Millisecond) {
						call()
					}
					wait(b.Context(), rand.N(attackShort))
				}
			})
		}
		wg.Wait()
	}
	for _, as := range admitted {
		all += len(as)
		for i, a := range as {
			if i >= 5 && a.end-as[i-5].begin < attackShort || i >= 20 && a.end-as[i-20].begin < 10*attackShort {
				over++
			}
		}
	}
	return all, over
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// traffic returns how many scripts were run and how many commands in all, those
// inside of scripts included.
func traffic(server *redistest.Server) (trips, commands int) {
	for line := range strings.Lines(server.Do("INFO", "commandstats")) {
		name, stats, _ := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":calls=")
		text, _, _ := strings.Cut(stats, ",")
		n, err := strconv.Atoi(text)
		switch name {
		case "info", "hello", "client|setinfo", "client|setname", "client|maint_notifications", "config|resetstat", "flushall", "ping", "command":
		case "eval", "evalsha":
			trips += n
			fallthrough
		default:
			if err == nil {
				commands += n
			}
		}
	}
	return trips, commands
}

// installed fetches the packages of bench/limits-node, exactly as they are locked.
func installed(b *testing.B) bool {
	b.Helper()
	if _, err := os.Stat("limits-node/node_modules/rate-limit-redis"); err == nil {
		return true
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = "limits-node"
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Logf("without express-rate-limit, whose packages can't be had: %v %s", err, out)
		return false
	}
	return true
}

// runScript runs bench/limits-node.
func runScript(b *testing.B, server *redistest.Server, what string, d time.Duration, n int, more ...string) []byte {
	b.Helper()
	args := append([]string{"limits-node/limits.mjs", server.URL(), what, strconv.FormatFloat(d.Seconds(), 'f', -1, 64), strconv.Itoa(n)}, more...)
	var out, said bytes.Buffer
	cmd := exec.CommandContext(b.Context(), "node", args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		b.Fatalf("node: %v %s", err, said.String())
	}
	return out.Bytes()
}
