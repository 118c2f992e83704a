package ingest_test

import (
	"testing"
	"time"

	"flint/internal/activity"
	"flint/internal/ingest"
)

// TestWhatIsOlderThanItMayGetIsLeftOut: the records, and the days that are judged
// by what is missing in them.
func TestWhatIsOlderThanItMayGetIsLeftOut(t *testing.T) {
	t.Parallel()
	oldest := time.Date(2019, 11, 25, 0, 0, 0, 0, time.UTC)
	rec := func(day time.Time) (r activity.Record) { r.Date = day; return r }
	younger := oldest.AddDate(1, 0, 0)
	got := ingest.Since(oldest, []ingest.FetchedAccount{
		{Window: &ingest.Window{Complete: true}, Records: []activity.Record{rec(oldest.AddDate(0, 0, -1)), rec(oldest), rec(younger)}},
		{Window: &ingest.Window{From: younger}, Records: []activity.Record{rec(younger)}},
		{},
	})
	if w := got[0].Window; !w.From.Equal(oldest) || !w.Complete || len(got[0].Records) != 2 || !got[0].Records[0].Date.Equal(oldest) {
		t.Errorf("everything: %+v, %d records", w, len(got[0].Records))
	}
	if !got[1].Window.From.Equal(younger) || len(got[1].Records) != 1 || got[2].Window != nil {
		t.Errorf("a young window has changed: %+v", got[1])
	}
}
