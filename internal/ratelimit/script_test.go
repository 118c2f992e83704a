package ratelimit_test

import (
	"errors"
	"testing"
	"time"

	"flint/internal/platform/redis/redistest"
	"flint/internal/ratelimit"
)

func TestAScriptHasTheTimeOfALimitAndNoMore(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	line := newLine(t, server.Addr)
	s := node(t, redistest.Client(t, "redis://"+line.addr), ratelimit.SharedConfig{})
	l := ratelimit.New(s)
	script := ratelimit.NewScript("return {redis.call('INCRBY', KEYS[1], ARGV[2]), #ARGV[1]}")
	wait(t, "Redis answers", func() bool {
		out, err := l.Run(t.Context(), script, []string{"{test}:n"}, "7")
		return err == nil && len(out) == 2 && out[0]%7 == 0 && out[1] == 0
	})
	if server.Do("GET", "flint:ratelimit:{test}:n") == "" {
		t.Error("the key has another name")
	}
	line.delay.Store(int64(time.Second))
	for i := range 10 {
		begin := time.Now()
		if _, err := l.Run(t.Context(), script, []string{"{test}:n"}, "7"); !errors.Is(err, ratelimit.ErrAlone) {
			t.Fatalf("call %d: %v", i, err)
		}
		if took := time.Since(begin); took > 500*time.Millisecond { // 20 on a machine that has time
			t.Errorf("call %d took %v", i, took)
		}
	}
	if !s.Alone() {
		t.Error("Redis is asked on")
	}
	line.delay.Store(0)
	wait(t, "Redis is asked again", func() bool { return !s.Alone() })
	if _, err := ratelimit.New(ratelimit.NewMemory(10, nil)).Run(t.Context(), script, nil); !errors.Is(err, ratelimit.ErrAlone) {
		t.Errorf("without Redis: %v", err)
	}
}
