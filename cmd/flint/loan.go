package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// importLoan imports a statement file, since no provider here offers loans.
func (h *household) importLoan(ctx context.Context) error {
	var preview struct {
		ID string `json:"id"`
	}
	if err := h.flint.upload(ctx, "/api/imports", "student-loan.ofx", loanStatement(time.Now()), &preview); err != nil {
		return fmt.Errorf("import the loan: %w", err)
	}
	account := map[string]any{"newAccount": map[string]string{"name": "Student loan", "kind": "loan", "currency": "USD"}}
	if err := h.flint.post(ctx, "/api/imports/"+preview.ID+"/apply", account, nil); err != nil {
		return fmt.Errorf("import the loan: %w", err)
	}
	return nil
}

// loanStatement writes the last three years of a loan as an OFX 2 file: 412.50
// are paid each month, of which the interest at 4.2 % a year goes to the bank.
func loanStatement(now time.Time) []byte {
	const payment, opening, months = 41250, 3120000, 36 // cents
	first := time.Date(now.Year(), now.Month()-months, 3, 12, 0, 0, 0, time.UTC)
	var rows strings.Builder
	owed := opening
	row := func(kind string, day time.Time, cents, id int, name string) {
		fmt.Fprintf(&rows, "<STMTTRN><TRNTYPE>%s</TRNTYPE><DTPOSTED>%s</DTPOSTED><TRNAMT>%s</TRNAMT><FITID>LN%06d</FITID><NAME>%s</NAME></STMTTRN>\n",
			kind, day.Format("20060102150405"), dollars(cents), id, name)
		owed -= cents
	}
	for m := range months {
		last := first.AddDate(0, m, 0)
		row("INT", last, -owed*42/12000, 2*m+1, "Interest charge")
		row("PAYMENT", last.Add(time.Hour), payment, 2*m+2, "Payment, thank you")
	}
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<?OFX OFXHEADER="200" VERSION="211" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>
<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0</CODE><SEVERITY>INFO</SEVERITY></STATUS><DTSERVER>%[1]s</DTSERVER><LANGUAGE>ENG</LANGUAGE>
<FI><ORG>Evergreen Student Loans</ORG><FID>4471</FID></FI></SONRS></SIGNONMSGSRSV1>
<BANKMSGSRSV1><STMTTRNRS><TRNUID>1</TRNUID><STATUS><CODE>0</CODE><SEVERITY>INFO</SEVERITY></STATUS><STMTRS><CURDEF>USD</CURDEF>
<BANKACCTFROM><BANKID>091000022</BANKID><ACCTID>7730018846</ACCTID><ACCTTYPE>CREDITLINE</ACCTTYPE></BANKACCTFROM>
<BANKTRANLIST><DTSTART>%[2]s</DTSTART><DTEND>%[1]s</DTEND>
%[3]s</BANKTRANLIST>
<LEDGERBAL><BALAMT>%[4]s</BALAMT><DTASOF>%[1]s</DTASOF></LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
`, now.UTC().Format("20060102150405"), first.Format("20060102150405"), rows.String(), dollars(-owed))
}

func dollars(cents int) string {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}
