// Package redistest starts real Redis servers for tests: one, a master with its
// replica, a cluster of three masters, or one watched by a sentinel. Each is a
// process of its own on this machine, keeps nothing on disk, and ends with the
// test that started it, or with the tests' process, whatever happens to that.
//
// Where redis-server isn't installed the test is skipped and says so;
// scripts/setup installs it.
//
// Only tests import this package.
package redistest

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"flint/internal/config"
	"flint/internal/platform/redis"
)

// patience is how long a server may take to be ready on a busy machine.
const patience = 30 * time.Second

// Server is one Redis process.
type Server struct {
	t    testing.TB
	Addr string // 127.0.0.1:port
	port int
	dir  string
	args []string
	cmd  *exec.Cmd
	dead chan struct{} // closed once the process has ended

	watch string // of a sentinel: what it watches
}

// Start starts one server, with further arguments as redis-server takes them.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, &Server{t: t, args: args})
}

func start(t testing.TB, s *Server) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server isn't installed, so this can't be tested here: `scripts/setup test` installs it as root, else your package manager does")
	}
	dir, err := os.MkdirTemp("", "flint-redis-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s.dir = dir
	for range 5 { // somebody else may take the port in between
		s.port = freePort(t)
		s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
		if s.run() == nil {
			t.Cleanup(s.Kill)
			return s
		}
	}
	said, _ := os.ReadFile(filepath.Join(dir, "log"))
	t.Fatalf("redistest: redis-server doesn't start: %s", said)
	return nil
}

// run starts the process and waits until it answers.
func (s *Server) run() error {
	args := append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--unixsocket", s.Socket(),
		"--dir", s.dir, "--logfile", filepath.Join(s.dir, "log"), "--save", "", "--appendonly", "no",
		"--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0", "--maxmemory-policy", "noeviction",
	}, s.args...)
	if s.watch != "" { // a sentinel takes a file that it can write, and little else
		file := filepath.Join(s.dir, "conf")
		conf := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nlogfile %s/log\n%s", s.port, s.dir, s.dir, s.watch)
		if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
			return err
		}
		args = []string{file, "--sentinel"}
	}
	cmd, dead, started := exec.Command("redis-server", args...), make(chan struct{}), make(chan error) //nolint:gosec // the arguments are the test's own
	cmd.Dir, cmd.SysProcAttr = s.dir, endWithParent()
	go func() {
		runtime.LockOSThread() // Linux ends the child with the thread that started it
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(dead)
	}()
	if err := <-started; err != nil {
		return err
	}
	s.cmd, s.dead = cmd, dead
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if conn, err := net.DialTimeout("tcp", s.Addr, time.Second); err == nil {
			_ = conn.Close()
			if out, err := s.try("PING"); err == nil && out == "PONG" {
				return nil
			}
		}
		select {
		case <-dead:
			return fmt.Errorf("redis-server ended")
		case <-time.After(5 * time.Millisecond):
		}
	}
	s.Kill()
	return fmt.Errorf("redis-server doesn't answer")
}

// Kill ends the process at once, as a crash would.
func (s *Server) Kill() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		<-s.dead
	}
}

// Restart starts the server again where it was, with nothing in it.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	deadline := time.Now().Add(patience)
	for {
		err := s.run()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("redistest: restart: %v", err)
		}
	}
}

// URL is the server's address as REDIS_URL.
func (s *Server) URL() string { return "redis://" + s.Addr }

// Socket is the path of its unix socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, "sock") }

// Do sends one command and returns the answer as text.
func (s *Server) Do(command ...string) string {
	s.t.Helper()
	out, err := s.try(command...)
	if err != nil {
		s.t.Fatalf("redistest: %s: %v", command[0], err)
	}
	return out
}

func (s *Server) try(command ...string) (string, error) {
	c, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{s.Addr}, ForceSingleClient: true, DisableCache: true, AlwaysRESP2: true, PipelineMultiplex: -1,
		ReadBufferEachConn: 1 << 12, WriteBufferEachConn: 1 << 12, RingScaleEachConn: 4, ClientSetInfo: rueidis.DisableClientSetInfo,
	})
	if err != nil {
		return "", err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	m, err := c.Do(ctx, c.B().Arbitrary(command...).Build()).ToMessage()
	if err != nil {
		return "", err
	}
	if n, err := m.AsInt64(); err == nil {
		return strconv.FormatInt(n, 10), nil
	}
	return m.ToString()
}

