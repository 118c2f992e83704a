package prices

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Contract is what an option is about.
type Contract struct {
	Underlying Instrument
	Call       bool // else a put
	Strike     decimal.Decimal
	Expires    time.Time // the date, midnight UTC
}

// Multiplier is how many shares one contract stands for.
const Multiplier = 100

// OCC writes the 21-character symbol of a contract on a ticker.
func OCC(underlying string, expires time.Time, call bool, strike decimal.Decimal) string {
	kind := 'P'
	if call {
		kind = 'C'
	}
	return fmt.Sprintf("%-6s%s%c%08d", underlying, expires.UTC().Format("060102"), kind, strike.Shift(3).IntPart())
}

// parseOption reads an OCC symbol whose underlying is a listed stock or ETF.
func parseOption(symbol string) (Instrument, bool) {
	if len(symbol) != 21 || symbol[12] != 'C' && symbol[12] != 'P' {
		return Instrument{}, false
	}
	under, ok := Lookup(strings.TrimRight(symbol[:6], " "))
	if !ok || under.Kind != Stock && under.Kind != ETF {
		return Instrument{}, false
	}
	expires, err := time.Parse("060102", symbol[6:12])
	if err != nil {
		return Instrument{}, false
	}
	strike, err := strconv.ParseUint(symbol[13:], 10, 64)
	if err != nil || strike == 0 {
		return Instrument{}, false
	}
	c := &Contract{Underlying: under, Call: symbol[12] == 'C', Strike: decimal.New(int64(strike), -3), Expires: expires}
	word := "PUT"
	if c.Call {
		word = "CALL"
	}
	return Instrument{
		Symbol: symbol, Raw: symbol, Kind: Option, Currency: under.Currency, Contract: c,
		Name: fmt.Sprintf("%s %s %s %s", under.Symbol, expires.Format("Jan 2 2006"), c.Strike, word),
	}, true
}

// interest is the yearly rate that options are priced with.
const interest = 0.04

// option prices a contract at t by Black and Scholes, with the volatility its
// underlying usually has; one cent at least, and what it is worth by itself
// once it has expired.
func (m *Market) option(in Instrument, t time.Time) (decimal.Decimal, bool) {
	c := in.Contract
	u := c.Underlying
	if dayOf(t) <= epoch {
		return decimal.Zero, false
	}
	spot := m.levelAt(u, t)
	strike := c.Strike.InexactFloat64()
	years := c.Expires.Add(21*time.Hour).Sub(t).Hours() / (24 * 365.25)
	price := math.Max(0, spot-strike)
	if !c.Call {
		price = math.Max(0, strike-spot)
	}
	if years > 0 {
		sigma := math.Hypot(u.Vol, u.Beta*factorVol[shares]) * math.Sqrt(252) * 1.15
		price = blackScholes(c.Call, spot, strike, years, sigma)
	}
	return decimal.Max(decimal.NewFromFloat(price).Round(2), decimal.New(1, -2)), true
}

func blackScholes(call bool, spot, strike, years, sigma float64) float64 {
	d1 := (math.Log(spot/strike) + (interest+sigma*sigma/2)*years) / (sigma * math.Sqrt(years))
	d2 := d1 - sigma*math.Sqrt(years)
	pv := strike * math.Exp(-interest*years)
	if call {
		return spot*phi(d1) - pv*phi(d2)
	}
	return pv*phi(-d2) - spot*phi(-d1)
}

// phi is the normal distribution function.
func phi(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
