package envelope_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/envelope/envelopetest"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres/pgtest"
)

func ring(t testing.TB) *envelope.Keys {
	t.Helper()
	return envelopetest.New(t, pgtest.New(t))
}

func seal(t testing.TB, k *envelope.Keys, ref envelope.Ref, plain string) []byte {
	t.Helper()
	sealed, err := k.Seal(t.Context(), ref, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestWhatIsSealedOpensInItsPlace(t *testing.T) {
	t.Parallel()
	k := ring(t)
	ref := envelope.Ref{Owner: id.New[id.User](), Place: "connections.credential", Row: "1"}
	for _, plain := range []string{"", "x", "test_token_ky6igyqi3qxa4", strings.Repeat("long", 10_000)} {
		sealed := seal(t, k, ref, plain)
		if plain != "" && len(plain) > 1 && bytes.Contains(sealed, []byte(plain)) {
			t.Fatal("the sealed value shows its content")
		}
		got, err := k.Open(t.Context(), ref, sealed)
		if err != nil || string(got) != plain {
			t.Fatalf("opened %q (%v), want %q", got, err, plain)
		}
	}
}

func TestSealingTwiceNeverGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	k := ring(t)
	ref := envelope.Ref{Place: "p", Row: "r"}
	seen := map[string]bool{}
	for range 1000 {
		s := string(seal(t, k, ref, "same"))
		if seen[s] {
			t.Fatal("one nonce was used twice")
		}
		seen[s] = true
	}
}

func TestSealedValuesOpenNowhereElse(t *testing.T) {
	t.Parallel()
	k := ring(t)
	owner := id.New[id.User]()
	here := envelope.Ref{Owner: owner, Place: "connections.credential", Row: "1"}
	sealed := seal(t, k, here, "secret")
	for name, there := range map[string]envelope.Ref{
		"another owner":         {Owner: id.New[id.User](), Place: here.Place, Row: here.Row},
		"no owner":              {Place: here.Place, Row: here.Row},
		"another column":        {Owner: owner, Place: "snaptrade_users.secret", Row: here.Row},
		"another row":           {Owner: owner, Place: here.Place, Row: "2"},
		"parts shifted left":    {Owner: owner, Place: here.Place + "1", Row: ""},
		"parts shifted right":   {Owner: owner, Place: "connections.credentia", Row: "l1"},
		"parts with separators": {Owner: owner, Place: "connections.credential|1", Row: ""},
	} {
		if got, err := k.Open(t.Context(), there, sealed); !errors.Is(err, envelope.ErrSealed) || got != nil {
			t.Errorf("%s: opened %q, error %v", name, got, err)
		}
	}
}

func TestAlteredSealedValuesFailClosed(t *testing.T) {
	t.Parallel()
	k := ring(t)
	ref := envelope.Ref{Owner: id.New[id.User](), Place: "p", Row: "r"}
	sealed := seal(t, k, ref, "secret")
	refuse := func(what string, b []byte) {
		t.Helper()
		if got, err := k.Open(t.Context(), ref, b); !errors.Is(err, envelope.ErrSealed) || got != nil {
			t.Errorf("%s: opened %q, error %v", what, got, err)
		}
	}
	for i := range sealed {
		b := bytes.Clone(sealed)
		b[i] ^= 1
		refuse("one bit changed", b)
		refuse("cut short", sealed[:i])
	}
	refuse("made longer", append(bytes.Clone(sealed), 0))
	foreign := seal(t, ring(t), ref, "secret")
	refuse("sealed under another ring", foreign)
	if _, err := k.Open(t.Context(), ref, foreign); fault.KindOf(err) != fault.Internal || strings.Contains(err.Error(), "secret\"") {
		t.Errorf("error %v must be internal and quote nothing", err)
	}
}

func TestSealingNeedsAPlace(t *testing.T) {
	t.Parallel()
	k := ring(t)
	for _, ref := range []envelope.Ref{{}, {Place: "p"}, {Row: "r"}} {
		if _, err := k.Seal(context.Background(), ref, []byte("x")); err == nil {
			t.Errorf("%+v was accepted", ref)
		}
	}
}

func TestMacDependsOnKeyPurposeAndData(t *testing.T) {
	t.Parallel()
	k := ring(t)
	base := k.Mac("refresh", []byte("parent"))
	if len(base) != 32 || !bytes.Equal(base, k.Mac("refresh", []byte("parent"))) {
		t.Fatal("a keyed hash is 32 bytes and always the same")
	}
	for name, other := range map[string][]byte{
		"other data":    k.Mac("refresh", []byte("parenT")),
		"other purpose": k.Mac("refresx", []byte("parent")),
		"shifted parts": k.Mac("refreshp", []byte("arent")),
		"other ring":    ring(t).Mac("refresh", []byte("parent")),
	} {
		if bytes.Equal(base, other) {
			t.Errorf("%s gives the same hash", name)
		}
	}
}

func TestTheRingIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deep", "er", "ring.json")
	rings := make([]*envelope.Ring, 16)
	var wg sync.WaitGroup
	for i := range rings {
		wg.Go(func() {
			r, err := envelope.OpenRing(path, config.Secret{})
			if err != nil {
				t.Error(err)
			}
			rings[i] = r
		})
	}
	wg.Wait()
	wrapped, err := rings[0].Wrap(t.Context(), []byte("key"), []byte("bound"))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rings {
		if got, err := r.Unwrap(t.Context(), wrapped, []byte("bound")); err != nil || string(got) != "key" {
			t.Errorf("opener %d has other keys: %v", i, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v; want 0600", info.Mode(), err)
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	if len(left) != 0 {
		t.Errorf("files were left behind: %v", left)
	}
}

func TestARingThatOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ring.json")
	if _, err := envelope.OpenRing(path, config.Secret{}); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644, 0o610} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := envelope.OpenRing(path, config.Secret{})
		if err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %v: error %v", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := envelope.OpenRing(path, config.Secret{}); err != nil {
		t.Errorf("a read-only ring is fine: %v", err)
	}
}

func TestDamagedRingsAreNeverReplaced(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"empty": "", "not json": "hello s3cret", "half": `{"version":1,"seal":{`, "no keys": `{"version":1,"seal":{},"mac":{}}`,
		"newer": `{"version":2,"seal":{},"mac":{}}`, "unknown field": `{"version":1,"s3cret":1}`,
	} {
		path := filepath.Join(t.TempDir(), "ring.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := envelope.OpenRing(path, config.Secret{})
		if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v must name the file and not quote it", name, err)
		}
		if b, _ := os.ReadFile(path); string(b) != content {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, err := envelope.OpenRing(t.TempDir(), config.Secret{}); err == nil {
		t.Error("a folder is no ring")
	}
}

func FuzzOpenNeverPanics(f *testing.F) {
	k := ring(f)
	ref := envelope.Ref{Place: "p", Row: "r"}
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Add(seal(f, k, ref, "x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if plain, err := k.Open(t.Context(), ref, b); err == nil && string(plain) != "x" {
			t.Fatal("something that nobody sealed opened")
		}
	})
}
