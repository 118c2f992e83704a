package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/rueidis"
)

// ErrAlone says that nodes can't count together at the moment, or never do: there
// is no Redis, or it doesn't answer in time.
var ErrAlone = errors.New("this node counts for itself")

// Script counts what isn't a limit, for all nodes. Its keys are its own business,
// but for three rules: all are in one slot (a name in braces), each expires, and
// as ARGV[1] it is told the time in microseconds by tests, and nothing otherwise, when
// the server's clock counts.
type Script struct{ lua *rueidis.Lua }

// NewScript returns the script that text is. It answers with whole numbers.
func NewScript(text string) *Script { return &Script{rueidis.NewLuaScript(text)} }

// Together reports whether there is a store that all nodes share, well or not.
func (l *Limiter) Together() bool {
	_, ok := l.store.(*Shared)
	return ok
}

// Run has Redis run script on keys, in one round trip, under the same conditions
// as limits: it has 20 ms, and isn't asked while it fails. Then, and without a
// Redis, it is ErrAlone. "flint:ratelimit:" is put before each key.
func (l *Limiter) Run(ctx context.Context, script *Script, keys []string, args ...string) ([]int64, error) {
	s, ok := l.store.(*Shared)
	if !ok || s.breaker.open.Load() {
		return nil, ErrAlone
	}
	names, told := make([]string, len(keys)), make([]string, 1, 1+len(args))
	for i, k := range keys {
		names[i] = prefix + k
	}
	if s.redis.now != nil {
		told[0] = strconv.FormatInt(s.redis.now().UnixMicro(), 10)
	}
	told = append(told, args...)
	out, err := within(ctx, s.budget, func(ctx context.Context) ([]int64, error) {
		conn, err := s.redis.client.Conn()
		if err != nil {
			return nil, err
		}
		return script.lua.Exec(ctx, conn, names, told).AsIntSlice()
	})
	s.note(err)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAlone, err)
	}
	return out, nil
}
