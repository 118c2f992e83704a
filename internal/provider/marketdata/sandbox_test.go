package marketdata_test

import (
	"context"
	"testing"
	"time"

	"flint/internal/provider/marketdata"
	"flint/sandbox"
)

func TestTheSandboxPublishesRates(t *testing.T) {
	t.Parallel()
	s, err := sandbox.New(sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Stop(ctx)
	})
	e, err := marketdata.New(marketdata.Config{BaseURL: s.URLs().ECB + "/stats/eurofxref"}, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	today, err := e.Daily(t.Context())
	if err != nil || !today.Rates["USD"].IsPositive() || len(today.Rates) < 20 {
		t.Fatalf("daily: %+v, %v", today, err)
	}
	days, err := e.History(t.Context())
	if err != nil || len(days) < 50 || !days[0].Day.Equal(today.Day) || !days[0].Rates["USD"].Equal(today.Rates["USD"]) {
		t.Fatalf("history: %d days, %v", len(days), err)
	}
	all, err := e.FullHistory(t.Context())
	if err != nil || len(all) < len(days) {
		t.Fatalf("full history: %d days, %v", len(all), err)
	}
	for i := 1; i < len(all); i++ {
		if !all[i].Day.Before(all[i-1].Day) {
			t.Fatalf("%v doesn't come before %v", all[i].Day, all[i-1].Day)
		}
	}
}
