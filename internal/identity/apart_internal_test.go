package identity

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"flint/internal/config"
)

// TestHelperProcess is the helper of the tests below; it isn't a test by itself.
func TestHelperProcess(t *testing.T) {
	if os.Args[len(os.Args)-1] != "hash" {
		t.Skip("only the process that hashes")
	}
	if err := HashFor(os.Stdin, os.Stdout); err != nil {
		t.Fatal(err)
	}
}

func newHelper(t *testing.T) (*helper, *hasher) {
	t.Helper()
	apart := &helper{command: []string{os.Args[0], "-test.run=^TestHelperProcess$", "hash"}, log: slog.New(slog.DiscardHandler)}
	t.Cleanup(apart.stop)
	h, err := newHasher(2, hashing(19, 2), apart)
	if err != nil {
		t.Fatal(err)
	}
	return apart, h
}

func TestAnotherProcessHashes(t *testing.T) {
	t.Parallel()
	apart, h := newHelper(t)
	// One after the other: on a busy machine the helper steps back, and a line of
	// several might wait longer than it may.
	for _, p := range []string{"correct horse battery", "пароль с пробелами", "\x00\xff", ""} {
		secret := config.NewSecret(p)
		phc, err := h.hash(t.Context(), secret)
		if err != nil {
			t.Fatal(err)
		}
		if fits, err := h.verify(t.Context(), secret, phc); err != nil || !fits {
			t.Errorf("%q doesn't fit its hash: %v", p, err)
		}
		if fits, err := h.verify(t.Context(), config.NewSecret(p+"x"), phc); err != nil || fits {
			t.Errorf("another fits that of %q: %v", p, err)
		}
		if fits, err := h.verify(t.Context(), secret, ""); err != nil || fits {
			t.Errorf("%q fits the hash of nobody: %v", p, err)
		}
	}
	if apart.line == nil {
		t.Fatal("it was done in here")
	}
	compare, err := read(h.dummy)
	if err != nil {
		t.Fatal(err)
	}
	if fits, err := compare([]byte("x")); fits || err != nil {
		t.Error(fits, err)
	}
	apart.stop()
	if phc, err := h.hash(t.Context(), config.NewSecret("x")); err != nil || phc == "" || apart.line != nil {
		t.Errorf("after its end: %v", err)
	}
}

func TestALostHelperIsDoneWithoutAndComesBack(t *testing.T) {
	t.Parallel()
	apart, h := newHelper(t)
	hash := func() {
		t.Helper()
		if phc, err := h.hash(t.Context(), config.NewSecret("x")); err != nil || phc == "" {
			t.Fatalf("hash: %v", err)
		}
	}
	hash()
	first := apart.line
	if first == nil {
		t.Fatal("there was none")
	}
	_ = first.Close() // as if it had died
	hash()
	if apart.line != nil {
		t.Fatal("it came back at once: one that can't live would be started for each hash")
	}
	apart.until = time.Time{}
	hash()
	if apart.line == nil || apart.line == first {
		t.Error("it didn't come back")
	}
}

func TestAHelperThatCannotStartIsDoneWithout(t *testing.T) {
	t.Parallel()
	apart := &helper{command: []string{"/nonexistent/flint", "hash"}, log: slog.New(slog.DiscardHandler)}
	h, err := newHasher(0, hashing(19, 2), apart)
	if err != nil {
		t.Fatal(err)
	}
	if phc, err := h.hash(t.Context(), config.NewSecret("x")); err != nil || phc == "" {
		t.Errorf("hash: %v", err)
	}
}
