package ratelimit

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

// Store keeps the counts.
type Store interface {
	// Take decides several limits at one instant: all of them count the call,
	// or, if one refuses, none does.
	Take(ctx context.Context, takes []Take) (Outcome, error)
	// Undo takes back a call that Take counted. It does nothing if the counts
	// have been forgotten since.
	Undo(ctx context.Context, r Receipt) error
}

// Take is one limit for one key.
type Take struct {
	Key        Key
	Limit      Limit
	Alone      Mode // what becomes of it when the shared store can't be asked
	Refundable bool // it may be taken back in the ordinary course of things
}

// Key names what is counted and for whom.
type Key struct {
	Rule string // policy and a version of its numbers, which it stands for: "login:5a1f09c2"
	Kind byte   // of ID: address, user, identifier
	ID   [16]byte
}

// Outcome is a Store's decision.
type Outcome struct {
	Allowed bool
	Retry   time.Duration   // if refused: exactly this long until it would be allowed
	Quotas  [][]Quota       // by take, after this call; nil for a take that didn't have to be asked
	Waits   []time.Duration // by take: how long it alone would refuse; 0 if it doesn't
	Receipt Receipt
	Origin  Origin // who decided
}

// Receipt is what Undo needs.
type Receipt struct {
	Takes []Take
	At    int64

	parts []Receipt // of several servers
	alone bool      // counted by this node for itself
}

// refundable is the part of r that a call that turned out well takes back.
func (r Receipt) refundable() Receipt {
	back := Receipt{At: r.At, alone: r.alone}
	for _, t := range r.Takes {
		if t.Refundable {
			back.Takes = append(back.Takes, t)
		}
	}
	for _, p := range r.parts {
		if p = p.refundable(); p.counts() {
			back.parts = append(back.parts, p)
		}
	}
	return back
}

// counts reports whether there is anything to take back.
func (r Receipt) counts() bool { return len(r.Takes)+len(r.parts) > 0 }

const (
	shards   = 64
	sample   = 8 // entries looked at to find one to forget
	sweep    = 2 // entries looked at for each new one
	few      = 4 // takes in one call that need no memory of their own
	fallback = 200_000
)

// Memory is a Store for one node. It holds a limited number of keys; when they
// are used up it forgets those that would soonest have stopped to matter.
type Memory struct {
	now    func() time.Time
	start  time.Time
	most   int // keys per shard
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu   sync.Mutex
	keys map[Key]*entry
	now  int64 // the latest time seen: a clock that steps back stands still instead
}

type entry struct {
	state
	limit Limit
	end   int64 // after which it's nothing
}

// NewMemory returns an empty store for about keys keys (0: 200,000, some 40 MB
// at worst). now defaults to time.Now.
func NewMemory(keys int, now func() time.Time) *Memory {
	if keys <= 0 {
		keys = fallback
	}
	if now == nil {
		now = time.Now
	}
	m := &Memory{now: now, start: now(), most: max(keys/shards, 1), seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].keys = map[Key]*entry{}
	}
	return m
}

// Take implements Store.
func (m *Memory) Take(_ context.Context, takes []Take) (Outcome, error) {
	now := int64(m.now().Sub(m.start))
	var room [few]int // most calls ask about one limit or two: no memory is made for what ends with the call
	locked := m.lock(takes, room[:0])
	defer m.unlock(locked)
	for _, p := range locked {
		now = max(now, m.shards[p].now)
	}
	parts := 0
	for _, p := range locked {
		m.shards[p].now = now
	}
	for i := range takes {
		parts += takes[i].Limit.parts()
	}

	type found struct {
		place int
		*entry
		known bool
	}
	var places [few]found
	entries := places[:0]
	out := Outcome{Allowed: true, Waits: make([]time.Duration, len(takes)), Quotas: make([][]Quota, len(takes))}
	for i := range takes {
		t := &takes[i]
		f := found{place: m.place(t.Key)}
		if f.entry = m.shards[f.place].keys[t.Key]; f.entry == nil || f.end <= now {
			f.entry = &entry{limit: t.Limit}
		} else {
			f.known = true
		}
		entries = append(entries, f)
		wait := time.Duration(max(f.wait(t.Limit, now), 0))
		out.Allowed, out.Retry, out.Waits[i] = out.Allowed && wait == 0, max(out.Retry, wait), wait
	}
	quotas := make([]Quota, 0, parts)
	for i := range takes {
		t, e := &takes[i], &entries[i]
		if out.Allowed {
			e.take(t.Limit, now)
			e.end = e.until(t.Limit)
			if !e.known || len(takes) > 1 { // keeping another may have evicted it
				m.shards[e.place].keep(t.Key, e.entry, m.most, now)
			}
		}
		from := len(quotas)
		quotas = e.appendQuotas(quotas, t.Limit, now)
		out.Quotas[i] = quotas[from:len(quotas):len(quotas)]
	}
	if out.Allowed {
		out.Receipt = Receipt{Takes: takes, At: now}
	}
	return out, nil
}

// Undo implements Store.
func (m *Memory) Undo(_ context.Context, r Receipt) error {
	var room [few]int
	locked := m.lock(r.Takes, room[:0])
	defer m.unlock(locked)
	for _, t := range r.Takes {
		if e := m.shards[m.place(t.Key)].keys[t.Key]; e != nil {
			e.undo(t.Limit, r.At)
			e.end = e.until(t.Limit)
		}
	}
	return nil
}

// Len returns how many keys are held, for metrics.
func (m *Memory) Len() int {
	n := 0
	for i := range m.shards {
		m.shards[i].mu.Lock()
		n += len(m.shards[i].keys)
		m.shards[i].mu.Unlock()
	}
	return n
}

// place returns the shard of k. The seed is this process's own, so nobody
// outside can choose keys that meet in one shard.
func (m *Memory) place(k Key) int { return int(maphash.Comparable(m.seed, k) % shards) }

// lock locks the shards of all takes, in order, so that two calls with the same
// shards never wait for each other in a circle. It adds them to places.
func (m *Memory) lock(takes []Take, places []int) []int {
	for i := range takes {
		places = append(places, m.place(takes[i].Key))
	}
	if len(places) > 1 {
		slices.Sort(places)
		places = slices.Compact(places)
	}
	for _, p := range places {
		m.shards[p].mu.Lock()
	}
	return places
}

func (m *Memory) unlock(places []int) {
	for _, p := range places {
		m.shards[p].mu.Unlock()
	}
}

// keep stores e under k, and forgets something if that's one too many.
func (s *shard) keep(k Key, e *entry, most int, now int64) {
	if _, known := s.keys[k]; !known {
		s.tidy(sweep, now)
		if len(s.keys) >= most {
			s.evict(now)
		}
	}
	s.keys[k] = e
}

// tidy looks at a few entries (Go begins a map's iteration anywhere) and drops
// those that are over.
func (s *shard) tidy(n int, now int64) {
	for k, e := range s.keys {
		if n--; n < 0 {
			return
		}
		if e.end <= now {
			delete(s.keys, k)
		}
	}
}

// evict drops the entry of a sample that would soonest have been over.
func (s *shard) evict(now int64) {
	n, soonest, end := 0, Key{}, int64(0)
	for k, e := range s.keys {
		if n == 0 || e.end < end {
			soonest, end = k, e.end
		}
		if n++; n >= sample || end <= now {
			break
		}
	}
	delete(s.keys, soonest)
}
