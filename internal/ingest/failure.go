package ingest

import (
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"flint/internal/connection"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/outbound"
	"flint/internal/provider/teller"
)

// The waits between attempts after failures.
const (
	firstWait   = 30 * time.Second
	longestWait = 6 * time.Hour
	earlyWait   = 45 * time.Second // SnapTrade's first activities come within a minute
)

// Patience: how often in a row something may fail before it shows.
const (
	silentFailures = 3 // then the connection is said to be degraded
	bugsAllowed    = 3 // then it is quarantined
)

// verdict is what follows from a failed fetch.
type verdict struct {
	class  outbound.Class
	code   string
	status connection.Status
	reason string
	next   time.Time // zero: not by itself; the person or the provider must act
}

// judge says what follows from err for a connection in state c. Temporary
// trouble is silent at first; only a person can mend a reauth, so nothing is
// tried until they did; what we don't understand three times is set aside. No
// failure changes a figure.
func judge(c connection.Connection, err error, now time.Time) verdict {
	v := verdict{class: outbound.ClassOf(err), code: "internal", status: c.Status, reason: c.StatusReason}
	if e := outbound.Of(err); e != nil {
		v.code = e.Code
	}
	failures := c.ConsecutiveFailures + 1
	v.next = now.Add(backoff(failures))
	if refused(err) {
		v.code = "apply_" + postgresCode(err)
	}
	if errors.Is(err, errSwitchedOff) {
		v.class, v.code = outbound.ProviderDown, "switched_off"
	}
	switch v.class {
	case outbound.Reauth:
		v.status, v.reason, v.next = connection.Reauth, reasonOf(v.code), time.Time{}
		return v
	case outbound.NotFound:
		v.status, v.reason, v.next = connection.Disconnected, "not_found", time.Time{}
		return v
	case outbound.RateLimited:
		wait := time.Minute
		if e := outbound.Of(err); e != nil && e.RetryAfter > 0 {
			wait = e.RetryAfter
		}
		v.next = now.Add(min(wait, longestWait) + jitter(30*time.Second))
		return v
	case outbound.Bug:
		if failures >= bugsAllowed {
			v.status, v.reason, v.next = connection.Quarantined, v.code, now.Add(24*time.Hour)
			return v
		}
	}
	if failures >= silentFailures && c.Status != connection.Pending && c.Status != connection.Quarantined {
		v.status, v.reason = connection.Degraded, v.code
	}
	return v
}

// errSwitchedOff is returned for a provider that isn't configured.
var errSwitchedOff = errors.New("this provider is switched off")

// reasonOf is the provider's word for why a person must connect again.
func reasonOf(code string) string {
	if reason, ok := teller.DisconnectReason(code); ok {
		return reason
	}
	return strings.TrimPrefix(code, "enrollment.")
}

// backoff returns a random wait: up to 30 s after the first failure, then twice
// as long each time, up to six hours ("full jitter"; but never under five
// seconds).
func backoff(failures int) time.Duration {
	most := longestWait
	if failures < 10 {
		most = min(longestWait, firstWait<<(failures-1))
	}
	return 5*time.Second + jitter(most)
}

func jitter(most time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(most)))
}

// nextSync returns when a connection is due again: at its own point of the
// interval, given by its id, so that a hundred thousand connections spread
// evenly; give or take a twentieth, so that they don't march in step with a
// provider's own jobs. It is at least half an interval away.
func nextSync(c id.Connection, interval time.Duration, now time.Time) time.Time {
	h := fnv.New64a()
	_, _ = h.Write(c[:]) // never fails
	phase := time.Duration(h.Sum64() % uint64(interval))
	since := time.Duration(now.UnixNano()) - phase // of the point's series
	next := now.Add(interval - (since%interval+interval)%interval)
	if next.Sub(now) < interval/2 {
		next = next.Add(interval)
	}
	return next.Add(jitter(interval/10) - interval/20)
}

// lost reports whether a sync was overtaken, or its connection is gone: there is
// nothing to record.
func lost(err error) bool {
	return errors.Is(err, connection.ErrLeaseLost) || errors.Is(err, connection.ErrEnded) || errors.Is(err, fault.ErrNotFound)
}

// refused reports whether the database didn't take what a provider said: a value
// out of range, a row twice, a character that no text may hold. Trying again at
// once wouldn't help, so it is recorded like an answer that can't be read. Every
// other trouble with the database is the job's to repeat.
func refused(err error) bool {
	code := postgresCode(err)
	return len(code) == 5 && (code[:2] == "21" || code[:2] == "22" || code[:2] == "23")
}

func postgresCode(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
