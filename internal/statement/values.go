package statement

import (
	"strconv"
	"strings"
	"time"

	"flint/internal/money"
)

// The range of what can be true. The schema's amounts have 20 digits before the
// point; nobody's statement has more than 15.
const (
	maxWhole  = 15
	maxPlaces = 8
	firstYear = 1980 // an earlier date is a clock that was never set
	lastYear  = 2100
)

// parseAmount reads an amount. Besides plain numbers it knows what spreadsheets
// and banks make of them: thousands separators, currency signs, a minus at the
// end or as brackets, CR and DR. Comma says that the decimal separator is one.
func parseAmount(s string, comma bool) (money.Decimal, bool) {
	if len(s) > 64 {
		return money.Zero, false
	}
	s = strings.TrimSpace(s)
	negative := false
	if inner, ok := strings.CutPrefix(s, "("); ok {
		if s, ok = strings.CutSuffix(inner, ")"); !ok {
			return money.Zero, false
		}
		negative = true
	}
	s, dr := cutWord(s, "DR", "D", "S") // Soll
	s, cr := cutWord(s, "CR", "C", "H") // Haben
	if dr && cr {
		return money.Zero, false
	}
	var number strings.Builder
	signs := 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9' || r == '.' || r == ',':
			number.WriteRune(r)
		case r == '-' || r == '−' || r == '–':
			signs++
			negative = !negative
		case r == '+':
			signs++
		case r == ' ' || r == '\u00a0' || r == '\u202f' || r == '\'' || r == '’':
			// separates thousands, or stands between the sign and the number
		case strings.ContainsRune("$€£¥₹₩₽₺₫฿¢", r):
		default:
			return money.Zero, false
		}
	}
	if signs > 1 {
		return money.Zero, false
	}
	if dr {
		negative = true
	}
	plain, ok := ungroup(number.String(), comma)
	if !ok {
		return money.Zero, false
	}
	d, err := money.Parse(plain)
	if err != nil || !plausible(d) {
		return money.Zero, false
	}
	if negative {
		d = d.Neg()
	}
	return d, true
}

// cutWord removes one of words from the end of s, in upper case and apart.
func cutWord(s string, words ...string) (string, bool) {
	for _, w := range words {
		rest, ok := strings.CutSuffix(s, w)
		trimmed := strings.TrimRight(rest, " \u00a0")
		if ok && trimmed != "" && (len(w) > 1 || len(trimmed) < len(rest)) {
			return trimmed, true
		}
	}
	return s, false
}

// ungroup removes thousands separators and makes the decimal separator a point.
func ungroup(s string, comma bool) (string, bool) {
	point, group := ".", ","
	if comma {
		point, group = ",", "."
	}
	whole, fraction, found := strings.Cut(s, point)
	if strings.Contains(fraction, group) || strings.Contains(fraction, point) {
		return "", false
	}
	if strings.Contains(whole, group) {
		parts := strings.Split(whole, group)
		for i, p := range parts {
			// Indian grouping has pairs; the last group always has three.
			if i == len(parts)-1 && len(p) != 3 || i > 0 && len(p) != 3 && len(p) != 2 || i == 0 && (len(p) == 0 || len(p) > 3) {
				return "", false
			}
		}
		whole = strings.Join(parts, "")
	}
	if whole == "" && fraction == "" {
		return "", false
	}
	if found {
		return whole + "." + fraction, true
	}
	return whole, true
}

func plausible(d money.Decimal) bool {
	return len(d.Truncate(0).Abs().String()) <= maxWhole && d.Equal(d.Truncate(maxPlaces))
}

// parseOFXAmount reads an OFX amount: a decimal point or comma, no grouping.
// Some banks group all the same.
func parseOFXAmount(s string) (money.Decimal, bool) {
	comma := strings.LastIndexByte(s, ',') > strings.LastIndexByte(s, '.')
	if comma && strings.Count(s, ",") > 1 {
		comma = false // 1,234,567
	}
	return parseAmount(s, comma)
}

// parseOFXDate reads YYYYMMDD with whatever follows (time, zone). The date is
// the bank's: a zone doesn't move it.
func parseOFXDate(s string) (time.Time, bool) {
	if len(s) < 8 || len(s) > 64 {
		return time.Time{}, false
	}
	if len(s) > 8 && s[8] != '[' && (s[8] < '0' || s[8] > '9') {
		return time.Time{}, false
	}
	return day(s[:4], s[4:6], s[6:8])
}

// day makes a date of its parts, in digits.
func day(year, month, date string) (time.Time, bool) {
	y, err1 := strconv.Atoi(year)
	m, err2 := strconv.Atoi(month)
	d, err3 := strconv.Atoi(date)
	if err1 != nil || err2 != nil || err3 != nil || m < 1 || m > 12 || d < 1 {
		return time.Time{}, false
	}
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	return t, t.Day() == d && possible(t)
}

func possible(t time.Time) bool { return t.Year() >= firstYear && t.Year() <= lastYear }
