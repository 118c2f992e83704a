package ingest

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"flint/internal/activity"
	"flint/internal/id"
)

// settleDays is how long after its pending twin a posted record may come.
const settleDays = 8

// Input is all that deciding what a fetched window means depends on.
type Input struct {
	Account id.Account
	Window  Window
	Fetched []activity.Record

	// Mirror holds at least: every generation of each fetched id, every record in
	// the window, and every pending one.
	Mirror []activity.Mirrored

	// Rows holds at least: every row linked to Mirror, and the visible or
	// person-deleted rows in the window that no provider has claimed.
	Rows []activity.Row

	Today time.Time // for the age of pending records alone
	NewID func() id.Transaction
}

// Outcome is what to store. Whatever isn't in it stays as it is.
type Outcome struct {
	Mirror     []activity.Mirrored // new or changed
	Rows       []activity.Row      // new or changed
	Added      int                 // rows that are new
	Updated    int                 // rows that say something else than before
	Superseded int                 // pending rows that became posted
	Removed    int                 // rows that the provider no longer lists
	Reused     int                 // provider ids that now mean something else
	All        []activity.Mirrored // the mirror afterwards, as far as it was loaded
}

// Reconcile turns a fetched window into changes of the mirror and of what people
// see. Each record and each row is matched at most once, strongest rung first:
//
//  1. the same provider id, if the content agrees that it is the same thing
//  2. the provider's own link from posted to pending
//  3. the same content under a new id, where the old id is gone
//  4. a gone pending row of the same amount, up to eight days before
//  5. an imported or hand-made row of the same day and amount
//  6. none: a new row, perhaps with a suggestion that it settles a pending one
//
// What a complete window doesn't list is gone: a pending record at once, a
// posted one only when two windows in a row don't list it. Reconcile is pure:
// the same input gives the same outcome, and applying an outcome and reconciling
// again changes nothing.
func Reconcile(in Input) Outcome {
	r := newReconciler(in)
	r.identify()
	r.byID()
	r.byLink()
	r.byContent()
	r.bySettlement()
	r.byClaim()
	r.insert()
	r.absent()
	return r.outcome()
}

// found is a fetched record on its way down the ladder.
type found struct {
	record activity.Record
	key    string // its mirror key
	row    int    // index of the row it was matched with, or -1
}

type reconciler struct {
	in     Input
	found  []found
	listed map[string]int // mirror key -> index into found

	mirror  []activity.Mirrored
	mirrors map[string]int // mirror key -> index into mirror
	touched map[int]bool   // mirror entries that changed

	rows    []activity.Row
	before  []activity.Row // rows as they were; shorter than rows by the new ones
	pending map[string]int // pending key -> row
	posted  map[string]int // posted key -> row
	taken   map[int]bool   // rows matched by a posted record, or new

	bases  map[string]bool // provider ids that are listed
	reused int
}

func newReconciler(in Input) *reconciler {
	r := &reconciler{
		in: in, listed: map[string]int{},
		mirror: slices.Clone(in.Mirror), mirrors: map[string]int{}, touched: map[int]bool{},
		rows: slices.Clone(in.Rows), before: slices.Clone(in.Rows),
		pending: map[string]int{}, posted: map[string]int{}, taken: map[int]bool{},
		bases: map[string]bool{},
	}
	for i, m := range r.mirror {
		r.mirrors[m.Key] = i
	}
	for i, row := range r.rows {
		if row.PendingKey != "" {
			r.pending[row.PendingKey] = i
		}
		if row.PostedKey != "" {
			r.posted[row.PostedKey] = i
		}
	}
	return r
}

// identify gives each fetched record its mirror key and brings the mirror up to
// date. Pages that shift while they are read list a record twice: posted beats
// pending, the later copy beats the earlier.
func (r *reconciler) identify() {
	last := map[string]int{}
	for i, rec := range r.in.Fetched {
		if j, ok := last[rec.ID]; ok && r.in.Fetched[j].Status == activity.Posted && rec.Status == activity.Pending {
			continue
		}
		last[rec.ID] = i
	}
	generations := map[string][]int{}
	for i, m := range r.mirror {
		generations[baseID(m.Key)] = append(generations[baseID(m.Key)], i)
	}
	for i, rec := range r.in.Fetched {
		if last[rec.ID] != i {
			continue
		}
		key := r.keyFor(rec, generations[rec.ID])
		r.listed[key] = len(r.found)
		r.found = append(r.found, found{record: rec, key: key, row: -1})
		r.see(key, rec)
	}
	// Posted first: when a posted and a pending record could both be a row, the
	// ledger decides. Then by day and key, so that the order of pages is nothing.
	slices.SortFunc(r.found, func(a, b found) int {
		if a.record.Status != b.record.Status {
			return cmp.Compare(b.record.Status, a.record.Status)
		}
		return cmp.Or(a.record.Date.Compare(b.record.Date), cmp.Compare(a.key, b.key))
	})
	for i, f := range r.found {
		r.listed[f.key] = i
		r.bases[f.record.ID] = true
	}
}

