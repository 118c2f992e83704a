package portfolio

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/market"
	"flint/internal/money"
	"flint/internal/platform/postgres"
)

// List returns owner's accounts, oldest first.
func (s *Service) List(ctx context.Context, owner id.User) ([]Account, error) {
	list, err := s.accounts(ctx, s.cfg.Pool, owner)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return list, nil
}

// Standing is where a person stands: the rollup and what it is made of.
type Standing struct {
	Wealth    *wealthRow // nil: nothing was ever rolled up
	Accounts  []Account
	Yesterday *NetDay // the last day before today that is known
	Rate      Rate    // today's, into the rollup's currency
}

// Standing reads the dashboard's row, the accounts and the day before in one
// round trip.
func (s *Service) Standing(ctx context.Context, owner id.User) (Standing, error) {
	var out Standing
	today := BusinessDay(s.cfg.Now())
	batch := &pgx.Batch{}
	args := pgx.StrictNamedArgs{"owner": owner}
	batch.Queue(wealthSQL, args).Query(func(rows pgx.Rows) (err error) {
		list, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByName[wealthRow])
		if len(list) == 1 {
			out.Wealth = list[0]
		}
		return err
	})
	batch.Queue(accountsSQL, args).Query(func(rows pgx.Rows) (err error) {
		out.Accounts, err = pgx.CollectRows(rows, pgx.RowToStructByName[Account])
		return err
	})
	batch.Queue(beforeSQL, pgx.StrictNamedArgs{"owner": owner, "today": today}).Query(func(rows pgx.Rows) (err error) {
		list, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByName[NetDay])
		if len(list) == 1 {
			out.Yesterday = list[0]
		}
		return err
	})
	if err := postgres.Together(ctx, s.cfg.Pool, batch); err != nil {
		return Standing{}, fmt.Errorf("read standing: %w", err)
	}
	if err := s.open(ctx, owner, out.Accounts); err != nil {
		return Standing{}, fmt.Errorf("read standing: %w", err)
	}
	out.name()
	rate, err := s.rate(ctx, out)
	out.Rate = rate
	return out, err
}

// name says by name which accounts the totals leave out; they are stored by id.
func (st Standing) name() {
	if st.Wealth == nil {
		return
	}
	titles := map[string]string{}
	for _, a := range st.Accounts {
		titles[a.ID.String()] = a.Title()
	}
	for i, m := range st.Wealth.Missing {
		if m.What == MissingBalance {
			st.Wealth.Missing[i].Detail = titles[m.Detail]
		}
	}
	slices.SortFunc(st.Wealth.Missing, compareMissing)
	st.Wealth.Missing = slices.Compact(st.Wealth.Missing)
}

// rate loads today's exchange rates, if anything is foreign.
func (s *Service) rate(ctx context.Context, st Standing) (Rate, error) {
	if st.Wealth == nil {
		return nil, nil
	}
	for _, a := range st.Accounts {
		if a.Currency == st.Wealth.Currency {
			continue
		}
		rates, err := market.RatesOn(ctx, s.cfg.Pool, BusinessDay(st.Wealth.UpdatedAt), st.Wealth.Currency)
		if err != nil {
			return nil, fmt.Errorf("read standing: %w", err)
		}
		return rateOf(rates), nil
	}
	return nil, nil
}

// Periods that a history can be asked for, in days back; ALL is the whole.
var periods = map[string]int{"1W": 7, "1M": 30, "3M": 91, "1Y": 365, "ALL": 0}

// maxPoints is how many points a chart gets at most.
const maxPoints = 400

// History returns net worth by day for a period, at most 400 points; the last
// one is the headline.
func (s *Service) History(ctx context.Context, owner id.User, period string) ([]NetDay, error) {
	back, ok := periods[period]
	if !ok {
		return nil, fault.BadField("query.period", "must be one of 1W, 1M, 3M, 1Y, ALL")
	}
	var from time.Time
	if back > 0 {
		from = BusinessDay(s.cfg.Now()).AddDate(0, 0, -back)
	}
	days, err := netWorthDays(ctx, s.cfg.Pool, owner, from)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return thin(days, maxPoints), nil
}

