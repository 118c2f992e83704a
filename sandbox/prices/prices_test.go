package prices_test

import (
	"math"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/prices"
)

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func closing(t *testing.T, m *prices.Market, symbol string, on time.Time) decimal.Decimal {
	t.Helper()
	p, ok := m.Close(symbol, on)
	if !ok {
		t.Fatalf("%s has no price on %s", symbol, on.Format(time.DateOnly))
	}
	return p
}

func TestHistoryStaysAsItWasAsTimeMovesOn(t *testing.T) {
	t.Parallel()
	young, old := prices.New(42), prices.New(42)
	closing(t, old, "AAPL", date(2031, 1, 2)) // walk far ahead first
	closing(t, old, "BTC", date(2031, 1, 2))
	for _, symbol := range []string{"BTC", "AAPL", "NVDA", "VTI"} {
		for d := date(2023, 11, 1); d.Before(date(2026, 11, 1)); d = d.AddDate(0, 0, 11) {
			a, b := closing(t, young, symbol, d), closing(t, old, symbol, d)
			if !a.Equal(b) {
				t.Fatalf("%s on %s is %s, but %s when asked in another order", symbol, d.Format(time.DateOnly), a, b)
			}
			at := d.Add(16*time.Hour + 7*time.Minute)
			x, _ := young.At(symbol, at)
			y, _ := old.At(symbol, at)
			if !x.Equal(y) {
				t.Fatalf("%s at %s is %s or %s", symbol, at, x, y)
			}
		}
	}
}

func TestAnotherSeedIsAnotherMarket(t *testing.T) {
	t.Parallel()
	if closing(t, prices.New(1), "AAPL", date(2026, 3, 3)).Equal(closing(t, prices.New(2), "AAPL", date(2026, 3, 3))) {
		t.Error("two seeds agree to the cent")
	}
}

func TestPricesStayPlausible(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		m := prices.New(seed)
		for _, in := range prices.Instruments() {
			for d := date(2022, 1, 3); d.Before(date(2027, 1, 1)); d = d.AddDate(0, 0, 1) {
				p := closing(t, m, in.Symbol, d).InexactFloat64()
				if p < in.Base/15 || p > in.Base*12 {
					t.Errorf("seed %d: %s costs %v on %s, its base is %v", seed, in.Symbol, p, d.Format(time.DateOnly), in.Base)
					break
				}
			}
		}
	}
}

// returns are the daily logarithmic returns of trading days.
func returns(m *prices.Market, symbol string, everyDay bool) []float64 {
	var out []float64
	before := 0.0
	for d := date(2020, 2, 3); d.Before(date(2026, 11, 1)); d = d.AddDate(0, 0, 1) {
		if !everyDay && !prices.TradingDay(d) {
			continue
		}
		p, _ := m.Close(symbol, d)
		x := p.InexactFloat64()
		if before > 0 {
			r := math.Log(x / before)
			if s := prices.SplitOn(symbol, d); s > 1 {
				r += math.Log(float64(s))
			}
			out = append(out, r)
		}
		before = x
	}
	return out
}

func moments(r []float64) (sd, kurtosis float64) {
	mean := 0.0
	for _, x := range r {
		mean += x / float64(len(r))
	}
	m2, m4 := 0.0, 0.0
	for _, x := range r {
		d := x - mean
		m2 += d * d / float64(len(r))
		m4 += d * d * d * d / float64(len(r))
	}
	return math.Sqrt(m2), m4 / (m2 * m2)
}

