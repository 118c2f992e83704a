package statement

import (
	"fmt"
	"slices"
	"strings"

	"flint/internal/fault"
	"flint/internal/money"
)

// None is the index of a column that there isn't.
const None = -1

// Mapping says what the columns of a Table mean, as indices from 0 or None. The
// amount is in one column (Amount), or in two (Debit takes away, Credit adds).
type Mapping struct {
	Date         int        `json:"date"`
	Amount       int        `json:"amount"`
	Debit        int        `json:"debit"`
	Credit       int        `json:"credit"`
	Direction    int        `json:"direction"` // says "debit" or "credit" of an amount without a sign
	Description  int        `json:"description"`
	Memo         int        `json:"memo"`
	Currency     int        `json:"currency"`
	ID           int        `json:"id"`
	Balance      int        `json:"balance"`
	Category     int        `json:"category"`
	DateFormat   DateFormat `json:"dateFormat"`
	DecimalComma bool       `json:"decimalComma"`
	Invert       bool       `json:"invert"` // the file writes spending as positive
}

// NoMapping maps nothing.
func NoMapping() Mapping {
	return Mapping{
		Date: None, Amount: None, Debit: None, Credit: None, Direction: None, Description: None, Memo: None,
		Currency: None, ID: None, Balance: None, Category: None,
	}
}

// Check returns what is missing or wrong in m for a table of so many columns:
// fault.ErrInvalid with the fields named, or nil.
func (m Mapping) Check(columns int) error {
	f := fault.ErrInvalid
	wrong := false
	refuse := func(where, message string) {
		f, wrong = fault.About(f, "body."+where, message), true
	}
	for _, c := range m.named() {
		if c.at < None || c.at >= columns {
			refuse(c.name, fmt.Sprintf("There are columns 0 to %d; -1 means none.", columns-1))
		}
	}
	if m.Date == None {
		refuse("date", "Choose the column with the date.")
	}
	if m.Amount == None && m.Debit == None && m.Credit == None {
		refuse("amount", "Choose the column with the amount, or those with debits and credits.")
	}
	if m.Amount != None && (m.Debit != None || m.Credit != None) {
		refuse("amount", "Choose either one column with the amount, or debits and credits.")
	}
	if !slices.Contains(DateFormats(), m.DateFormat) {
		refuse("dateFormat", "Choose one of the date formats.")
	}
	if wrong {
		return f
	}
	return nil
}

type namedColumn struct {
	name string
	at   int
}

func (m Mapping) named() []namedColumn {
	return []namedColumn{
		{"date", m.Date}, {"amount", m.Amount}, {"debit", m.Debit}, {"credit", m.Credit}, {"direction", m.Direction},
		{"description", m.Description}, {"memo", m.Memo}, {"currency", m.Currency}, {"id", m.ID},
		{"balance", m.Balance}, {"category", m.Category},
	}
}

// Read applies m to one line of the table. Currency is the account's, for lines
// that name none. When the line is no transaction (a total, a note), it returns
// why in a sentence.
func (m Mapping) Read(line []string, currency money.Currency) (row Row, why string) {
	cell := func(i int) string {
		if i < 0 || i >= len(line) {
			return ""
		}
		return line[i]
	}
	row = Row{
		ID: cell(m.ID), Name: cell(m.Description), Memo: cell(m.Memo), Category: cell(m.Category), Currency: currency,
	}
	var ok bool
	if row.Date, ok = m.DateFormat.parse(cell(m.Date)); !ok {
		return row, fmt.Sprintf("%.40q is not a date written as %s.", cell(m.Date), m.DateFormat)
	}
	if row.Amount, why = m.amount(cell); why != "" {
		return row, why
	}
	if code := strings.ToUpper(cell(m.Currency)); code != "" {
		c, err := money.ParseCurrency(code)
		if err != nil {
			return row, fmt.Sprintf("%.20q is not a currency.", code)
		}
		row.Currency = c
	}
	if b, ok := parseAmount(cell(m.Balance), m.DecimalComma); ok {
		row.Balance = &b
	}
	return row, ""
}

// amount reads the line's amount, signed so that money in is positive.
func (m Mapping) amount(cell func(int) string) (money.Decimal, string) {
	if m.Amount != None {
		d, ok := parseAmount(cell(m.Amount), m.DecimalComma)
		if !ok {
			return d, fmt.Sprintf("%.40q is not an amount.", cell(m.Amount))
		}
		if m.Direction != None && !d.IsNegative() && isDebit(cell(m.Direction)) {
			d = d.Neg()
		}
		if m.Invert {
			d = d.Neg()
		}
		return d, ""
	}
	total, found := money.Zero, false
	for _, part := range []struct {
		at   int
		sign int64
	}{{m.Credit, 1}, {m.Debit, -1}} {
		text := cell(part.at)
		if text == "" || text == "-" {
			continue
		}
		d, ok := parseAmount(text, m.DecimalComma)
		if !ok {
			return total, fmt.Sprintf("%.40q is not an amount.", text)
		}
		// Some banks sign their debits, some don't: the column decides.
		if part.sign < 0 {
			d = d.Abs().Neg()
		}
		total, found = total.Add(d), true
	}
	if !found {
		return total, "There is no amount in the line."
	}
	if m.Invert {
		total = total.Neg()
	}
	return total, ""
}

var debitWords = set("debit", "dr", "d", "withdrawal", "payment", "out", "soll", "s", "ausgang", "belastung", "af", "sale", "purchase",
	"débit", "cargo", "debito", "addebito", "debe", "expense")

var creditWords = set("credit", "cr", "c", "deposit", "in", "haben", "h", "eingang", "gutschrift", "bij", "refund",
	"crédit", "abono", "credito", "accredito", "haber", "income")

func isDebit(s string) bool { return debitWords[strings.ToLower(strings.TrimSpace(s))] }
