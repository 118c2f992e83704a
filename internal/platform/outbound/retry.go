package outbound

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// pause returns how long to wait before attempt n+1: a random time between 0
// and a limit that doubles (full jitter, so that callers who failed together
// don't come back together), or what the provider asked for and a little more.
// It returns -1 when the provider asks for more than MaxBackoff: then the
// caller had better try later than block.
func (c *Client) pause(n int, asked time.Duration) time.Duration {
	if asked > c.cfg.MaxBackoff {
		return -1
	}
	limit := min(c.cfg.Backoff<<min(n-1, 16), c.cfg.MaxBackoff)
	return asked + rand.N(limit+1)
}

// longestRetryAfter bounds what a Retry-After header can ask for.
const longestRetryAfter = 6 * time.Hour

// retryAfter reads a Retry-After header: seconds or an HTTP date. It returns 0
// for anything else and for the past, and never more than longestRetryAfter.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if header == "" {
		return 0
	}
	if secs, err := strconv.ParseInt(header, 10, 64); err == nil {
		if secs <= 0 {
			return 0
		}
		return time.Duration(min(secs, int64(longestRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), longestRetryAfter)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
