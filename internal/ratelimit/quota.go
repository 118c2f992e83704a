package ratelimit

import (
	"context"
	"crypto/sha256"
	"strconv"
	"time"
)

// underway is how long a call may take to reach whose quota it is: counted a
// minute and this apart, two calls don't arrive within a minute.
const underway = time.Second

// Quota returns what asks for one call to somebody else's service, of which all
// nodes together may make so many in any minute. whose names the key that the
// service counts by; it is only kept as a hash. The answer is 0, or after how
// long to ask again. Of background work a fifth is kept free, for people.
//
// Where nodes share no store it is nil: there is nothing to ask. While Redis
// doesn't answer each node makes its part of the calls.
func (l *Limiter) Quota(whose string, perMinute int) func(ctx context.Context, person bool) time.Duration {
	if perMinute <= 0 || !l.Together() {
		return nil
	}
	sum := sha256.Sum256([]byte(whose))
	take := func(rule string, calls int) Take {
		return Take{
			Key:   Key{Rule: "quota:" + rule + ":" + strconv.Itoa(calls), Kind: 'i', ID: [16]byte(sum[:16])},
			Limit: Limit{Windows: []Window{{calls, time.Minute + underway}}}, Alone: Part,
		}
	}
	all, work := take("all", perMinute), take("work", perMinute-perMinute/5)
	return func(ctx context.Context, person bool) time.Duration {
		takes := []Take{all}
		if !person {
			takes = append(takes, work)
		}
		out, err := l.store.Take(ctx, takes)
		switch {
		case err != nil: // it never is, of a part
			return recheck
		case !out.Allowed:
			return max(out.Retry, time.Millisecond)
		}
		return 0
	}
}
