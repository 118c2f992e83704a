package statement_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flint/internal/fault"
	"flint/internal/money"
	"flint/internal/statement"
)

func load(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(t *testing.T, name string) statement.File {
	t.Helper()
	f, err := statement.Read(name, load(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func dec(s string) money.Decimal { return money.MustParse(s) }

func day(s string) time.Time {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return d
}

func TestABanksSGMLFileIsReadWhole(t *testing.T) {
	t.Parallel()
	f := read(t, "node-ofx-parser-example1.ofx")
	if f.Format != statement.OFX || len(f.Statements) != 1 || f.UnknownCount() != 0 {
		t.Fatalf("got %+v", f)
	}
	s := f.Statements[0]
	if s.Kind != statement.Bank || s.Currency != "NZD" || s.Account.Mask() != "6700" || s.Account.Type != "SAVINGS" ||
		s.Account.BankID != "01" || s.Account.BranchID != "0123" || !s.From.Equal(day("2012-01-01")) || !s.To.Equal(day("2012-10-03")) {
		t.Errorf("the account is %+v", s)
	}
	if !s.Ledger.Amount.Equal(dec("4225.79")) || !s.Available.Amount.Equal(dec("12.79")) || !s.Ledger.Day.Equal(day("2012-10-04")) {
		t.Errorf("the balances are %+v and %+v", s.Ledger, s.Available)
	}
	total := money.Zero
	for _, r := range s.Rows {
		total = total.Add(r.Amount)
	}
	if len(s.Rows) != 5 || !total.Equal(dec("-173.11")) {
		t.Errorf("%d rows sum up to %s", len(s.Rows), total)
	}
	r := s.Rows[3]
	if r.ID != "201209071" || r.Type != "DEBIT" || !r.Date.Equal(day("2012-09-07")) || r.Currency != "NZD" ||
		r.Description() != "Transfer · Debit Transfer: Postage" {
		t.Errorf("the fourth row is %+v", r)
	}
}

func TestAQFXFileWithClosedTagsIsReadWhole(t *testing.T) {
	t.Parallel()
	f := read(t, "node-ofx-parser-example-xml.qfx")
	if f.Format != statement.QFX || len(f.Statements) != 1 || f.UnknownCount() != 0 {
		t.Fatalf("got %+v", f)
	}
	s := f.Statements[0]
	if len(s.Rows) != 1 || s.Rows[0].ID != "21172131531687" || !s.Rows[0].Amount.Equal(dec("0.84")) || s.Rows[0].Description() != "Interest Paid" {
		t.Errorf("got %+v", s)
	}
}

func TestAFileWithoutBlankLineOldLettersAndEmptyValuesIsRead(t *testing.T) {
	t.Parallel()
	f := read(t, "card-1.0.3-no-blank-line.qfx")
	s := f.Statements[0]
	if f.Format != statement.QFX || s.Kind != statement.Card || s.Account.Mask() != "4321" || len(s.Rows) != 2 || !s.From.IsZero() {
		t.Fatalf("got %+v", f)
	}
	if s.Rows[0].Description() != "Café & Bar" || !s.Rows[1].Amount.Equal(dec("1234")) || s.Rows[1].Name != "Payment & thanks" {
		t.Errorf("the rows are %+v", s.Rows)
	}
	if f.Unknown["INTU.X"] != 1 || f.UnknownCount() != 1 {
		t.Errorf("unknown: %v", f.Unknown)
	}
}

func TestOFX2IsReadFully(t *testing.T) {
	t.Parallel()
	f := read(t, "bank-and-card-2.2.ofx")
	if len(f.Statements) != 2 || f.Investments != 1 || f.Institution != "Example Bank" {
		t.Fatalf("%d statements, %d investments", len(f.Statements), f.Investments)
	}
	if f.UnknownCount() != 2 || f.Unknown["X.LOYALTY"] != 1 || f.Unknown["X.SCORE"] != 1 {
		t.Errorf("unknown: %v", f.Unknown)
	}
	bank, card := f.Statements[0], f.Statements[1]
	if len(bank.Rows) != 5 || len(card.Rows) != 1 || bank.Currency != "USD" || card.Currency != "EUR" || card.Account.Mask() != "9999" {
		t.Fatalf("got %+v and %+v", bank, card)
	}
	check := bank.Rows[0]
	if check.Type != "CHECK" || check.CheckNumber != "1042" || check.Reference != "R-9" || !check.Date.Equal(day("2026-11-03")) ||
		!check.UserDate.Equal(day("2026-11-01")) || check.Description() != "Oak Street Rentals · Rent & water, November" ||
		check.Extra["payee_city"] != "Salem" || check.Extra["srvrtid"] != "S-1" || check.Extra["dtavail"] != "20261104" {
		t.Errorf("the check is %+v", check)
	}
	if to := bank.Rows[1].Extra["to"]; to != "4321" {
		t.Errorf("the other account is shown as %q", to)
	}
	cafe := bank.Rows[2]
	if !cafe.Amount.Equal(dec("-15")) || cafe.Currency != "USD" || cafe.Original.Currency != "CAD" || !cafe.Original.Amount.Equal(dec("-20")) ||
		cafe.Name != "Café Zoë, Montréal" {
		t.Errorf("the exchanged row is %+v", cafe)
	}
	salary := bank.Rows[3]
	if !salary.Amount.Equal(dec("2500.50")) || salary.Name != "Salary <net>" || salary.Corrects != "2026110901" || salary.Correction != "REPLACE" {
		t.Errorf("the salary is %+v", salary)
	}
	if p := bank.Rows[4]; !p.Pending || !p.Amount.Equal(dec("-4.50")) {
		t.Errorf("the pending row is %+v", p)
	}
	dinner := card.Rows[0]
	if !dinner.Amount.Equal(dec("-54.10")) || dinner.Currency != "EUR" || dinner.Original.Currency != "JPY" || dinner.Extra["sic"] != "5812" {
		t.Errorf("the dinner is %+v", dinner)
	}
}

const sgml = "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nENCODING:USASCII\nCHARSET:1252\n\n"

// bank wraps transactions into the smallest statement there is.
func bank(rows string) string {
	return sgml + "<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>USD<BANKACCTFROM><ACCTID>1</BANKACCTFROM><BANKTRANLIST>" + rows +
		"</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
}

func row(amount, date string) string {
	return "<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>" + date + "<TRNAMT>" + amount + "<FITID>1<NAME>x</STMTTRN>"
}

func TestHostileAndBrokenFilesAreRefusedInASentence(t *testing.T) {
	t.Parallel()
	xml := `<?xml version="1.0"?><?OFX OFXHEADER="200"?>`
	for name, c := range map[string]struct{ file, want string }{
		"entity bomb":     {`<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]><OFX>&lol2;</OFX>`, "document type"},
		"external entity": {`<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><OFX><NAME>&e;</NAME></OFX>`, "document type"},
		"entity in SGML":  {sgml + `<!ENTITY a "b"><OFX></OFX>`, "document type"},
		"deep nesting":    {sgml + "<OFX>" + strings.Repeat("<A>", 1000), "nested more than"},
		"deep XML":        {xml + "<OFX>" + strings.Repeat("<A>", 1000), "nested more than"},
		"many elements":   {sgml + "<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS>" + strings.Repeat("<X>1", 100_000), "more than 20000 elements"},
		"long value":      {bank("<STMTTRN><NAME>" + strings.Repeat("x", 5000)), "more than 4,096 characters"},
		"long CDATA":      {xml + "<OFX><![CDATA[" + strings.Repeat("x", 5000) + "]]></OFX>", "CDATA"},
		"NUL":             {bank("<STMTTRN>\x00"), "NUL character on line 7"},
		"huge amount":     {bank(row("99999999999999999", "20260101")), "amount"},
		"exponent":        {bank(row("1e999999999", "20260101")), "amount"},
		"hex amount":      {bank(row("0x1F", "20260101")), "amount"},
		"not a number":    {bank(row("NaN", "20260101")), "amount"},
		"no amount":       {bank("<STMTTRN><DTPOSTED>20260101</STMTTRN>"), "amount"},
		"no date":         {bank("<STMTTRN><TRNAMT>1</STMTTRN>"), "date"},
		"epoch":           {bank(row("1", "19700101")), "between 1980 and 2100"},
		"far future":      {bank(row("1", "99991231")), "between 1980 and 2100"},
		"30 February":     {bank(row("1", "20260230")), "date"},
		"garbage date":    {bank(row("1", "2026-01-01")), "date"},
		"cut off":         {strings.TrimSuffix(bank(row("1", "20260101")), "</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"), "ends in the middle"},
		"never closed":    {sgml + "<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><BANKTRANLIST><STMTTRN><TRNAMT>1</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>", "never closed"},
		"crossed XML":     {xml + "<OFX><BANKMSGSRSV1></OFX></BANKMSGSRSV1>", "closes something"},
		"broken tag":      {bank("<<STMTTRN>"), "where a tag should be"},
		"endless tag":     {bank("<" + strings.Repeat("A", 5000)), "never ends"},
		"nothing":         {sgml, "nothing after it"},
		"no statement":    {sgml + "<OFX><SIGNONMSGSRSV1></SIGNONMSGSRSV1></OFX>", "no bank or card statement"},
		"refusal":         {sgml + "<OFX><BANKMSGSRSV1><STMTTRNRS><STATUS><CODE>15500<SEVERITY>ERROR<MESSAGE>Signon invalid</STATUS></STMTTRNRS></BANKMSGSRSV1></OFX>", "Signon invalid"},
		"investments":     {sgml + "<OFX><INVSTMTMSGSRSV1><INVSTMTTRNRS><INVSTMTRS></INVSTMTRS></INVSTMTTRNRS></INVSTMTMSGSRSV1></OFX>", "investment"},
		"currency":        {strings.Replace(bank(""), "USD", "U$D", 1), "not a currency"},
		"wrong encoding":  {`<?xml version="1.0" encoding="UTF-8"?><OFX><NAME>` + "caf\xe9</NAME></OFX>", "UTF-8"},
		"odd encoding":    {`<?xml version="1.0" encoding="EBCDIC-1"?><OFX><NAME>` + "caf\xe9</NAME></OFX>", "EBCDIC"},
		"UTF-32":          {"\xff\xfe\x00\x00<\x00\x00\x00", "UTF-32"},
		"half UTF-16":     {"\xff\xfea\x00b", "middle of a letter"},
		"HTML":            {"<html><body>Sign in</body></html>", "web page"},
		"PDF":             {"%PDF-1.7\n...", "PDF"},
		"Excel":           {"PK\x03\x04....", "Excel"},
		"QIF":             {"!Type:Bank\nD1/1/2026\n", "QIF"},
		"empty":           {" \n ", "empty"},
		"prose":           {"Dear customer\nhere are no columns\n", "neither"},
		"wide CSV":        {strings.Repeat("a,", 300) + "\n" + strings.Repeat("1,", 300), "columns"},
		"open quote":      {"date,amount\n2026-01-01,\"" + strings.Repeat("x\n", 5000), "quotation mark"},
		"only a header":   {"date,amount\n", "no rows"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := statement.Read("x.ofx", []byte(c.file))
			f := fault.Of(err)
			if f == nil || !strings.Contains(f.Detail, c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if len(f.Detail) > 250 || strings.Contains(f.Detail, "\n") {
				t.Errorf("not a sentence: %s", f.Detail)
			}
		})
	}
}

func TestTheLimitsAreExact(t *testing.T) {
	t.Parallel()
	one := row("1", "20260101")
	if f, err := statement.Read("x", []byte(bank(strings.Repeat(one, statement.MaxRows)))); err != nil || len(f.Statements[0].Rows) != statement.MaxRows {
		t.Errorf("100,000 rows: %v", err)
	}
	if _, err := statement.Read("x", []byte(bank(strings.Repeat(one, statement.MaxRows+1)))); fault.Of(err) == nil || fault.Of(err).Code != "statement_too_many_rows" {
		t.Errorf("100,001 rows: %v", err)
	}
	csv := "date,amount\n" + strings.Repeat("2026-01-01,1.00\n", statement.MaxRows)
	if f, err := statement.Read("x", []byte(csv)); err != nil || len(f.Table.Rows) != statement.MaxRows {
		t.Errorf("100,000 lines: %v", err)
	}
	if _, err := statement.Read("x", []byte(csv+"2026-01-01,1.00\n")); fault.Of(err) == nil || fault.Of(err).Code != "statement_too_many_rows" {
		t.Errorf("100,001 lines: %v", err)
	}
	if _, err := statement.Read("x", make([]byte, statement.MaxBytes+1)); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("10 MiB and a byte: %v", err)
	}
}

func TestManyShortElementsTakeNoTime(t *testing.T) {
	t.Parallel()
	began := time.Now()
	_, err := statement.Read("x", []byte(sgml+"<OFX><INVSTMTMSGSRSV1>"+strings.Repeat("<A>1</A>\n", 200_000)+"</INVSTMTMSGSRSV1></OFX>"))
	if fault.Of(err) == nil || time.Since(began) > 10*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}
