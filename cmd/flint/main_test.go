package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What a demo may take on a slow machine. Tests stop waiting much earlier, as
// soon as what they wait for is there.
const (
	patience = 3 * time.Minute
	graceful = 30 * time.Second
)

// scrap is the folder of everything that this package's tests make.
var scrap string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "flint-cmd-")
	if err == nil {
		err = os.Chmod(dir, 0o711) // a root's database runs as another user
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scrap = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// binary builds flint once, with the race detector if the tests run with it.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scrap, "flint")
	args := []string{"build", "-o", path}
	if raceDetector {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, ".")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build flint: %w: %s", err, out)
	}
	return path, nil
})

// furnished is a demo that was furnished and stopped, to be copied: see demoDir.
type furnished struct {
	dir   string
	first ready
	took  time.Duration
	lines []string // what it printed
}

var template = sync.OnceValues(func() (furnished, error) {
	f := furnished{dir: filepath.Join(scrap, "template")}
	began := time.Now()
	d, err := launch(f.dir)
	if err != nil {
		return f, err
	}
	if err := d.waitReady(); err != nil {
		d.kill()
		return f, err
	}
	f.first, f.took = d.ready, time.Since(began)
	if err := d.terminate(); err != nil {
		return f, err
	}
	f.lines = d.printed()
	return f, nil
})

// demoDir returns a new state folder that holds a furnished demo.
func demoDir(t *testing.T) string {
	t.Helper()
	f, err := template()
	if err != nil {
		t.Fatal(err)
	}
	dir := emptyDir(t)
	// cp -a keeps the owner: the database of root's demo belongs to postgres.
	if out, err := exec.Command("cp", "-a", f.dir+"/.", dir).CombinedOutput(); err != nil {
		t.Fatalf("copy the furnished demo: %v: %s", err, out)
	}
	return dir
}

// emptyDir returns a new folder with a short name: a socket's path is limited.
func emptyDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(scrap, "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// ready is the line of JSON that a script is told.
type ready struct {
	URL, LoginURL, Email, Password, Database, Sandbox string
}

// demo is a running `flint demo`, as a script has it.
type demo struct {
	cmd   *exec.Cmd
	ready ready
	lines chan string   // of standard output
	ended chan struct{} // closed when the process has ended
	err   error         // how; read after ended

	mu     sync.Mutex
	said   []string // all lines of standard output
	stderr bytes.Buffer
}

// launch starts a demo in dir and doesn't wait for it.
func launch(dir string, args ...string) (*demo, error) {
	path, err := binary()
	if err != nil {
		return nil, err
	}
	d := &demo{lines: make(chan string, 100), ended: make(chan struct{})}
	d.cmd = exec.Command(path, append([]string{"demo", "--headless", "--json", "--port", "0", "--state", dir}, args...)...)
	// A demo must not reach what the environment points at.
	d.cmd.Env = append(os.Environ(), "DATABASE_URL=postgres://nobody@127.0.0.1:1/production", "TELLER_BASE_URL=https://127.0.0.1:1",
		"FLINT_ORIGIN=https://flint.example", "GORACE=halt_on_error=1 exitcode=66")
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.cmd.Stderr = locked{d}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		for in := bufio.NewScanner(out); in.Scan(); {
			d.mu.Lock()
			d.said = append(d.said, in.Text())
			d.mu.Unlock()
			select {
			case d.lines <- in.Text():
			default: // nobody reads more than the first
			}
		}
		d.err = d.cmd.Wait()
		close(d.ended)
	}()
	return d, nil
}

// locked keeps what a demo writes to standard error.
type locked struct{ d *demo }

func (l locked) Write(p []byte) (int, error) {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	return l.d.stderr.Write(p)
}

// start starts a demo in dir, waits until it is ready, and kills it at the end
// of the test if it still runs then.
func start(t *testing.T, dir string, args ...string) *demo {
	t.Helper()
	d, err := launch(dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("standard error: %s\nlog: %s", d.complaint(), tail(filepath.Join(dir, "flint.log")))
		}
		d.kill()
	})
	if err := d.waitReady(); err != nil {
		t.Fatal(err)
	}
	return d
}

