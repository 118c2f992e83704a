package market_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"flint/internal/market"
	"flint/internal/money"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/provider/marketdata"
)

func date(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func rates(pairs ...string) map[money.Currency]money.Decimal {
	m := map[money.Currency]money.Decimal{}
	for i := 0; i < len(pairs); i += 2 {
		m[money.Currency(pairs[i])] = money.MustParse(pairs[i+1])
	}
	return m
}

// feed is a Source that counts what it is asked.
type feed struct {
	days  []marketdata.Day // newest first
	asked []string
	err   error
}

func (f *feed) Daily(context.Context) (marketdata.Day, error) {
	f.asked = append(f.asked, "daily")
	return f.days[0], f.err
}

func (f *feed) History(context.Context) ([]marketdata.Day, error) {
	f.asked = append(f.asked, "history")
	return f.days, nil
}

func (f *feed) FullHistory(context.Context) ([]marketdata.Day, error) {
	f.asked = append(f.asked, "full")
	return f.days, f.err
}

func (f *feed) last() string {
	if len(f.asked) == 0 {
		return ""
	}
	return f.asked[len(f.asked)-1]
}

func setup(t *testing.T, now *time.Time, f *feed) (*pgxpool.Pool, *market.Service, *int) {
	t.Helper()
	pool := pgtest.New(t)
	told := new(int)
	s := market.New(market.Config{
		Pool: pool, Source: f, Now: func() time.Time { return *now }, Log: slog.New(slog.DiscardHandler),
		Changed: func(context.Context, pgx.Tx) error { *told++; return nil },
	})
	return pool, s, told
}

func TestUpdateAsksForAsLittleAsItCan(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 16, 30, 0, 0, time.UTC) // a Friday
	f := &feed{days: []marketdata.Day{{Day: date("2026-11-19"), Base: "EUR", Rates: rates("USD", "1.10")}}}
	_, s, told := setup(t, &now, f)
	update := func(want string, wantAdded int64) {
		t.Helper()
		f.asked = nil
		added, err := s.Update(t.Context())
		if err != nil || added != wantAdded || f.last() != want {
			t.Errorf("asked for %q and added %d (%v), want %q and %d", f.last(), added, err, want, wantAdded)
		}
	}
	update("full", 1) // an empty table
	update("daily", 0)
	f.days = append([]marketdata.Day{{Day: date("2026-11-20"), Base: "EUR", Rates: rates("USD", "1.11", "GBP", "0.85")}}, f.days...)
	update("daily", 2)
	update("", 0) // today's are here
	now = now.Add(2 * 24 * time.Hour)
	update("history", 0) // on a Sunday nobody knows if Friday was the last
	now = now.Add(24 * time.Hour)
	update("daily", 0) // Monday
	now = now.Add(20 * 24 * time.Hour)
	update("history", 0)
	now = now.Add(200 * 24 * time.Hour)
	f.err = errors.New("no such file")
	update("history", 0) // the long one fails, the short one will do
	if *told != 2 {
		t.Errorf("told of new rates %d times", *told)
	}
}

func TestAnUpdateThatCanNotBeValuedIsNotStored(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	stop := errors.New("stop")
	s := market.New(market.Config{
		Pool: pool, Source: &feed{days: []marketdata.Day{{Day: date("2026-11-19"), Rates: rates("USD", "1.10")}}},
		Now: func() time.Time { return date("2026-11-20") }, Log: slog.New(slog.DiscardHandler),
		Changed: func(context.Context, pgx.Tx) error { return stop },
	})
	if _, err := s.Update(t.Context()); !errors.Is(err, stop) {
		t.Error(err)
	}
	n, err := postgres.Scalar[int](t.Context(), pool, `select count(*) from fx_rates`, nil)
	if err != nil || n != 0 {
		t.Errorf("%d rates stayed (%v)", n, err)
	}
}

