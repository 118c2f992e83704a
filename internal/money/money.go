// Package money holds exact amounts and quantities. Everything is a decimal:
// in Go, in SQL (numeric) and in JSON (a string), never a binary float. An
// amount always knows its currency; amounts of different currencies don't add.
package money

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/shopspring/decimal"
)

// Decimal is an exact decimal number: a quantity, a price, a rate. It is read
// from and written to JSON as a string.
type Decimal = decimal.Decimal

// Zero is the decimal 0.
var Zero = decimal.Zero

// maxDigits bounds what a decimal may hold, so that "1e999999999" in a request
// or an answer can't eat the memory.
const maxDigits = 60

// ErrNumber is returned for text that is no plain decimal number.
var ErrNumber = errors.New("not a decimal number such as -1234.56")

// Parse reads a plain decimal number: an optional sign, digits, an optional
// point and digits. No exponent, no grouping, at most 60 characters.
func Parse(s string) (Decimal, error) {
	if !plain(s) {
		return Zero, fmt.Errorf("%w: %.20q", ErrNumber, s)
	}
	return decimal.NewFromString(s)
}

// ParseNumber reads what JSON calls a number. An exponent is allowed as long as
// the value stays within 60 digits.
func ParseNumber(s string) (Decimal, error) {
	if len(s) == 0 || len(s) > maxDigits {
		return Zero, fmt.Errorf("%w: %.20q", ErrNumber, s)
	}
	d, err := decimal.NewFromString(s)
	if err != nil || d.Exponent() > maxDigits || d.Exponent() < -maxDigits {
		return Zero, fmt.Errorf("%w: %.20q", ErrNumber, s)
	}
	return d, nil
}

// MustParse is Parse for constants in code and tests; it panics on bad text.
func MustParse(s string) Decimal {
	d, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return d
}

func plain(s string) bool {
	if len(s) > maxDigits {
		return false
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	digits, points := 0, 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r == '.':
			points++
		default:
			return false
		}
	}
	return digits > 0 && points <= 1
}

// Currency is an ISO 4217 code ("USD") or the ticker of a crypto asset ("BTC").
type Currency string

// ParseCurrency reads a currency code: 3 to 10 upper-case letters or digits.
func ParseCurrency(s string) (Currency, error) {
	if len(s) < 3 || len(s) > 10 {
		return "", fmt.Errorf("not a currency code: %.12q", s)
	}
	for _, r := range s {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return "", fmt.Errorf("not a currency code: %.12q", s)
		}
	}
	return Currency(s), nil
}

// Value stores the code as text.
func (c Currency) Value() (driver.Value, error) { return string(c), nil }

// minor lists the currencies whose smallest unit isn't a hundredth (ISO 4217).
var minor = map[Currency]int32{
	"BHD": 3, "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "IQD": 3, "ISK": 0, "JOD": 3,
	"JPY": 0, "KMF": 0, "KRW": 0, "KWD": 3, "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0,
	"TND": 3, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
}

// Places returns how many decimal places an amount of c is shown with.
func (c Currency) Places() int32 {
	if p, ok := minor[c]; ok {
		return p
	}
	return 2
}

// Amount is a sum of money in one currency.
type Amount struct {
	Amount   Decimal  `json:"amount" doc:"Exact decimal number, as a string" example:"1834.27"`
	Currency Currency `json:"currency" doc:"ISO 4217 code or crypto ticker" example:"USD"`
}

// Of returns d in currency c.
func Of(d Decimal, c Currency) Amount { return Amount{d, c} }

// ErrCurrency is returned when amounts of different currencies meet.
var ErrCurrency = errors.New("amounts of different currencies can't be added")

// Plus adds b. It returns ErrCurrency when the currencies differ.
func (a Amount) Plus(b Amount) (Amount, error) {
	if a.Currency != b.Currency {
		return Amount{}, fmt.Errorf("%w: %s and %s", ErrCurrency, a.Currency, b.Currency)
	}
	return Amount{a.Amount.Add(b.Amount), a.Currency}, nil
}

// Rounded returns a rounded half to even to the places of its currency: what a
// person is shown. Sums are made before rounding, never after.
func (a Amount) Rounded() Amount {
	return Amount{a.Amount.RoundBank(a.Currency.Places()), a.Currency}
}

// String returns the amount and its code, "1834.27 USD".
func (a Amount) String() string {
	return a.Amount.StringFixedBank(a.Currency.Places()) + " " + string(a.Currency)
}
