package portfolio_test

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"flint/internal/money"
	"flint/internal/portfolio"
)

func TestBalancesRunBackwardsFromToday(t *testing.T) {
	t.Parallel()
	got := portfolio.Balances(dec("100"), day("2026-03-05"), day("2026-03-05"), day("2026-03-06"), []portfolio.Flow{
		{Day: day("2026-03-02"), Amount: dec("50")},
		{Day: day("2026-03-04"), Amount: dec("-20")},
		{Day: day("2026-03-05"), Amount: dec("5")},
	})
	want := []struct {
		day, balance string
		quality      portfolio.Quality
	}{
		{"2026-03-01", "65", portfolio.Estimated}, {"2026-03-02", "115", portfolio.Estimated}, {"2026-03-03", "115", portfolio.Estimated}, {"2026-03-04", "95", portfolio.Estimated},
		{"2026-03-05", "100", portfolio.Complete}, {"2026-03-06", "100", portfolio.Estimated},
	}
	if len(got) != len(want) {
		t.Fatalf("%d days, want %d: earlier days are absent", len(got), len(want))
	}
	for i, w := range want {
		if p := got[i]; !p.Day.Equal(day(w.day)) || !p.Balance.Equal(dec(w.balance)) || p.Quality != w.quality {
			t.Errorf("%s: %s %s; want %s %s", p.Day.Format(time.DateOnly), p.Balance, p.Quality, w.balance, w.quality)
		}
	}
}

// Each day differs from the one before by exactly what posted on it, there is no
// gap, and the anchor's day is the anchor.
func TestBalancesAndFlowsAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := day("2026-01-01")
		flows := map[time.Time]money.Decimal{}
		var list []portfolio.Flow
		for range rapid.IntRange(0, 40).Draw(t, "n") {
			f := portfolio.Flow{
				Day:    start.AddDate(0, 0, rapid.IntRange(0, 100).Draw(t, "day")),
				Amount: decimal.New(rapid.Int64Range(-1e6, 1e6).Draw(t, "cents"), -2),
			}
			list, flows[f.Day] = append(list, f), flows[f.Day].Add(f.Amount)
		}
		anchorDay := start.AddDate(0, 0, rapid.IntRange(0, 110).Draw(t, "anchor"))
		last := anchorDay.AddDate(0, 0, rapid.IntRange(-5, 20).Draw(t, "last"))
		anchor := decimal.New(rapid.Int64Range(-1e8, 1e8).Draw(t, "balance"), -2)
		points := portfolio.Balances(anchor, anchorDay, anchorDay, last, list)
		seen := false
		for i, p := range points {
			if p.Day.Equal(anchorDay) {
				seen = p.Balance.Equal(anchor) && p.Quality == portfolio.Complete
			}
			if i == 0 {
				continue
			}
			if !p.Day.Equal(points[i-1].Day.AddDate(0, 0, 1)) {
				t.Fatalf("a gap before %s", p.Day)
			}
			if !p.Balance.Sub(points[i-1].Balance).Equal(flows[p.Day]) {
				t.Fatalf("%s moved by %s, posted %s", p.Day, p.Balance.Sub(points[i-1].Balance), flows[p.Day])
			}
		}
		if !seen {
			t.Fatal("the anchor's day is not the anchor")
		}
	})
}

func TestBackcastRollsBackTradesAndStopsWhereAPriceIsMissing(t *testing.T) {
	t.Parallel()
	positions := []portfolio.Position{{Symbol: "VTI", Quantity: dec("3"), Price: decp("130"), Multiplier: dec("1"), Currency: "USD"}}
	cash := []portfolio.Cash{{Currency: "USD", Cash: dec("40")}}
	trades := []portfolio.Trade{
		{Day: day("2026-03-01"), Amount: dec("350"), Currency: "USD"}, // contribution
		{Day: day("2026-03-02"), Symbol: "VTI", Quantity: dec("1"), Price: decp("100"), Amount: dec("-100"), Currency: "USD"},
		{Day: day("2026-03-04"), Symbol: "VTI", Quantity: dec("2"), Price: decp("105"), Amount: dec("-210"), Currency: "USD"},
	}
	got := portfolio.Backcast(positions, cash, day("2026-03-06"), "USD", trades, rates)
	want := map[string]string{
		"2026-03-01": "350",   // cash alone
		"2026-03-02": "350",   // 250 + 1 × 100
		"2026-03-03": "352.5", // half way from 100 to 105
		"2026-03-04": "355",   // 40 + 3 × 105
		"2026-03-05": "392.5", // half way from 105 to 130
	}
	if len(got) != len(want) {
		t.Fatalf("%d days, want %d: %v", len(got), len(want), got)
	}
	for _, p := range got {
		if w := want[p.Day.Format(time.DateOnly)]; !p.Balance.Equal(dec(w)) || p.Quality != portfolio.Estimated {
			t.Errorf("%s: %s %s, want %s", p.Day.Format(time.DateOnly), p.Balance, p.Quality, w)
		}
	}

	// A holding that came from nowhere has no price before the snapshot.
	positions = append(positions, portfolio.Position{Symbol: "GIFT", Quantity: dec("1"), Price: decp("9"), Multiplier: dec("1"), Currency: "USD"})
	if got := portfolio.Backcast(positions, cash, day("2026-03-06"), "USD", trades, rates); len(got) != 0 {
		t.Errorf("days are made up: %v", got)
	}
}

func TestASplitMakesNoJump(t *testing.T) {
	t.Parallel()
	positions := []portfolio.Position{{Symbol: "NVDA", Quantity: dec("30"), Price: decp("102"), Multiplier: dec("1"), Currency: "USD"}}
	trades := []portfolio.Trade{
		{Day: day("2026-03-01"), Symbol: "NVDA", Quantity: dec("10"), Price: decp("300"), Amount: dec("-3000"), Currency: "USD"},
		{Day: day("2026-03-04"), Symbol: "NVDA", Quantity: dec("20"), Price: decp("0"), Amount: dec("0"), Currency: "USD", Split: true},
		// Dividends come with what a unit paid, which is no price of the unit.
		{Day: day("2026-03-05"), Symbol: "NVDA", Quantity: dec("0"), Price: decp("0.25"), Amount: dec("0"), Currency: "USD"},
	}
	cash := []portfolio.Cash{{Currency: "USD", Cash: dec("-3000")}} // so that the days before are worth nothing
	last := dec("0")
	for i, p := range portfolio.Backcast(positions, cash, day("2026-03-07"), "USD", trades, rates) {
		if i > 0 && p.Balance.Sub(last).Abs().GreaterThan(dec("11")) {
			t.Errorf("%s: jumped from %s to %s", p.Day.Format(time.DateOnly), last, p.Balance)
		}
		last = p.Balance
	}
	if !last.Equal(dec("50")) {
		t.Errorf("the day before the snapshot is worth %s, want 50: five sixths of the way from 0 to 60", last)
	}
}
