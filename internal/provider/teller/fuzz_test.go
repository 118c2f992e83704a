package teller

import (
	"encoding/json"
	"testing"
	"time"
)

func FuzzExplain(f *testing.F) {
	for _, s := range []string{"", "{}", `{"error":null}`, `{"error":{"code":"enrollment.disconnected."}}`, `{"error":{"code":7}}`, "<html>"} {
		f.Add(404, []byte(s))
	}
	f.Fuzz(func(_ *testing.T, status int, body []byte) { explain(status, body) })
}

func FuzzTransaction(f *testing.F) {
	f.Add([]byte(`{"id":"t","amount":"-1.50","date":"2026-01-14","status":"posted","details":{"counterparty":{"name":null}}}`))
	f.Add([]byte(`{"details":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var w wireTransaction
		if json.Unmarshal(b, &w) != nil {
			return
		}
		if got, err := w.read("fuzz"); err == nil && (got.ID == "" || got.Date.Before(earliest)) {
			t.Fatalf("accepted %+v", got)
		}
	})
}

func FuzzDay(f *testing.F) {
	for _, s := range []string{"2026-01-14", "1970-01-01", "2026-02-30", "9999-12-31", "", "2026-1-4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := day(s); err == nil && d.Format(time.DateOnly) != s {
			t.Fatalf("%q became %v", s, d)
		}
	})
}
