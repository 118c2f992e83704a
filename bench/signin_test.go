package bench_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"flint/internal/identity"
)

// BenchmarkSignIn lets every core sign people in, and then, in turns, verify as
// many passwords with Argon2id alone, with the same parameters. The ratio says
// how much of a sign-in is the hash: what it costs and should cost. Times are of
// the processor, Flint's alone: what Postgres does for it is not in them.
func BenchmarkSignIn(b *testing.B) {
	h := newHouse(b)
	n := h.start()
	people := make([]identity.Person, 16)
	for i := range people {
		people[i] = h.admit(n)
	}
	phc, err := argon2id.CreateHash(password, &argon2id.Params{
		Memory: uint32(n.cfg.Identity.HashMemory) * 1024, Iterations: uint32(n.cfg.Identity.HashPasses), Parallelism: 1, SaltLength: 16, KeyLength: 32,
	})
	if err != nil {
		b.Fatal(err)
	}
	cores := runtime.GOMAXPROCS(0)
	const each, turns = 4, 5 // per core and turn, and turns per round
	var next atomic.Uint32
	// onEveryCore returns how much of a core one took, on average.
	onEveryCore := func(act func()) time.Duration {
		var all sync.WaitGroup
		start := worked()
		for range cores {
			all.Go(func() {
				for range each {
					act()
				}
			})
		}
		all.Wait()
		return (worked() - start) / time.Duration(each*cores)
	}
	var whole, alone times
	for b.Loop() {
		for range turns {
			whole = append(whole, onEveryCore(func() {
				answer := httptest.NewRecorder()
				n.handler.ServeHTTP(answer, login(b.Context(), "", people[next.Add(1)%16].Email, elsewhere()))
				if answer.Code != http.StatusOK {
					b.Errorf("%d %s", answer.Code, answer.Body)
				}
			}))
			alone = append(alone, onEveryCore(func() {
				if fits, err := argon2id.ComparePasswordAndHash(password, phc); !fits || err != nil {
					b.Error(fits, err)
				}
			}))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(1/whole.mean().Seconds(), "sign-ins/s/core")
	b.ReportMetric(1/alone.mean().Seconds(), "hashes/s/core")
	b.ReportMetric(float64(whole.mean())/float64(alone.mean()), "sign-in/hash")
}