// until waits for a command's answer to contain want.
func (s *Server) until(want string, command ...string) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	var out string
	for time.Now().Before(deadline) {
		if out, _ = s.try(command...); strings.Contains(out, want) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatalf("redistest: %s never said %q, but %q", command, want, out)
}

// Replica starts a server that follows s and waits until it has caught up.
func (s *Server) Replica(args ...string) *Server {
	s.t.Helper()
	r := Start(s.t, append([]string{"--replicaof", "127.0.0.1 " + strconv.Itoa(s.port)}, args...)...)
	r.until("master_link_status:up", "INFO", "replication")
	return r
}

// Promote makes a replica a master.
func (s *Server) Promote() {
	s.t.Helper()
	s.Do("REPLICAOF", "NO", "ONE")
	s.until("role:master", "INFO", "replication")
}

// Group is several servers that belong together.
type Group struct {
	Servers []*Server
	URL     string // as REDIS_URL
}

// Cluster starts three masters that share the slots; with replicas, each has one.
func Cluster(t testing.TB, replicas bool) *Group {
	t.Helper()
	n := 3
	if replicas {
		n = 6
	}
	g := &Group{Servers: make([]*Server, n)}
	for i := range n { // Skip and Fatal belong to the test's goroutine
		g.Servers[i] = Start(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-config-file", "nodes.conf", "--cluster-replica-validity-factor", "0")
	}
	first := g.Servers[0]
	for i, s := range g.Servers {
		s.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		if i < 3 {
			s.Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(16384*i/3), strconv.Itoa(16384*(i+1)/3-1))
		}
		if i > 0 {
			s.Do("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(first.port))
		}
	}
	var hosts []string
	for i, s := range g.Servers {
		hosts = append(hosts, s.Addr)
		s.until(fmt.Sprintf("cluster_known_nodes:%d", n), "CLUSTER", "INFO")
		if i >= 3 {
			s.Do("CLUSTER", "REPLICATE", g.Servers[i-3].Do("CLUSTER", "MYID"))
		}
	}
	for i, s := range g.Servers {
		s.until("cluster_state:ok", "CLUSTER", "INFO")
		if i >= 3 {
			s.until("master_link_status:up", "INFO", "replication")
			g.Servers[i-3].until("state=online", "INFO", "replication")
		}
	}
	g.URL = "redis-cluster://" + strings.Join(hosts, ",")
	return g
}

// Watched starts a master (the first server), its replica (the second), and a
// sentinel (the third) that promotes the replica when the master is gone.
func Watched(t testing.TB) *Group {
	t.Helper()
	master := Start(t)
	replica := master.Replica()
	watcher := start(t, &Server{t: t, watch: fmt.Sprintf("sentinel monitor flint 127.0.0.1 %d 1\n"+
		"sentinel down-after-milliseconds flint 500\nsentinel failover-timeout flint 5000\n", master.port)})
	deadline := time.Now().Add(patience)
	for watcher.sees("flint") == 0 {
		if time.Now().After(deadline) {
			t.Fatal("redistest: the sentinel doesn't find the replica")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return &Group{Servers: []*Server{master, replica, watcher}, URL: "redis-sentinel://" + watcher.Addr + "/flint"}
}

// sees returns how many replicas of master a sentinel knows.
func (s *Server) sees(master string) int {
	out, err := s.try("INFO", "sentinel")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(out, "name="+master)
	_, after, _ = strings.Cut(after, "slaves=")
	n, _, _ := strings.Cut(after, ",")
	seen, _ := strconv.Atoi(n)
	return seen
}

// ports holds those that this process has given out, for none is given twice.
var ports sync.Map

// freePort returns a port that is free now, and so is the one 10,000 above it,
// where members of a cluster talk.
func freePort(t testing.TB) int {
	t.Helper()
	for range 200 {
		p := 20_000 + rand.IntN(25_000)
		if _, taken := ports.LoadOrStore(p, true); !taken && free(p) && free(p+10_000) {
			return p
		}
	}
	t.Fatal("redistest: no free port")
	return 0
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// Client returns a Client of url that is connected, and closed with the test.
func Client(t testing.TB, url string) *redis.Client {
	t.Helper()
	c := Lazy(t, url)
	deadline := time.Now().Add(patience)
	for c.Ping(t.Context()) != nil {
		if time.Now().After(deadline) {
			t.Fatal("redistest: the client doesn't connect")
		}
		time.Sleep(5 * time.Millisecond)
	}
	return c
}

// Lazy returns a Client of url that may not be connected yet.
func Lazy(t testing.TB, url string) *redis.Client {
	t.Helper()
	c, err := redis.Open(redis.Config{URL: config.NewSecret(url)}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
