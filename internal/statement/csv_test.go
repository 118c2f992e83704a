package statement_test

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"flint/internal/fault"
	"flint/internal/money"
	"flint/internal/statement"
)

// rowsOf reads a file with the guessed mapping and returns the rows, and what
// was said of the lines that are none.
func rowsOf(t *testing.T, table *statement.Table, m statement.Mapping) (rows []statement.Row, why []string) {
	t.Helper()
	if err := m.Check(len(table.Columns)); err != nil {
		t.Fatalf("the guess %+v isn't valid: %v (%v)", m, err, fault.Of(err).Fields)
	}
	for _, line := range table.Rows {
		r, w := m.Read(line, "USD")
		if w != "" {
			why = append(why, w)
			continue
		}
		rows = append(rows, r)
	}
	return rows, why
}

func TestAGermanFileInOldLettersIsGuessed(t *testing.T) {
	t.Parallel()
	f := read(t, "german.csv")
	g := f.Table.Guess()
	rows, why := rowsOf(t, f.Table, g.Mapping)
	if len(rows) != 3 || len(why) != 0 || !g.Mapping.DecimalComma || g.Mapping.DateFormat != "DD/MM/YYYY" || g.Ambiguous {
		t.Fatalf("%+v: %d rows, %v", g, len(rows), why)
	}
	r := rows[0]
	if !r.Date.Equal(day("2026-10-31")) || !r.Amount.Equal(dec("-1234.56")) || r.Currency != "EUR" ||
		r.Name != "Hausverwaltung Müller" || r.Memo != "Miete November" {
		t.Errorf("the first row is %+v", r)
	}
	if rows[2].Memo != "Kaffee; groß" {
		t.Errorf("the third row is %+v", rows[2])
	}
}

func TestAFileWithPreambleDebitsCreditsAndATotalIsGuessed(t *testing.T) {
	t.Parallel()
	f := read(t, "us-bank.csv")
	g := f.Table.Guess()
	rows, why := rowsOf(t, f.Table, g.Mapping)
	if f.Table.Skipped != 2 || len(rows) != 4 || len(why) != 1 || g.Mapping.DateFormat != "MM/DD/YYYY" || g.Mapping.Amount != statement.None {
		t.Fatalf("%+v %+v: %d rows, %v", f.Table.Columns, g, len(rows), why)
	}
	if !rows[0].Date.Equal(day("2026-11-19")) || !rows[0].Amount.Equal(dec("-45.10")) || !rows[1].Amount.Equal(dec("2000")) ||
		!rows[0].Balance.Equal(dec("1954.90")) || rows[0].Name != "GROCERY OUTLET, SALEM" {
		t.Errorf("the rows are %+v", rows)
	}
}

func TestManyShapesOfCSVAreGuessed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, date, amount, text string }{
		"ISO":              {"Date,Description,Amount\n2026-03-04,Shop,-1.50\n2026-03-05,Pay,20\n", "2026-03-04", "-1.5", "Shop"},
		"no header":        {"03/25/2026,-12.00,*,,\"STORE 12\"\n03/24/2026,-8.00,*,,\"CAFE\"\n", "2026-03-25", "-12", "STORE 12"},
		"sep line":         {"sep=;\nDate;Payee;Amount\n04.03.2026;Shop;-1,50\n", "2026-03-04", "-1.5", "Shop"},
		"tabs":             {"Date\tName\tAmount\n2026-03-04\tShop\t(1.50)\n2026-03-05\tPay\t20\n", "2026-03-04", "-1.5", "Shop"},
		"pipes":            {"Date|Name|Amount\n2026-03-04|Shop|1.50-\n", "2026-03-04", "-1.5", "Shop"},
		"month name":       {"Date,Narrative,Money Out,Money In\n4 Mar 2026,Shop,1.50,\n5 Mar 2026,Pay,,20\n", "2026-03-04", "-1.5", "Shop"},
		"American name":    {"Date,Description,Amount\n\"Mar 4, 2026\",Shop,$-1.50\n", "2026-03-04", "-1.5", "Shop"},
		"date and time":    {"Started Date,Description,Amount,Currency\n2026-03-04 10:11:12,Shop,-1.50,GBP\n", "2026-03-04", "-1.5", "Shop"},
		"zone":             {"Date,Description,Amount\n2026-03-04T23:59:59-08:00,Shop,-1.50\n", "2026-03-04", "-1.5", "Shop"},
		"direction":        {"Date,Description,Amount,Type\n2026-03-04,Shop,1.50,Debit\n2026-03-04,Pay,9.00,Credit\n", "2026-03-04", "-1.5", "Shop"},
		"Swiss thousands":  {"Datum;Buchungstext;Betrag\n04.03.26;Laden;-1'234.50\n", "2026-03-04", "-1234.5", "Laden"},
		"unicode minus":    {"Date,Description,Amount\n2026-03-04,Shop,\u22121.50\n", "2026-03-04", "-1.5", "Shop"},
		"thousands only":   {"Date,Description,Amount\n2026-03-04,Car,\"-12,000\"\n2026-03-04,Shop,-1.50\n", "2026-03-04", "-12000", "Car"},
		"compact":          {"Datum,Naam / Omschrijving,Af Bij,Bedrag (EUR)\n20260304,Winkel,Af,\"1,50\"\n20260305,Loon,Bij,\"20,00\"\n", "2026-03-04", "-1.5", "Winkel"},
		"order tells days": {"Date,Description,Amount\n01/02/2026,Shop,-1.50\n05/02/2026,Shop,-1.50\n03/03/2026,Shop,-2.00\n", "2026-02-01", "-1.5", "Shop"},
		"old Mac":          {"Date,Description,Amount\r2026-03-04,Shop,-1.50\r", "2026-03-04", "-1.5", "Shop"},
		"ragged":           {"Date,Description,Amount\n2026-03-04,Shop,-1.50\n\n2026-03-05,Pay,20,extra\n2026-03-06,Shop,-3.00\nend\n", "2026-03-04", "-1.5", "Shop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := statement.Read("x.csv", []byte(c.file))
			if err != nil {
				t.Fatal(err)
			}
			g := f.Table.Guess()
			rows, why := rowsOf(t, f.Table, g.Mapping)
			if len(rows) == 0 || !rows[0].Date.Equal(day(c.date)) || !rows[0].Amount.Equal(dec(c.amount)) || rows[0].Name != c.text {
				t.Errorf("%q %+v: %+v %v", f.Table.Columns, g, rows, why)
			}
		})
	}
}

