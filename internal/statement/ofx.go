package statement

import (
	"bytes"
	"cmp"
	"regexp"
	"strings"

	"flint/internal/money"
)

var ofxStart = regexp.MustCompile(`(?i)OFXHEADER|<\?OFX|<OFX>|<OFX\s`)

// looksLikeOFX looks at the beginning only; a CSV file may well mention OFX.
func looksLikeOFX(data []byte) bool {
	head := data[:min(len(data), 2048)]
	head = bytes.ReplaceAll(head, []byte{0}, nil) // UTF-16
	head = bytes.TrimLeft(head, "\xef\xbb\xbf\xff\xfe \t\r\n")
	return bytes.HasPrefix(head, []byte("<?")) || bytes.HasPrefix(head, []byte("<!")) ||
		bytes.HasPrefix(head, []byte("<")) && ofxStart.Match(head) ||
		bytes.HasPrefix(bytes.ToUpper(head), []byte("OFXHEADER"))
}

var (
	headerPair  = regexp.MustCompile(`(?i)(OFXHEADER|DATA|VERSION|SECURITY|ENCODING|CHARSET|COMPRESSION|OLDFILEUID|NEWFILEUID)\s*[:=]\s*"?([A-Za-z0-9._\-]*)`)
	ofxRoot     = regexp.MustCompile(`(?i)<OFX[\s>]`)
	xmlEncoding = regexp.MustCompile(`(?i)<\?xml[^>]*encoding\s*=\s*["']([A-Za-z0-9._\-]+)["']`)
)

// readOFX reads both forms of OFX. The file starts with a header (1.x: lines of
// NAME:VALUE, 2.x: two processing instructions) that says which it is.
func readOFX(data []byte) (File, error) {
	strict, declared := header(data)
	text, err := decode(data, declared)
	if err != nil {
		return File{}, err
	}
	start := strings.IndexByte(text, '<')
	if start < 0 {
		return File{}, refuse("The file has an OFX header and nothing after it.")
	}
	r := &ofxReader{file: File{Format: OFX, Unknown: map[string]int{}}}
	t := &tree{strict: strict, unknown: r.file.Unknown, read: r.read}
	s := &scanner{text: text, line: 1}
	s.advance(start)
	for {
		tok, err := s.next()
		if err != nil {
			return File{}, err
		}
		if tok.kind == endOfFile {
			break
		}
		if err := t.add(tok); err != nil {
			return File{}, err
		}
	}
	if !t.closed {
		return File{}, refuse("The file ends in the middle: </OFX> is missing. Download it again.")
	}
	r.file.Investments = t.investments
	if t.quicken {
		r.file.Format = QFX
	}
	return r.file, r.complain()
}

// header returns whether the file is XML, and the encoding that it claims.
func header(data []byte) (strict bool, declared string) {
	head := data[:min(len(data), 4096)]
	head = bytes.ReplaceAll(head, []byte{0}, nil)
	pairs := map[string]string{}
	if root := ofxRoot.FindIndex(head); root != nil {
		head = head[:root[0]]
	}
	for _, m := range headerPair.FindAllSubmatch(head, -1) {
		pairs[strings.ToUpper(string(m[1]))] = string(m[2])
	}
	if m := xmlEncoding.FindSubmatch(head); m != nil {
		return true, string(m[1])
	}
	if strings.HasPrefix(pairs["OFXHEADER"], "2") || bytes.Contains(head, []byte("<?xml")) {
		return true, "UTF-8"
	}
	if enc := strings.ToUpper(pairs["ENCODING"]); enc == "UTF-8" || enc == "UTF8" || enc == "UNICODE" {
		return false, "UTF-8"
	}
	return false, pairs["CHARSET"]
}

// ofxReader turns finished elements into statements.
type ofxReader struct {
	file    File
	rows    []Row // of the statement that is being read
	total   int
	refusal string // what the bank answered instead of a statement
}

