package portfolio

import (
	"context"
	"maps"
	"slices"
	"time"

	"flint/internal/id"
	"flint/internal/money"
)

// history writes the balances by day of the accounts in stories, and carries
// all others forward to today.
func (r *rebuild) history(ctx context.Context, stories []Story) error {
	byID, currencies := map[id.Account]*Account{}, map[id.Account]money.Currency{}
	for i := range r.accounts {
		byID[r.accounts[i].ID] = &r.accounts[i]
		currencies[r.accounts[i].ID] = r.accounts[i].Currency
	}
	var of []id.Account
	for _, s := range stories {
		a := byID[s.Account]
		if a == nil { // deleted just now: it leaves the whole past
			r.from, r.changed = time.Time{}, true
		} else if a.Balance != nil && a.BalanceAsOf != nil {
			of = append(of, s.Account)
		}
	}
	stored, err := balanceDays(ctx, r.tx, r.owner, of)
	if err != nil {
		return err
	}
	firsts, err := r.firsts(ctx, of)
	if err != nil {
		return err
	}
	var write []dayRow
	for _, s := range stories {
		a := byID[s.Account]
		if !slices.Contains(of, s.Account) {
			continue
		}
		var points []Point
		if !a.holds() {
			points = r.ledgerPoints(a, s)
		} else if points, err = r.holdingPoints(ctx, a, s, firsts[a.ID]); err != nil {
			return err
		}
		rows, err := r.diff(ctx, a, points, stored)
		if err != nil {
			return err
		}
		write = append(write, rows...)
	}
	if err := saveBalanceDays(ctx, r.tx, r.owner, write, currencies); err != nil {
		return err
	}
	carried, err := carryForward(ctx, r.tx, r.owner, r.today)
	for _, day := range carried {
		r.touch(day)
	}
	return err
}

// touch notes that day's balances changed.
func (r *rebuild) touch(day time.Time) {
	r.changed = true
	if day.Before(r.from) {
		r.from = day
	}
}

// ledgerPoints are the days of an account that states its balance.
func (r *rebuild) ledgerPoints(a *Account, s Story) []Point {
	anchor := BusinessDay(*a.BalanceAsOf)
	last := r.today
	if a.Status == Closed {
		last = anchor
	}
	flows := make([]Flow, 0, len(s.Flows))
	for _, f := range s.Flows {
		if f.Day.After(anchor) {
			if a.ConnectionID.IsZero() {
				continue // a later statement will say
			}
			f.Day = anchor // the bank dates it tomorrow, but its ledger has it
		}
		flows = append(flows, f)
	}
	return Balances(*a.Balance, anchor, BusinessDay(a.CreatedAt), last, flows)
}

// firsts returns the first snapshot of those accounts that have one.
func (r *rebuild) firsts(ctx context.Context, of []id.Account) (map[id.Account]first, error) {
	list, err := firstSnapshots(ctx, r.tx, r.owner, of)
	out := map[id.Account]first{}
	for _, f := range list {
		out[f.AccountID] = f
	}
	return out, err
}

// holdingPoints are the days of an account that states what it holds: those
// before its first snapshot, worked out from its trades, and the latest. The
// days between were seen at the time and stay as they are.
func (r *rebuild) holdingPoints(ctx context.Context, a *Account, s Story, f first) ([]Point, error) {
	points := []Point{{BusinessDay(*a.BalanceAsOf), *a.Balance, Complete}}
	if f.SnapshotID.IsZero() || len(s.Trades) == 0 {
		return points, nil
	}
	positions, err := snapshotPositions(ctx, r.tx, r.owner, f.SnapshotID)
	if err != nil {
		return nil, err
	}
	cash, err := snapshotCash(ctx, r.tx, r.owner, f.SnapshotID)
	if err != nil {
		return nil, err
	}
	day := BusinessDay(f.AsOf)
	rate := rateOf(r.rates.On(day))
	return append(Backcast(positions, cash, day, a.Currency, s.Trades, rate), points...), nil
}