func TestAmbiguousDatesAreSaidToBe(t *testing.T) {
	t.Parallel()
	f, err := statement.Read("x.csv", []byte("Date,Description,Amount\n01/02/2026,Shop,-1.50\n"))
	if err != nil {
		t.Fatal(err)
	}
	if g := f.Table.Guess(); !g.Ambiguous || g.Mapping.DateFormat != "MM/DD/YYYY" {
		t.Errorf("got %+v", g)
	}
}

func TestUTF16FilesAreRead(t *testing.T) {
	t.Parallel()
	text := "Date\tDescription\tAmount\r\n2026-03-04\tCafé\t-1.50\r\n"
	little, big := []byte{}, []byte{}
	for _, u := range utf16.Encode([]rune(text)) {
		little = append(little, byte(u), byte(u>>8))
		big = append(big, byte(u>>8), byte(u))
	}
	for name, b := range map[string][]byte{
		"little with mark": append([]byte{0xff, 0xfe}, little...), "big with mark": append([]byte{0xfe, 0xff}, big...),
		"little": little, "big": big, "UTF-8 with mark": append([]byte("\xef\xbb\xbf"), text...),
	} {
		f, err := statement.Read("x.csv", b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f.Table.Columns[0] != "Date" || f.Table.Rows[0][1] != "Café" {
			t.Errorf("%s: %q", name, f.Table.Rows)
		}
	}
}

func TestAMappingNamesEachMistake(t *testing.T) {
	t.Parallel()
	m := statement.NoMapping()
	m.Amount, m.Debit, m.Memo, m.DateFormat = 1, 2, 9, "whenever"
	f := fault.Of(m.Check(3))
	if f == nil || f.Kind != fault.Invalid {
		t.Fatal(f)
	}
	var where []string
	for _, field := range f.Fields {
		where = append(where, field.Where)
	}
	if got := strings.Join(where, " "); got != "body.memo body.date body.amount body.dateFormat" {
		t.Errorf("named %s", got)
	}
}

func TestInvertTurnsASpendingFileRound(t *testing.T) {
	t.Parallel()
	m := statement.NoMapping()
	m.Date, m.Amount, m.Invert, m.DateFormat = 0, 1, true, "YYYY-MM-DD"
	r, why := m.Read([]string{"2026-01-02", "12.00"}, "USD")
	if why != "" || !r.Amount.Equal(dec("-12")) {
		t.Errorf("%+v %s", r, why)
	}
	m = statement.NoMapping()
	m.Date, m.Debit, m.Credit, m.DateFormat = 0, 1, 2, "YYYY-MM-DD"
	r, why = m.Read([]string{"2026-01-02", "-12.00", ""}, "USD")
	if why != "" || !r.Amount.Equal(dec("-12")) {
		t.Errorf("a signed debit: %+v %s", r, why)
	}
}

// Whatever a bank writes, an amount that was written one way is read that way.
func TestAmountsSurviveTheWaysOfWritingThem(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cents := rapid.Int64Range(-99_999_999_999, 99_999_999_999).Draw(t, "cents")
		want := money.MustParse("0.01").Mul(money.MustParse(strconv.FormatInt(cents, 10)))
		comma := rapid.Bool().Draw(t, "comma")
		style := rapid.IntRange(0, 3).Draw(t, "style")
		text := want.Abs().StringFixed(2)
		whole, fraction, _ := strings.Cut(text, ".")
		if rapid.Bool().Draw(t, "grouped") {
			whole = group(whole, map[bool]string{true: ".", false: ","}[comma])
		}
		text = whole + map[bool]string{true: ",", false: "."}[comma] + fraction
		if want.IsNegative() {
			text = []string{"-" + text, text + "-", "(" + text + ")", text + " DR"}[style]
		}
		m := statement.NoMapping()
		m.Date, m.Amount, m.DecimalComma, m.DateFormat = 0, 1, comma, "YYYY-MM-DD"
		r, why := m.Read([]string{"2026-01-02", text}, "USD")
		if why != "" || !r.Amount.Equal(want) {
			t.Fatalf("%q is read as %s, want %s (%s)", text, r.Amount, want, why)
		}
	})
}

func group(whole, with string) string {
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + with + whole[i:]
	}
	return whole
}
