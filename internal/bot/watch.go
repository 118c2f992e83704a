package bot

import (
	"context"
	"hash/maphash"
	"math"
	"math/bits"
	"net/netip"
	"sync"
	"time"
)

// watch counts how sign-ins end. It never fails and doesn't keep anybody waiting.
type watch interface {
	// note counts a sign-in for account from a network.
	note(ctx context.Context, from netip.Addr, account string, failed bool)
	// look returns what is odd about a network, and about the hour.
	look(ctx context.Context, from netip.Addr) sight
}

// sight is what a watch has seen.
type sight struct {
	failures int  // from the network, lately
	accounts int  // about how many they were for, 64 at most
	spray    bool // sign-ins fail for many accounts, and most of them do
}

// How much is watched, and for how long.
const (
	slice    = time.Minute
	slices10 = 10
	networks = 20_000 // most networks with failures
	sample   = 8      // looked at to find one to forget

	sprayAccounts = 20  // different accounts that failed within ten minutes
	sprayShare    = 0.5 // of sign-ins that failed
	bitmap        = 4096
)

// memory is a watch of what one node sees. It counts sign-ins that failed: by network for up to 20 minutes, and all of
// them over the last ten. Accounts are counted by keyed hashes in bitmaps, so
// its memory is bounded and tells nobody who they were.
type memory struct {
	now  func() time.Time
	seed maphash.Seed

	mu    sync.Mutex
	by    map[netip.Addr]*seen
	turns [slices10]turn
}

// seen is what failed from a network: in this stretch of ten minutes and in the
// one before.
type seen struct {
	start            time.Time
	now, before      int
	whom, whomBefore uint64 // bitmap of accounts
}

// turn is a minute of all sign-ins.
type turn struct {
	minute   int64
	tries    int
	failures int
	accounts [bitmap / 64]uint64
}

const stretch = slices10 * slice

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, seed: maphash.MakeSeed(), by: map[netip.Addr]*seen{}}
}

// note implements watch.
func (w *memory) note(_ context.Context, from netip.Addr, account string, failed bool) {
	hash := maphash.String(w.seed, account)
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.turn(now)
	t.tries++
	if !failed {
		return
	}
	t.failures++
	t.accounts[hash%bitmap/64] |= 1 << (hash % 64)
	s := w.by[from]
	if s == nil {
		if len(w.by) >= networks {
			w.forget()
		}
		s = &seen{start: now}
		w.by[from] = s
	}
	s.roll(now)
	s.now++
	s.whom |= 1 << (hash % 64)
}

// turn returns the present minute's, emptied if it was another's.
func (w *memory) turn(now time.Time) *turn {
	minute := now.Unix() / int64(slice.Seconds())
	t := &w.turns[minute%slices10]
	if t.minute != minute {
		*t = turn{minute: minute}
	}
	return t
}

func (s *seen) roll(now time.Time) {
	switch age := now.Sub(s.start); {
	case age >= 2*stretch:
		*s = seen{start: now}
	case age >= stretch:
		*s = seen{start: s.start.Add(stretch), before: s.now, whomBefore: s.whom}
	}
}

// forget drops, of a few networks, that with the fewest failures.
func (w *memory) forget() {
	n, least, who := 0, math.MaxInt, netip.Addr{}
	for a, s := range w.by {
		if c := s.now + s.before; c < least {
			least, who = c, a
		}
		if n++; n >= sample {
			break
		}
	}
	delete(w.by, who)
}

// look implements watch.
func (w *memory) look(_ context.Context, from netip.Addr) sight {
	s := sight{spray: w.spray()}
	s.failures, s.accounts = w.of(from)
	return s
}

// of returns how many sign-ins from a network failed lately, and for about how
// many accounts (64 at most).
func (w *memory) of(from netip.Addr) (failures, accounts int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.by[from]
	if s == nil {
		return 0, 0
	}
	s.roll(w.now())
	if s.now+s.before == 0 {
		delete(w.by, from)
		return 0, 0
	}
	return s.now + s.before, bits.OnesCount64(s.whom | s.whomBefore)
}

// spray reports whether sign-ins fail for many accounts, and most of them do.
func (w *memory) spray() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	this := w.now().Unix() / int64(slice.Seconds())
	var all turn
	for _, t := range w.turns {
		if t.minute <= this-slices10 || t.minute > this {
			continue
		}
		all.tries += t.tries
		all.failures += t.failures
		for i, b := range t.accounts {
			all.accounts[i] |= b
		}
	}
	return sprayed(all.tries, all.failures, func() int { return distinct(all.accounts[:]) })
}

// sprayed reports whether so many failures of so many tries are a spray. accounts
// counts whom they were for.
func sprayed(tries, failures int, accounts func() int) bool {
	return failures >= sprayAccounts && float64(failures) >= sprayShare*float64(tries) && accounts() >= sprayAccounts
}

// distinct estimates how many accounts set these bits (linear counting).
func distinct(b []uint64) int {
	set := 0
	for _, w := range b {
		set += bits.OnesCount64(w)
	}
	m := float64(len(b) * 64)
	if set >= len(b)*64 {
		return math.MaxInt
	}
	return int(math.Round(-m * math.Log(1-float64(set)/m)))
}
