package outbound

import (
	"math/rand/v2"
	"sync"
	"time"
)

// window is how many of the latest calls the breaker looks at.
const window = 20

// breaker refuses calls while the provider is down:
//
//	closed --(limit of the last 20 calls failed)--> open --(delay)--> half open
//	half open --(two probes in a row succeed)--> closed
//	half open --(a probe fails)--> open
//
// While half open one probe is under way at a time. The delay varies by a
// fifth, so that many nodes don't probe together.
type breaker struct {
	now   func() time.Time
	limit int
	delay time.Duration

	mu       sync.Mutex
	outcomes [window]bool // true: failed; a ring
	next     int
	failed   int
	opened   bool      // open or half open
	until    time.Time // open until then
	probing  bool
	proved   int // probes that succeeded in a row
}

func newBreaker(cfg Config) *breaker {
	return &breaker{now: cfg.Now, limit: cfg.BreakerFailures, delay: cfg.BreakerDelay}
}

// allow asks to make a call. When it says yes the caller must call done. When
// it says no it returns after how long to ask again.
func (b *breaker) allow() (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.opened {
		return 0, true
	}
	if left := b.until.Sub(b.now()); left > 0 {
		return left, false
	}
	if b.probing {
		return time.Second, false
	}
	b.probing = true
	return 0, true
}

// outcome is how a call went, as far as the provider's health is concerned.
type outcome int

const (
	worked  outcome = iota
	failed          // the provider didn't answer, or said that it can't
	unknown         // the caller gave up: no news
)

func (b *breaker) done(o outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened {
		b.probed(o)
		return
	}
	if o == unknown {
		return
	}
	if b.outcomes[b.next] {
		b.failed--
	}
	b.outcomes[b.next] = o == failed
	if o == failed {
		b.failed++
	}
	b.next = (b.next + 1) % window
	if b.failed >= b.limit {
		b.open()
	}
}

// probed is done while the circuit is not closed. Calls that began before it
// opened end here too; they say nothing new unless a probe is under way.
func (b *breaker) probed(o outcome) {
	if !b.probing {
		return
	}
	b.probing = false
	switch o {
	case failed:
		b.open()
	case worked:
		if b.proved++; b.proved >= 2 {
			b.outcomes, b.failed, b.opened = [window]bool{}, 0, false
		}
	}
}

func (b *breaker) open() {
	b.opened, b.probing, b.proved = true, false, 0
	spread := b.delay / 5
	b.until = b.now().Add(b.delay - spread + rand.N(2*spread+1))
}
