package activity

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/statement"
)

// bankDay is one day of an account as a bank lists it.
type bankDay []statement.Row

// drawHistory draws days with few different amounts and words, so that equal
// rows on one day are common.
func drawHistory(t *rapid.T, withIDs bool) []bankDay {
	days := make([]bankDay, rapid.IntRange(1, 12).Draw(t, "days"))
	n := 0
	for d := range days {
		for range rapid.IntRange(0, 4).Draw(t, "rows") {
			n++
			r := statement.Row{
				Date:   time.Date(2026, 3, 1+d, 0, 0, 0, 0, time.UTC),
				Amount: money.MustParse(rapid.SampledFrom([]string{"-4.50", "-4.5", "-12.00", "100"}).Draw(t, "amount")),
				Name:   rapid.SampledFrom([]string{"Coffee", "coffee", "Tea"}).Draw(t, "name"), Currency: "USD",
			}
			if withIDs {
				r.ID = fmt.Sprint("b", n)
			}
			days[d] = append(days[d], r)
		}
	}
	return days
}

// plainly makes keys that can be read.
func plainly(prefix, text string) string { return prefix + text }

// bring judges a file against what is there and adds what is new.
func bring(there []known, file []statement.Row) (after []known, s ImportSummary) {
	rows := make([]ImportRow, len(file))
	for i, r := range file {
		rows[i] = rowOf(i, r)
	}
	judge(rows, "USD", day(1).Add(-Keep), there, plainly)
	s.tally(rows)
	for _, r := range rows {
		if r.Verdict == VerdictNew || r.Verdict == VerdictPossible {
			key := r.ExternalID
			there = append(there, known{ID: id.New[id.Transaction](), ImportKey: &key, Source: FromImport, Amount: *r.Amount, Currency: r.Currency, Date: *r.Date})
		}
	}
	return there, s
}

// However a person cuts a history into files of whole days, and in whatever order
// and how often the files are brought, each transaction is there once, and two
// equal ones are there twice.
func TestFilesThatOverlapBringEachRowOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		days := drawHistory(t, rapid.Bool().Draw(t, "the bank gives ids"))
		var there []known
		covered := make([]bool, len(days))
		for range rapid.IntRange(1, 5).Draw(t, "files") {
			from := rapid.IntRange(0, len(days)-1).Draw(t, "from")
			to := rapid.IntRange(from, len(days)-1).Draw(t, "to")
			var file []statement.Row
			for d := from; d <= to; d++ {
				covered[d] = true
				file = append(file, days[d]...)
			}
			if rapid.Bool().Draw(t, "newest first") {
				for i, j := 0, len(file)-1; i < j; i, j = i+1, j-1 {
					file[i], file[j] = file[j], file[i]
				}
			}
			there, _ = bring(there, file)
		}
		want := map[string]int{}
		for d, rows := range days {
			for _, r := range rows {
				if covered[d] {
					want[r.Date.Format(time.DateOnly)+r.Amount.String()]++
				}
			}
		}
		got := map[string]int{}
		for _, k := range there {
			got[k.Date.Format(time.DateOnly)+k.Amount.String()]++
		}
		for key, n := range want {
			if got[key] != n {
				t.Fatalf("%s is there %d times, not %d", key, got[key], n)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("%v, not %v", got, want)
		}
	})
}

func day(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC) }

func at(d int, amount, name, bankID string) statement.Row {
	return statement.Row{Date: day(d), Amount: money.MustParse(amount), Name: name, ID: bankID, Currency: "USD"}
}

