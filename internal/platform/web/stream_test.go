package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
)

// stream declares /api/stream on h and opens it as alice.
func stream(t *testing.T, h *house, events <-chan web.Event) (*bufio.Scanner, <-chan error) {
	t.Helper()
	ended := make(chan error, 1)
	web.Raw(h.Server, web.Op{Method: "GET", Path: "/api/stream", Summary: "Stream", Needs: access.SignedIn, Limit: "data", Produce: "text/event-stream"},
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { ended <- h.Stream(w, r, events) }))
	resp, err := h.web.HTTP.Do(h.web.Request(t, webtest.Scenario{Path: "/api/stream", Bearer: "alice"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("content type %q", kind)
	}
	return bufio.NewScanner(resp.Body), ended
}

func TestEventsArriveAndTheStreamEndsWithThem(t *testing.T) {
	t.Parallel()
	events := make(chan web.Event)
	lines, ended := stream(t, build(t, nil), events)
	go func() {
		defer close(events)
		events <- web.Event{Name: "hello", Data: json.RawMessage(`{}`)}
		events <- web.Event{Name: "sy\nnc", Data: json.RawMessage("{\n\"a\":\"b\\nc\"\n}")}
		events <- web.Event{Name: "odd", Data: json.RawMessage("data: x\n\nevent: forged")}
	}()
	var got []string
	for lines.Scan() {
		if lines.Text() != "" {
			got = append(got, lines.Text())
		}
	}
	want := []string{"retry: 3000", "event: hello", "data: {}", "event: sync", `data: {"a":"b\nc"}`, "event: odd", "data: null"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAQuietStreamBeats(t *testing.T) {
	t.Parallel()
	lines, _ := stream(t, build(t, func(c *web.Config) { c.Heartbeat = time.Millisecond }), nil)
	for beats := 0; beats < 3 && lines.Scan(); {
		if lines.Text() == ":" {
			beats++
		}
	}
	if lines.Err() != nil {
		t.Error(lines.Err())
	}
}

func TestAStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	var over atomic.Bool
	lines, ended := stream(t, build(t, func(c *web.Config) {
		c.Heartbeat = time.Millisecond
		c.Authenticate = func(r *http.Request) (access.Actor, error) {
			if over.Load() {
				return access.Actor{}, fault.ErrNotFound
			}
			return authenticate(r)
		}
	}), nil)
	lines.Scan()
	over.Store(true)
	for lines.Scan() { // until the server ends it
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestShutdownDrainsRequestsAndEndsStreams(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	entered, leave := make(chan struct{}), make(chan struct{})
	web.Handle(h.Server, web.Op{Method: "GET", Path: "/api/slow", Summary: "Be slow", Needs: access.Public, Limit: "none"},
		func(context.Context, *struct{}) (*said, error) {
			close(entered)
			<-leave
			return &said{}, nil
		})
	streaming := make(chan struct{})
	web.Raw(h.Server, web.Op{Method: "GET", Path: "/api/endless", Summary: "Stream", Needs: access.Public, Limit: "none"},
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(streaming)
			_ = h.Stream(w, r, nil)
		}))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- h.Serve(ctx, ln) }()

	get := func(path string, done chan<- int) {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+ln.Addr().String()+path, nil)
		req.Host = "localhost:8080"
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			done <- 0
			return
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		done <- resp.StatusCode
	}
	slow, endless := make(chan int, 1), make(chan int, 1)
	go get("/api/slow", slow)
	go get("/api/endless", endless)
	<-entered
	<-streaming
	cancel()
	if status := <-endless; status != 200 {
		t.Errorf("the stream ended with %d", status)
	}
	close(leave)
	if status := <-slow; status != 200 {
		t.Errorf("the running request ended with %d", status)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if conn, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		conn.Close()
		t.Error("somebody still answers")
	}
}
