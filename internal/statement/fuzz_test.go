package statement_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"flint/internal/fault"
	"flint/internal/statement"
)

func seeds(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

// possible checks what must hold for every row, whatever the file was.
func possible(t *testing.T, rows []statement.Row) {
	t.Helper()
	for _, r := range rows {
		if r.Date.Year() < 1980 || r.Date.Year() > 2100 || r.Date.Location() != time.UTC || r.Date.Hour() != 0 {
			t.Errorf("a row is of %s", r.Date)
		}
		if len(r.Amount.Truncate(0).Abs().String()) > 20 || len(r.Currency) < 3 {
			t.Errorf("a row has %s %s", r.Amount, r.Currency)
		}
	}
}

func FuzzOFX(f *testing.F) {
	seeds(f, "*fx")
	f.Add([]byte("OFXHEADER:100\n<OFX><A><B>1</A></OFX>"))
	f.Add(bytes.Repeat([]byte{0xa0}, 5000)) // grows when its case is changed
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := statement.Read("x.ofx", append([]byte("OFXHEADER:100\n"), b...))
		check(t, file, err)
		file, err = statement.Read("x.ofx", b)
		check(t, file, err)
	})
}

func FuzzCSV(f *testing.F) {
	seeds(f, "*.csv")
	f.Add([]byte("sep=,\n\"a\",\"b\"\n1/2/2026,\"3,5\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := statement.Read("x.csv", b)
		check(t, file, err)
	})
}

func check(t *testing.T, file statement.File, err error) {
	t.Helper()
	if err != nil {
		if k := fault.KindOf(err); k != fault.Invalid && k != fault.TooLarge {
			t.Errorf("%v is not a refusal", err)
		}
		return
	}
	for _, s := range file.Statements {
		possible(t, s.Rows)
	}
	if file.Table == nil {
		return
	}
	m := file.Table.Guess().Mapping
	for _, line := range file.Table.Rows {
		if len(line) != len(file.Table.Columns) {
			t.Fatalf("%d cells under %d columns", len(line), len(file.Table.Columns))
		}
		if row, why := m.Read(line, "USD"); why == "" {
			possible(t, []statement.Row{row})
		}
	}
}
