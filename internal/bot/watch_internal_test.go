package bot

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

func TestWhatIsWatchedIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	w := newMemory(func() time.Time { return now })
	for i := range 100_000 {
		w.note(t.Context(), netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), fmt.Sprint(i), true)
	}
	if len(w.by) > networks {
		t.Errorf("%d networks", len(w.by))
	}
	a := netip.MustParseAddr("192.0.2.1")
	for i := range 50 {
		w.note(t.Context(), a, fmt.Sprint(i), true)
	}
	if f, n := w.of(a); f != 50 || n < 25 {
		t.Errorf("%d failures for %d accounts", f, n)
	}
	now = now.Add(25 * time.Minute)
	if f, _ := w.of(a); f != 0 {
		t.Errorf("%d failures later", f)
	}
}

func TestAccountsAreCountedAboutRight(t *testing.T) {
	t.Parallel()
	for _, want := range []int{1, 20, 300, 3000} {
		var b [bitmap / 64]uint64
		for range want {
			h := rand.Uint64()
			b[h%bitmap/64] |= 1 << (h % 64)
		}
		if got := distinct(b[:]); got < want*85/100 || got > want*115/100+1 {
			t.Errorf("%d counted as %d", want, got)
		}
	}
}