// waitReady waits for the line of JSON.
func (d *demo) waitReady() error {
	select {
	case line := <-d.lines:
		in := json.NewDecoder(strings.NewReader(line))
		in.DisallowUnknownFields()
		if err := in.Decode(&d.ready); err != nil {
			return fmt.Errorf("read %q: %w", line, err)
		}
		return nil
	case <-d.ended:
		return fmt.Errorf("the demo ended (%w): %s", d.err, d.complaint())
	case <-time.After(patience):
		return fmt.Errorf("the demo isn't ready after %s: %s", patience, d.complaint())
	}
}

func (d *demo) printed() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.said...)
}

func (d *demo) complaint() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stderr.String()
}

// kill ends the demo without giving it a chance, and waits until it is gone.
func (d *demo) kill() {
	_ = d.cmd.Process.Kill() // it may have ended
	<-d.ended
}

// terminate asks the demo to end, as Ctrl-C does, and waits for it.
func (d *demo) terminate() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("end the demo: %w", err)
	}
	select {
	case <-d.ended:
	case <-time.After(graceful):
		d.kill()
		return errors.New("the demo didn't end within " + graceful.String())
	}
	if d.err != nil {
		return fmt.Errorf("the demo ended badly (%w): %s", d.err, d.complaint())
	}
	return nil
}

// tail returns the end of a log without the requests that didn't fail.
func tail(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := slices.DeleteFunc(strings.Split(string(b), "\n"), func(line string) bool {
		return strings.Contains(line, `"msg":"request"`) && !strings.Contains(line, `"status":5`)
	})
	return strings.Join(lines[max(0, len(lines)-25):], "\n")
}

// client speaks JSON to one server.
type client struct {
	base   string
	token  string // bearer, once signed in
	origin string // as a browser would send it
	http   *http.Client
}

func newClient(base string) *client {
	return &client{base: base, http: &http.Client{Timeout: time.Minute}}
}

// call sends in as JSON, unless it is nil, and returns the answer.
func (c *client) call(method, path string, in any) (int, http.Header, []byte, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return 0, nil, nil, err
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequest(method, c.base+path, body) //nolint:noctx // the client has a timeout
	if err != nil {
		return 0, nil, nil, err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.origin != "" {
		r.Header.Set("Origin", c.origin)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	} else {
		r.Header.Set("X-Mobile-App", "true")
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, text, err
}

// get reads path into out, and post sends in first; both fail the test if that
// doesn't work.
func (c *client) get(t testing.TB, path string, out any) {
	t.Helper()
	c.must(t, http.MethodGet, path, nil, out)
}

func (c *client) post(t testing.TB, path string, in, out any) {
	t.Helper()
	c.must(t, http.MethodPost, path, in, out)
}

func (c *client) must(t testing.TB, method, path string, in, out any) {
	t.Helper()
	status, header, text, err := c.call(method, path, in)
	for status == http.StatusTooManyRequests { // wait as long as we are told
		seconds, _ := strconv.Atoi(header.Get("Retry-After"))
		time.Sleep(time.Duration(max(seconds, 1)) * time.Second)
		status, header, text, err = c.call(method, path, in)
	}
	if err != nil || status >= 300 {
		t.Fatalf("%s %s: %d %.500s (%v)", method, path, status, text, err)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatalf("%s %s: %v in %.500s", method, path, err, text)
		}
	}
}

// signIn returns a client of the demo's owner.
func (d *demo) signIn(t testing.TB) *client {
	t.Helper()
	c := newClient(d.ready.URL)
	var in struct{ MobileAccessToken string }
	c.post(t, "/api/auth/login", map[string]string{"email": d.ready.Email, "password": d.ready.Password}, &in)
	if in.MobileAccessToken == "" {
		t.Fatal("signing in gave no token")
	}
	c.token = in.MobileAccessToken
	return c
}

// world returns a client of the demo's sandbox.
func (d *demo) world() *client { return newClient(d.ready.Sandbox) }

// soon waits until done says so. What it returns instead is shown in the end.
func soon(t testing.TB, within time.Duration, what string, done func() (bool, string)) {
	t.Helper()
	wait := 50 * time.Millisecond
	for began := time.Now(); ; {
		ok, saw := done()
		if ok {
			return
		}
		if time.Since(began) > within {
			t.Fatalf("%s: not within %s; last seen: %s", what, within, saw)
		}
		time.Sleep(wait)
		wait = min(2*wait, time.Second)
	}
}
