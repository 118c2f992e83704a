package identity

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flint/internal/config"
	"flint/internal/fault"
)

func TestAFloodOfSignInsIsTurnedAwayAndNeverQueuedForLong(t *testing.T) {
	t.Parallel()
	h, err := newHasher(1, hashing(19, 2), nil)
	if err != nil {
		t.Fatal(err)
	}
	h.wait = 100 * time.Millisecond
	h.slots <- struct{}{} // somebody hashes and doesn't end
	h.line <- struct{}{}
	var busy atomic.Int32
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			_, err := h.hash(context.Background(), config.NewSecret("x"))
			if f := fault.Of(err); errors.Is(err, ErrBusy) && f.Kind == fault.Unavailable && f.Retry > 0 {
				busy.Add(1)
			}
		})
	}
	wg.Wait()
	if busy.Load() != 200 {
		t.Errorf("%d of 200 were turned away", busy.Load())
	}
	<-h.slots
	<-h.line
	if phc, err := h.hash(context.Background(), config.NewSecret("x")); err != nil || phc == "" {
		t.Errorf("afterwards nobody gets in: %v", err)
	}
	if len(h.slots) != 0 || len(h.line) != 0 {
		t.Errorf("%d slots and %d places in line were lost", len(h.slots), len(h.line))
	}
}

func TestStoredParametersAreBounded(t *testing.T) {
	t.Parallel()
	h, err := newHasher(1, hashing(19, 2), nil)
	if err != nil {
		t.Fatal(err)
	}
	good, err := h.hash(t.Context(), config.NewSecret("x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		strings.Replace(good, "m=19456", "m=4000000", 1), strings.Replace(good, "t=2", "t=4000", 1), strings.Replace(good, "p=1", "p=200", 1),
		strings.Replace(good, "t=2", "t=0", 1), strings.Replace(good, "argon2id", "argon2i", 1), "$2b$10$abcdefghijklmnopqrstuv", "x", good[:40],
	} {
		if ok, err := h.verify(t.Context(), config.NewSecret("x"), bad); err == nil || ok {
			t.Errorf("%s: %v %v", bad, ok, err)
		}
	}
	if ok, err := h.verify(t.Context(), config.NewSecret("x"), ""); ok || err != nil {
		t.Errorf("nobody: %v %v", ok, err)
	}
}

func FuzzStoredHashesAreReadOrRefused(f *testing.F) {
	for _, s := range []string{
		"", "$", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$2b$06$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.", "$scrypt$ln=14,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$ebnHHTApWa0oNoXTYCCHxLXDaejcvcTRQhZaD1OJNCE",
		"$pbkdf2-sha256$i=10000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$rqRM8zWcxqR5JgdNH2Ukv6ZDL0xynSbmRCDsePeFnOo", "$scrypt$ln=63,r=1,p=1$$", "$pbkdf2-sha512$99$a.b$",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, phc string) {
		if _, err := read(phc); err != nil && err.Error() != errStored.Error() {
			t.Errorf("%q: %v", phc, err)
		}
	})
}
