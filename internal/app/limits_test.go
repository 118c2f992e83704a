package app_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flint/internal/app"
	"flint/internal/config"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/redis/redistest"
	"flint/internal/platform/telemetry"
)

// node is a Flint that answers, with nothing in the background.
func node(t *testing.T, state string, more map[string]string) http.Handler {
	t.Helper()
	env := map[string]string{"FLINT_ORIGIN": "https://flint.example", "FLINT_STATE": state, "FLINT_KEYRING": filepath.Join(state, "keyring"), "HIBP_BASE_URL": "off"}
	for k, v := range more {
		env[k] = v
	}
	var cfg app.Config
	if err := config.Load(t.Context(), config.Map(env), &cfg); err != nil {
		t.Fatal(err)
	}
	program, _ := pgtest.Strict(t)
	a, err := app.Build(t.Context(), cfg, program, telemetry.NewLogger(io.Discard, slog.LevelInfo))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a.Web.Handler()
}

// tries signs in with nothing at all, which counts as a try.
func tries(h http.Handler, addr string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "https://flint.example/api/auth/login", strings.NewReader(`{}`))
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = addr + ":443"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestNodesOnOneRedisAllowTogetherWhatOneDoes(t *testing.T) {
	t.Parallel()
	server, state := redistest.Start(t), t.TempDir()
	nodes := []http.Handler{node(t, state, map[string]string{"REDIS_URL": server.URL()}), node(t, state, map[string]string{"REDIS_URL": server.URL()})}
	for i, deadline := 0, time.Now().Add(time.Minute); ; i++ { // until Redis is connected, and this machine had 20 ms for each
		addr, allowed := fmt.Sprintf("10.1.%d.%d", i/200, i%200), 0
		for try := range 12 {
			if w := tries(nodes[try%2], addr); w.Code != http.StatusTooManyRequests {
				allowed++
			} else if w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), `"violated-policies":["login-minute"]`) {
				t.Fatalf("%v %s", w.Header(), w.Body)
			}
		}
		if allowed == 5 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d tries by two nodes", allowed)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if n := server.Do("DBSIZE"); n == "0" {
		t.Error("nothing is counted in Redis")
	}
}

func TestANodeStartsWithoutItsRedis(t *testing.T) {
	t.Parallel()
	h, allowed := node(t, t.TempDir(), map[string]string{"REDIS_URL": "redis://127.0.0.1:1", "FLINT_NODES": "2"}), 0
	for range 8 {
		w := tries(h, "203.0.113.9")
		if w.Code >= 500 || w.Header().Get("X-RateLimit-Limit") != "3" {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		if w.Code != http.StatusTooManyRequests {
			allowed++
		}
	}
	if allowed != 3 {
		t.Errorf("one of two nodes allows %d of 5", allowed)
	}
}

func TestCallsToProvidersAndFailedSignInsAreCountedForAllNodes(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	h := newHouse(t, func(env map[string]string) { env["REDIS_URL"] = server.URL() })
	want := []string{":quota:all:600", ":quota:work:480", ":quota:all:240", ":quota:work:192", ":{watch}:minutes"}
	missing := want
	for i := range 5 { // this machine needn't have had 20 ms for everything at once
		p := h.resident(fmt.Sprintf("Ann%d", i))
		p.connectBank("chase")
		p.connectBroker("SCHWAB", "brokerage", p.email)
		p.settled()
		keys := server.Do("EVAL", "return table.concat(redis.call('KEYS', 'flint:ratelimit:*'), ' ')", "0")
		missing = slices.DeleteFunc(slices.Clone(want), func(k string) bool { return strings.Contains(keys, k) })
		if len(missing) == 0 {
			return
		}
	}
	t.Errorf("Redis knows nothing of %v", missing)
}
