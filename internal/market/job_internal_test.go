package market

import (
	"testing"
	"time"
)

func TestRatesAreFetchedOnWorkingDaysAfterTheyAppear(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"2026-11-20T09:00:00Z": "2026-11-20T15:10:00Z", // Friday, winter time
		"2026-11-20T15:10:00Z": "2026-11-20T15:40:00Z",
		"2026-11-20T17:30:00Z": "2026-11-23T15:10:00Z", // over the weekend
		"2026-07-01T09:00:00Z": "2026-07-01T14:10:00Z", // summer time
		"2026-03-27T18:00:00Z": "2026-03-30T14:10:00Z", // the clocks change in between
		"2026-12-31T20:00:00Z": "2027-01-01T15:10:00Z",
	} {
		at, err := time.Parse(time.RFC3339, from)
		if err != nil {
			t.Fatal(err)
		}
		if got := (publication{}).Next(at).UTC().Format(time.RFC3339); got != want {
			t.Errorf("after %s comes %s, want %s", from, got, want)
		}
	}
}
