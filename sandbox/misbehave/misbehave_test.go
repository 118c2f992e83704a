package misbehave_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"flint/sandbox/misbehave"
)

const answer = `{"all":"is well"}`

// ask starts a server with the order and asks it once.
func ask(t *testing.T, o misbehave.Order) (status int, header http.Header, body string, err error) {
	t.Helper()
	var desk misbehave.Desk
	if err := desk.Add(o); err != nil {
		t.Fatal(err)
	}
	refuse := func(w http.ResponseWriter, status int) { http.Error(w, "refused", status) }
	s := httptest.NewServer(desk.Middleware("teller", refuse, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, answer)
	})))
	defer s.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/accounts/1", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(data), err
}

func TestKinds(t *testing.T) {
	t.Parallel()
	t.Run("latency", func(t *testing.T) {
		t.Parallel()
		begun := time.Now()
		status, _, body, err := ask(t, misbehave.Order{Kind: misbehave.Latency, MS: 30})
		if err != nil || status != 200 || body != answer || time.Since(begun) < 30*time.Millisecond {
			t.Errorf("%d %s %v after %s", status, body, err, time.Since(begun))
		}
	})
	t.Run("429", func(t *testing.T) {
		t.Parallel()
		status, header, _, err := ask(t, misbehave.Order{Kind: misbehave.Limited, RetryAfter: 7})
		if err != nil || status != 429 || header.Get("Retry-After") != "7" {
			t.Errorf("%d %v %v", status, header, err)
		}
	})
	t.Run("5xx", func(t *testing.T) {
		t.Parallel()
		status, header, _, err := ask(t, misbehave.Order{Kind: misbehave.Broken, Status: 503})
		if err != nil || status != 503 || header.Get("Retry-After") != "" {
			t.Errorf("%d %v %v", status, header, err)
		}
	})
	t.Run("disconnect", func(t *testing.T) {
		t.Parallel()
		if status, _, _, err := ask(t, misbehave.Order{Kind: misbehave.Disconnect}); err == nil {
			t.Errorf("answered %d", status)
		}
	})
	t.Run("half", func(t *testing.T) {
		t.Parallel()
		status, _, body, err := ask(t, misbehave.Order{Kind: misbehave.Half})
		if status != 200 || body != answer[:len(answer)/2] || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d %q %v", status, body, err)
		}
	})
	t.Run("another provider", func(t *testing.T) {
		t.Parallel()
		if status, _, _, _ := ask(t, misbehave.Order{Provider: "snaptrade", Kind: misbehave.Broken}); status != 200 {
			t.Error(status)
		}
	})
	t.Run("another path", func(t *testing.T) {
		t.Parallel()
		if status, _, _, _ := ask(t, misbehave.Order{Provider: "teller", Match: "/identity", Kind: misbehave.Broken}); status != 200 {
			t.Error(status)
		}
	})
}

func TestAnOrderIsUsedUp(t *testing.T) {
	t.Parallel()
	var desk misbehave.Desk
	if err := desk.Add(misbehave.Order{Kind: misbehave.Broken, Count: 2}); err != nil {
		t.Fatal(err)
	}
	h := desk.Middleware("teller", func(w http.ResponseWriter, status int) { w.WriteHeader(status) }, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	var got []int
	for range 3 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		got = append(got, w.Code)
	}
	if got[0] != 502 || got[1] != 502 || got[2] != 200 {
		t.Error(got)
	}
	if left := desk.Orders(); len(left) != 0 {
		t.Error(left)
	}
}

func TestImpossibleOrdersAreRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []misbehave.Order{
		{}, {Kind: "explode"}, {Kind: misbehave.Latency}, {Kind: misbehave.Latency, MS: 1 << 30},
		{Kind: misbehave.Broken, Status: 200}, {Kind: misbehave.Limited, Count: -1}, {Kind: misbehave.Limited, RetryAfter: -1},
	} {
		var desk misbehave.Desk
		if err := desk.Add(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestClearForgets(t *testing.T) {
	t.Parallel()
	var desk misbehave.Desk
	for _, p := range []string{"teller", "snaptrade"} {
		if err := desk.Add(misbehave.Order{Provider: p, Kind: misbehave.Limited}); err != nil {
			t.Fatal(err)
		}
	}
	desk.Clear("teller")
	if left := desk.Orders(); len(left) != 1 || left[0].Provider != "snaptrade" {
		t.Error(left)
	}
	desk.Clear("")
	if left := desk.Orders(); len(left) != 0 {
		t.Error(left)
	}
}