// keyFor picks the generation of rec's id that means the same thing, the newest
// first, or opens a new one.
func (r *reconciler) keyFor(rec activity.Record, generations []int) string {
	newest := 0
	best, bestScore := "", 0
	for _, i := range generations {
		m := r.mirror[i]
		n := generation(m.Key)
		newest = max(newest, n)
		if !sameThing(m.Record, rec) {
			continue
		}
		// Equal content beats a newer generation: an id may come back.
		score := n
		if equal(m.Record, rec) {
			score += 1 << 20
		}
		if score >= bestScore {
			best, bestScore = m.Key, score
		}
	}
	if best != "" {
		return best
	}
	if newest == 0 {
		return rec.ID
	}
	r.reused++
	return rec.ID + "#" + strconv.Itoa(newest+1)
}

// see writes rec into the mirror under key.
func (r *reconciler) see(key string, rec activity.Record) {
	m := activity.Mirrored{Account: r.in.Account, Record: rec, Key: key}
	i, known := r.mirrors[key]
	if !known {
		r.mirrors[key] = len(r.mirror)
		r.touched[len(r.mirror)] = true
		r.mirror = append(r.mirror, m)
		return
	}
	if old := r.mirror[i]; old.Removed || old.Absences > 0 || !equal(old.Record, rec) {
		r.mirror[i] = m
		r.touched[i] = true
	}
}

// match writes f's record into a row. Fields that a person locked stay. A row
// that a person deleted stays deleted.
func (r *reconciler) match(f *found, i int) {
	f.row = i
	row := &r.rows[i]
	if old := row.PostedKey; old != "" && old != f.key {
		delete(r.posted, old)
	}
	if f.record.Status == activity.Posted {
		row.PostedKey = f.key
		r.posted[f.key] = i
		r.taken[i] = true
	} else {
		if row.PendingKey != f.key {
			delete(r.pending, row.PendingKey)
		}
		row.PendingKey, row.PostedKey = f.key, ""
		r.pending[f.key] = i
		r.taken[i] = true
	}
	row.Status, row.Amount, row.Currency, row.Date = f.record.Status, f.record.Amount, f.record.Currency, f.record.Date
	details := f.record.Details
	if slices.Contains(row.Locked, activity.FieldMerchant) {
		details.Merchant = row.Merchant
	}
	if slices.Contains(row.Locked, activity.FieldCategory) {
		details.Category = row.Category
	}
	row.Details = details
	switch {
	case expired(f.record, r.in.Today):
		if row.Visible() {
			row.DeletedBy = activity.ByProvider
		}
	case row.DeletedBy == activity.ByProvider:
		row.DeletedBy = activity.ByNobody
	}
}

// absent judges what the window should have listed and didn't.
func (r *reconciler) absent() {
	unsafe := len(r.in.Fetched) == 0 && slices.ContainsFunc(r.mirror, func(m activity.Mirrored) bool {
		return !m.Removed && m.Status == activity.Posted && r.in.Window.Covers(m.Date)
	})
	for i := range r.mirror {
		m := &r.mirror[i]
		if _, ok := r.listed[m.Key]; ok || m.Removed {
			continue
		}
		switch judged := r.in.Window.Complete && r.in.Window.Covers(m.Date) && !unsafe; {
		case judged && m.Status == activity.Posted:
			m.Absences++
			m.Removed = m.Absences >= 2
		case judged:
			m.Absences++
			m.Removed = true
		case expired(m.Record, r.in.Today):
			m.Removed = true
		default:
			continue
		}
		r.touched[i] = true
		if m.Removed {
			r.drop(m.Key)
		}
	}
}

// drop hides the row that rests on a record which is gone. An imported or
// hand-made row only loses its link; a posted row whose pending record is listed
// again falls back to pending.
func (r *reconciler) drop(key string) {
	i, ok := r.posted[key]
	if !ok {
		if i, ok = r.pending[key]; !ok || r.rows[i].PostedKey != "" {
			return
		}
	}
	row := &r.rows[i]
	if back, ok := r.listed[row.PendingKey]; ok && row.PostedKey == key && row.PendingKey != key &&
		r.found[back].record.Status == activity.Pending {
		r.match(&r.found[back], i)
		return
	}
	switch {
	case row.Source != activity.FromProvider:
		row.PostedKey, row.PendingKey = "", ""
		row.Status = activity.Posted
	case row.Visible():
		row.DeletedBy = activity.ByProvider
	}
}

// gone reports whether the record under key no longer exists at the provider, as
// far as this window can tell.
func (r *reconciler) gone(key string) bool {
	if _, ok := r.listed[key]; ok {
		return false
	}
	i, ok := r.mirrors[key]
	if !ok {
		return false
	}
	m := r.mirror[i]
	if m.Removed || r.in.Window.Complete && r.in.Window.Covers(m.Date) {
		return true
	}
	return r.bases[baseID(key)] // its id means something else now
}

func (r *reconciler) outcome() Outcome {
	out := Outcome{Reused: r.reused, All: r.mirror}
	for i, m := range r.mirror {
		if r.touched[i] {
			out.Mirror = append(out.Mirror, m)
		}
	}
	for i, row := range r.rows {
		if i >= len(r.before) {
			out.Rows = append(out.Rows, row)
			out.Added++
			continue
		}
		old := r.before[i]
		if sameRow(old, row) {
			continue
		}
		out.Rows = append(out.Rows, row)
		switch {
		case old.Visible() && !row.Visible():
			out.Removed++
		case old.PostedKey == "" && row.PostedKey != "" && old.PendingKey != "":
			out.Superseded++
		default:
			out.Updated++
		}
	}
	return out
}