func correlation(a, b []float64) float64 {
	n := min(len(a), len(b))
	ma, mb := 0.0, 0.0
	for i := range n {
		ma += a[i] / float64(n)
		mb += b[i] / float64(n)
	}
	ab, aa, bb := 0.0, 0.0, 0.0
	for i := range n {
		ab += (a[i] - ma) * (b[i] - mb)
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	return ab / math.Sqrt(aa*bb)
}

func TestReturnsHaveTheHabitsOfRealOnes(t *testing.T) {
	t.Parallel()
	m := prices.New(42)
	apple, fund, bitcoin := returns(m, "AAPL", false), returns(m, "VTI", false), returns(m, "BTC", true)

	sd, kurtosis := moments(apple)
	if yearly := sd * math.Sqrt(252); yearly < 0.12 || yearly > 0.6 {
		t.Errorf("Apple's volatility is %.2f a year", yearly)
	}
	if kurtosis < 3.5 {
		t.Errorf("tails are thin: kurtosis %.1f, a bell curve has 3", kurtosis)
	}
	if sdBTC, _ := moments(bitcoin); sdBTC < sd {
		t.Errorf("bitcoin (%.4f a day) is calmer than Apple (%.4f)", sdBTC, sd)
	}
	if c := correlation(apple, fund); c < 0.4 || c > 0.95 {
		t.Errorf("Apple and the whole market correlate by %.2f", c)
	}
	// Volatility clusters: the size of a move says something about the next one's.
	size := make([]float64, len(fund))
	for i, r := range fund {
		size[i] = math.Abs(r)
	}
	if c := correlation(size[1:], size); c < 0.03 {
		t.Errorf("big days don't follow big days: autocorrelation %.3f", c)
	}
}

func TestSharesRestOnWeekendsAndHolidays(t *testing.T) {
	t.Parallel()
	m := prices.New(42)
	friday, saturday, sunday := date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22)
	for _, d := range []time.Time{saturday, sunday} {
		if !closing(t, m, "AAPL", d).Equal(closing(t, m, "AAPL", friday)) {
			t.Errorf("Apple moved on %s", d.Weekday())
		}
	}
	if closing(t, m, "BTC", saturday).Equal(closing(t, m, "BTC", friday)) {
		t.Error("bitcoin rested on Saturday")
	}
	closed := []time.Time{
		date(2026, 1, 1), date(2026, 1, 19), date(2026, 2, 16), date(2026, 4, 3), date(2026, 5, 25), date(2026, 6, 19),
		date(2026, 7, 3), date(2026, 9, 7), date(2026, 11, 26), date(2026, 12, 25), date(2025, 4, 18), date(2024, 3, 29),
	}
	for _, d := range closed {
		if prices.TradingDay(d) {
			t.Errorf("%s is a trading day", d.Format(time.DateOnly))
		}
	}
	for _, d := range []time.Time{date(2026, 11, 27), date(2021, 12, 31), date(2026, 12, 24)} {
		if !prices.TradingDay(d) {
			t.Errorf("%s is no trading day", d.Format(time.DateOnly))
		}
	}
}

func TestTheDayEndsAtItsClose(t *testing.T) {
	t.Parallel()
	m := prices.New(42)
	for _, symbol := range []string{"AAPL", "NVDA", "BTC", "VTI"} {
		d := date(2026, 6, 10) // NVIDIA's split day
		last, _ := m.At(symbol, d.Add(23*time.Hour+59*time.Minute+59*time.Second))
		if got := closing(t, m, symbol, d); last.Sub(got).Abs().GreaterThan(got.Mul(decimal.NewFromFloat(0.002))) {
			t.Errorf("%s ends its day at %s and closes at %s", symbol, last, got)
		}
		noon, _ := m.At(symbol, d.Add(16*time.Hour))
		later, _ := m.At(symbol, d.Add(18*time.Hour))
		if noon.Equal(later) {
			t.Errorf("%s doesn't move within the day", symbol)
		}
		if ratio := noon.Div(closing(t, m, symbol, d)).InexactFloat64(); ratio < 0.8 || ratio > 1.25 {
			t.Errorf("%s at noon is %.2f of its close", symbol, ratio)
		}
	}
	early, _ := m.At("AAPL", date(2026, 6, 10).Add(9*time.Hour))
	if !early.Equal(closing(t, m, "AAPL", date(2026, 6, 9))) {
		t.Error("before the open the price isn't yesterday's close")
	}
}