// diff returns the points that aren't stored as they are, and removes stored
// days that are no longer known.
func (r *rebuild) diff(ctx context.Context, a *Account, points []Point, stored []dayRow) ([]dayRow, error) {
	old := map[time.Time]dayRow{}
	var oldest, newest time.Time
	for _, d := range stored {
		if d.AccountID != a.ID {
			continue
		}
		if len(old) == 0 {
			oldest = d.Day
		}
		old[d.Day], newest = d, d.Day
	}
	var write []dayRow
	for _, p := range points {
		was, ok := old[p.Day]
		if ok && was.Balance.Equal(p.Balance) && was.Quality == p.Quality {
			continue
		}
		r.touch(p.Day)
		write = append(write, dayRow{a.ID, p.Day, p.Balance, p.Quality})
	}
	first, last := points[0].Day, points[len(points)-1].Day
	if a.holds() {
		last = newest
	}
	if len(old) > 0 && (oldest.Before(first) && !a.holds() || newest.After(last)) {
		r.touch(oldest)
		if err := dropBalanceDays(ctx, r.tx, r.owner, a.ID, first, last); err != nil {
			return nil, err
		}
	}
	if len(old) == 0 || first.Before(oldest) {
		r.from = time.Time{} // its first balance is carried back to the beginning
	}
	return write, nil
}

// netWorth writes the net worth of the days that changed. Today's is the
// dashboard's, so that the chart ends where the headline stands.
func (r *rebuild) netWorth(ctx context.Context) error {
	stored, err := netWorthDays(ctx, r.tx, r.owner, r.from)
	if err != nil {
		return err
	}
	old := map[time.Time]NetDay{}
	for _, d := range stored {
		old[d.Day] = d
	}
	from := r.from
	if from.IsZero() {
		from = r.past
	}
	sums, err := daySums(ctx, r.tx, r.owner, from, r.today)
	if err != nil {
		return err
	}
	days := r.days(sums)
	var write []NetDay
	for _, d := range days {
		was, ok := old[d.Day]
		if ok && was.NetWorth.Equal(d.NetWorth) && was.Assets.Equal(d.Assets) && was.Debts.Equal(d.Debts) && was.Quality == d.Quality && was.Currency == d.Currency {
			continue
		}
		write = append(write, d)
	}
	if err := saveNetWorthDays(ctx, r.tx, r.owner, write); err != nil {
		return err
	}
	if !r.from.IsZero() {
		return nil
	}
	first := r.today.AddDate(0, 0, 1)
	if len(days) > 0 {
		first = days[0].Day
	}
	return dropNetWorthDays(ctx, r.tx, r.owner, first, r.today)
}

// days turns sums into net worth. What has no rate today isn't in the headline,
// so it is left out of every day; a day on which something else has no rate can't
// be told and is absent.
func (r *rebuild) days(sums []daySum) []NetDay {
	byDay := map[time.Time]*NetDay{}
	untold := map[time.Time]bool{}
	current := rateOf(r.rates.On(r.today))
	rate, of := current, time.Time{}
	for _, s := range sums {
		if s.Currency != r.base && !s.Day.Equal(of) {
			rate, of = rateOf(r.rates.On(s.Day)), s.Day
		}
		v, ok := InBase(s.Balance, s.Currency, r.base, rate)
		if !ok {
			_, counted := InBase(s.Balance, s.Currency, r.base, current)
			untold[s.Day] = untold[s.Day] || counted
			continue
		}
		d := byDay[s.Day]
		if d == nil {
			d = &NetDay{Day: s.Day, Currency: r.base, Quality: Complete}
			byDay[s.Day] = d
		}
		if s.Kind == Card || s.Kind == Loan {
			d.Debts = d.Debts.Add(v)
		} else {
			d.Assets = d.Assets.Add(v)
		}
		d.NetWorth = d.NetWorth.Add(v)
		if s.Estimated {
			d.Quality = Estimated
		}
	}
	delete(byDay, r.today)
	if r.wealth.Counted > 0 {
		q := Complete
		if !r.wealth.Complete() {
			q = Estimated
		}
		byDay[r.today] = &NetDay{r.today, r.base, r.wealth.NetWorth, r.wealth.Assets, r.wealth.Debts, q}
	}
	var out []NetDay
	for _, day := range slices.SortedFunc(maps.Keys(byDay), time.Time.Compare) {
		if !untold[day] || day.Equal(r.today) {
			out = append(out, *byDay[day])
		}
	}
	return out
}
