package audit

import "testing"

func TestNoCellIsAFormula(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{"=HYPERLINK(1)", "+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", "\n=1", "|x", "%0A=1"} {
		if got := inert(evil); got != "'"+evil {
			t.Errorf("%q became %q", evil, got)
		}
	}
	for _, plain := range []string{"", "Firefox on Linux", "203.0.113.9", "2001:db8::1", "2026-11-23T14:00:00Z"} {
		if got := inert(plain); got != plain {
			t.Errorf("%q became %q", plain, got)
		}
	}
}