func TestASplitMovesThePriceNotTheWorth(t *testing.T) {
	t.Parallel()
	splits := prices.Splits("NVDA", date(2023, 11, 1), date(2026, 11, 1))
	if len(splits) != 2 || splits[0].Ratio != 3 {
		t.Fatalf("splits in 36 months: %v", splits)
	}
	m := prices.New(42)
	for _, s := range splits {
		before, after := closing(t, m, "NVDA", s.Day.AddDate(0, 0, -1)), closing(t, m, "NVDA", s.Day)
		worth := after.Mul(decimal.New(s.Ratio, 0)).Div(before).InexactFloat64()
		if worth < 0.75 || worth > 1.3 {
			t.Errorf("a split at %s made a share worth %.2f of itself", s.Day, worth)
		}
	}
}

func TestMoneyMarketFundsCostOneAndPayMonthly(t *testing.T) {
	t.Parallel()
	m := prices.New(42)
	if p := closing(t, m, "SPAXX", date(2026, 5, 5)); !p.Equal(decimal.New(1, 0)) {
		t.Errorf("SPAXX costs %s", p)
	}
	paid := 0
	for d := date(2026, 1, 1); d.Before(date(2027, 1, 1)); d = d.AddDate(0, 0, 1) {
		if m.DividendOn("SPAXX", d).IsPositive() {
			paid++
		}
	}
	if paid != 12 {
		t.Errorf("SPAXX paid %d times in a year", paid)
	}
}

func TestDividendsComeOnTradingDaysAsOftenAsSaid(t *testing.T) {
	t.Parallel()
	m := prices.New(42)
	for _, in := range prices.Instruments() {
		n := 0
		for d := date(2025, 1, 1); d.Before(date(2026, 1, 1)); d = d.AddDate(0, 0, 1) {
			if m.DividendOn(in.Symbol, d).IsPositive() {
				n++
				if in.Kind != prices.MoneyMarket && !prices.TradingDay(d) {
					t.Errorf("%s pays on %s", in.Symbol, d.Format(time.DateOnly))
				}
			}
		}
		if n != in.Pays {
			t.Errorf("%s paid %d times, it says %d", in.Symbol, n, in.Pays)
		}
	}
}

func TestOptionsFollowTheirShare(t *testing.T) {
	t.Parallel()
	m := prices.New(42)
	now := date(2026, 11, 20).Add(17 * time.Hour)
	spot, _ := m.At("AAPL", now)
	expires := date(2028, 1, 21)
	call := prices.OCC("AAPL", expires, true, spot.Round(-1))
	put := prices.OCC("AAPL", expires, false, spot.Round(-1))
	if len(call) != 21 {
		t.Fatalf("OCC symbol %q", call)
	}
	c, okC := m.At(call, now)
	p, okP := m.At(put, now)
	if !okC || !okP || !c.IsPositive() || !p.IsPositive() || c.GreaterThan(spot) {
		t.Errorf("call %s, put %s, share %s", c, p, spot)
	}
	worth, _ := m.At(prices.OCC("AAPL", date(2026, 11, 13), true, decimal.New(1, 0)), now)
	if worth.Sub(spot).Abs().Sub(decimal.New(1, 0)).Abs().GreaterThan(decimal.NewFromFloat(0.02)) {
		t.Errorf("an expired call struck at 1 is worth %s at a share price of %s", worth, spot)
	}
	for _, bad := range []string{"AAPL  2812", "XXXX  281215C00240000", "AAPL  281315C00240000", "AAPL  281215X00240000", "AAPL  281215C0024000a", "BTC   281215C00240000"} {
		if _, ok := prices.Lookup(bad); ok {
			t.Errorf("%q is taken for an option", bad)
		}
	}
}

func FuzzLookup(f *testing.F) {
	for _, s := range []string{"AAPL", "AAPL  281215C00240000", "", "      281215C00240000", "BRK.B 281215P99999999"} {
		f.Add(s)
	}
	m := prices.New(1)
	now := time.Date(2026, 5, 5, 15, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, symbol string) {
		in, ok := prices.Lookup(symbol)
		p, priced := m.At(symbol, now)
		if ok != priced || ok && (in.Symbol != symbol || !p.IsPositive()) {
			t.Errorf("%q: known %v, priced %v at %s", symbol, ok, priced, p)
		}
	})
}
