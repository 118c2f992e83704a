package ratelimit

import (
	"context"
	"fmt"
	"time"
)

// Once reports whether id comes for the first time within ttl, on any node, and
// remembers it: a limit of one call. rule keeps the ids of one purpose apart
// from those of others.
//
// The store is bounded, so in a flood of others an id may be forgotten early.
// Without the store that nodes share, each node remembers for itself.
func (l *Limiter) Once(ctx context.Context, rule string, id [16]byte, ttl time.Duration) (bool, error) {
	out, err := l.store.Take(ctx, []Take{{
		Key: Key{Rule: "once:" + rule, Kind: 'o', ID: id}, Limit: Limit{Windows: []Window{{1, ttl}}}, Alone: Whole,
	}})
	if err != nil {
		return false, fmt.Errorf("remember %s: %w", rule, err)
	}
	return out.Allowed, nil
}
