package money_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"flint/internal/money"
)

func TestAmountsTravelAsStrings(t *testing.T) {
	b, err := json.Marshal(money.Of(money.MustParse("1834.270"), "USD"))
	if err != nil || string(b) != `{"amount":"1834.27","currency":"USD"}` {
		t.Errorf("got %s, %v", b, err)
	}
}

func TestCurrenciesDoNotMix(t *testing.T) {
	if _, err := money.Of(money.MustParse("1"), "USD").Plus(money.Of(money.MustParse("1"), "EUR")); !errors.Is(err, money.ErrCurrency) {
		t.Errorf("got %v, want ErrCurrency", err)
	}
}

func TestOnlyPlainNumbersAreRead(t *testing.T) {
	for _, s := range []string{"", "-", ".", "1e3", "1E999999999", "0x10", "1,000", "1.2.3", "NaN", "Inf", " 1", "1 ", "١", "--1", strings.Repeat("9", 61)} {
		if d, err := money.Parse(s); err == nil {
			t.Errorf("%q was read as %s", s, d)
		}
	}
	for _, s := range []string{"1e999999999", "1e-999999999", "", "x"} {
		if d, err := money.ParseNumber(s); err == nil {
			t.Errorf("number %q was read as %s", s, d.Coefficient())
		}
	}
	if d, err := money.ParseNumber("1.5e2"); err != nil || d.String() != "150" {
		t.Errorf("got %s, %v", d, err)
	}
}

func TestMinorUnitsFollowTheCurrency(t *testing.T) {
	for want, a := range map[string]money.Amount{
		"1235 JPY":     money.Of(money.MustParse("1234.5678"), "JPY"),
		"1234.57 USD":  money.Of(money.MustParse("1234.5678"), "USD"),
		"1234.568 KWD": money.Of(money.MustParse("1234.5678"), "KWD"),
		"0.12 EUR":     money.Of(money.MustParse("0.125"), "EUR"), // half to even
	} {
		if a.String() != want {
			t.Errorf("got %s, want %s", a, want)
		}
	}
}

// TestPartsAddUpToTheTotal is promise R10 at its root: in a million random
// amounts no order of adding changes the sum by anything.
func TestPartsAddUpToTheTotal(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	total, cents := money.Zero, int64(0)
	back := money.Zero
	for range 1_000_000 {
		n := r.Int64N(2_000_000_00) - 1_000_000_00
		cents += n
		d := decimalCents(n)
		total = total.Add(d)
		back = d.Add(back)
	}
	if !total.Equal(decimalCents(cents)) || !back.Equal(total) {
		t.Errorf("sum is %s, want %s", total, decimalCents(cents))
	}
}

func decimalCents(n int64) money.Decimal { return decimal.New(n, -2) }

func TestEveryDecimalSurvivesItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`-?[0-9]{1,20}(\.[0-9]{1,18})?`).Draw(t, "number")
		d, err := money.Parse(s)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		again, err := money.Parse(d.String())
		if err != nil || !again.Equal(d) {
			t.Fatalf("%q became %s", s, again)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1", "-0.10", "1e9", "9999999999999999999999.999999999999999999", ".5", "5."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := money.Parse(s); err == nil && len(d.String()) > 130 {
			t.Errorf("%q grew to %d characters", s, len(d.String()))
		}
		if d, err := money.ParseNumber(s); err == nil && len(d.String()) > 130 {
			t.Errorf("number %q grew to %d characters", s, len(d.String()))
		}
	})
}
