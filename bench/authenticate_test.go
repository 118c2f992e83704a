package bench_test

import (
	"crypto/ed25519"
	"net/http"
	"net/http/httptest"
	"testing"

	"flint/internal/session"
)

// BenchmarkAuthentication asks one handler by three doors in turns: without
// authentication, signed in by cookie, signed in by bearer token. What is behind
// the doors does nothing, and none is on the network, so the ratio is the most
// that authentication can ever weigh. Times are of the processor, as others use it too.
func BenchmarkAuthentication(b *testing.B) {
	h := newHouse(b)
	n := h.start()
	p := h.admit(n)
	byCookie, byBearer := carry(get(mine), h.enter(n, p, session.Web), session.Web), carry(get(mine), h.enter(n, p, session.Mobile), session.Mobile)
	h.warm(n, byCookie)
	h.warm(n, byBearer)
	doors := []*http.Request{get(open), byCookie, byBearer}
	took := make([]times, len(doors))
	const each, turns = 50, 100 // calls per turn, and turns per round
	before := n.pool.Stat().AcquireCount()
	for b.Loop() {
		for range turns {
			for i, r := range doors {
				start := worked()
				for range each {
					answer := httptest.NewRecorder()
					n.handler.ServeHTTP(answer, r)
					if answer.Code != http.StatusOK {
						b.Fatalf("%d %s", answer.Code, answer.Body)
					}
				}
				took[i] = append(took[i], (worked()-start)/each)
			}
		}
	}
	reads := n.pool.Stat().AcquireCount() - before
	public, cookie, bearer := took[0].mean(), took[1].mean(), took[2].mean()
	b.ReportMetric(0, "ns/op") // of three doors together: says nothing
	b.ReportMetric(float64(public.Nanoseconds()), "public-ns")
	b.ReportMetric(float64(cookie.Nanoseconds()), "cookie-ns")
	b.ReportMetric(float64(bearer.Nanoseconds()), "bearer-ns")
	b.ReportMetric(float64(cookie)/float64(public), "cookie/public")
	b.ReportMetric(float64(bearer)/float64(public), "bearer/public")
	b.ReportMetric(float64(reads)/float64(2*each*len(took[0])), "db-reads/call")
}

// BenchmarkAuthenticate is the check alone, for a token that was seen before, in
// turns with what the cache saves: the verification of one Ed25519 signature over
// as many bytes.
func BenchmarkAuthenticate(b *testing.B) {
	for _, d := range []session.Delivery{session.Web, session.Mobile} {
		b.Run(string(d), func(b *testing.B) {
			h := newHouse(b)
			n := h.start()
			g := h.enter(n, h.admit(n), d)
			r := carry(get(mine), g, d)
			h.warm(n, r)
			public, private, _ := ed25519.GenerateKey(nil)
			text := []byte(g.Access.Reveal())
			signature := ed25519.Sign(private, text)
			const each, verified = 2000, 50 // calls per turn
			var cached, signed times
			before := n.pool.Stat().AcquireCount()
			for b.Loop() {
				start := worked()
				for range each {
					if _, err := n.Sessions.Authenticate(r); err != nil {
						b.Fatal(err)
					}
				}
				cached = append(cached, (worked()-start)/each)
				start = worked()
				for range verified {
					if !ed25519.Verify(public, text, signature) {
						b.Fatal("not verified")
					}
				}
				signed = append(signed, (worked()-start)/verified)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(cached.mean().Nanoseconds()), "cached-ns")
			b.ReportMetric(float64(signed.mean().Nanoseconds()), "signature-ns")
			b.ReportMetric(float64(signed.mean())/float64(cached.mean()), "signature/cached")
			b.ReportMetric(float64(n.pool.Stat().AcquireCount()-before)/float64(each*len(cached)), "db-reads/op")
		})
	}
}