// read takes an element as its closing tag comes, and says whether its parent
// will want to look at it.
func (r *ofxReader) read(e *element) (keep bool, err error) {
	switch e.name {
	case "STMTTRN", "STMTTRNP":
		if r.total++; r.total > MaxRows {
			return false, ErrTooMany
		}
		row, err := readRow(e)
		if err != nil {
			return false, err
		}
		r.rows = append(r.rows, row)
		return false, nil
	case "STMTRS", "CCSTMTRS":
		return false, r.statement(e)
	case "STMTTRNRS", "CCSTMTTRNRS", "SONRS":
		if bank := e.kid("FI"); bank != nil {
			r.file.Institution = collapse(bank.get("ORG"))
		}
		if status := e.kid("STATUS"); status != nil && strings.EqualFold(status.get("SEVERITY"), "ERROR") {
			r.refusal = strings.TrimSpace(status.get("CODE") + " " + status.get("MESSAGE"))
		}
		return false, nil
	case "BANKMSGSRSV1", "CREDITCARDMSGSRSV1", "SIGNONMSGSRSV1":
		return false, nil
	}
	return true, nil
}

// complain refuses a file from which nothing can be imported, and says why.
func (r *ofxReader) complain() error {
	switch {
	case len(r.file.Statements) > 0:
		return nil
	case r.refusal != "":
		return refuse("The file holds no statement but the bank's refusal: %.120q.", r.refusal)
	case r.file.Investments > 0:
		return refuse("The file holds only investment statements, which can't be imported yet. Connect the brokerage instead.")
	}
	return refuse("There is no bank or card statement in the file.")
}

func (r *ofxReader) statement(e *element) error {
	s := Statement{Kind: Bank, Rows: r.rows}
	r.rows = nil
	from := e.kid("BANKACCTFROM")
	if e.name == "CCSTMTRS" {
		s.Kind, from = Card, e.kid("CCACCTFROM")
	}
	if from != nil {
		s.Account = Account{from.get("BANKID"), from.get("BRANCHID"), from.get("ACCTID"), strings.ToUpper(from.get("ACCTTYPE"))}
	}
	currency, err := money.ParseCurrency(strings.ToUpper(cmp.Or(e.get("CURDEF"), "USD")))
	if err != nil {
		return refuse("Line %d: %.12q is not a currency.", e.line, e.get("CURDEF"))
	}
	s.Currency = currency
	if list := e.kid("BANKTRANLIST"); list != nil {
		// Banks leave the period empty or fill it with zeros; nothing rests on it.
		s.From, _ = parseOFXDate(list.get("DTSTART"))
		s.To, _ = parseOFXDate(list.get("DTEND"))
	}
	if s.Ledger, err = readBalance(e.kid("LEDGERBAL")); err != nil {
		return err
	}
	if s.Available, err = readBalance(e.kid("AVAILBAL")); err != nil {
		return err
	}
	for i := range s.Rows {
		s.Rows[i].exchange(currency)
	}
	r.file.Statements = append(r.file.Statements, s)
	return nil
}

func readBalance(e *element) (*Balance, error) {
	if e == nil || e.get("BALAMT") == "" {
		return nil, nil //nolint:nilnil // no balance is no error
	}
	amount, ok := parseOFXAmount(e.get("BALAMT"))
	if !ok {
		return nil, refuse("Line %d: the balance %.30q is not an amount that can be true.", e.line, e.get("BALAMT"))
	}
	b := &Balance{Amount: amount}
	if text := e.get("DTASOF"); text != "" {
		if b.Day, ok = parseOFXDate(text); !ok {
			return nil, refuse("Line %d: the balance's date %.30q is not a date.", e.line, text)
		}
	}
	return b, nil
}

