package sandbox_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"flint/sandbox"
)

func frozen() time.Time { return time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC) }

// start runs a sandbox for the test.
func start(t *testing.T, change ...func(*sandbox.Config)) *sandbox.Server {
	t.Helper()
	cfg := sandbox.Config{Now: frozen, Retries: []time.Duration{time.Millisecond, time.Millisecond}}
	for _, c := range change {
		c(&cfg)
	}
	s, err := sandbox.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// client trusts the sandbox; with, it shows the application's certificate.
func client(t *testing.T, s *sandbox.Server, with bool) *http.Client {
	t.Helper()
	c := s.Credentials()
	pem, err := os.ReadFile(c.TellerCAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	cfg := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	if with {
		pair, err := tls.LoadX509KeyPair(c.TellerCertFile, c.TellerKeyFile)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true}, Timeout: 20 * time.Second}
}

// order sends JSON to the control API and reads the answer into out.
func order(t *testing.T, method, url string, in, out any) {
	t.Helper()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, url, resp.StatusCode, data)
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			t.Fatal(err)
		}
	}
}

// get asks Teller; it returns the status and the body.
func get(t *testing.T, c *http.Client, url, token string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.SetBasicAuth(token, "")
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, data
}

type enrolled struct {
	AccessToken string
	User        struct{ ID string }
	Enrollment  struct {
		ID          string
		Institution struct{ ID, Name string }
	}
	Signatures []string
}

func enroll(t *testing.T, s *sandbox.Server, institution, username string) enrolled {
	t.Helper()
	var e enrolled
	order(t, "POST", s.URLs().Site+"/control/teller/enroll", map[string]string{"institution": institution, "username": username, "nonce": "n1"}, &e)
	return e
}

func TestTheWorldAnswers(t *testing.T) {
	t.Parallel()
	s := start(t)
	e := enroll(t, s, "chase", "")
	status, body := get(t, client(t, s, false), s.URLs().Teller+"/accounts", e.AccessToken)
	if status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	for _, path := range []string{"/", "/inbox", "/accounts", "/deliveries", "/control/state", "/control/requests", "/ecb/stats/eurofxref/eurofxref-daily.xml", "/hibp/range/00000", "/teller/connect.js"} {
		status, body := get(t, http.DefaultClient, s.URLs().Site+path, "")
		if status != 200 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
