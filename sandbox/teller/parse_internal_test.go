package teller

import (
	"net/url"
	"testing"

	"flint/sandbox/bank"
	"flint/sandbox/world"
)

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"", "count=5&from_id=b", "count=-1", "count=99999999999999999999", "start_date=2026-01-01&end_date=2025-01-01", "%zz", "count=1;from_id=a"} {
		f.Add(s)
	}
	rows := []row{{ID: "c", Line: bank.Line{Date: 3}}, {ID: "b", Line: bank.Line{Date: 2}}, {ID: "a", Line: bank.Line{Date: world.Day(1)}}}
	f.Fuzz(func(t *testing.T, raw string) {
		q, failure := parseQuery(raw)
		if failure != nil {
			return
		}
		page, failure := q.apply(rows)
		if failure == nil && (len(page) > len(rows) || (q.count > 0 && len(page) > q.count)) {
			t.Errorf("%q gave %d rows", raw, len(page))
		}
	})
}

func FuzzAmount(f *testing.F) {
	for _, s := range []string{"1.23", "-0.01", "0", "1e5", "", "+5", ".5", "1_000", "١"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := parseAmount(s)
		if err == nil && (d.IsZero() || d.Exponent() < -2 || len(d.StringFixed(2)) > 20) {
			t.Errorf("%q was read as %s", s, d)
		}
	})
}

// FuzzOrigin holds that what goes into a header as an origin is one, and
// nothing else.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"http://127.0.0.1:8080", "https://flint.example", "javascript:alert(1)", "http://a/b", "http://a; script-src *", "http://u@a", "null", "*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := origin(s)
		if got == "" {
			return
		}
		u, err := url.Parse(got)
		if err != nil || u.Path != "" || u.User != nil || u.RawQuery != "" {
			t.Errorf("%q passed as %q", s, got)
		}
		for _, c := range got {
			if c <= ' ' || c == ';' || c == ',' || c == '*' || c == '\'' || c == '"' {
				t.Errorf("%q passed as %q", s, got)
			}
		}
	})
}
