package audit_test

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/id"
	"flint/internal/platform/web/webtest"
)

func downloading(user id.User, header map[string]string, status int) webtest.Scenario {
	s := webtest.Scenario{Path: "/api/security/log.csv", Header: map[string]string{"X-Test-User": user.String()}, Status: status}
	for k, v := range header {
		s.Header[k] = v
	}
	return s
}

func TestTheLogIsATableThatNoSpreadsheetRuns(t *testing.T) {
	t.Parallel()
	pool := sealing(t)
	c := door(t, pool)
	ana, bob := id.New[id.User](), id.New[id.User]()
	begin := time.Date(2026, 1, 23, 14, 0, 0, 0, time.UTC)
	for i := range 250 { // more than a page
		record(t, pool, begin.Add(time.Duration(i)*time.Minute), audit.Entry{
			Actor: access.Actor{User: ana}, Subject: ana, Verb: "session.start", Detail: map[string]any{"how": "password", "device": firefox},
		})
	}
	record(t, pool, begin, audit.Entry{Actor: access.Actor{User: bob}, Subject: bob, Verb: "session.end"})

	c.Check(t, downloading(ana, nil, 403)) // it takes a fresh proof
	fresh := map[string]string{"X-Test-Fresh": "1"}
	a := c.Check(t, downloading(ana, fresh, 200))
	if kind := a.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/csv") || !strings.Contains(a.Header.Get("Content-Disposition"), "attachment") || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", a.Header)
	}
	rows, err := csv.NewReader(strings.NewReader(a.Body)).ReadAll()
	if err != nil || len(rows) != 252 { // its own head and entry
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if !slices.Contains(rows[1], "log.export") || rows[251][0] != "2026-01-23T14:00:00Z" || rows[251][1] != "session.start" || rows[251][7] != "203.0.113.9" {
		t.Errorf("first %q, last %q", rows[1], rows[251])
	}
	for _, r := range rows {
		if slices.Contains(r, "session.end") {
			t.Error("somebody else's entry")
		}
	}
}
