package compliance

import "testing"

func TestTablesAreHarmlessInASpreadsheet(t *testing.T) {
	t.Parallel()
	got, err := toCSV([]string{
		`{"date":"2026-01-02","amount":-4.50,"note":"=HYPERLINK(\"http://evil\")","more":null}`,
		`{"date":"2026-01-03","amount":1234567890123456789.123456789,"note":"a, \"b\"","more":true}`,
	})
	want := "date,amount,note,more\n" +
		"2026-01-02,-4.50,\"'=HYPERLINK(\"\"http://evil\"\")\",\n" +
		"2026-01-03,1234567890123456789.123456789,\"a, \"\"b\"\"\",true\n"
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
	for _, first := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "|", "%"} {
		if c := cell(first + "1"); c != "'"+first+"1" {
			t.Errorf("%q became %q", first+"1", c)
		}
	}
	if _, err := toCSV([]string{`{"a":`}); err == nil {
		t.Error("half an object was taken")
	}
}
