package bench_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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
// The server is a process of its own, and so is the flood, at the lowest
// priority: it stands for other people's machines, whose work isn't ours. Postgres
// and the stop-watch share the server's machine all the same.
func BenchmarkFlood(b *testing.B) {
	h := newHouse(b)
	n := h.start()
	grants := make([]session.Grant, callers)
	for i := range grants {
		grants[i] = h.enter(n, h.admit(n), session.Mobile)
	}
	for _, v := range []struct {
		name   string
		where  string
		polite bool
	}{
		{"hashed apart, polite", apart, true}, {"hashed apart, stubborn", apart, false},
		{"hashed in the server, polite", within, true}, {"hashed in the server, stubborn", within, false},
	} {
		b.Run(v.name, func(b *testing.B) {
			s := newStreet(b, h, v.where)
			s.grants = grants
			s.phase(b, 2*time.Second, nil) // connections, caches
			for b.Loop() {
				before := s.phase(b, phase, nil)
				f := &flood{Polite: v.polite}
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
	b.ReportMetric(float64(f.Hashed.Load())/phase.Seconds(), "hashed/s")
	b.ReportMetric(float64(f.Busy.Load())/phase.Seconds(), "503/s")
	b.ReportMetric(float64(f.Mute.Load()), "503-without-retry-after")
	b.ReportMetric(float64(f.Other.Load()), "other-answers")
	b.ReportMetric(before.memory, "before-peak-MiB")
	b.ReportMetric(during.memory, "during-peak-MiB")
	b.ReportMetric(float64(s.slots*s.each), "slots-x-memory-MiB")
	b.ReportMetric(float64(flooders*s.each), "unbounded-MiB")
}

// Where a node hashes passwords.
const (
	apart  = "apart"
	within = "within"
)

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
// and where it hashes.
const serveEnv = "FLINT_BENCH_SERVE"

// TestServe is a node of a benchmark; it isn't a test by itself. It ends when
// its input does.
func TestServe(t *testing.T) {
	given := strings.Split(os.Getenv(serveEnv), " ")
	if len(given) != 3 {
		t.Skip("only a process of BenchmarkFlood")
	}
	n := (&house{b: t, url: given[0], state: given[1], apart: given[2] == apart}).build()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	slots := runtime.GOMAXPROCS(0)
	if given[2] == within {
		slots = max(1, slots-1)
	}
	if err := n.Run(untilInputEnds(t), ln, func() {
		fmt.Println("\nSERVING", ln.Addr(), slots, n.cfg.Identity.HashMemory)
	}); err != nil {
		t.Error(err)
	}
}

func untilInputEnds(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return ctx
}

// process runs one of the tests here in a process of its own, under another
// command if that is given. say reads what it prints, end ends it and waits.
func process(b *testing.B, name, test, env string, under ...string) (cmd *exec.Cmd, say *bufio.Scanner, end func()) {
	b.Helper()
	line := slices.Concat(under, []string{os.Args[0], "-test.run=^" + test + "$"})
	cmd = exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), name+"="+env)
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
	return cmd, bufio.NewScanner(out), func() {
		in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	}
}

// newStreet runs a whole node, HTTP, sessions and background work, until the
// benchmark ends.
func newStreet(b *testing.B, h *house, where string) *street {
	b.Helper()
	cmd, say, end := process(b, serveEnv, "TestServe", strings.Join([]string{h.url, h.state, where}, " "))
	s := &street{pid: cmd.Process.Pid, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}}
	b.Cleanup(func() {
		s.client.CloseIdleConnections()
		end()
	})
	for say.Scan() {
		var address string
		if n, _ := fmt.Sscanf(say.Text(), "SERVING %s %d %d", &address, &s.slots, &s.each); n == 3 {
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
	var calls sync.WaitGroup
	if f != nil {
		defer f.begin(b, s)()
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

// flood is what became of its sign-ins.
type flood struct {
	Polite                    bool
	Hashed, Busy, Mute, Other atomic.Int64
	names                     atomic.Uint32
	client                    *http.Client
	base                      string
}

// pourEnv tells the test binary to be a flood: where, and whether it is polite.
const pourEnv = "FLINT_BENCH_POUR"

// begin lets the flood in, from a process of its own, until end is called.
func (f *flood) begin(b *testing.B, s *street) (end func()) {
	b.Helper()
	cmd, say, stop := process(b, pourEnv, "TestPour", s.base+" "+strconv.FormatBool(f.Polite), "nice", "-n", "19")
	for say.Scan() && say.Text() != "POURING" {
	}
	return func() {
		told := make(chan struct{})
		go func() {
			defer close(told)
			for say.Scan() {
				var n [4]int64
				if found, _ := fmt.Sscanf(say.Text(), "POURED %d %d %d %d", &n[0], &n[1], &n[2], &n[3]); found == 4 {
					for i, c := range []*atomic.Int64{&f.Hashed, &f.Busy, &f.Mute, &f.Other} {
						c.Store(n[i])
					}
				}
			}
		}()
		_ = cmd.Process.Signal(syscall.SIGHUP)
		<-told
		stop()
	}
}

// TestPour is the flood of a benchmark; it isn't a test by itself.
func TestPour(t *testing.T) {
	base, polite, ok := strings.Cut(os.Getenv(pourEnv), " ")
	if !ok {
		t.Skip("only a process of BenchmarkFlood")
	}
	stop, done := signal.NotifyContext(t.Context(), syscall.SIGHUP)
	defer done()
	f := &flood{Polite: polite == "true", base: base, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: flooders}}}
	var crowd sync.WaitGroup
	for range flooders {
		crowd.Go(func() { f.pour(stop) })
	}
	fmt.Println("\nPOURING")
	crowd.Wait()
	fmt.Println("\nPOURED", f.Hashed.Load(), f.Busy.Load(), f.Mute.Load(), f.Other.Load())
}

// pour signs nobody in until ctx ends.
func (f *flood) pour(ctx context.Context) {
	for ctx.Err() == nil {
		begun := time.Now()
		name := "nobody" + strconv.Itoa(int(f.names.Add(1))) + "@example.com"
		answer, err := f.client.Do(login(ctx, f.base, name, elsewhere()))
		if err != nil {
			if ctx.Err() == nil {
				f.Other.Add(1)
			}
			continue
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		switch answer.StatusCode {
		case http.StatusUnauthorized:
			f.Hashed.Add(1)
			continue
		case http.StatusServiceUnavailable:
			f.Busy.Add(1)
		default:
			f.Other.Add(1)
			continue
		}
		wait, err := strconv.Atoi(answer.Header.Get("Retry-After"))
		if err != nil || wait < 1 {
			f.Mute.Add(1)
		}
		until := begun.Add(time.Second)
		if f.Polite {
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
	for _, pid := range s.processes() {
		_ = os.WriteFile("/proc/"+pid+"/clear_refs", []byte("5"), 0) // Linux alone; else the peak is since the start
	}
}

// processes returns the node's, and that of the one that hashes for it.
func (s *street) processes() []string {
	all := []string{strconv.Itoa(s.pid)}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.pid))
	for _, t := range threads {
		children, _ := os.ReadFile(t)
		all = append(all, strings.Fields(string(children))...)
	}
	return all
}

// peak is the most memory that the node has had, in MiB: the resident sets of its
// processes, with the program itself and whatever the collector hasn't given back.
// 0 where the kernel doesn't say.
func (s *street) peak() float64 {
	var all float64
	for _, pid := range s.processes() {
		status, _ := os.ReadFile("/proc/" + pid + "/status")
		_, after, _ := strings.Cut(string(status), "VmHWM:")
		var kib float64
		_, _ = fmt.Sscan(after, &kib)
		all += kib / 1024
	}
	return all
}
