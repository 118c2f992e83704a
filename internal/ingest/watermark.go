package ingest

import (
	"time"

	"flint/internal/activity"
)

// How far a sync looks back. Days.
const (
	margin      = 3  // before the oldest thing that may still change
	overlap     = 10 // Teller asks for this much at least
	fullWalk    = 90 // once a week, and after a reconnect
	activityLag = 30 // SnapTrade lists activities a day late and corrects them for weeks
	pendingLife = 14 // a pending transaction older than this never happened
)

// fullEvery is how often a Teller account is walked fullWalk days back.
const fullEvery = 7 * 24 * time.Hour

// Watermark is what a finished run knows about how far an account's data
// reaches. It is made from the provider's data alone, never from our clock: a
// clock that is wrong, or a bank that is late, must not open a gap. It is
// stored as JSON in accounts.watermark.
type Watermark struct {
	Newest        *time.Time `json:"newest,omitempty"`        // newest transaction's day
	OldestPending *time.Time `json:"oldestPending,omitempty"` // oldest day that is still pending
	Waterline     *time.Time `json:"waterline,omitempty"`     // SnapTrade: last_successful_sync of its transactions
	Unlisted      int        `json:"unlisted,omitempty"`      // answers in a row that left the account out
}

// Window is a range of days that a run asks a provider for. The zero From means
// the whole history.
type Window struct {
	From     time.Time // first day asked for
	Complete bool      // every record from From on was read
}

// Covers reports whether day lies in the window.
func (w Window) Covers(day time.Time) bool { return w.From.IsZero() || !day.Before(w.From) }

// tellerFrom returns the first day to ask Teller for: three days before the
// oldest thing that may still change, ten days of overlap at least, 90 days if
// full. Zero (everything) if nothing is known yet.
func tellerFrom(w Watermark, full bool) time.Time {
	if w.Newest == nil {
		return time.Time{}
	}
	from := w.Newest.AddDate(0, 0, -overlap)
	if w.OldestPending != nil && w.OldestPending.AddDate(0, 0, -margin).Before(from) {
		from = w.OldestPending.AddDate(0, 0, -margin)
	}
	if walk := w.Newest.AddDate(0, 0, -fullWalk); full && walk.Before(from) {
		from = walk
	}
	return from
}

// snaptradeFrom returns the first day to ask SnapTrade for: 30 days before its
// own waterline, or everything if there is none yet.
func snaptradeFrom(w Watermark) time.Time {
	if w.Waterline == nil {
		return time.Time{}
	}
	return w.Waterline.AddDate(0, 0, -activityLag)
}

// advance returns the watermark after a complete window was applied. mirror is
// the account's whole mirror as far as it was loaded; waterline is the
// provider's own, or nil. An answer without a single record moves nothing: banks
// say "nothing" when they mean "not now".
func (w Watermark) advance(mirror []activity.Mirrored, fetched int, win Window, waterline *time.Time, today time.Time) Watermark {
	if fetched == 0 || !win.Complete {
		return w
	}
	next := Watermark{Newest: w.Newest, Waterline: w.Waterline, Unlisted: w.Unlisted}
	if waterline != nil && (next.Waterline == nil || waterline.After(*next.Waterline)) {
		next.Waterline = waterline
	}
	for i := range mirror {
		m := &mirror[i]
		if m.Removed {
			continue
		}
		if day := m.Date; !day.After(today) && (next.Newest == nil || day.After(*next.Newest)) {
			next.Newest = &day
		}
		if day := m.Date; m.Status == activity.Pending && !expired(m.Record, today) &&
			(next.OldestPending == nil || day.Before(*next.OldestPending)) {
			next.OldestPending = &day
		}
	}
	return next
}

// expired reports whether r is a pending record that is too old to be real:
// some banks list a declined card payment as pending for ever.
func expired(r activity.Record, today time.Time) bool {
	return r.Status == activity.Pending && r.Date.Before(today.AddDate(0, 0, -pendingLife))
}
