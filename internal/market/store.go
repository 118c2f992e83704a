package market

import (
	"context"
	"fmt"
	"time"

	"flint/internal/money"
	"flint/internal/platform/postgres"
	"flint/internal/provider/marketdata"
)

// RatesOn returns the rates that were known on day: of each currency the last
// one, at most MaxAge old.
func RatesOn(ctx context.Context, db postgres.DB, day time.Time, base money.Currency) (Rates, error) {
	c, err := RatesBetween(ctx, db, day, day, base)
	if err != nil {
		return Rates{}, err
	}
	return c.On(day), nil
}

// RatesBetween returns the rates of all days from the first to the last.
func RatesBetween(ctx context.Context, db postgres.DB, first, last time.Time, base money.Currency) (Calendar, error) {
	rows, err := postgres.Many[row](ctx, db, `
		select day, currency, rate from fx_rates
		where day between @first and @last and base = 'EUR'
		order by day`,
		postgres.Args{"first": midnight(first).Add(-MaxAge), "last": midnight(last)})
	if err != nil {
		return Calendar{}, fmt.Errorf("read exchange rates: %w", err)
	}
	return Calendar{base, rows}, nil
}

// newest returns the last day that there are rates for, or zero.
func newest(ctx context.Context, db postgres.DB) (time.Time, error) {
	day, err := postgres.Scalar[*time.Time](ctx, db, `select max(day) from fx_rates`, nil)
	if err != nil || day == nil {
		return time.Time{}, err
	}
	return *day, nil
}

// save stores days and returns how many rates are new or different.
func save(ctx context.Context, db postgres.DB, days []marketdata.Day) (int64, error) {
	var (
		dates      []time.Time
		currencies []string
		rates      []money.Decimal
	)
	for _, d := range days {
		for c, rate := range d.Rates {
			dates, currencies, rates = append(dates, d.Day), append(currencies, string(c)), append(rates, rate)
		}
	}
	return postgres.Touch(ctx, db, `
		insert into fx_rates (day, currency, base, rate, source)
		select d, c, 'EUR', r, 'ecb' from unnest(@days::date[], @currencies::text[], @rates::numeric[]) as t (d, c, r)
		on conflict (day, currency) do update set rate = excluded.rate, source = excluded.source
		where fx_rates.rate is distinct from excluded.rate`,
		postgres.Args{"days": dates, "currencies": currencies, "rates": rates})
}
