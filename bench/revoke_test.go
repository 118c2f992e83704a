package bench_test

import (
	"net/http"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/session"
)

// BenchmarkRevocation ends sessions on one node and waits until both refuse
// them; each had the session in its cache. Counted is from the call, so the
// transaction that ends the session is in it; the promise is one second.
func BenchmarkRevocation(b *testing.B) {
	const each = 200 // revocations per round
	h := newHouse(b)
	near, far := h.start(), h.start()
	p := h.admit(near)
	var called, atNear, atFar times
	for b.Loop() {
		for range each {
			g := h.enter(near, p, session.Mobile)
			r := carry(get(mine), g, session.Mobile)
			h.warm(near, r)
			h.warm(far, r)
			start := time.Now()
			there, here := refused(far, r), refused(near, r)
			if err := near.Sessions.Revoke(b.Context(), access.Actor{User: p.ID}, g.Session); err != nil {
				b.Fatal(err)
			}
			called = append(called, time.Since(start))
			atNear, atFar = append(atNear, (<-here).Sub(start)), append(atFar, (<-there).Sub(start))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(len(called)), "revocations")
	b.ReportMetric(called.milliseconds(0.5), "call-p50-ms")
	b.ReportMetric(atNear.milliseconds(0.5), "near-p50-ms")
	b.ReportMetric(atNear.milliseconds(0.99), "near-p99-ms")
	b.ReportMetric(atFar.milliseconds(0.5), "far-p50-ms")
	b.ReportMetric(atFar.milliseconds(0.99), "far-p99-ms")
	b.ReportMetric(float64(atFar.at(0.5))/float64(called.at(0.5)), "far/call-p50")
	b.ReportMetric(atFar.at(1).Seconds(), "far-max/promise") // of one second
}

// refused asks n again and again, and tells when it first said no.
func refused(n *node, r *http.Request) <-chan time.Time {
	told := make(chan time.Time, 1)
	go func() {
		for tick := time.NewTicker(100 * time.Microsecond); ; <-tick.C {
			if _, err := n.Sessions.Authenticate(r); err != nil {
				tick.Stop()
				told <- time.Now()
				return
			}
		}
	}()
	return told
}
