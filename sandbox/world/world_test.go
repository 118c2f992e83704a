package world_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"flint/sandbox/world"
)

func TestChanceBelongsToItsKeys(t *testing.T) {
	t.Parallel()
	if world.Rand(1, "a", "bc").Uint64() == world.Rand(1, "ab", "c").Uint64() {
		t.Error("keys run into one another")
	}
	if got, want := world.Rand(42, "groceries", world.Day(20000)).Uint64(), world.Rand(42, "groceries", world.Day(20000)).Uint64(); got != want {
		t.Errorf("%d and %d from the same keys", got, want)
	}
	// A change of these changes every world: on purpose only.
	if got := world.Code(42, 12, "golden"); got != goldenCode {
		t.Errorf("code %s, want %s", got, goldenCode)
	}
}

const goldenCode = "gcob0h6jknd9"

func TestDays(t *testing.T) {
	t.Parallel()
	day, err := world.ParseDay("2026-02-28")
	if err != nil {
		t.Fatal(err)
	}
	if s := (day + 1).String(); s != "2026-03-01" {
		t.Error(s)
	}
	if !day.LastOfMonth() || day.Workday() || day.NextWorkday() != day+2 {
		t.Error("the last of February 2026 is a Saturday")
	}
	if world.DayOf(time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC)) != -1 {
		t.Error("days before 1970 count down")
	}
	for _, s := range []string{"", "2026-2-3", "2026-02-30", "2026-02-03T00:00:00Z"} {
		if _, err := world.ParseDay(s); err == nil {
			t.Errorf("%q was read as a day", s)
		}
	}
}

type counter struct{ N int }

func TestASectionOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	state, err := world.OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := world.Open(state, "counter", func() counter { return counter{N: 7} })
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(func(c *counter) error { c.N++; return nil }); err != nil {
		t.Fatal(err)
	}
	again, err := world.Open(state, "counter", func() counter { return counter{} })
	if err != nil {
		t.Fatal(err)
	}
	again.Read(func(c *counter) {
		if c.N != 8 {
			t.Errorf("%d was kept, want 8", c.N)
		}
	})
	info, err := os.Stat(filepath.Join(dir, "counter.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v: only the owner may read it", info.Mode(), err)
	}
}

func TestAFailedWriteChangesNothing(t *testing.T) {
	t.Parallel()
	state, err := world.OpenState("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := world.Open(state, "counter", func() counter { return counter{N: 1} })
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("no")
	if err := s.Write(func(c *counter) error { c.N = 99; return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	s.Read(func(c *counter) {
		if c.N != 1 {
			t.Errorf("%d is left of a failed write", c.N)
		}
	})
}

func TestABrokenFileIsNotOverwritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "counter.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	state, err := world.OpenState(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := world.Open(state, "counter", func() counter { return counter{} }); err == nil {
		t.Error("a broken file was taken for none")
	}
	if data, _ := os.ReadFile(path); string(data) != "{" {
		t.Errorf("the file became %s", data)
	}
}
