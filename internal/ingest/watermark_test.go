package ingest

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"flint/internal/activity"
	"flint/internal/id"
)

func at(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func ptr(s string) *time.Time { t := at(s); return &t }

func TestHowFarBackASyncLooks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		mark Watermark
		full bool
		want string // "" is the whole history
	}{
		{"the first time, everything", Watermark{}, false, ""},
		{"the first time, everything, also in full", Watermark{}, true, ""},
		{"ten days of overlap at least", Watermark{Newest: ptr("2026-03-20")}, false, "2026-03-10"},
		{"a fresh pending row changes nothing", Watermark{Newest: ptr("2026-03-20"), OldestPending: ptr("2026-03-18")}, false, "2026-03-10"},
		{"three days before the oldest pending row", Watermark{Newest: ptr("2026-03-20"), OldestPending: ptr("2026-03-08")}, false, "2026-03-05"},
		{"ninety days in full", Watermark{Newest: ptr("2026-03-20"), OldestPending: ptr("2026-03-08")}, true, "2025-12-20"},
	} {
		want := time.Time{}
		if c.want != "" {
			want = at(c.want)
		}
		if got := tellerFrom(c.mark, c.full); !got.Equal(want) {
			t.Errorf("%s: from %s, want %s", c.name, got, want)
		}
	}
	if got := snaptradeFrom(Watermark{Newest: ptr("2026-03-20")}); !got.IsZero() {
		t.Errorf("SnapTrade without a waterline: from %s, want everything", got)
	}
	if got := snaptradeFrom(Watermark{Waterline: ptr("2026-03-20")}); !got.Equal(at("2026-02-18")) {
		t.Errorf("SnapTrade: from %s, want thirty days before its waterline", got)
	}
}

// sync.md, thread 21: an empty answer advanced the cursor, and what came later
// was never read.
func TestAnEmptyOrIncompleteAnswerMovesNothing(t *testing.T) {
	t.Parallel()
	mirror := []activity.Mirrored{{Key: "a", Record: activity.Record{Date: at("2026-03-20"), Status: activity.Posted}}}
	old := Watermark{Newest: ptr("2026-03-01")}
	for name, next := range map[string]Watermark{
		"empty":      old.advance(mirror, 0, Window{Complete: true}, ptr("2026-03-20"), at("2026-03-21")),
		"incomplete": old.advance(mirror, 9, Window{}, ptr("2026-03-20"), at("2026-03-21")),
	} {
		if next != old {
			t.Errorf("%s: moved to %+v", name, next)
		}
	}
}

// Thread 28: the mark comes from the data, not from a clock, and a bank that
// dates something in the future can't push it there.
func TestTheMarkIsTheDatas(t *testing.T) {
	t.Parallel()
	mirror := []activity.Mirrored{
		{Key: "a", Record: activity.Record{Date: at("2026-03-18"), Status: activity.Posted}},
		{Key: "b", Record: activity.Record{Date: at("2027-03-18"), Status: activity.Posted}},
		{Key: "c", Record: activity.Record{Date: at("2026-03-19"), Status: activity.Posted}, Removed: true},
		{Key: "d", Record: activity.Record{Date: at("2026-03-12"), Status: activity.Pending}},
		{Key: "e", Record: activity.Record{Date: at("2025-01-12"), Status: activity.Pending}}, // never happened
	}
	next := Watermark{}.advance(mirror, 5, Window{Complete: true}, nil, at("2026-03-21"))
	if !next.Newest.Equal(at("2026-03-18")) || !next.OldestPending.Equal(at("2026-03-12")) || next.Waterline != nil {
		t.Errorf("newest %v, oldest pending %v, waterline %v", next.Newest, next.OldestPending, next.Waterline)
	}
}

// Whatever may still change lies in the next window.
func TestTheNextWindowHoldsAllThatMayStillChange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		today := at("2026-06-01")
		var mirror []activity.Mirrored
		for range rapid.IntRange(1, 30).Draw(t, "n") {
			r := activity.Record{Date: today.AddDate(0, 0, -rapid.IntRange(0, 60).Draw(t, "age")), Status: activity.Posted}
			if rapid.Bool().Draw(t, "pending") {
				r.Status = activity.Pending
			}
			mirror = append(mirror, activity.Mirrored{Record: r})
		}
		mark := Watermark{}.advance(mirror, len(mirror), Window{Complete: true}, nil, today)
		win := Window{From: tellerFrom(mark, rapid.Bool().Draw(t, "full"))}
		for _, m := range mirror {
			if m.Status == activity.Pending && !expired(m.Record, today) && !win.Covers(m.Date) {
				t.Fatalf("pending of %s is before %s", m.Date, win.From)
			}
		}
	})
}

// A hundred thousand connections don't march in step: no minute of the interval
// gets more than a small multiple of its share.
func TestSyncsSpreadOverTheInterval(t *testing.T) {
	t.Parallel()
	const interval, n = 12 * time.Hour, 72_000
	now := time.Date(2026, 3, 20, 17, 0, 0, 0, time.UTC)
	perMinute := map[int]int{}
	for range n {
		next := nextSync(id.New[id.Connection](), interval, now)
		if wait := next.Sub(now); wait < interval*9/20 || wait > interval*31/20 {
			t.Fatalf("the next sync is in %s", wait)
		}
		perMinute[int(next.Sub(now)%interval/time.Minute)]++
	}
	for minute, count := range perMinute {
		if count > 3*n/(12*60) {
			t.Errorf("minute %d gets %d of %d", minute, count, n)
		}
	}
}
