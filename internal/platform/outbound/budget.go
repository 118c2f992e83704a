package outbound

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Priority says who waits for a call. The zero value is background work.
type Priority int

// The priorities.
const (
	Background  Priority = iota // syncs and clean-ups; leaves a fifth of the bucket to people
	Interactive                 // somebody is looking at the screen
)

type priorityKey struct{}

// WithPriority returns a context whose calls have priority p.
func WithPriority(ctx context.Context, p Priority) context.Context {
	return context.WithValue(ctx, priorityKey{}, p)
}

var errBudget = errors.New("no call left in the budget")

// budget is the token bucket of one provider key. A background call waits
// while anybody waits interactively, and while fewer than the reserved tokens
// are left; so background work can't starve people, though people can starve
// background work: that is the point.
type budget struct {
	now     func() time.Time
	limiter *rate.Limiter // nil: no budget
	reserve float64       // tokens that only people may take
	maxWait time.Duration
	quota   func(ctx context.Context, person bool) time.Duration // of all nodes; nil: there is none

	mu     sync.Mutex
	until  time.Time // paused by the provider
	people int       // interactive calls that wait
}

func newBudget(cfg Config) *budget {
	b := &budget{now: cfg.Now, maxWait: cfg.MaxWait, quota: cfg.Quota}
	if cfg.PerMinute > 0 {
		b.limiter = rate.NewLimiter(rate.Limit(float64(cfg.PerMinute)/60), cfg.Burst)
		b.reserve = float64(cfg.Burst) / 5
	}
	return b
}

// take spends one token, waiting for it if need be. When the wait would be too
// long it returns at once, with the time after which it may work.
func (b *budget) take(ctx context.Context) (time.Duration, error) {
	person := ctx.Value(priorityKey{}) == Interactive
	patience := b.maxWait
	if person {
		patience /= 10
		b.waiting(1)
		defer b.waiting(-1)
	}
	deadline := b.now().Add(patience)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		wait := b.try(ctx, person)
		if wait == 0 {
			return 0, nil
		}
		if b.now().Add(wait).After(deadline) {
			return wait, errBudget
		}
		if err := sleep(ctx, wait); err != nil {
			return wait, err
		}
	}
}

// try takes a token and returns 0, or returns how long to wait before the next
// try. The other nodes are asked last, so that of what they share nothing is
// spent in vain; under the lock, which takes moments, so that no token is taken
// meanwhile.
func (b *budget) try(ctx context.Context, person bool) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if b.until.After(now) {
		return b.until.Sub(now)
	}
	if b.limiter == nil {
		return 0
	}
	floor := 1.0
	if !person {
		floor += b.reserve
		if b.people > 0 {
			floor += float64(b.people)
		}
	}
	// A bucket smaller than the floor would never be full enough.
	floor = min(floor, float64(b.limiter.Burst()))
	if have := b.limiter.TokensAt(now); have < floor {
		return max(time.Duration((floor-have)/float64(b.limiter.Limit())*float64(time.Second)), time.Millisecond)
	}
	if b.quota != nil {
		if wait := b.quota(ctx, person); wait > 0 {
			return wait
		}
	}
	b.limiter.AllowN(now, 1)
	return 0
}

func (b *budget) waiting(n int) {
	b.mu.Lock()
	b.people += n
	b.mu.Unlock()
}

// pause stops the bucket for d, at most five minutes: the provider said that
// the key has had enough. Without a time it is one second.
func (b *budget) pause(d time.Duration) {
	if d <= 0 {
		d = time.Second
	}
	until := b.now().Add(min(d, 5*time.Minute))
	b.mu.Lock()
	if until.After(b.until) {
		b.until = until
	}
	b.mu.Unlock()
}

// heed pauses the bucket when the provider's own count says that nothing is
// left (X-RateLimit-Remaining, X-RateLimit-Reset in seconds).
func (b *budget) heed(h http.Header) {
	if h.Get("X-RateLimit-Remaining") != "0" {
		return
	}
	secs, err := strconv.Atoi(h.Get("X-RateLimit-Reset"))
	if err != nil || secs <= 0 || secs > 300 {
		return
	}
	b.pause(time.Duration(secs) * time.Second)
}
