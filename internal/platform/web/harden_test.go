package web_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
)

// listening serves h on a real socket until the test ends and returns its address.
func listening(t *testing.T, s *web.Server) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// say writes text to a new connection and returns everything that comes back
// until the server hangs up.
func say(t *testing.T, address, text string) string {
	t.Helper()
	c := dial(t, address)
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the server holds on to a connection that said %.80q, after %q", text, all)
	}
	return string(all)
}

func TestSlowClientsAreCut(t *testing.T) {
	t.Parallel()
	h := build(t, func(c *web.Config) {
		c.HeaderReads, c.BodyReads, c.HandlerWrites = 300*time.Millisecond, 600*time.Millisecond, 900*time.Millisecond
		c.Drain = 5 * time.Second
	})
	gone := make(chan error, 1)
	web.Raw(h.Server, web.Op{Method: "GET", Path: "/api/much", Summary: "Say much", Tag: "test", Needs: access.Public, Limit: "none"},
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			var err error
			for page := make([]byte, 1<<20); err == nil; {
				_, err = w.Write(page)
			}
			gone <- err
		}))
	address := listening(t, h.Server)
	t.Run("in the header", func(t *testing.T) {
		t.Parallel()
		c, began := dial(t, address), time.Now()
		_, _ = io.WriteString(c, "GET /api/address HTTP/1.1\r\nHost: localhost:8080\r\n")
		go func() { // a drop now and then, as slowloris does
			for range 100 {
				if _, err := io.WriteString(c, "X-A: b\r\n"); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		}()
		if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 4*time.Second {
			t.Errorf("held for %v: %v", time.Since(began), err)
		}
	})
	t.Run("in the body", func(t *testing.T) {
		t.Parallel()
		c, began := dial(t, address), time.Now()
		_, _ = io.WriteString(c, "POST /api/greet HTTP/1.1\r\nHost: localhost:8080\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n{")
		if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 4*time.Second {
			t.Errorf("held for %v: %v", time.Since(began), err)
		}
	})
	t.Run("in reading the answer", func(t *testing.T) {
		t.Parallel()
		c := dial(t, address)
		_, _ = io.WriteString(c, "GET /api/much HTTP/1.1\r\nHost: localhost:8080\r\n\r\n")
		select {
		case <-gone: // without reading a byte of it
		case <-time.After(10 * time.Second):
			t.Error("the server still writes to somebody who doesn't read")
		}
	})
}

func TestRequestsOfUnreasonableSizeAreRefused(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	address := listening(t, h.Server)
	head := "Host: localhost:8080\r\nConnection: close\r\n"
	for name, c := range map[string]struct{ request, want string }{
		"a long address":       {"GET /api/address?a=" + strings.Repeat("a", 9<<10) + " HTTP/1.1\r\n" + head + "\r\n", "414 "},
		"many fields":          {"GET /api/address HTTP/1.1\r\n" + head + strings.Repeat("X-A: b\r\n", 101) + "\r\n", "431 "},
		"a large field":        {"GET /api/address HTTP/1.1\r\n" + head + "X-A: " + strings.Repeat("a", 64<<10) + "\r\n\r\n", "431 "},
		"an endless line":      {strings.Repeat("A", 64<<10), "431 "},
		"many, but not absurd": {"GET /api/address HTTP/1.1\r\n" + head + strings.Repeat("X-A: b\r\n", 60) + "\r\n", "200 "},
	} {
		if got := say(t, address, c.request); !strings.HasPrefix(got, "HTTP/1.1 "+c.want) {
			t.Errorf("%s: %.100q", name, got)
		}
	}
}

// TestNoRequestIsSmuggled sends what proxies and servers are known to read
// differently. Whatever is answered, the request inside must not be.
func TestNoRequestIsSmuggled(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	var smuggled atomic.Int64
	web.Raw(h.Server, web.Op{Method: "GET", Path: "/api/smuggled", Summary: "Count", Tag: "test", Needs: access.Public, Limit: "none"},
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) { smuggled.Add(1) }))
	address := listening(t, h.Server)
	inner := "GET /api/smuggled HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n\r\n"
	post := func(fields, body string) string {
		return "POST /api/hook HTTP/1.1\r\nHost: localhost:8080\r\n" + fields + "\r\n" + body
	}
	length := func(s string) string { return fmt.Sprintf("Content-Length: %d\r\n", len(s)) }
	ended := "0\r\n\r\n" + inner
	for name, text := range map[string]string{
		"CL.TE":                       post(length(ended)+"Transfer-Encoding: chunked\r\n", ended),
		"TE.CL":                       post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", fmt.Sprintf("%x\r\n", len(inner))+inner+"\r\n0\r\n\r\n"),
		"chunked, plainly":            post("Transfer-Encoding: chunked\r\n", ended),
		"chunked after identity":      post("Transfer-Encoding: identity, chunked\r\n"+length(ended), ended),
		"an unknown coding":           post("Transfer-Encoding: xchunked\r\n"+length(ended), ended),
		"chunked twice":               post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", ended),
		"chunked, then nothing":       post("Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n"+length(ended), ended),
		"chunked with a tab":          post("Transfer-Encoding:\x0bchunked\r\n"+length(ended), ended),
		"a space before the colon":    post("Transfer-Encoding : chunked\r\n"+length(ended), ended),
		"two lengths":                 post("Content-Length: 0\r\n"+length(inner), inner),
		"a length with a sign":        post("Content-Length: +0\r\n", inner),
		"a negative length":           post("Content-Length: -1\r\n", inner),
		"a length in hexadecimal":     post("Content-Length: 0x0\r\n", inner),
		"a list of lengths":           post("Content-Length: 0, 0\r\n", inner),
		"an empty length":             post("Content-Length:\r\n", inner),
		"a chunk of an absurd size":   post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n"+inner),
		"a chunk of a negative size":  post("Transfer-Encoding: chunked\r\n", "-1\r\n"+inner),
		"a chunk size with 0x":        post("Transfer-Encoding: chunked\r\n", "0x0\r\n\r\n"+inner),
		"a null in a field":           post("X-A: \x00\r\nContent-Length: 0\r\n", inner),
		"a return in a field":         post("X-A: b\rContent-Length: 0\r\n\r\n", inner),
		"a field without a name":      post(": b\r\nContent-Length: 0\r\n", inner),
		"no host":                     "POST /api/hook HTTP/1.1\r\nContent-Length: 0\r\n\r\n" + inner,
		"two hosts":                   "POST /api/hook HTTP/1.1\r\nHost: localhost:8080\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n" + inner,
		"two versions":                "POST /api/hook HTTP/1.1 HTTP/1.1\r\nHost: localhost:8080\r\n\r\n" + inner,
		"HTTP 1.0 that isn't chunked": "POST /api/hook HTTP/1.0\r\nHost: localhost:8080\r\nTransfer-Encoding: chunked\r\n\r\n" + ended,
		"a protocol that isn't ours":  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + inner,
	} {
		answer := say(t, address, text)
		if n := smuggled.Swap(0); n != 0 {
			t.Errorf("%s: the request inside was answered: %q", name, answer)
		}
		if strings.Count(answer, "HTTP/1.1 ") > 1 {
			t.Errorf("%s: two answers: %q", name, answer)
		}
	}
	if say(t, address, inner); smuggled.Load() != 1 {
		t.Error("the door that counts doesn't count")
	}
}

