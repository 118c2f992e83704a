package main_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/redis/redistest"
	"flint/sandbox/snaptrade"
	"flint/sandbox/teller"
)

// server is a running `flint serve`.
type server struct {
	t   *testing.T
	cmd *exec.Cmd
	url string

	mu   sync.Mutex
	said bytes.Buffer
	sent int
}

// Write implements io.Writer: standard error.
func (s *server) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.Write(p)
}

func (s *server) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.String()
}

// serve starts the real binary with these settings, and waits until it answers.
func serve(t *testing.T, vars map[string]string) *server {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	_ = ln.Close()
	_, port, _ := net.SplitHostPort(address)
	s := &server{t: t, url: "http://localhost:" + port}
	s.cmd = exec.Command(path, "serve")
	s.cmd.Env = append(os.Environ(), "FLINT_LISTEN="+address, "FLINT_ORIGIN="+s.url, "FLINT_STATE="+emptyDir(t), "GORACE=halt_on_error=1 exitcode=66")
	for name, value := range vars {
		s.cmd.Env = append(s.cmd.Env, name+"="+value)
	}
	s.cmd.Stderr = s
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = s.cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(graceful):
			_ = s.cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Log(s.log())
		}
	})
	s.until("it answers", func() bool {
		select {
		case <-ended:
			t.Fatalf("it ended: %s", s.log())
		default:
		}
		r, err := http.Get(s.url + "/api/health/ready") //nolint:noctx // a test
		if err != nil {
			return false
		}
		_ = r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	return s
}

func (s *server) until(what string, fn func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !fn(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: not within %s: %s", what, patience, s.log())
		}
	}
}

// deliver sends a webhook signed with secret and reports whether it was taken.
func (s *server) deliver(from, secret string) bool {
	s.t.Helper()
	s.sent++
	now := time.Now().UTC()
	path, name := "/api/teller/webhook", "Teller-Signature"
	body := fmt.Sprintf(`{"id":"wh_%d","payload":{},"timestamp":%q,"type":"webhook.test"}`, s.sent, now.Format(time.RFC3339))
	signature := teller.Signature(now, []byte(body), secret)
	if from == "snaptrade" {
		path, name = "/api/snaptrade/webhooks", "Signature"
		body = fmt.Sprintf(`{"webhookId":"5d1cb1e2-0000-4000-8000-%012d","clientId":"C","eventTimestamp":%q,"userId":"x","eventType":"SOMETHING_NEW","brokerageAuthorizationId":"y"}`,
			s.sent, now.Format(time.RFC3339Nano))
		canonical, err := snaptrade.CanonicalWebhook([]byte(body))
		if err != nil {
			s.t.Fatal(err)
		}
		signature = snaptrade.Signature(secret, canonical)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(name, signature)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = a.Body.Close()
	if a.StatusCode != http.StatusOK && a.StatusCode != http.StatusUnauthorized {
		s.t.Errorf("%s: %d", from, a.StatusCode)
	}
	return a.StatusCode == http.StatusOK
}

// TestARunningServerTakesNewSecretsAtSIGHUP changes files as an operator, or what
// mounts secrets, does.
func TestARunningServerTakesNewSecretsAtSIGHUP(t *testing.T) {
	t.Parallel()
	const one, two, three = "Vw8zq3LtN5xPf0RkYb2s", "cK7mJd4HgT9uXa6EoZ1n", "hR5yDq8WbM3vUj1LpS6e"
	redis := redistest.Start(t)
	redis.Do("ACL", "SETUSER", "flint", "on", "~*", "+@all", ">"+one)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s := serve(t, map[string]string{
		"DATABASE_URL": pgtest.New(t).Config().ConnString(), "FLINT_RELOAD": "0", "HIBP_BASE_URL": "off", "ECB_BASE_URL": "off",
		"TELLER_WEBHOOK_SECRETS_FILE": write("teller", one),
		"SNAPTRADE_CLIENT_ID":         "C", "SNAPTRADE_BASE_URL": "http://127.0.0.1:1", "SNAPTRADE_CONSUMER_KEY_FILE": write("snaptrade", one+"s"),
		"REDIS_URL_FILE": write("redis", "redis://flint:"+one+"@"+redis.Addr),
		"FLINT_SIEM":     "file://" + filepath.Join(dir, "audit.jsonl"),
	})
	if !s.deliver("teller", one) || !s.deliver("snaptrade", one+"s") || s.deliver("teller", two) || s.deliver("snaptrade", two+"s") {
		t.Fatal("the first secrets don't work")
	}
	s.until("redis is reached", func() bool { return strings.Contains(s.log(), "connected to redis") })
	redis.Do("ACL", "SETUSER", "flint", "resetpass", ">"+two)
	write("teller", two)
	write("snaptrade", two+"s")
	write("redis", "redis://flint:"+two+"@"+redis.Addr)
	if s.deliver("teller", two) {
		t.Error("the file was read although nobody said so")
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.until("it reads again", func() bool { return strings.Contains(s.log(), `"msg":"settings changed"`) })
	for _, name := range []string{"TELLER_WEBHOOK_SECRETS", "SNAPTRADE_CONSUMER_KEY", "REDIS_URL"} {
		if !strings.Contains(s.log(), `"`+name+`"`) {
			t.Errorf("%s isn't told to have changed", name)
		}
	}
	for _, from := range []string{"teller", "snaptrade"} {
		suffix := strings.TrimSuffix(from[:1], "t") // s for SnapTrade
		if !s.deliver(from, two+suffix) {
			t.Errorf("%s: the new secret doesn't work", from)
		}
		if !s.deliver(from, one+suffix) {
			t.Errorf("%s: the old one doesn't work any more: deliveries are under way", from)
		}
		if s.deliver(from, three+suffix) {
			t.Errorf("%s: any secret works", from)
		}
	}
	// What can't be used is told, and changes nothing.
	write("redis", "redis://flint:"+three+"@"+redis.Addr)
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.until("it tells what it can't use", func() bool { return strings.Contains(s.log(), "can't be reached, or doesn't let Flint in") })
	s.until("the audit log is told to its receiver", func() bool {
		text, err := os.ReadFile(filepath.Join(dir, "audit.jsonl"))
		return err == nil && strings.HasPrefix(string(text), `{"index":0,`) && strings.Contains(string(text), `"verb":"signing_key.create"`)
	})
	for _, secret := range []string{one, two, three} {
		if strings.Contains(s.log(), secret) {
			t.Error("a secret is in the log")
		}
	}
}
