package ecb_test

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/ecb"
	"flint/sandbox/world"
)

type file struct {
	Days []struct {
		Time  string `xml:"time,attr"`
		Rates []struct {
			Currency string          `xml:"currency,attr"`
			Rate     decimal.Decimal `xml:"rate,attr"`
		} `xml:"Cube"`
	} `xml:"Cube>Cube"`
}

func read(t *testing.T, now time.Time, name string) (file, string) {
	t.Helper()
	rates := ecb.New(42, world.Clock{Start: world.Date(2023, 11, 1), Now: func() time.Time { return now }})
	w := httptest.NewRecorder()
	rates.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/stats/eurofxref/eurofxref-"+name+".xml", nil))
	body, _ := io.ReadAll(w.Body)
	var f file
	if err := xml.Unmarshal(body, &f); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(body), "Simulated data") {
		t.Error("the file doesn't say that it is simulated")
	}
	return f, string(body)
}

func TestFiles(t *testing.T) {
	t.Parallel()
	monday := time.Date(2026, 11, 23, 14, 59, 0, 0, time.UTC)
	daily, text := read(t, monday, "daily")
	if len(daily.Days) != 1 || daily.Days[0].Time != "2026-11-20" || len(daily.Days[0].Rates) != 29 {
		t.Errorf("before three o'clock: %+v", daily)
	}
	if after, _ := read(t, monday.Add(time.Minute), "daily"); after.Days[0].Time != "2026-11-23" {
		t.Errorf("after three o'clock: %s", after.Days[0].Time)
	}
	if _, again := read(t, monday, "daily"); again != text {
		t.Error("one seed gives two files")
	}
	recent, _ := read(t, monday, "hist-90d")
	if n := len(recent.Days); n < 60 || n > 66 {
		t.Errorf("%d days in ninety", n)
	}
	whole, _ := read(t, monday, "hist")
	if len(whole.Days) < 780 {
		t.Errorf("%d days in three years", len(whole.Days))
	}
	for i, day := range whole.Days {
		if i > 0 && day.Time >= whole.Days[i-1].Time {
			t.Fatalf("%s isn't before %s", day.Time, whole.Days[i-1].Time)
		}
		dollar := day.Rates[0]
		if dollar.Currency != "USD" || dollar.Rate.LessThan(decimal.RequireFromString("0.8")) || dollar.Rate.GreaterThan(decimal.RequireFromString("1.6")) {
			t.Fatalf("%s: %+v", day.Time, dollar)
		}
	}
	if last := whole.Days[len(whole.Days)-1]; len(last.Rates) != 30 {
		t.Errorf("the lev is missing in %s: %d currencies", last.Time, len(last.Rates))
	}
}

func TestTheCalendar(t *testing.T) {
	t.Parallel()
	for day, open := range map[string]bool{
		"2026-11-23": true, "2026-11-22": false, "2026-01-01": false, "2026-05-01": false, "2025-12-25": false, "2025-12-26": false,
		"2026-04-03": false, "2026-04-06": false, "2026-04-07": true, "2025-04-18": false, "2024-04-01": false, "2026-07-03": true,
	} {
		d, err := world.ParseDay(day)
		if err != nil {
			t.Fatal(err)
		}
		if ecb.Open(d) != open {
			t.Errorf("%s: open is %v", day, !open)
		}
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	r := ecb.New(42, world.Clock{})
	friday := world.Date(2026, 11, 20)
	eur, ok := r.Rate("EUR", "USD", friday)
	sunday, _ := r.Rate("EUR", "USD", friday+2)
	if !ok || !eur.Equal(sunday) {
		t.Errorf("Sunday has %s, Friday %s", sunday, eur)
	}
	back, _ := r.Rate("USD", "EUR", friday)
	if off := back.Mul(eur).Sub(decimal.New(1, 0)).Abs(); off.GreaterThan(decimal.New(1, -8)) {
		t.Errorf("there and back loses %s", off)
	}
	if same, _ := r.Rate("USD", "USD", friday); !same.Equal(decimal.New(1, 0)) {
		t.Error(same)
	}
	for _, pair := range [][2]string{{"XXX", "USD"}, {"USD", "BGN"}, {"", ""}} {
		if _, ok := r.Rate(pair[0], pair[1], friday); ok {
			t.Errorf("%v has a rate", pair)
		}
	}
}
