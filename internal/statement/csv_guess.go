package statement

import (
	"slices"
	"strings"
)

// Guess is what a Table's columns probably mean.
type Guess struct {
	Mapping   Mapping
	Ambiguous bool // day and month could be the other way round
}

// headings are what banks call their columns, most telling first. A heading
// matches if it is one of these, or contains it as words.
var headings = []struct {
	column string
	names  []string
}{
	{"date", []string{"booking date", "posting date", "posted date", "post date", "date posted", "transaction date", "trans date", "trans. date",
		"value date", "completed date", "started date", "buchungstag", "buchungsdatum", "buchung", "valuta", "wertstellung", "datum", "fecha", "date", "data", "dato",
		"date operation", "date de comptabilisation", "boekdatum", "dtposted", "time"}},
	{"amount", []string{"transaction amount", "amount", "betrag", "umsatz", "montant", "importe", "bedrag", "importo", "valor", "beløb", "belopp", "kwota", "value"}},
	{"debit", []string{"debit amount", "debit", "debits", "withdrawal", "withdrawals", "money out", "paid out", "soll", "débit", "cargo", "cargos", "uscite", "dare", "ausgabe", "af"}},
	{"credit", []string{"credit amount", "credit", "credits", "deposit", "deposits", "money in", "paid in", "haben", "crédit", "abono", "abonos", "entrate", "avere", "einnahme", "bij"}},
	{"direction", []string{"debit/credit", "credit/debit", "dr/cr", "cr/dr", "credit debit indicator", "soll/haben", "af bij", "direction", "transaction type", "type"}},
	{"description", []string{"description", "payee", "merchant", "merchant name", "name", "narrative", "details", "transaction details", "beguenstigter/zahlungspflichtiger", "begünstigter/zahlungspflichtiger", "begünstigter", "zahlungspflichtiger",
		"auftraggeber/empfänger", "empfänger", "verwendungszweck", "buchungstext", "libellé", "libelle", "concepto", "descripción", "descripcion", "omschrijving", "descrizione",
		"naam / omschrijving", "particulars", "counterparty"}},
	{"memo", []string{"memo", "notes", "note", "reference", "additional information", "verwendungszweck", "mededelingen", "purpose", "original description", "extended details", "details"}},
	{"currency", []string{"currency", "currency code", "währung", "waehrung", "devise", "moneda", "divisa", "valuta code", "ccy", "munt"}},
	{"id", []string{"transaction id", "fitid", "transaction reference", "unique id", "transaction number", "referenznummer"}},
	{"balance", []string{"balance", "running balance", "account balance", "saldo", "kontostand", "solde", "saldo nach buchung"}},
	{"category", []string{"category", "kategorie", "catégorie", "categoría", "categoria"}},
}

// Guess proposes a mapping from the header's words, and from the cells where
// those say nothing.
func (t Table) Guess() Guess {
	m := NoMapping()
	sample := t.Rows[:min(len(t.Rows), 200)]
	taken := make([]bool, len(t.Columns))
	take := func(column string, fits func(int) bool) int {
		at := t.named(column, taken, fits)
		if at != None {
			taken[at] = true
		}
		return at
	}
	dates := func(i int) bool { return share(sample, i, func(s string) bool { return len(datesOf(s)) > 0 }) >= 0.6 }
	amounts := func(i int) bool { return share(sample, i, isAmount) >= 0.6 }
	fractions := func(i int) bool {
		return amounts(i) && share(sample, i, func(s string) bool { return strings.ContainsAny(s, ".,") }) > 0
	}
	orEmpty := func(i int) bool { return amounts(i) || share(sample, i, func(string) bool { return true }) == 0 }
	whatever := func(int) bool { return true }

	if m.Date = take("date", dates); m.Date == None {
		m.Date = t.first(taken, dates)
	}
	m.Balance = take("balance", amounts)
	m.Debit, m.Credit = take("debit", orEmpty), take("credit", orEmpty)
	if m.Debit == None || m.Credit == None {
		m.Debit, m.Credit = t.release(taken, m.Debit), t.release(taken, m.Credit)
		m.Amount = take("amount", amounts)
		for _, fits := range []func(int) bool{fractions, amounts} {
			if m.Amount == None {
				m.Amount = t.first(taken, fits)
			}
		}
		m.Direction = take("direction", func(i int) bool {
			return share(sample, i, func(s string) bool { return isDebit(s) || creditWords[strings.ToLower(s)] }) >= 0.9
		})
	}
	m.Currency = take("currency", func(i int) bool { return share(sample, i, isCurrency) >= 0.9 })
	m.ID = take("id", func(i int) bool { return distinct(sample, i) })
	m.Category = take("category", whatever)
	if m.Description = take("description", whatever); m.Description == None {
		m.Description = t.wordiest(sample, taken)
	}
	m.Memo = take("memo", whatever)

	g := Guess{Mapping: m}
	g.Mapping.DecimalComma = t.decimalComma(sample, m)
	g.Mapping.DateFormat, g.Ambiguous = t.dateFormat(sample, m.Date, g.Mapping.DecimalComma)
	return g
}

// Complete fills in how m's columns are written: the date's format, if m names
// none, and whether amounts have a decimal comma, unless comma says so.
func (t Table) Complete(m *Mapping, comma *bool) {
	sample := t.Rows[:min(len(t.Rows), 200)]
	in := func(at int) bool { return at >= 0 && at < len(t.Columns) }
	for _, at := range []int{m.Date, m.Amount, m.Debit, m.Credit, m.Balance} {
		if at != None && !in(at) {
			return // Check will name it
		}
	}
	if m.DecimalComma = t.decimalComma(sample, *m); comma != nil {
		m.DecimalComma = *comma
	}
	if m.DateFormat == "" {
		m.DateFormat, _ = t.dateFormat(sample, m.Date, m.DecimalComma)
	}
}

