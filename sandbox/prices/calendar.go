package prices

import "time"

// day counts calendar days from 1970-01-01. Every key and every path is by day.
type day int

// epoch is the first day with a price, 2020-01-02.
const epoch day = 18263

// anchor is the day on which an instrument costs about its Base, 2026-01-02.
const anchor day = 20455

func dayOf(t time.Time) day {
	sec := t.Unix()
	d := sec / 86400
	if sec%86400 < 0 {
		d--
	}
	return day(d)
}

func (d day) time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

func (d day) weekday() time.Weekday { return time.Weekday((int(d) + 4) % 7) }

// opens reports whether a kind of instrument gets a new price on d.
func opens(k Kind, d day) bool {
	if k == Crypto {
		return true
	}
	if w := d.weekday(); w == time.Saturday || w == time.Sunday {
		return false
	}
	return !holiday(d.time())
}

// holiday knows New York's full-day closings. (Half days are left out.)
func holiday(t time.Time) bool {
	y, m, dd := t.Date()
	w := t.Weekday()
	switch m {
	case time.January:
		return observed(t, 1) || w == time.Monday && dd >= 15 && dd <= 21 // New Year, Martin Luther King
	case time.February:
		return w == time.Monday && dd >= 15 && dd <= 21 // Presidents' Day
	case time.May:
		return w == time.Monday && dd >= 25 // Memorial Day
	case time.June:
		return observed(t, 19) // Juneteenth
	case time.July:
		return observed(t, 4)
	case time.September:
		return w == time.Monday && dd <= 7 // Labor Day
	case time.November:
		return w == time.Thursday && dd >= 22 && dd <= 28 // Thanksgiving
	case time.December:
		return observed(t, 25)
	case time.March, time.April:
		return t.Equal(easter(y).AddDate(0, 0, -2)) // Good Friday
	}
	return false
}

// observed reports whether t is the weekday on which a holiday of its month is
// kept: Friday for a Saturday, Monday for a Sunday. New Year on a Saturday is
// not kept, since the Friday before belongs to another year.
func observed(t time.Time, on int) bool {
	h := time.Date(t.Year(), t.Month(), on, 0, 0, 0, 0, time.UTC)
	switch h.Weekday() {
	case time.Saturday:
		h = h.AddDate(0, 0, -1)
	case time.Sunday:
		h = h.AddDate(0, 0, 1)
	}
	return t.Equal(h)
}

// easter returns Easter Sunday by the anonymous Gregorian computus.
func easter(y int) time.Time {
	a, b, c := y%19, y/100, y%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 19*l) / 433
	month := (h + l - 7*m + 90) / 25
	return time.Date(y, time.Month(month), (h+l-7*m+33*month+19)%32, 0, 0, 0, 0, time.UTC)
}

// session returns when trading in a kind starts and ends on d, in UTC.
func session(k Kind, d day) (from, to time.Time) {
	midnight := d.time()
	if k == Crypto {
		return midnight, midnight.Add(24 * time.Hour)
	}
	shift := 5 * time.Hour
	if summer(midnight) {
		shift = 4 * time.Hour
	}
	return midnight.Add(shift + 9*time.Hour + 30*time.Minute), midnight.Add(shift + 16*time.Hour)
}

// summer reports whether New York keeps daylight-saving time on a date: from
// the second Sunday of March to the first of November. Written out so that the
// sandbox needs no time-zone database.
func summer(t time.Time) bool {
	sunday := func(m time.Month, nth int) time.Time {
		first := time.Date(t.Year(), m, 1, 0, 0, 0, 0, time.UTC)
		return first.AddDate(0, 0, (7-int(first.Weekday()))%7+7*(nth-1))
	}
	return !t.Before(sunday(time.March, 2)) && t.Before(sunday(time.November, 1))
}

// splits reports whether the instrument splits before the open of d: on 10 June
// of even years, or the next trading day.
func (in Instrument) splits(d day) bool {
	return in.Split > 1 && d > epoch && splitDay(d.time().Year()) == d
}

// splitDay returns the split day of a year, 0 for odd years.
func splitDay(year int) day {
	if year%2 != 0 {
		return 0
	}
	d := dayOf(time.Date(year, time.June, 10, 0, 0, 0, 0, time.UTC))
	for !opens(Stock, d) {
		d++
	}
	return d
}

// splitsBetween counts the splits after a and up to b.
func (in Instrument) splitsBetween(a, b day) int {
	n := 0
	for y := a.time().Year(); y <= b.time().Year(); y++ {
		if s := splitDay(y); s > a && s <= b {
			n++
		}
	}
	return n
}