// thin keeps at most n days, evenly, the last one always.
func thin[T any](days []T, n int) []T {
	if len(days) <= n {
		return days
	}
	step := (len(days) + n - 1) / n
	var out []T
	for i := (len(days) - 1) % step; i < len(days); i += step {
		out = append(out, days[i])
	}
	return out
}

// Detail is one account with its past and what it holds.
type Detail struct {
	Account   Account
	Days      []dayRow
	Positions []Position
	Cash      []Cash
}

// Detail returns one account of owner, or ErrUnknownAccount.
func (s *Service) Detail(ctx context.Context, owner id.User, a id.Account) (Detail, error) {
	found, err := s.Find(ctx, s.cfg.Pool, owner, a)
	if err != nil {
		return Detail{}, err
	}
	d := Detail{Account: found}
	if d.Days, err = balanceDays(ctx, s.cfg.Pool, owner, []id.Account{a}); err != nil {
		return d, fmt.Errorf("read history: %w", err)
	}
	d.Days = thin(d.Days, maxPoints)
	positions, err := currentPositions(ctx, s.cfg.Pool, owner, a)
	if err != nil {
		return d, fmt.Errorf("read positions: %w", err)
	}
	for _, p := range positions {
		d.Positions = append(d.Positions, p.Position)
	}
	cash, err := currentCash(ctx, s.cfg.Pool, owner, a)
	if err != nil {
		return d, fmt.Errorf("read cash: %w", err)
	}
	for _, c := range cash {
		d.Cash = append(d.Cash, c.Cash)
	}
	return d, nil
}

// Change is what a person may change about an account; nil leaves as it is. An
// empty nickname removes it. A hidden account counts in no total.
type Change struct {
	Nickname *string
	Hidden   *bool
}

// Change changes an account of actor's. It returns ErrUnknownAccount if there is
// none.
func (s *Service) Change(ctx context.Context, actor access.Actor, a id.Account, c Change) (Account, error) {
	now := s.cfg.Now()
	if c.Nickname != nil {
		trimmed := strings.TrimSpace(*c.Nickname)
		c.Nickname = &trimmed
	}
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if err := Lock(ctx, tx, actor.User); err != nil {
			return err
		}
		found, err := s.Find(ctx, tx, actor.User, a)
		if err != nil {
			return err
		}
		var sealed []byte
		if c.Nickname != nil {
			found.Nickname = c.Nickname
			if sealed, err = s.seal(ctx, actor.User, found); err != nil {
				return err
			}
		}
		if err := rewrite(ctx, tx, actor.User, a, sealed, c.Hidden, now); err != nil {
			return err
		}
		err = audit.Record(ctx, tx, now, audit.Entry{Actor: actor, Subject: actor.User, Verb: "account.change", Object: a.String()})
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if c.Hidden != nil {
			return s.RebuildAll(ctx, tx, actor.User, nil, now)
		}
		return Tell(ctx, tx, actor.User, "wealth", struct{}{})
	})
	if err != nil {
		return Account{}, fmt.Errorf("change account: %w", err)
	}
	return s.Find(ctx, s.cfg.Pool, actor.User, a)
}

// Holdings returns what all shown accounts hold, and the rates to add it up.
func (s *Service) Holdings(ctx context.Context, owner id.User) (Standing, []Held, error) {
	st, err := s.Standing(ctx, owner)
	if err != nil || st.Wealth == nil {
		return st, nil, err
	}
	positions, err := currentPositions(ctx, s.cfg.Pool, owner, id.Account{})
	if err != nil {
		return st, nil, fmt.Errorf("read positions: %w", err)
	}
	for _, p := range positions {
		if st.Rate == nil && p.Currency != st.Wealth.Currency {
			rates, err := market.RatesOn(ctx, s.cfg.Pool, BusinessDay(st.Wealth.UpdatedAt), st.Wealth.Currency)
			if err != nil {
				return st, nil, err
			}
			st.Rate = rateOf(rates)
		}
	}
	return st, positions, nil
}

// InBase returns an account's balance in the rollup's currency, or nil.
func (st Standing) InBase(a Account) *money.Decimal {
	if a.Balance == nil || st.Wealth == nil {
		return nil
	}
	v, ok := InBase(*a.Balance, a.Currency, st.Wealth.Currency, st.Rate)
	if !ok {
		return nil
	}
	return &v
}
