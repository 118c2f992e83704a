package bench_test

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
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
// all the same. The polite heed Retry-After; the stubborn come again each second,
// whatever they were told. (None comes as soon as it is answered: then cheaper
// answers would make a worse flood.)
//
// The server is a process of its own. Postgres, flood and stop-watch share its
// machine all the same: the ratios are worse than a server's alone.
func BenchmarkFlood(b *testing.B) {
	h := newHouse(b)
	n := h.start()
	grants := make([]session.Grant, callers)
	for i := range grants {
		grants[i] = h.enter(n, h.admit(n), session.Mobile)
	}
	for _, v := range []struct {
		name   string
		slots  int
		polite bool
	}{
		{"default slots, polite", 0, true}, {"default slots, stubborn", 0, false},
		{"one slot, polite", 1, true}, {"one slot, stubborn", 1, false},
	} {
		b.Run(v.name, func(b *testing.B) {
			s := newStreet(b, h, v.slots)
			s.grants = grants
			s.phase(b, 2*time.Second, nil) // connections, caches
			for b.Loop() {
				before := s.phase(b, phase, nil)
				f := &flood{polite: v.polite}
				during := s.phase(b, phase, f)
				s.report(b, before, during, f)
			}
		})
	}
}

func (s *street) report(b *testing.B, before, during measured, f *flood) {
	b.ReportMetric(0, "ns/op")
	for _, q := range []int{50, 95, 99} {
		calm, flooded := before.took.milliseconds(float64(q)/100), during.took.milliseconds(float64(q)/100)
		name := "p" + strconv.Itoa(q)
		b.ReportMetric(calm, "before-"+name+"-ms")
		b.ReportMetric(flooded, "during-"+name+"-ms")
		b.ReportMetric(flooded/calm, name+"-ratio")
	}
	b.ReportMetric(float64(before.failed+during.failed), "others-failed")
	b.ReportMetric(float64(f.hashed.Load())/phase.Seconds(), "hashed/s")
	b.ReportMetric(float64(f.busy.Load())/phase.Seconds(), "503/s")
	b.ReportMetric(float64(f.mute.Load()), "503-without-retry-after")
	b.ReportMetric(float64(f.other.Load()), "other-answers")
	b.ReportMetric(before.memory, "before-peak-MiB")
	b.ReportMetric(during.memory, "during-peak-MiB")
	b.ReportMetric(float64(s.slots*s.each), "slots-x-memory-MiB")
	b.ReportMetric(float64(flooders*s.each), "unbounded-MiB")
}

// street is a node that runs in a process of its own, with those who call it.
type street struct {
	base   string
	pid    int
	slots  int // hashes at once
	each   int // MiB of one
	client *http.Client
	grants []session.Grant
	next   int
}

// serveEnv tells the test binary to be a node: the database, the state folder
// and the slots.
const serveEnv = "FLINT_BENCH_SERVE"

// TestServe is a node of a benchmark; it isn't a test by itself. It ends when
// its input does.
func TestServe(t *testing.T) {
	given := strings.Split(os.Getenv(serveEnv), " ")
	if len(given) != 3 {
		t.Skip("only a process of BenchmarkFlood")
	}
	slots, err := strconv.Atoi(given[2])
	if err != nil {
		t.Fatal(err)
	}
	n := (&house{b: t, url: given[0], state: given[1], slots: slots}).build()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := n.Run(ctx, ln, func() {
		fmt.Println("\nSERVING", ln.Addr(), cmp.Or(slots, runtime.GOMAXPROCS(0)), n.cfg.Identity.HashMemory)
	}); err != nil {
		t.Error(err)
	}
}

// newStreet runs a whole node, HTTP, sessions and background work, until the
// benchmark ends.
func newStreet(b *testing.B, h *house, slots int) *street {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestServe$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", serveEnv, h.url, h.state, slots))
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	s := &street{pid: cmd.Process.Pid, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * flooders}}}
	b.Cleanup(func() {
		s.client.CloseIdleConnections()
		in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var address string
		if n, _ := fmt.Sscanf(lines.Text(), "SERVING %s %d %d", &address, &s.slots, &s.each); n == 3 {
			s.base = "http://" + address
			return s
		}
	}
	b.Fatal("the node didn't start")
	return nil
}

// measured is what one phase showed.
type measured struct {
	took   times
	failed int
	memory float64 // MiB, the highest
}

// phase calls at a steady pace for d, in a flood unless it is nil. What a call
// takes is counted from when it was due, so a stall is not hidden by the calls
// that it holds up.
func (s *street) phase(b *testing.B, d time.Duration, f *flood) measured {
	b.Helper()
	s.forgetPeak()
	ctx, end := context.WithCancel(b.Context())
	var crowd, calls sync.WaitGroup
	if f != nil {
		for range flooders {
			crowd.Go(func() { f.pour(ctx, s) })
		}
	}
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
	crowd.Wait()
	m.memory = s.peak()
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
		begun := time.Now()
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
		case http.StatusServiceUnavailable:
			f.busy.Add(1)
		default:
			f.other.Add(1)
			continue
		}
		wait, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		if err != nil || wait < 1 {
			f.mute.Add(1)
		}
		until := begun.Add(time.Second)
		if f.polite {
			until = time.Now().Add(time.Duration(max(wait, 1)) * time.Second)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(until)):
		}
	}
}

// forgetPeak makes the kernel count the peak of the node's memory anew.
func (s *street) forgetPeak() {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.pid), []byte("5"), 0) // Linux alone; else the peak is since the start
}

// peak is the most memory that the node has had, in MiB: its resident set, with
// the program itself and whatever the collector hasn't given back. 0 where the
// kernel doesn't say.
func (s *street) peak() float64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	_, _ = fmt.Sscan(after, &kib)
	return kib / 1024
}
