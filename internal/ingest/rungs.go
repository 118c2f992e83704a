package ingest

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"flint/internal/activity"
	"flint/internal/id"
	"flint/internal/money"
)

// byID follows what the mirror knew already: posted ids first, so that a row
// that has both stays with the ledger.
func (r *reconciler) byID() {
	for i := range r.found {
		if row, ok := r.posted[r.found[i].key]; ok {
			r.match(&r.found[i], row)
		}
	}
	for i := range r.found {
		f := &r.found[i]
		row, ok := r.pending[f.key]
		if !ok || f.row >= 0 {
			continue
		}
		if f.record.Status == activity.Pending && r.rows[row].PostedKey != "" {
			// The bank still lists what has posted under another id. The row is
			// the posted one's; counting both is the oldest bug of them all.
			f.row = row
		} else if !r.taken[row] {
			r.match(f, row)
		}
	}
}

// byLink follows the provider's own link from a posted record to its pending one,
// which some banks list for a day longer.
func (r *reconciler) byLink() {
	for i := range r.found {
		f := &r.found[i]
		if f.row >= 0 || f.record.PendingOf == "" || f.record.Status != activity.Posted {
			continue
		}
		if row, ok := r.pending[r.currentKey(f.record.PendingOf)]; ok && r.rows[row].PostedKey == "" {
			r.match(f, row)
		}
	}
}

// currentKey returns the newest generation of a provider's id.
func (r *reconciler) currentKey(providerID string) string {
	key := providerID
	for n := 2; ; n++ {
		next := providerID + "#" + strconv.Itoa(n)
		if _, ok := r.mirrors[next]; !ok {
			return key
		}
		key = next
	}
}

// byContent finds rows whose record came back under another id: the bank
// renumbered, or gives an id to each listing. The old id must be gone.
func (r *reconciler) byContent() {
	type content struct {
		date             time.Time
		amount, currency string
		status           activity.Status
		text, symbol     string
	}
	of := func(rec activity.Record) content {
		return content{rec.Date, rec.Amount.String(), string(rec.Currency), rec.Status, plain(rec.Description), rec.Symbol}
	}
	orphans := map[content][]int{}
	for i, row := range r.rows {
		if k := row.Key(); k != "" && !r.taken[i] && r.gone(k) {
			if m, ok := r.mirrors[k]; ok {
				c := of(r.mirror[m].Record)
				orphans[c] = append(orphans[c], i)
			}
		}
	}
	for i := range r.found {
		f := &r.found[i]
		if f.row >= 0 {
			continue
		}
		c := of(f.record)
		for len(orphans[c]) > 0 && f.row < 0 {
			row := orphans[c][0]
			orphans[c] = orphans[c][1:]
			if !r.taken[row] {
				r.match(f, row)
			}
		}
	}
}

// bySettlement matches posted records with gone pending rows of the same amount.
func (r *reconciler) bySettlement() {
	gone := map[string][]int{}
	for i, row := range r.rows {
		if row.PendingKey != "" && row.PostedKey == "" && !r.taken[i] && r.gone(row.PendingKey) {
			gone[sum(row.Amount, row.Currency)] = append(gone[sum(row.Amount, row.Currency)], i)
		}
	}
	type pair struct{ found, row, distance, doubt int }
	var pairs []pair
	for i, f := range r.found {
		if f.row >= 0 || f.record.Status != activity.Posted {
			continue
		}
		for _, row := range gone[sum(f.record.Amount, f.record.Currency)] {
			days := daysBetween(r.rows[row].Date, f.record.Date)
			if days < 0 || days > settleDays {
				continue
			}
			doubt := 1
			if sameMerchant(r.rows[row].Details, f.record.Details) {
				doubt = 0
			}
			pairs = append(pairs, pair{i, row, days, doubt})
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.doubt, b.doubt), cmp.Compare(a.distance, b.distance), cmp.Compare(a.found, b.found),
			cmp.Compare(r.rows[a.row].ID.String(), r.rows[b.row].ID.String()))
	})
	for _, p := range pairs {
		if r.found[p.found].row < 0 && !r.taken[p.row] {
			r.match(&r.found[p.found], p.row)
		}
	}
}

// byClaim gives posted records to rows that a person imported or entered.
func (r *reconciler) byClaim() {
	type slot struct {
		date time.Time
		sum  string
	}
	free := map[slot][]int{}
	for i, row := range r.rows {
		if row.Source != activity.FromProvider && row.Key() == "" && !r.taken[i] && row.DeletedBy != activity.ByImport {
			s := slot{row.Date, sum(row.Amount, row.Currency)}
			free[s] = append(free[s], i)
		}
	}
	for i := range r.found {
		f := &r.found[i]
		s := slot{f.record.Date, sum(f.record.Amount, f.record.Currency)}
		if f.row >= 0 || f.record.Status != activity.Posted || len(free[s]) == 0 {
			continue
		}
		r.match(f, free[s][0])
		free[s] = free[s][1:]
	}
}

// insert makes rows for what matched nothing.
func (r *reconciler) insert() {
	for i := range r.found {
		f := &r.found[i]
		if f.row >= 0 || expired(f.record, r.in.Today) || r.settled(f) {
			continue
		}
		row := activity.Row{ID: r.in.NewID(), Account: r.in.Account, Source: activity.FromProvider}
		row.MaybeDupOf = r.suggest(f.record)
		r.rows = append(r.rows, row)
		r.match(f, len(r.rows)-1)
	}
}

// settled gives a pending record to the row of the posted record that names it,
// when both are listed for the first time.
func (r *reconciler) settled(f *found) bool {
	if f.record.Status != activity.Pending {
		return false
	}
	for i := range r.found {
		if p := &r.found[i]; p.record.PendingOf == f.record.ID && p.record.Status == activity.Posted && p.row >= 0 &&
			r.rows[p.row].PendingKey == "" {
			f.row = p.row
			r.rows[p.row].PendingKey = f.key
			return true
		}
	}
	return false
}

// suggest returns the one pending row that rec may be the settled form of, with
// a tip: up to 30 % more at the same merchant. Zero if there is none, or more
// than one.
func (r *reconciler) suggest(rec activity.Record) id.Transaction {
	var only id.Transaction
	if rec.Status != activity.Posted || rec.Merchant == "" && rec.Description == "" {
		return only
	}
	n := 0
	for i := range r.before {
		row := &r.before[i]
		days := daysBetween(row.Date, rec.Date)
		if row.PendingKey == "" || row.PostedKey != "" || r.taken[i] || row.DeletedBy == activity.ByPerson ||
			row.Currency != rec.Currency || days < 0 || days > settleDays || !sameMerchant(row.Details, rec.Details) ||
			row.Amount.Sign() != rec.Amount.Sign() {
			continue
		}
		grown, most := rec.Amount.Abs(), row.Amount.Abs().Mul(money.MustParse("1.3"))
		if grown.GreaterThan(row.Amount.Abs()) && grown.LessThanOrEqual(most) {
			only = row.ID
			n++
		}
	}
	if n != 1 {
		return id.Transaction{}
	}
	return only
}
