// Package marketdata reads public market data: today the euro reference rates
// of the European Central Bank. They need no key, are published on TARGET
// working days at about 16:00 CET, and mean that 1 EUR is worth so many units
// of a currency. There are no weekends and holidays in them: whoever asks for
// such a day carries the last one forward.
package marketdata

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"time"

	"flint/internal/money"
	"flint/internal/platform/outbound"
)

// name is what this provider is called in errors, logs and metrics.
const name = "ecb"

// Euro is the base of all reference rates.
const Euro money.Currency = "EUR"

// Config says where the rates are.
type Config struct {
	// BaseURL is the folder with eurofxref-daily.xml; "off" switches the rates off.
	BaseURL string `env:"ECB_BASE_URL, default=https://www.ecb.europa.eu/stats/eurofxref"`
}

// Enabled reports whether rates are to be fetched.
func (c Config) Enabled() bool { return c.BaseURL != "" && c.BaseURL != "off" }

// Validate returns what is wrong with c, or nil.
func (c Config) Validate() error {
	if u, err := url.Parse(c.BaseURL); c.Enabled() && (err != nil || u.Host == "") {
		return errors.New(`ECB_BASE_URL must be a URL or "off"`)
	}
	return nil
}

// Day is the rates of one day: 1 Base is worth Rates[c] units of c.
type Day struct {
	Day   time.Time // midnight UTC
	Base  money.Currency
	Rates map[money.Currency]money.Decimal
}

// ECB reads the reference rates. It is safe for concurrent use.
type ECB struct{ http *outbound.Client }

// New returns an ECB. onCall is told of each attempt and may be nil.
func New(cfg Config, now func() time.Time, log *slog.Logger, onCall func(outbound.Call)) (*ECB, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	http, err := outbound.New(outbound.Config{
		Provider: name, BaseURL: cfg.BaseURL, PerMinute: 30, MaxResponse: 32 << 20, OnCall: onCall, Log: log, Now: now,
	})
	if err != nil {
		return nil, err
	}
	return &ECB{http}, nil
}

// Close drops idle connections.
func (e *ECB) Close() { e.http.Close() }

// Daily returns the newest day.
func (e *ECB) Daily(ctx context.Context) (Day, error) {
	days, err := e.read(ctx, "daily", "/eurofxref-daily.xml")
	if err != nil {
		return Day{}, err
	}
	return days[0], nil
}

// History returns the days of the last 90 days, newest first.
func (e *ECB) History(ctx context.Context) ([]Day, error) {
	return e.read(ctx, "history", "/eurofxref-hist-90d.xml")
}

// FullHistory returns all days since 1999-01-04, newest first. It is some
// megabytes: ask for it once.
func (e *ECB) FullHistory(ctx context.Context) ([]Day, error) {
	return e.read(ctx, "full_history", "/eurofxref-hist.xml")
}

func (e *ECB) read(ctx context.Context, op, path string) ([]Day, error) {
	answer, err := e.http.Do(ctx, outbound.Request{Op: op, Path: path})
	if err != nil {
		return nil, err
	}
	days, err := Parse(answer.Body)
	if err != nil {
		return nil, outbound.BadAnswer(name, op, "xml", answer.RequestID)
	}
	return days, nil
}

// The limits of a file: since 1999 there were fewer than 7,000 days with at
// most 43 currencies.
const (
	maxDays  = 20_000
	maxRates = 200
)

// Parse reads one of the ECB's XML files and returns its days in their order,
// at least one. A file with a document type, a day twice, a rate that is not a
// positive number, or more than can be true is refused as a whole.
func Parse(file []byte) ([]Day, error) {
	d := xml.NewDecoder(bytes.NewReader(file))
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errors.New("not UTF-8") }
	var days []Day
	seen := map[time.Time]bool{}
	for depth := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read rates: %w", err)
		}
		switch t := token.(type) {
		case xml.Directive:
			return nil, errors.New("read rates: a document type has no place here")
		case xml.EndElement:
			depth--
		case xml.StartElement:
			if depth++; depth > 10 {
				return nil, errors.New("read rates: nested too deep")
			}
			if t.Name.Local != "Cube" {
				continue
			}
			if days, err = add(days, seen, t.Attr); err != nil {
				return nil, fmt.Errorf("read rates: %w", err)
			}
		}
	}
	return full(days)
}

// full refuses a file without rates.
func full(days []Day) ([]Day, error) {
	for _, d := range days {
		if len(d.Rates) == 0 {
			return nil, errors.New("read rates: a day without rates")
		}
	}
	if len(days) == 0 {
		return nil, errors.New("read rates: no day")
	}
	return days, nil
}

// add takes one Cube: the outermost has no attribute, a day has time, a rate
// has currency and rate and belongs to the day before it.
func add(days []Day, seen map[time.Time]bool, attrs []xml.Attr) ([]Day, error) {
	a := map[string]string{}
	for _, attr := range attrs {
		a[attr.Name.Local] = attr.Value
	}
	if s, ok := a["time"]; ok {
		day, err := time.Parse(time.DateOnly, s)
		if err != nil || day.Year() < 1999 || day.Year() > 2200 || seen[day] || len(days) == maxDays {
			return nil, errors.New("a day that can't be")
		}
		seen[day] = true
		return append(days, Day{Day: day, Base: Euro, Rates: map[money.Currency]money.Decimal{}}), nil
	}
	if a["currency"] == "" {
		return days, nil
	}
	if len(days) == 0 {
		return nil, errors.New("a rate outside of a day")
	}
	rates := days[len(days)-1].Rates
	currency, err := money.ParseCurrency(a["currency"])
	if err != nil {
		return nil, errors.New("a currency that can't be")
	}
	if a["rate"] == "N/A" {
		return days, nil
	}
	rate, err := money.Parse(a["rate"])
	if _, twice := rates[currency]; err != nil || !rate.IsPositive() || twice || currency == Euro || len(rates) == maxRates {
		return nil, errors.New("a rate that can't be")
	}
	rates[currency] = rate
	return days, nil
}
