package portfolio

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/market"
	"flint/internal/money"
	"flint/internal/platform/postgres"
)

// Story is what the transactions say about an account's past.
type Story struct {
	Account id.Account
	Flows   []Flow  // what posted, by day: banks, cards, loans
	Trades  []Trade // what was traded and paid: investments
}

// Rebuild derives everything that rests on accounts and transactions: balances
// by day for the accounts in stories, net worth from the first day that changed,
// and the dashboard's row. Rows that don't change aren't written. If a figure
// changed, the person's open pages are told when tx commits.
//
// The caller holds Lock.
func (s *Service) Rebuild(ctx context.Context, tx pgx.Tx, owner id.User, stories []Story, now time.Time) error {
	return s.rebuild(ctx, tx, owner, stories, BusinessDay(now), now)
}

// RebuildAll is Rebuild when the whole past may look different: an account is
// hidden or deleted, or totals are wanted in another currency.
func (s *Service) RebuildAll(ctx context.Context, tx pgx.Tx, owner id.User, stories []Story, now time.Time) error {
	return s.rebuild(ctx, tx, owner, stories, time.Time{}, now)
}

func (s *Service) rebuild(ctx context.Context, tx pgx.Tx, owner id.User, stories []Story, from, now time.Time) error {
	r := rebuild{tx: tx, owner: owner, today: BusinessDay(now), now: now, from: from}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"read accounts", func(ctx context.Context) error { return r.load(ctx, stories) }},
		{"value holdings", r.value},
		{"balances by day", func(ctx context.Context) error { return r.history(ctx, stories) }},
		{"dashboard", r.rollup},
		{"net worth by day", r.netWorth},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("rebuild: %s: %w", step.what, err)
		}
	}
	if !r.changed {
		return nil
	}
	return Tell(ctx, tx, owner, "wealth", struct{}{})
}

// Tell sends a live event to owner's open pages when tx commits.
func Tell(ctx context.Context, db postgres.DB, owner id.User, topic string, data any) error {
	payload, err := json.Marshal(struct {
		User  id.User `json:"user"`
		Topic string  `json:"topic"`
		Data  any     `json:"data"`
	}{owner, topic, data})
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	return postgres.Notify(ctx, db, "flint_live", string(payload))
}

// rebuild is one run of Rebuild.
type rebuild struct {
	tx        pgx.Tx
	owner     id.User
	base      money.Currency
	accounts  []Account
	positions map[id.Account][]Position
	cash      map[id.Account][]Cash
	missing   map[id.Account][]Missing
	rates     market.Calendar
	past      time.Time // first day that anything is known of
	today     time.Time
	now       time.Time
	from      time.Time // first day whose net worth may have changed
	wealth    Wealth
	changed   bool
}

// load reads what the rest works on. Rates of the past are read only by those
// who own something foreign.
func (r *rebuild) load(ctx context.Context, stories []Story) error {
	var err error
	if r.base, err = baseCurrency(ctx, r.tx, r.owner); err != nil {
		return err
	}
	if r.accounts, err = accounts(ctx, r.tx, r.owner); err != nil {
		return err
	}
	if err := r.loadHoldings(ctx); err != nil {
		return err
	}
	if r.past, err = firstDay(ctx, r.tx, r.owner, r.today); err != nil {
		return err
	}
	for _, story := range stories {
		for _, f := range story.Flows {
			r.past = earlier(r.past, f.Day.AddDate(0, 0, -1)) // see Balances
		}
		for _, t := range story.Trades {
			r.past = earlier(r.past, t.Day)
		}
	}
	from := r.today
	if r.foreign() {
		from = r.past
	}
	r.rates, err = market.RatesBetween(ctx, r.tx, from, r.today, r.base)
	return err
}

