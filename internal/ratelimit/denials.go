package ratelimit

import (
	"hash/maphash"
	"sync"
	"time"
)

// denials remembers who is refused, and until when.
//
// This loses nothing: a window or bucket that refuses at one time refuses at
// every time before the one it has named, because admissions are only ever
// added. So what is answered from here is what Redis would have answered.
type denials struct {
	seed   maphash.Seed
	shards [denialShards]struct {
		mu   sync.Mutex
		keys map[Key]denial
	}
}

const (
	denialShards = 16
	denialKeys   = 4096 // per shard

	early = time.Millisecond // Redis is asked again a little before, and a thousandth of the wait:
	drift = 1000             // two clocks never run quite alike
)

type denial struct {
	at     time.Time // when it was
	wait   time.Duration
	until  time.Duration // since at, for how long it's believed
	quotas []Quota
}

func newDenials() denials { return denials{seed: maphash.MakeSeed()} }

// look returns the refusal of takes that is known already.
func (d *denials) look(takes []Take, now time.Time) (Outcome, bool) {
	var out Outcome
	found := false
	for i, t := range takes {
		shard := &d.shards[maphash.Comparable(d.seed, t.Key)%denialShards]
		shard.mu.Lock()
		e, ok := shard.keys[t.Key]
		age := now.Sub(e.at)
		if ok && (age >= e.until || age < 0) {
			delete(shard.keys, t.Key)
			ok = false
		}
		shard.mu.Unlock()
		if !ok {
			continue
		}
		if !found {
			found, out = true, Outcome{Origin: FromRefusals, Quotas: make([][]Quota, len(takes)), Waits: make([]time.Duration, len(takes))}
		}
		out.Waits[i] = e.wait - age
		out.Retry = max(out.Retry, out.Waits[i])
		out.Quotas[i] = aged(e.quotas, age)
	}
	return out, found
}

// aged is how quotas look later, when all that can be told of their remaining is
// what they had.
func aged(qs []Quota, age time.Duration) []Quota {
	later := make([]Quota, len(qs))
	for i, q := range qs {
		q.Reset = max(q.Reset-age, 0)
		later[i] = q
	}
	return later
}

// keep remembers that t was refused at the time at, and would be for wait. A
// refusal that may be lifted is believed for a moment only.
func (d *denials) keep(t Take, at time.Time, wait time.Duration, quotas []Quota, liftable bool) {
	until := wait - early - wait/drift
	if liftable {
		until = min(until, believe)
	}
	if until <= 0 {
		return
	}
	shard := &d.shards[maphash.Comparable(d.seed, t.Key)%denialShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.keys == nil {
		shard.keys = map[Key]denial{}
	}
	if len(shard.keys) >= denialKeys { // drop what is over among a few, or else whatever comes first
		n := 0
		for k, e := range shard.keys {
			if n++; n == 1 || at.Sub(e.at) >= e.until {
				delete(shard.keys, k)
			}
			if n >= sample {
				break
			}
		}
	}
	shard.keys[t.Key] = denial{at: at, wait: wait, until: until, quotas: quotas}
}

// forget drops what is known about the keys of r, of which a count is taken back.
func (d *denials) forget(r Receipt) {
	for _, t := range r.Takes {
		shard := &d.shards[maphash.Comparable(d.seed, t.Key)%denialShards]
		shard.mu.Lock()
		delete(shard.keys, t.Key)
		shard.mu.Unlock()
	}
	for _, part := range r.parts {
		d.forget(part)
	}
}
