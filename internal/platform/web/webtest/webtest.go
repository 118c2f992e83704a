// Package webtest runs scenarios against a handler over real HTTP: what is
// sent, what must come back, and what must never.
//
//	c := webtest.New(t, server.Handler(), "http://localhost:8080")
//	c.Run(t,
//		webtest.Scenario{Name: "a stranger sees nothing", Path: "/api/accounts", Status: 401, Contains: []string{"NO_TOKEN"}},
//		webtest.Scenario{Name: "a bad id is refused", Path: "/api/accounts/42", Bearer: token, Status: 422, NeverContains: []string{"42"}},
//	)
//
// Only tests import it.
package webtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Scenario is one request and what is expected of its answer.
type Scenario struct {
	Name    string
	Method  string // default GET, or POST if there's a Body
	Path    string
	Body    any // a string or []byte is sent as it is, anything else as JSON
	Bearer  string
	Cookies []*http.Cookie
	Header  map[string]string // "Host" sets the host

	Status        int
	Contains      []string
	NeverContains []string          // neither in the body nor in a header
	Headers       map[string]string // part of the value; "" means absent
	After         func(t *testing.T, a Answer)
}

// Answer is what came back.
type Answer struct {
	Status  int
	Header  http.Header
	Body    string
	Cookies []*http.Cookie
}

// JSON decodes the body into v.
func (a Answer) JSON(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.Body), v); err != nil {
		t.Fatalf("decode answer %q: %v", a.Body, err)
	}
}

// Code returns the code of the problem that was answered, or "".
func (a Answer) Code() string {
	var p struct{ Code string }
	_ = json.Unmarshal([]byte(a.Body), &p)
	return p.Code
}

// Client sends scenarios to one handler.
type Client struct {
	URL  string // of the test server
	HTTP *http.Client
	// Keep makes the client send back the cookies that it was given.
	Keep bool

	host    string
	cookies map[string]*http.Cookie
}

// New serves h until the test ends. Requests carry the host of origin.
func New(t testing.TB, h http.Handler, origin string) *Client {
	t.Helper()
	u, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	hc := srv.Client()
	hc.Timeout = 30 * time.Second
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{URL: srv.URL, HTTP: hc, host: u.Host, cookies: map[string]*http.Cookie{}}
}

// Run runs the scenarios one after the other, each as a subtest.
func (c *Client) Run(t *testing.T, scenarios ...Scenario) {
	t.Helper()
	for _, s := range scenarios {
		t.Run(s.Name, func(t *testing.T) { c.Check(t, s) })
	}
}

// Check runs one scenario and returns the answer.
func (c *Client) Check(t *testing.T, s Scenario) Answer {
	t.Helper()
	a := c.Do(t, s)
	if a.Status != s.Status {
		t.Errorf("status %d, not %d; body: %s", a.Status, s.Status, a.Body)
	}
	for _, want := range s.Contains {
		if !strings.Contains(a.Body, want) {
			t.Errorf("the body doesn't contain %q: %s", want, a.Body)
		}
	}
	for _, never := range s.NeverContains {
		if strings.Contains(a.Body, never) {
			t.Errorf("the body contains %q: %s", never, a.Body)
		}
		for k, vs := range a.Header {
			if strings.Contains(strings.Join(vs, "\n"), never) {
				t.Errorf("the header %s contains %q", k, never)
			}
		}
	}
	for k, want := range s.Headers {
		got := strings.Join(a.Header.Values(k), "\n")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, expected %q", k, got, want)
		}
	}
	if s.After != nil {
		s.After(t, a)
	}
	return a
}

// Do sends the request of s and returns the answer, without checking it.
func (c *Client) Do(t testing.TB, s Scenario) Answer {
	t.Helper()
	req := c.Request(t, s)
	resp, err := c.HTTP.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, s.Path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read answer: %v", err)
	}
	a := Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(body), Cookies: resp.Cookies()}
	if c.Keep {
		for _, k := range a.Cookies {
			if c.cookies[k.Name] = k; k.MaxAge < 0 || k.Value == "" {
				delete(c.cookies, k.Name)
			}
		}
	}
	return a
}

// Request builds the request of s, for tests that read the answer themselves.
func (c *Client) Request(t testing.TB, s Scenario) *http.Request {
	t.Helper()
	var body io.Reader
	kind := ""
	switch b := s.Body.(type) {
	case nil:
	case string:
		body, kind = strings.NewReader(b), "application/json"
	case []byte:
		body, kind = bytes.NewReader(b), "application/json"
	default:
		data, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		body, kind = bytes.NewReader(data), "application/json"
	}
	method := s.Method
	if method == "" {
		method = http.MethodGet
		if body != nil {
			method = http.MethodPost
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, c.URL+s.Path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = c.host
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if s.Bearer != "" {
		req.Header.Set("Authorization", "Bearer "+s.Bearer)
	}
	for k, v := range s.Header {
		if http.CanonicalHeaderKey(k) == "Host" {
			req.Host = v
			continue
		}
		req.Header.Set(k, v)
	}
	sent := map[string]bool{}
	for _, k := range s.Cookies {
		req.AddCookie(k)
		sent[k.Name] = true
	}
	if c.Keep {
		for _, k := range c.cookies {
			if !sent[k.Name] {
				req.AddCookie(k)
			}
		}
	}
	return req
}
