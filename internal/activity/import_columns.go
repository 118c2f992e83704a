package activity

import (
	"slices"

	"flint/internal/fault"
	"flint/internal/statement"
)

// Columns says what the columns of a CSV file are, by their names. The amount is
// in one column, or in two: what went out (debit) and what came in (credit).
type Columns struct {
	Date         string `json:"date,omitempty" maxLength:"4096" doc:"Column with the date"`
	DateFormat   string `json:"dateFormat,omitempty" maxLength:"20" doc:"How dates are written; empty: find out" example:"DD/MM/YYYY"`
	Description  string `json:"description,omitempty" maxLength:"4096"`
	Memo         string `json:"memo,omitempty" maxLength:"4096"`
	Amount       string `json:"amount,omitempty" maxLength:"4096" doc:"Column with the signed amount"`
	Debit        string `json:"debit,omitempty" maxLength:"4096" doc:"Column with money out"`
	Credit       string `json:"credit,omitempty" maxLength:"4096" doc:"Column with money in"`
	Direction    string `json:"direction,omitempty" maxLength:"4096" doc:"Column that says debit or credit of unsigned amounts"`
	Currency     string `json:"currency,omitempty" maxLength:"4096"`
	ID           string `json:"id,omitempty" maxLength:"4096" doc:"Column with the bank's own id"`
	Balance      string `json:"balance,omitempty" maxLength:"4096" doc:"Column with the balance after the row"`
	Category     string `json:"category,omitempty" maxLength:"4096"`
	DecimalComma *bool  `json:"decimalComma,omitempty" doc:"Amounts are written 1.234,56; absent: find out"`
	Invert       bool   `json:"invert,omitempty" doc:"The file writes spending as positive"`
}

// each visits the fields that name a column, with their place in a Mapping.
func (c *Columns) each(m *statement.Mapping, visit func(field string, name *string, at *int)) {
	visit("date", &c.Date, &m.Date)
	visit("description", &c.Description, &m.Description)
	visit("memo", &c.Memo, &m.Memo)
	visit("amount", &c.Amount, &m.Amount)
	visit("debit", &c.Debit, &m.Debit)
	visit("credit", &c.Credit, &m.Credit)
	visit("direction", &c.Direction, &m.Direction)
	visit("currency", &c.Currency, &m.Currency)
	visit("id", &c.ID, &m.ID)
	visit("balance", &c.Balance, &m.Balance)
	visit("category", &c.Category, &m.Category)
}

// mapping resolves the names in a table. What c leaves open is guessed.
func (c Columns) mapping(t statement.Table) (statement.Mapping, error) {
	m := statement.NoMapping()
	f, wrong := fault.ErrInvalid, false
	c.each(&m, func(field string, name *string, at *int) {
		if *name == "" {
			return
		}
		if *at = slices.Index(t.Columns, *name); *at < 0 {
			f, wrong = fault.About(f, "body."+field, "There is no column of this name in the file."), true
		}
	})
	if wrong {
		return m, f
	}
	m.DateFormat = statement.DateFormat(c.DateFormat)
	switch c.DateFormat {
	case "DD.MM.YYYY", "DD-MM-YYYY": // the format reads all separators
		m.DateFormat = "DD/MM/YYYY"
	case "MM-DD-YYYY", "MM.DD.YYYY":
		m.DateFormat = "MM/DD/YYYY"
	case "DD.MM.YY", "DD-MM-YY":
		m.DateFormat = "DD/MM/YY"
	}
	t.Complete(&m, c.DecimalComma)
	m.Invert = c.Invert
	return m, m.Check(len(t.Columns))
}

// named is the opposite of mapping.
func named(m statement.Mapping, t statement.Table) Columns {
	c := Columns{DateFormat: string(m.DateFormat), Invert: m.Invert, DecimalComma: &m.DecimalComma}
	c.each(&m, func(_ string, name *string, at *int) {
		if *at >= 0 && *at < len(t.Columns) {
			*name = t.Columns[*at]
		}
	})
	return c
}