func held(d int, amount string, source Source, key string, by Deleter) known {
	k := known{ID: id.New[id.Transaction](), Source: source, Amount: money.MustParse(amount), Currency: "USD", Date: day(d)}
	if key != "" {
		k.ImportKey = &key
	}
	if by != ByNobody {
		s := string(by)
		k.DeletedBy = &s
	}
	return k
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		there []known
		file  []statement.Row
		want  []Verdict
	}{
		"the bank's id is there":               {[]known{held(1, "-5", FromImport, "bank:x", "")}, []statement.Row{at(2, "-5", "Shop", "x")}, []Verdict{VerdictDuplicate}},
		"deleted by hand":                      {[]known{held(1, "-5", FromImport, "bank:x", ByPerson)}, []statement.Row{at(1, "-5", "Shop", "x")}, []Verdict{VerdictDuplicate}},
		"undone before":                        {[]known{held(1, "-5", FromImport, "bank:x", ByImport)}, []statement.Row{at(1, "-5", "Shop", "x")}, []Verdict{VerdictNew}},
		"the bank uses an id again":            {[]known{held(1, "-5", FromImport, "bank:x", "")}, []statement.Row{at(1, "-9", "Shop", "x")}, []Verdict{VerdictPossible}},
		"an id twice in the file, differently": {nil, []statement.Row{at(1, "-5", "Shop", "x"), at(1, "-9", "Shop", "x")}, []Verdict{VerdictNew, VerdictNew}},
		"an id twice in the file, equal":       {nil, []statement.Row{at(1, "-5", "Shop", "x"), at(1, "-5", "Shop", "x")}, []Verdict{VerdictNew, VerdictSkipped}},
		"a provider's row of the day":          {[]known{held(1, "-5", FromProvider, "", "")}, []statement.Row{at(1, "-5", "Shop", "x"), at(1, "-5", "Shop", "y")}, []Verdict{VerdictDuplicate, VerdictNew}},
		"a provider's row two days off":        {[]known{held(1, "-5", FromProvider, "", "")}, []statement.Row{at(3, "-5", "Shop", "x")}, []Verdict{VerdictPossible}},
		"a provider's row four days off":       {[]known{held(1, "-5", FromProvider, "", "")}, []statement.Row{at(5, "-5", "Shop", "x")}, []Verdict{VerdictNew}},
		"one row by hand, two in the file":     {[]known{held(1, "-5", FromPerson, "", "")}, []statement.Row{at(2, "-5", "Shop", ""), at(1, "-5", "Store", "")}, []Verdict{VerdictNew, VerdictPossible}},
		"a provider's row, deleted by hand":    {[]known{held(1, "-5", FromProvider, "", ByPerson)}, []statement.Row{at(1, "-5", "Shop", "x")}, []Verdict{VerdictDuplicate}},
		"gone at the provider":                 {[]known{held(1, "-5", FromProvider, "", ByProvider)}, []statement.Row{at(1, "-5", "Shop", "x")}, []Verdict{VerdictNew}},
		"another of the bank's ids":            {[]known{held(1, "-5", FromImport, "bank:x", "")}, []statement.Row{at(1, "-5", "Shop", "y")}, []Verdict{VerdictNew}},
		"first as CSV, then as OFX":            {[]known{held(1, "-5", FromImport, "line:1:0", "")}, []statement.Row{at(1, "-5", "Shop", "y")}, []Verdict{VerdictPossible}},
		"worded differently, same day":         {[]known{held(1, "-5", FromImport, "line:1:0", "")}, []statement.Row{at(1, "-5", "Shop", "")}, []Verdict{VerdictPossible}},
		"the same next day":                    {[]known{held(1, "-5", FromImport, "line:1:0", "")}, []statement.Row{at(2, "-5", "Shop", "")}, []Verdict{VerdictNew}},
		"older than it may get":                {nil, []statement.Row{{Date: day(1).Add(-Keep - 24*time.Hour), Amount: money.MustParse("1"), Currency: "USD"}}, []Verdict{VerdictSkipped}},
		"as old as it may be":                  {nil, []statement.Row{{Date: day(1).Add(-Keep), Amount: money.MustParse("1"), Currency: "USD"}}, []Verdict{VerdictNew}},
		"nothing moved":                        {nil, []statement.Row{at(1, "0.00", "Info", "x")}, []Verdict{VerdictSkipped}},
		"another currency":                     {nil, []statement.Row{{Date: day(1), Amount: money.MustParse("1"), Currency: "EUR"}}, []Verdict{VerdictSkipped}},
		"pending":                              {nil, []statement.Row{{Date: day(1), Amount: money.MustParse("1"), Currency: "USD", Pending: true}}, []Verdict{VerdictSkipped}},
		"a correction": {[]known{held(1, "-5", FromImport, "bank:x", "")},
			[]statement.Row{{Date: day(1), Amount: money.MustParse("-6"), Currency: "USD", ID: "y", Corrects: "x", Correction: "REPLACE"}}, []Verdict{VerdictPossible}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := make([]ImportRow, len(c.file))
			for i, r := range c.file {
				rows[i] = rowOf(i, r)
			}
			judge(rows, "USD", day(1).Add(-Keep), c.there, plainly)
			for i, r := range rows {
				if r.Verdict != c.want[i] {
					t.Errorf("row %d is %s, not %s (%s)", i, r.Verdict, c.want[i], r.detail.Reason)
				}
				if (r.Verdict == VerdictSkipped) != (r.detail.Reason != "") && r.detail.Reason != "You deleted this one." {
					t.Errorf("row %d is %s because %q", i, r.Verdict, r.detail.Reason)
				}
			}
		})
	}
}