// readRow reads STMTTRN, or STMTTRNP, its pending sister of OFX 2.2.
func readRow(e *element) (Row, error) {
	row := Row{
		ID: e.get("FITID"), Type: strings.ToUpper(e.get("TRNTYPE")),
		Name: e.get("NAME"), Memo: e.get("MEMO"),
		CheckNumber: e.get("CHECKNUM"), Reference: e.get("REFNUM"), Pending: e.name == "STMTTRNP",
		Corrects: e.get("CORRECTFITID"), Correction: strings.ToUpper(e.get("CORRECTACTION")),
	}
	var ok bool
	if row.Amount, ok = parseOFXAmount(e.get("TRNAMT")); !ok {
		return row, refuse("Line %d: the amount %.30q of a transaction is not one that can be true.", e.line, e.get("TRNAMT"))
	}
	date := cmp.Or(e.get("DTPOSTED"), e.get("DTTRAN"), e.get("DTUSER"))
	if row.Date, ok = parseOFXDate(date); !ok {
		return row, refuse("Line %d: the date %.30q of a transaction is not a date between %d and %d.", e.line, date, firstYear, lastYear)
	}
	row.UserDate, _ = parseOFXDate(e.get("DTUSER"))
	row.Extra = extras(e)
	if payee := e.kid("PAYEE"); payee != nil && row.Name == "" {
		row.Name = payee.get("NAME")
	}
	row.Name = cmp.Or(e.get("EXTDNAME"), row.Name)
	return row, row.readExchange(e)
}

// readExchange reads CURRENCY (the amount is in another currency than the
// account's) or ORIGCURRENCY (it was, and has been exchanged).
func (row *Row) readExchange(e *element) error {
	for _, name := range []string{"CURRENCY", "ORIGCURRENCY"} {
		x := e.kid(name)
		if x == nil {
			continue
		}
		symbol, err := money.ParseCurrency(strings.ToUpper(x.get("CURSYM")))
		if err != nil {
			return refuse("Line %d: %.12q is not a currency.", x.line, x.get("CURSYM"))
		}
		rate, ok := parseOFXRate(x.get("CURRATE"))
		if !ok {
			return refuse("Line %d: %.30q is not an exchange rate.", x.line, x.get("CURRATE"))
		}
		row.Original = &Original{Currency: symbol, Rate: rate}
		if name == "CURRENCY" {
			row.Currency = symbol
		}
	}
	return nil
}

// parseOFXRate reads a rate; banks that don't know it leave it out or write 0.
func parseOFXRate(s string) (money.Decimal, bool) {
	if s == "" {
		return money.Zero, true
	}
	d, err := money.ParseNumber(strings.Replace(s, ",", ".", 1))
	ok := err == nil && !d.IsNegative() && plausible(d.Truncate(maxPlaces))
	return d, ok
}

// exchange puts the row into the account's currency where the file gives the
// rate. Otherwise it stays in its own, and whoever imports it has to ask.
func (row *Row) exchange(account money.Currency) {
	if row.Currency == "" || row.Currency == account {
		row.Currency = account
		return
	}
	if row.Original.Rate.IsPositive() {
		row.Original.Amount = row.Amount
		row.Amount = money.Of(row.Amount.Mul(row.Original.Rate), account).Rounded().Amount
		row.Currency = account
	}
}

// extras keeps the fields that have no place of their own, for the record.
// Account numbers of the other side are cut to their last four.
func extras(e *element) map[string]string {
	m := map[string]string{}
	put := func(name, value string) {
		if value != "" {
			m[name] = value
		}
	}
	for _, name := range []string{"DTAVAIL", "SRVRTID", "SIC", "PAYEEID", "INV401KSOURCE", "DTEXPIRE"} {
		put(strings.ToLower(name), e.get(name))
	}
	for _, name := range []string{"BANKACCTTO", "CCACCTTO"} {
		if to := e.kid(name); to != nil {
			put("to", Account{ID: to.get("ACCTID")}.Mask())
		}
	}
	if payee := e.kid("PAYEE"); payee != nil {
		for _, name := range []string{"ADDR1", "ADDR2", "ADDR3", "CITY", "STATE", "POSTALCODE", "COUNTRY", "PHONE"} {
			put("payee_"+strings.ToLower(name), payee.get(name))
		}
	}
	if image := e.kid("IMAGEDATA"); image != nil {
		put("image", image.get("IMAGEREF"))
	}
	if len(m) == 0 {
		return nil
	}
	return m
}