func TestRatesAreCarriedForwardAWeekAndNoLonger(t *testing.T) {
	t.Parallel()
	now := date("2026-11-20")
	f := &feed{days: []marketdata.Day{
		{Day: date("2026-11-13"), Base: "EUR", Rates: rates("USD", "1.20", "JPY", "150")},
		{Day: date("2026-11-12"), Base: "EUR", Rates: rates("USD", "1.10", "GBP", "0.80")},
	}}
	pool, s, _ := setup(t, &now, f)
	if _, err := s.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		day, base, amount, currency, want string // "": missing
	}{
		{"2026-11-13", "USD", "10", "EUR", "12"},
		{"2026-11-12", "USD", "10", "EUR", "11"},
		{"2026-11-11", "USD", "10", "EUR", ""},   // before the first
		{"2026-11-20", "USD", "10", "EUR", "12"}, // a week
		{"2026-11-21", "USD", "10", "EUR", ""},   // a week and a day
		{"2026-11-19", "USD", "0.8", "GBP", "1.2"},
		{"2026-11-20", "USD", "80", "GBX", ""}, // GBP ended a day earlier
		{"2026-11-19", "USD", "80", "GBX", "1.2"},
		{"2026-11-13", "JPY", "-2.40", "USD", "-300"},
		{"2026-11-13", "USD", "1", "BTC", ""},
		{"2026-11-13", "BTC", "1", "USD", ""},
		{"2027-11-13", "BTC", "1", "BTC", "1"},
		{"2027-11-13", "USD", "5", "USD", "5"},
		{"2026-11-13", "", "5", "", ""},
	} {
		r, err := market.RatesOn(t.Context(), pool, date(c.day), money.Currency(c.base))
		if err != nil {
			t.Fatal(err)
		}
		got, ok := r.Convert(money.Of(money.MustParse(c.amount), money.Currency(c.currency)))
		if _, asOfKnown := r.AsOf(money.Currency(c.currency)); asOfKnown != ok {
			t.Errorf("%+v: a rate is known (%v), its day isn't", c, ok)
		}
		if ok != (c.want != "") || ok && (!got.Amount.Equal(money.MustParse(c.want)) || got.Currency != money.Currency(c.base)) {
			t.Errorf("%s: %s %s is %v %v, want %q %s", c.day, c.amount, c.currency, got, ok, c.want, c.base)
		}
	}
	r, err := market.RatesOn(t.Context(), pool, date("2026-11-15"), "GBP")
	if err != nil {
		t.Fatal(err)
	}
	if day, ok := r.AsOf("USD"); !ok || !day.Equal(date("2026-11-12")) {
		t.Errorf("the rate is of %s, want that of its older half", day)
	}
}

func TestAHistoryUsesTheRatesOfEachDay(t *testing.T) {
	t.Parallel()
	now := date("2026-11-20")
	f := &feed{days: []marketdata.Day{
		{Day: date("2026-11-13"), Rates: rates("USD", "1.20")},
		{Day: date("2026-11-02"), Rates: rates("USD", "1.10")},
	}}
	pool, s, _ := setup(t, &now, f)
	if _, err := s.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	cal, err := market.RatesBetween(t.Context(), pool, date("2026-11-01"), date("2026-11-20"), "USD")
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]string{"2026-11-01": "", "2026-11-02": "1.1", "2026-11-09": "1.1", "2026-11-10": "", "2026-11-20": "1.2"} {
		got, ok := cal.On(date(day)).Value(money.MustParse("1"), "EUR")
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s: %s %v, want %q", day, got, ok, want)
		}
	}
}

// Converting there and back gives what it began with, converting a sum is the
// sum of the conversions, and the way round makes no difference.
func TestCrossRatesAgreeWithEachOther(t *testing.T) {
	t.Parallel()
	now := date("2026-11-20")
	f := &feed{days: []marketdata.Day{{Day: date("2026-11-20"), Rates: rates(
		"USD", "1.1534", "JPY", "179.83", "GBP", "0.8798", "HUF", "384.05", "KRW", "1685.12", "BGN", "1.9558")}}}
	pool, s, _ := setup(t, &now, f)
	if _, err := s.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	codes := []money.Currency{"EUR", "USD", "JPY", "GBP", "HUF", "KRW", "BGN"}
	into := map[money.Currency]market.Rates{}
	for _, c := range codes {
		r, err := market.RatesOn(t.Context(), pool, now, c)
		if err != nil {
			t.Fatal(err)
		}
		into[c] = r
	}
	tolerance := money.MustParse("0.00000001")
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) money.Decimal {
			return money.MustParse("0").Add(money.MustParse("0.01").Mul(
				money.MustParse(rapid.StringMatching(`-?[1-9][0-9]{0,9}`).Draw(t, name))))
		}
		a, b := draw("a"), draw("b")
		x := rapid.SampledFrom(codes).Draw(t, "x")
		y := rapid.SampledFrom(codes).Draw(t, "y")
		z := rapid.SampledFrom(codes).Draw(t, "z")
		value := func(d money.Decimal, from, to money.Currency) money.Decimal {
			v, ok := into[to].Value(d, from)
			if !ok {
				t.Fatalf("no rate from %s to %s", from, to)
			}
			return v
		}
		near := func(what string, got, want money.Decimal) {
			if got.Sub(want).Abs().GreaterThan(tolerance) {
				t.Fatalf("%s: %s, want %s (%s %s %s)", what, got, want, x, y, z)
			}
		}
		near("there and back", value(value(a, x, y), y, x), a)
		near("by way of a third", value(value(a, x, y), y, z), value(a, x, z))
		near("sum", value(a.Add(b), x, y), value(a, x, y).Add(value(b, x, y)))
		if value(a, x, y).Sign() != a.Sign() {
			t.Fatal("the sign changed")
		}
	})
}

func TestSwitchedOffRatesDoNothing(t *testing.T) {
	t.Parallel()
	if n, err := market.New(market.Config{}).Update(t.Context()); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
