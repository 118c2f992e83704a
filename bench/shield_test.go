package bench_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/platform/telemetry"
	"flint/internal/platform/web"
)

// BenchmarkShield sends twice as many requests as a node can answer, at a constant
// rate that doesn't wait for answers, as a crowd does. Behind the door is something
// with a fixed capacity, like a database: four places, each taken for twenty
// milliseconds and not given back because a client went away. Good is an answer
// with status 200 within a second, when people give up.
//
//	good/capacity   with the shield, and without one (its ceiling out of reach)
func BenchmarkShield(b *testing.B) {
	for _, with := range []struct {
		name string
		most int
	}{{"with", 0}, {"without", 1 << 30}} {
		b.Run(with.name, func(b *testing.B) {
			b.ReportAllocs()
			const places, each, run, patience = 4, 20 * time.Millisecond, 12 * time.Second, time.Second
			for b.Loop() {
				url, server := crowded(b, with.most, places, each)
				capacity := alone(b, url, 2*places, run/3)
				good, refused, late, worst := pour(b, url, 2*capacity, run, patience)
				b.ReportMetric(float64(good)/run.Seconds()/capacity, "good/capacity")
				b.ReportMetric(capacity, "capacity/s")
				b.ReportMetric(float64(refused), "refused")
				b.ReportMetric(float64(late), "late")
				b.ReportMetric(float64(worst.at(0.99).Milliseconds()), "good-p99-ms")
				b.ReportMetric(float64(server.Load().Limit), "limit-at-end")
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(0, "B/op")
			b.ReportMetric(0, "allocs/op")
		})
	}
}

// crowded serves one read behind which there are only so many places.
func crowded(b *testing.B, most, places int, each time.Duration) (url string, s *web.Server) {
	b.Helper()
	s = web.New(web.Config{
		Origin: "http://localhost:8080", Policies: []string{"data"}, Concurrency: most, Log: telemetry.NewLogger(io.Discard, slog.LevelInfo),
		Limit: func(context.Context, string, access.Actor, netip.Addr) (web.Decision, error) {
			return web.Decision{Allowed: true}, nil
		},
	})
	free := make(chan struct{}, places)
	web.Raw(s, web.Op{Method: "GET", Path: "/api/scarce", Summary: "Take a place", Tag: "bench", Needs: access.Public, Limit: "data"},
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			free <- struct{}{}
			time.Sleep(each)
			<-free
		}))
	ln, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(ctx, ln) // may give up on what nobody waits for any more
	}()
	b.Cleanup(func() { cancel(); <-done })
	return "http://" + ln.Addr().String() + "/api/scarce", s
}

// alone asks with so many callers, each after its last answer, which keeps every
// place taken and makes nobody wait: so much can be done in a second.
func alone(b *testing.B, url string, callers int, run time.Duration) float64 {
	b.Helper()
	var done atomic.Int64
	var all sync.WaitGroup
	until := time.Now().Add(run)
	for range callers {
		all.Go(func() {
			for time.Now().Before(until) {
				r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
				r.Host = "localhost:8080"
				if a, err := http.DefaultClient.Do(r); err == nil {
					_, _ = io.Copy(io.Discard, a.Body)
					_ = a.Body.Close()
					done.Add(1)
				}
			}
		})
	}
	all.Wait()
	return float64(done.Load()) / run.Seconds()
}

// pour sends rate requests a second for a while and counts what becomes of them.
func pour(b *testing.B, url string, rate float64, run, patience time.Duration) (good, refused, late int64, took times) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4096, MaxIdleConns: 4096}}
	defer client.CloseIdleConnections()
	var g, f, l atomic.Int64
	var mu sync.Mutex
	var all sync.WaitGroup
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	began, sent := time.Now(), 0
	for now := range tick.C {
		if now.Sub(began) >= run {
			break
		}
		for ; float64(sent) < rate*now.Sub(began).Seconds(); sent++ {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				r, _ := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
				r.Host = "localhost:8080"
				start := time.Now()
				a, err := client.Do(r)
				if err != nil {
					l.Add(1)
					return
				}
				_, _ = io.Copy(io.Discard, a.Body)
				_ = a.Body.Close()
				if a.StatusCode != http.StatusOK {
					f.Add(1)
					return
				}
				g.Add(1)
				mu.Lock()
				took = append(took, time.Since(start))
				mu.Unlock()
			})
		}
	}
	all.Wait()
	return g.Load(), f.Load(), l.Load(), took
}
