package portfolio

import (
	"context"
	"encoding/json"
	"fmt"
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

// rateOf asks rates for what one unit is worth in any currency.
func rateOf(rates market.Rates) Rate {
	return func(from, to money.Currency) (money.Decimal, bool) {
		rates.Base = to
		return rates.Value(money.MustParse("1"), from)
	}
}

// rollup writes the dashboard's row.
func (r *rebuild) rollup(ctx context.Context) error {
	var holdings []Holding
	for _, a := range r.accounts {
		if !a.counts() {
			continue
		}
		holdings = append(holdings, Holding{Account: a.ID, Kind: a.Kind, Currency: a.Currency, Balance: a.Balance,
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

// unknown turns a missing row into ErrUnknownAccount.
func unknown(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.Because(ErrUnknownAccount, err)
	}
	return err
}
