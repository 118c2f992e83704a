package hook_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flint/sandbox/hook"
)

// receiver answers with the statuses it is given, then 200, and remembers.
type receiver struct {
	mu       sync.Mutex
	statuses []int
	bodies   []string
	signed   []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies = append(r.bodies, string(body))
	r.signed = append(r.signed, req.Header.Get("Signature"))
	if len(r.statuses) > 0 {
		w.WriteHeader(r.statuses[0])
		r.statuses = r.statuses[1:]
	}
}

func (r *receiver) got() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.bodies, " ")
}

func setup(t *testing.T, statuses ...int) (*hook.Sender, *receiver) {
	t.Helper()
	r := &receiver{statuses: statuses}
	server := httptest.NewServer(r)
	s := hook.New(hook.Config{Retries: []time.Duration{time.Millisecond, time.Millisecond}})
	s.Target("teller", server.URL)
	t.Cleanup(func() { s.Stop(); server.Close() })
	return s, r
}

func send(s *hook.Sender, ids ...string) {
	for _, id := range ids {
		s.Send(hook.Delivery{Provider: "teller", ID: id, Type: "test", Body: []byte(id)})
	}
}

func settle(t *testing.T, s *hook.Sender) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Wait(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestDeliveriesArriveInOrder(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	send(s, "a", "b", "c", "d")
	settle(t, s)
	if got := r.got(); got != "a b c d" {
		t.Error(got)
	}
	if out := s.Outcomes(); len(out) != 4 || out[0].ID != "d" || out[0].State != "delivered" || out[0].Attempts != 1 {
		t.Errorf("%+v", out)
	}
}

func TestAFailureIsTriedAgainAndSignedAnew(t *testing.T) {
	t.Parallel()
	s, r := setup(t, 500, 302)
	n := 0
	s.Send(hook.Delivery{Provider: "teller", ID: "a", Body: []byte("a"), Sign: func(time.Time, []byte) http.Header {
		n++ // attempts never overlap
		return http.Header{"Signature": {strings.Repeat("x", n)}}
	}})
	settle(t, s)
	if got := r.got(); got != "a a a" {
		t.Error(got)
	}
	if !slices.Equal(r.signed, []string{"x", "xx", "xxx"}) {
		t.Error(r.signed)
	}
	if out := s.Outcomes()[0]; out.State != "delivered" || out.Attempts != 3 || out.Status != 200 {
		t.Errorf("%+v", out)
	}
}

func TestWhoNeverAnswersIsGivenUp(t *testing.T) {
	t.Parallel()
	s, _ := setup(t, 500, 500, 500, 500)
	send(s, "a")
	settle(t, s)
	if out := s.Outcomes()[0]; out.State != "failed" || out.Attempts != 3 {
		t.Errorf("%+v", out)
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	if err := s.Behave(hook.Behaviour{Duplicate: 2}); err != nil {
		t.Fatal(err)
	}
	send(s, "a")
	settle(t, s)
	if got := r.got(); got != "a a a" {
		t.Error(got)
	}
}

func TestReorder(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	if err := s.Behave(hook.Behaviour{Reorder: true}); err != nil {
		t.Fatal(err)
	}
	send(s, "a", "b", "c")
	settle(t, s)
	if got := r.got(); got != "b a" {
		t.Error(got)
	}
	if n := s.Flush(); n != 1 {
		t.Error(n)
	}
	settle(t, s)
	if got := r.got(); got != "b a c" {
		t.Error(got)
	}
}

func TestHoldAndFlush(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	if err := s.Behave(hook.Behaviour{Hold: true}); err != nil {
		t.Fatal(err)
	}
	send(s, "a", "b")
	settle(t, s)
	if got := r.got(); got != "" {
		t.Error(got)
	}
	if n := s.Flush(); n != 2 {
		t.Error(n)
	}
	settle(t, s)
	if got := r.got(); got != "a b" {
		t.Error(got)
	}
}

func TestNoTargetIsNoAttempt(t *testing.T) {
	t.Parallel()
	s, r := setup(t)
	s.Target("teller", "")
	send(s, "a")
	settle(t, s)
	if r.got() != "" || s.Outcomes()[0].State != "no target" {
		t.Errorf("%q %+v", r.got(), s.Outcomes())
	}
}