// named returns the free column whose heading is the most telling one for what
// is looked for, and whose cells fit.
func (t Table) named(column string, taken []bool, fits func(int) bool) int {
	if !t.Header {
		return None
	}
	for _, h := range headings {
		if h.column != column {
			continue
		}
		for _, exact := range []bool{true, false} {
			for _, name := range h.names {
				for i, heading := range t.Columns {
					words := strings.ToLower(collapse(strings.NewReplacer("_", " ", "(", " ", ")", " ", ":", " ").Replace(heading)))
					match := words == name || !exact && strings.Contains(" "+words+" ", " "+name+" ")
					if match && !taken[i] && fits(i) {
						return i
					}
				}
			}
		}
	}
	return None
}

// first returns the first free column whose cells fit, and takes it.
func (t Table) first(taken []bool, fits func(int) bool) int {
	for i := range t.Columns {
		if !taken[i] && fits(i) {
			taken[i] = true
			return i
		}
	}
	return None
}

// release gives a column back.
func (t Table) release(taken []bool, at int) int {
	if at != None {
		taken[at] = false
	}
	return None
}

// wordiest returns the free column with the longest texts.
func (t Table) wordiest(sample [][]string, taken []bool) int {
	best, most := None, 0
	for i := range t.Columns {
		letters := 0
		for _, row := range sample {
			if !isAmount(row[i]) {
				letters += len(row[i])
			}
		}
		if !taken[i] && letters > most {
			best, most = i, letters
		}
	}
	if best != None {
		taken[best] = true
	}
	return best
}

// decimalComma reports whether amounts are written 1.234,56.
func (t Table) decimalComma(sample [][]string, m Mapping) bool {
	comma, point := 0, 0
	for _, row := range sample {
		for _, at := range []int{m.Amount, m.Debit, m.Credit, m.Balance} {
			if at == None {
				continue
			}
			c, p := strings.LastIndexByte(row[at], ','), strings.LastIndexByte(row[at], '.')
			switch {
			case c < 0 && p < 0:
			case c > p && p >= 0, c >= 0 && p < 0 && !threeDigitsAfter(row[at], c):
				comma++
			case p > c && c >= 0, p >= 0 && c < 0 && !threeDigitsAfter(row[at], p):
				point++
			}
		}
	}
	return comma > point
}

// threeDigitsAfter reports whether what follows may be a group of thousands.
func threeDigitsAfter(s string, at int) bool {
	digits := 0
	for _, r := range s[at+1:] {
		if r < '0' || r > '9' {
			break
		}
		digits++
	}
	return digits == 3
}

// dateFormat returns the format that reads most of the dates. Where day and month
// could be either, the one under which the dates are in order wins; then the
// custom of those who write a decimal comma, then that of the United States.
func (t Table) dateFormat(sample [][]string, at int, comma bool) (best DateFormat, ambiguous bool) {
	if at == None {
		return dateFormats[0].format, false
	}
	counts := map[DateFormat]int{}
	var dates []string
	for _, row := range sample {
		if row[at] != "" {
			dates = append(dates, row[at])
			for _, f := range datesOf(row[at]) {
				counts[f]++
			}
		}
	}
	best = dateFormats[0].format
	for _, f := range dateFormats {
		if counts[f.format] > counts[best] {
			best = f.format
		}
	}
	twin, ok := map[DateFormat]DateFormat{
		"MM/DD/YYYY": "DD/MM/YYYY", "MM/DD/YY": "DD/MM/YY", "DD/MM/YYYY": "MM/DD/YYYY", "DD/MM/YY": "MM/DD/YY",
	}[best]
	if !ok || counts[twin] < counts[best] {
		return best, false
	}
	monthFirst, dayFirst := best, twin
	if strings.HasPrefix(string(best), "DD") {
		monthFirst, dayFirst = twin, best
	}
	m, d := disorder(dates, monthFirst), disorder(dates, dayFirst)
	dotted := len(dates) > 0 && strings.Contains(dates[0], ".")
	switch {
	case d < m, d == m && (comma || dotted):
		return dayFirst, !dotted
	}
	return monthFirst, true
}

// disorder counts how often dates change direction.
func disorder(dates []string, f DateFormat) int {
	up, down := 0, 0
	for i := 1; i < len(dates); i++ {
		a, ok1 := f.parse(dates[i-1])
		b, ok2 := f.parse(dates[i])
		if ok1 && ok2 {
			switch c := a.Compare(b); {
			case c < 0:
				up++
			case c > 0:
				down++
			}
		}
	}
	return min(up, down)
}

// share returns how many of a column's filled cells fit, from 0 to 1.
func share(sample [][]string, at int, fits func(string) bool) float64 {
	fit, all := 0, 0
	for _, row := range sample {
		if row[at] == "" || row[at] == "-" {
			continue
		}
		all++
		if fits(row[at]) {
			fit++
		}
	}
	if all == 0 {
		return 0
	}
	return float64(fit) / float64(all)
}

// distinct reports whether all cells of a column are filled and differ.
func distinct(sample [][]string, at int) bool {
	seen := map[string]bool{}
	for _, row := range sample {
		if row[at] == "" || seen[row[at]] {
			return false
		}
		seen[row[at]] = true
	}
	return true
}

func isAmount(s string) bool {
	_, point := parseAmount(s, false)
	_, comma := parseAmount(s, true)
	return point || comma
}

func isCurrency(s string) bool {
	return len(s) == 3 && !slices.ContainsFunc([]rune(s), func(r rune) bool { return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') })
}
