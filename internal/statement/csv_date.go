package statement

import (
	"strings"
	"time"
)

// DateFormat is how a file writes its dates, in words that people know.
type DateFormat string

// dateFormats lists the formats with the layouts that read them. Layouts with a
// single digit read two as well.
var dateFormats = []struct {
	format  DateFormat
	layouts []string
}{
	{"YYYY-MM-DD", []string{"2006-1-2", "2006/1/2", "2006.1.2"}},
	{"YYYYMMDD", []string{"20060102"}},
	{"MM/DD/YYYY", []string{"1/2/2006", "1-2-2006", "1.2.2006"}},
	{"DD/MM/YYYY", []string{"2/1/2006", "2-1-2006", "2.1.2006"}},
	{"MM/DD/YY", []string{"1/2/06", "1-2-06", "1.2.06"}},
	{"DD/MM/YY", []string{"2/1/06", "2-1-06", "2.1.06"}},
	{"DD MMM YYYY", []string{"2 Jan 2006", "2-Jan-2006", "2/Jan/2006", "2 January 2006", "2. January 2006"}},
	{"DD MMM YY", []string{"2 Jan 06", "2-Jan-06"}},
	{"MMM DD, YYYY", []string{"Jan 2, 2006", "Jan 2 2006", "January 2, 2006", "January 2 2006"}},
}

// DateFormats returns the formats that a Mapping may name.
func DateFormats() []DateFormat {
	list := make([]DateFormat, len(dateFormats))
	for i, f := range dateFormats {
		list[i] = f.format
	}
	return list
}

// parse reads a date. A time that follows it is passed over, as is its zone: the
// date is the bank's.
func (f DateFormat) parse(s string) (time.Time, bool) {
	s = bareDate(s)
	if s == "" {
		return time.Time{}, false
	}
	for _, known := range dateFormats {
		if known.format != f {
			continue
		}
		for _, layout := range known.layouts {
			if t, err := time.Parse(layout, s); err == nil {
				return t, possible(t)
			}
		}
	}
	return time.Time{}, false
}

// bareDate cuts off the time of "2026-11-20T10:00:00Z" and "20.11.2026 10:00".
func bareDate(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 40 {
		return ""
	}
	if len(s) > 10 && s[10] == 'T' {
		return s[:10]
	}
	if before, after, ok := strings.Cut(s, " "); ok && strings.Contains(after, ":") && strings.ContainsAny(before, "-/.") {
		return before
	}
	if before, after, ok := strings.Cut(s, ", "); ok && strings.Contains(after, ":") && strings.ContainsAny(before, "-/.") {
		return before
	}
	return s
}

// datesOf returns the formats that read s.
func datesOf(s string) []DateFormat {
	var list []DateFormat
	for _, f := range dateFormats {
		if _, ok := f.format.parse(s); ok {
			list = append(list, f.format)
		}
	}
	return list
}
