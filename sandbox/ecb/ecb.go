// Package ecb is the European Central Bank's corner of the sandbox: euro
// reference rates in the files that the bank publishes, for the working days
// of the TARGET calendar. The rates are simulated: each currency wanders about
// a level that was real once. The files say so in a comment.
package ecb

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/world"
)

// anchor is the day on which every currency stands at its level. It precedes
// any world, so that rates depend on the seed and the day alone.
var anchor = world.Date(2019, 1, 2)

// currency is one column of the reference rates.
type currency struct {
	code   string
	level  float64
	places int32
	daily  float64   // size of a day's step, as a share
	until  world.Day // 0: still quoted
}

func currencies() []currency {
	return []currency{
		{"USD", 1.1320, 4, 0.0046, 0}, {"JPY", 168.40, 2, 0.0056, 0}, {"BGN", 1.9558, 4, 0, world.Date(2026, 1, 1)},
		{"CZK", 24.650, 3, 0.0026, 0}, {"DKK", 7.4604, 4, 0.0001, 0}, {"GBP", 0.85940, 5, 0.0035, 0}, {"HUF", 392.10, 2, 0.0045, 0},
		{"PLN", 4.2760, 4, 0.0035, 0}, {"RON", 4.9990, 4, 0.0012, 0}, {"SEK", 11.1840, 4, 0.0036, 0}, {"CHF", 0.9448, 4, 0.0031, 0},
		{"ISK", 146.90, 2, 0.0034, 0}, {"NOK", 11.6390, 4, 0.0045, 0}, {"TRY", 44.1120, 4, 0.0060, 0}, {"AUD", 1.7340, 4, 0.0046, 0},
		{"BRL", 6.1180, 4, 0.0085, 0}, {"CAD", 1.5680, 4, 0.0040, 0}, {"CNY", 8.1360, 4, 0.0040, 0}, {"HKD", 8.8210, 4, 0.0046, 0},
		{"IDR", 18420.0, 2, 0.0048, 0}, {"ILS", 3.9480, 4, 0.0055, 0}, {"INR", 98.120, 3, 0.0045, 0}, {"KRW", 1592.0, 2, 0.0050, 0},
		{"MXN", 21.1400, 4, 0.0072, 0}, {"MYR", 4.8720, 4, 0.0044, 0}, {"NZD", 1.9130, 4, 0.0049, 0}, {"PHP", 65.120, 3, 0.0048, 0},
		{"SGD", 1.4720, 4, 0.0035, 0}, {"THB", 37.410, 3, 0.0050, 0}, {"ZAR", 20.1450, 4, 0.0086, 0},
	}
}

// Rates are the reference rates of a seed. They are safe for several goroutines.
type Rates struct {
	seed  uint64
	clock world.Clock

	mu   sync.Mutex
	next world.Day
	walk map[string]float64                       // distance from the level, as a logarithm
	days map[world.Day]map[string]decimal.Decimal // only TARGET days
}

// New returns the rates of a seed.
func New(seed uint64, clock world.Clock) *Rates {
	return &Rates{seed: seed, clock: clock, next: anchor, walk: map[string]float64{}, days: map[world.Day]map[string]decimal.Decimal{}}
}

// Open reports whether reference rates are published on a day.
func Open(d world.Day) bool {
	t := d.Time()
	if !d.Workday() {
		return false
	}
	switch fmt.Sprintf("%d-%d", t.Month(), t.Day()) {
	case "1-1", "5-1", "12-25", "12-26":
		return false
	}
	easter := easterSunday(t.Year())
	return d != easter-2 && d != easter+1
}

// easterSunday is the algorithm of Meeus, Jones and Butcher.
func easterSunday(year int) world.Day {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return world.Date(year, time.Month(n/31), n%31+1)
}