func TestNoPathHidesInAnother(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	address := listening(t, h.Server)
	get := func(target string, more ...string) string {
		return say(t, address, "GET "+target+" HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n"+strings.Join(more, "")+"\r\n")
	}
	for _, target := range []string{
		"//api/address", "/api//address", "/api/./address", "/api/../api/address", "/api/address/..", "/api/address/.", "/x/..%2fapi/address",
		"/api%2faddress", "/api%2Faddress", "/api/%61ddress", "/%2e%2e/api/address", "/api/%2e/address", "/api\\address", "/api%5caddress",
		"/api;x=1/address", "/api/address;x", "/api/%2561ddress", "/api/address%00", "/api/address%ff", "/api/address?a=%00",
		"//evil.example/", "//evil.example/..", "http://localhost:8080//api/address",
	} {
		if got := get(target); !strings.HasPrefix(got, "HTTP/1.1 400 ") || !strings.Contains(got, "Content-Security-Policy: ") || strings.Contains(got, "Location") {
			t.Errorf("%s: %.200q", target, got)
		}
	}
	for target, want := range map[string]string{
		"/api/address":                      "200 ",
		"/api/address/":                     "404 ",
		"http://localhost:8080/api/address": "200 ", // a proxy's form, which servers must read
		"http://evil.example/api/address":   "421 ",
		"ftp://evil.example/api/address":    "421 ",
		"*":                                 "400 ",
		"evil":                              "400 ",
	} {
		if got := get(target); !strings.HasPrefix(got, "HTTP/1.1 "+want) {
			t.Errorf("%s: %.100q", target, got)
		}
	}
	if got := say(t, address, "OPTIONS * HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 400 ") || !strings.Contains(got, "X-Frame-Options: DENY") {
		t.Errorf("OPTIONS *: %.100q", got)
	}
	if got := say(t, address, "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 4") {
		t.Errorf("CONNECT: %.100q", got)
	}
	if got := say(t, address, "TRACE /api/address HTTP/1.1\r\nHost: localhost:8080\r\nCookie: a=secret\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 405 ") || strings.Contains(got, "secret") {
		t.Errorf("TRACE: %.100q", got)
	}
}

func TestNoHeaderOverridesTheMethodOrTheAddress(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		h.web.Run(t,
			webtest.Scenario{Name: name + " DELETE", Path: "/api/address", Header: map[string]string{name: "DELETE"}, Status: 200},
			webtest.Scenario{Name: name + " GET", Method: "POST", Path: "/api/address", Body: "{}", Header: map[string]string{name: "GET"}, Status: 405},
		)
	}
	h.web.Run(t,
		webtest.Scenario{Name: "in the query", Method: "POST", Path: "/api/address?_method=GET", Body: "{}", Status: 405},
		webtest.Scenario{Name: "another address", Path: "/api/address", Header: map[string]string{"X-Original-Url": "/api/own", "X-Rewrite-Url": "/api/own"}, Status: 200},
	)
}

// FuzzRequest throws bytes at a listener: whatever comes, the server answers or
// hangs up, and goes on serving.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
		"POST /api/greet HTTP/1.1\r\nHost: localhost:8080\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
		"POST /api/greet HTTP/1.1\r\nHost: localhost:8080\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"GET /%GG HTTP/1.1\r\n\r\n", "\x00\x01", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		h := build(t, func(c *web.Config) { c.HeaderReads, c.BodyReads = 100*time.Millisecond, 200*time.Millisecond })
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
		if err != nil {
			return // net/http's to refuse
		}
		w := newRecorder()
		h.Handler().ServeHTTP(w, r)
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.status >= 500 {
			t.Errorf("%d %v", w.status, w.Header())
		}
	})
}

type recorder struct {
	header http.Header
	status int
}

func newRecorder() *recorder                    { return &recorder{header: http.Header{}} }
func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }
