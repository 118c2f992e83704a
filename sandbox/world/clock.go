package world

import (
	"fmt"
	"time"
)

// Day is a calendar day, counted from 1970-01-01. Banks date by day; the
// sandbox's bank day is the UTC day, so that no time zone data is needed.
type Day int

// Never is later than any day that is shown.
const Never Day = 1 << 30

const secondsOfDay = 24 * 60 * 60

// DayOf returns the UTC day of t.
func DayOf(t time.Time) Day {
	s := t.Unix()
	if s < 0 {
		s -= secondsOfDay - 1
	}
	return Day(s / secondsOfDay)
}

// Date returns the day of a calendar date. Values out of range carry over, as
// in time.Date: Date(2026, 13, 1) is the first of January 2027.
func Date(year int, month time.Month, day int) Day {
	return DayOf(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
}

// ParseDay reads YYYY-MM-DD.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("a day is written YYYY-MM-DD, not %.20q", s)
	}
	return DayOf(t), nil
}

// Time returns the first instant of the day, in UTC.
func (d Day) Time() time.Time { return time.Unix(int64(d)*secondsOfDay, 0).UTC() }

// String returns YYYY-MM-DD.
func (d Day) String() string { return d.Time().Format(time.DateOnly) }

// Weekday returns the day of the week.
func (d Day) Weekday() time.Weekday { return d.Time().Weekday() }

// Workday reports whether d is a Monday to Friday.
func (d Day) Workday() bool {
	w := d.Weekday()
	return w != time.Saturday && w != time.Sunday
}

// NextWorkday returns d, or the Monday after it.
func (d Day) NextWorkday() Day {
	for !d.Workday() {
		d++
	}
	return d
}

// LastOfMonth reports whether the next day is in another month.
func (d Day) LastOfMonth() bool { return (d + 1).Time().Day() == 1 }

// Clock says what day it is in the world, and which was its first.
type Clock struct {
	Start Day              // the first day that anything happened
	Now   func() time.Time // wall clock; tests freeze it
}

// Today returns the current day of the world.
func (c Clock) Today() Day { return DayOf(c.Now()) }