// play brings the walk to a day. Each currency is drawn back to its level, so
// that after years it is still near what was real.
func (r *Rates) play(to world.Day) {
	for ; r.next <= to; r.next++ {
		if !Open(r.next) {
			continue
		}
		day := map[string]decimal.Decimal{}
		for _, c := range currencies() {
			if c.until != 0 && r.next >= c.until {
				continue
			}
			step := world.Rand(r.seed, "ecb", c.code, r.next).NormFloat64()
			r.walk[c.code] = 0.998*r.walk[c.code] + c.daily*step
			day[c.code] = decimal.NewFromFloat(c.level * math.Exp(r.walk[c.code])).Round(c.places)
		}
		r.days[r.next] = day
	}
}

// latest is the last day with rates, published at 15:00 UTC.
func (r *Rates) latest() world.Day {
	now := r.clock.Now().UTC()
	day := world.DayOf(now)
	if now.Hour() < 15 {
		day--
	}
	for !Open(day) {
		day--
	}
	return day
}

// Rate returns how much of quote one unit of base buys by the rates of a day,
// or of the last working day before it; false when a currency isn't quoted.
func (r *Rates) Rate(base, quote string, on world.Day) (decimal.Decimal, bool) {
	for on > anchor && !Open(on) {
		on--
	}
	if on < anchor {
		return decimal.Zero, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.play(on)
	a, okA := r.euro(base, on)
	b, okB := r.euro(quote, on)
	if !okA || !okB {
		return decimal.Zero, false
	}
	return b.DivRound(a, 10), true
}

func (r *Rates) euro(code string, on world.Day) (decimal.Decimal, bool) {
	if code == "EUR" {
		return decimal.New(1, 0), true
	}
	v, ok := r.days[on][code]
	return v, ok
}

// Handler serves the three files, under the paths of the bank's own site.
func (r *Rates) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats/eurofxref/eurofxref-daily.xml", func(w http.ResponseWriter, _ *http.Request) {
		r.file(w, r.latest(), '\'')
	})
	mux.HandleFunc("GET /stats/eurofxref/eurofxref-hist-90d.xml", func(w http.ResponseWriter, _ *http.Request) {
		r.file(w, r.latest()-90, '"')
	})
	mux.HandleFunc("GET /stats/eurofxref/eurofxref-hist.xml", func(w http.ResponseWriter, _ *http.Request) {
		r.file(w, r.clock.Start-40, '"') // the world is no older
	})
	return mux
}

// file writes the days from first on, the newest first. The daily file quotes
// attributes in another way than the history, as the real ones do.
func (r *Rates) file(w http.ResponseWriter, first world.Day, quote rune) {
	last := r.latest()
	r.mu.Lock()
	r.play(last)
	var out strings.Builder
	out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!-- Simulated data: these are not the rates of the European Central Bank. -->
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<gesmes:subject>Reference rates</gesmes:subject>
	<gesmes:Sender>
		<gesmes:name>European Central Bank</gesmes:name>
	</gesmes:Sender>
	<Cube>
`)
	q := string(quote)
	for day := last; day >= first && day >= anchor; day-- {
		rates := r.days[day]
		if rates == nil {
			continue
		}
		fmt.Fprintf(&out, "\t\t<Cube time=%s%s%s>\n", q, day, q)
		for _, c := range currencies() {
			if rate, ok := rates[c.code]; ok {
				fmt.Fprintf(&out, "\t\t\t<Cube currency=%s%s%s rate=%s%s%s/>\n", q, c.code, q, q, rate.StringFixed(c.places), q)
			}
		}
		out.WriteString("\t\t</Cube>\n")
	}
	r.mu.Unlock()
	out.WriteString("\t</Cube>\n</gesmes:Envelope>\n")
	h := w.Header()
	h.Set("Content-Type", "text/xml")
	h.Set("Last-Modified", (last.Time().Add(15 * time.Hour)).Format(http.TimeFormat))
	_, _ = w.Write([]byte(out.String()))
}

// Codes lists the currencies that are quoted on a day besides the euro.
func Codes(on world.Day) []string {
	var out []string
	for _, c := range currencies() {
		if c.until == 0 || on < c.until {
			out = append(out, c.code)
		}
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out
}

// Refuse answers with a status as the bank's web server does: without a body
// worth reading.
func Refuse(w http.ResponseWriter, status int) { http.Error(w, http.StatusText(status), status) }