func (r *rebuild) loadHoldings(ctx context.Context) error {
	positions, err := currentPositions(ctx, r.tx, r.owner, id.Account{})
	if err != nil {
		return err
	}
	cash, err := currentCash(ctx, r.tx, r.owner, id.Account{})
	if err != nil {
		return err
	}
	r.positions, r.cash = map[id.Account][]Position{}, map[id.Account][]Cash{}
	for _, p := range positions {
		r.positions[p.AccountID] = append(r.positions[p.AccountID], p.Position)
	}
	for _, c := range cash {
		r.cash[c.AccountID] = append(r.cash[c.AccountID], c.Cash)
	}
	return nil
}

// foreign reports whether anything is in another currency than the totals.
func (r *rebuild) foreign() bool {
	for _, a := range r.accounts {
		if a.Currency != r.base ||
			slices.ContainsFunc(r.positions[a.ID], func(p Position) bool { return p.Currency != r.base }) ||
			slices.ContainsFunc(r.cash[a.ID], func(c Cash) bool { return c.Currency != r.base }) {
			return true
		}
	}
	return false
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// value works out the balance of every account that holds positions.
func (r *rebuild) value(ctx context.Context) error {
	rate := rateOf(r.rates.On(r.today))
	r.missing = map[id.Account][]Missing{}
	var valued []Account
	for i := range r.accounts {
		a := &r.accounts[i]
		if a.SnapshotID.IsZero() {
			continue
		}
		a.Balance, r.missing[a.ID] = Worth(a.Currency, r.positions[a.ID], r.cash[a.ID], rate)
		valued = append(valued, *a)
	}
	return revalue(ctx, r.tx, r.owner, valued)
}

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
		if a.SnapshotID.IsZero() {
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

// rateOf asks rates for what one unit is worth in any currency.
func rateOf(rates market.Rates) Rate {
	return func(from, to money.Currency) (money.Decimal, bool) {
		rates.Base = to
		return rates.Value(money.MustParse("1"), from)
	}
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
	if !a.SnapshotID.IsZero() {
		last = newest
	}
	if len(old) > 0 && (oldest.Before(first) && a.SnapshotID.IsZero() || newest.After(last)) {
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

// rollup writes the dashboard's row.
func (r *rebuild) rollup(ctx context.Context) error {
	var holdings []Holding
	for _, a := range r.accounts {
		if !a.counts() {
			continue
		}
		holdings = append(holdings, Holding{Account: a.ID, Name: a.Title(), Kind: a.Kind, Currency: a.Currency, Balance: a.Balance,
			AsOf: a.BalanceAsOf, Missing: r.missing[a.ID]})
	}
	today := r.rates.On(r.today)
	r.wealth = Rollup(r.base, holdings, rateOf(today))
	var fxDay *time.Time // of the oldest rate in the totals
	for _, h := range holdings {
		if of, ok := today.AsOf(h.Currency); ok && !of.IsZero() && (fxDay == nil || of.Before(*fxDay)) {
			fxDay = &of
		}
	}
	changed, err := saveWealth(ctx, r.tx, r.owner, r.wealth, fxDay, r.now)
	r.changed = r.changed || changed
	return err
}

// netWorth writes the net worth of the days that changed. Today's is the
// dashboard's, so that the chart ends where the headline stands.
func (r *rebuild) netWorth(ctx context.Context) error {
	stored, err := netWorthDays(ctx, r.tx, r.owner, r.from)
	if err != nil {
		return err
	}
	old := map[time.Time]netDay{}
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
	var write []netDay
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
func (r *rebuild) days(sums []daySum) []netDay {
	byDay := map[time.Time]*netDay{}
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
			d = &netDay{Day: s.Day, Currency: r.base, Quality: Complete}
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
		byDay[r.today] = &netDay{r.today, r.base, r.wealth.NetWorth, r.wealth.Assets, r.wealth.Debts, q}
	}
	var out []netDay
	for _, day := range slices.SortedFunc(maps.Keys(byDay), time.Time.Compare) {
		if !untold[day] || day.Equal(r.today) {
			out = append(out, *byDay[day])
		}
	}
	return out
}

// unknown turns a missing row into ErrUnknownAccount.
func unknown(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.Because(ErrUnknownAccount, err)
	}
	return err
}
