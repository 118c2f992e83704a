package bench_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flint/internal/session"
)

const (
	flooders = 200                   // sign-ins at the same time
	phase    = 10 * time.Second      // before, and during
	pace     = 10 * time.Millisecond // between two calls of the others
	callers  = 60                    // who share those calls, each below their limit
)

// BenchmarkFlood measures what others feel of a flood of sign-ins: GET /api/me,
// which reads the database, a hundred times a second whether or not the one
// before was answered, before the flood and in it. Each sign-in names another
// address that nobody has and comes from elsewhere, so no limit helps; it hashes
// all the same. The rude come again as soon as they are answered, the polite
// heed Retry-After.
//
// Server, Postgres, flood and stop-watch share the machine: the ratios are worse
// than a server's alone.
func BenchmarkFlood(b *testing.B) {
	for name, polite := range map[string]bool{"polite": true, "rude": false} {
		b.Run(name, func(b *testing.B) {
			s := newStreet(b)
			s.phase(b, 2*time.Second, nil) // connections, caches
			for b.Loop() {
				before := s.phase(b, phase, nil)
				f := &flood{polite: polite}
				during := s.phase(b, phase, f)
				report(b, s, before, during, f)
			}
		})
	}
}

func report(b *testing.B, s *street, before, during measured, f *flood) {
	slots := s.cfg.Identity.HashSlots
	if slots == 0 {
		slots = runtime.GOMAXPROCS(0)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(before.took.milliseconds(0.5), "before-p50-ms")
	b.ReportMetric(before.took.milliseconds(0.99), "before-p99-ms")
	b.ReportMetric(during.took.milliseconds(0.5), "during-p50-ms")
	b.ReportMetric(during.took.milliseconds(0.99), "during-p99-ms")
	b.ReportMetric(float64(during.took.at(0.5))/float64(before.took.at(0.5)), "p50-ratio")
	b.ReportMetric(float64(during.took.at(0.99))/float64(before.took.at(0.99)), "p99-ratio")
	b.ReportMetric(float64(before.failed+during.failed), "others-failed")
	b.ReportMetric(float64(f.hashed.Load())/phase.Seconds(), "hashed/s")
	b.ReportMetric(float64(f.busy.Load())/phase.Seconds(), "503/s")
	b.ReportMetric(float64(f.mute.Load()), "503-without-retry-after")
	b.ReportMetric(float64(f.other.Load()), "other-answers")
	b.ReportMetric(before.heap, "before-heap-MiB")
	b.ReportMetric(during.heap, "during-heap-MiB")
	b.ReportMetric(float64(slots*s.cfg.Identity.HashMemory), "slots-x-memory-MiB")
	b.ReportMetric(float64(flooders*s.cfg.Identity.HashMemory), "unbounded-MiB")
}

// street is a running node, with those who call it.
type street struct {
	*node
	base   string
	client *http.Client
	grants []session.Grant
	next   int
}

// newStreet runs a whole node: HTTP, sessions, background work.
func newStreet(b *testing.B) *street {
	b.Helper()
	h := newHouse(b)
	s := &street{node: h.build(), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * flooders}}}
	ln, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s.base = "http://" + ln.Addr().String()
	run, stop := context.WithCancel(context.WithoutCancel(b.Context()))
	served, ready := make(chan error, 1), make(chan struct{})
	go func() { served <- s.Run(run, ln, func() { close(ready) }) }()
	b.Cleanup(func() {
		s.client.CloseIdleConnections()
		stop()
		if err := <-served; err != nil {
			b.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-served:
		served <- nil
		b.Fatal(err)
	}
	for range callers {
		s.grants = append(s.grants, h.enter(s.node, h.admit(s.node), session.Mobile))
	}
	return s
}

// measured is what one phase showed.
type measured struct {
	took   times
	failed int
	heap   float64 // MiB, the highest
}

// phase calls at a steady pace for d, in a flood unless it is nil. What a call
// takes is counted from when it was due, so a stall is not hidden by the calls
// that it holds up.
func (s *street) phase(b *testing.B, d time.Duration, f *flood) measured {
	b.Helper()
	runtime.GC()
	ctx, end := context.WithCancel(b.Context())
	var crowd, calls sync.WaitGroup
	if f != nil {
		for range flooders {
			crowd.Go(func() { f.pour(ctx, s) })
		}
	}
	peak := highWater(ctx)
	var mu sync.Mutex
	var m measured
	start := time.Now()
	for due := start; due.Before(start.Add(d)); due = due.Add(pace) {
		time.Sleep(time.Until(due))
		g := s.grants[s.next%callers]
		s.next++
		calls.Go(func() {
			err := s.ask(b.Context(), g)
			took := time.Since(due)
			mu.Lock()
			defer mu.Unlock()
			if m.took = append(m.took, took); err != nil {
				m.failed++
				b.Log(err)
			}
		})
	}
	calls.Wait()
	end()
	m.heap = <-peak
	crowd.Wait()
	return m
}

func (s *street) ask(ctx context.Context, g session.Grant) error {
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/api/me", nil)
	r.Host = host
	answer, err := s.client.Do(carry(r, g, session.Mobile))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d %s", answer.StatusCode, body)
	}
	return err
}

// flood counts what became of its sign-ins.
type flood struct {
	polite                    bool
	names                     atomic.Uint32
	hashed, busy, mute, other atomic.Int64
}

// pour signs nobody in until ctx ends.
func (f *flood) pour(ctx context.Context, s *street) {
	for ctx.Err() == nil {
		name := "nobody" + strconv.Itoa(int(f.names.Add(1))) + "@example.com"
		answer, err := s.client.Do(login(ctx, s.base, name, elsewhere()))
		if err != nil {
			if ctx.Err() == nil {
				f.other.Add(1)
			}
			continue
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		switch answer.StatusCode {
		case http.StatusUnauthorized:
			f.hashed.Add(1)
			continue
		default:
			f.other.Add(1)
			continue
		case http.StatusServiceUnavailable:
			f.busy.Add(1)
		}
		wait, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		if err != nil || wait < 1 {
			f.mute.Add(1)
		}
		if f.polite {
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(max(wait, 1)) * time.Second):
			}
		}
	}
}

// highWater watches the heap until ctx ends and then tells its highest, in MiB,
// with what is garbage but not yet swept.
func highWater(ctx context.Context) <-chan float64 {
	told := make(chan float64, 1)
	go func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		var most uint64
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			select {
			case <-ctx.Done():
				tick.Stop()
				told <- float64(most) / (1 << 20)
				return
			case <-tick.C:
			}
		}
	}()
	return told
}
