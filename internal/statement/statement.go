// Package statement reads the files that banks let people download: OFX 1.x
// (SGML), OFX 2.x (XML), Quicken's QFX, and CSV in whatever shape. It is pure:
// bytes in, values out, no clock, no storage.
//
// Read recognises the format. An OFX or QFX file says what its parts mean, and
// comes back as Statements, one per account. A CSV file comes back as a Table
// with a guess of what its columns mean (Guess); the person confirms or corrects
// the Mapping, and Table.Rows applies it.
//
// The files come from strangers. A file may have 10 MiB, 100,000 rows, 32 levels
// and no document type or entity of its own; an amount that couldn't be true, a
// date outside 1980-2100 or a broken encoding refuses the whole file. What is
// wrong and where is said in a sentence (fault.Fault), because the person can
// only fix what they are told. Elements that we don't know are skipped and
// counted.
//
// Amounts are signed as in the rest of Flint: money in is positive.
package statement

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"

	"flint/internal/fault"
	"flint/internal/money"
)

// The limits of a file.
const (
	MaxBytes   = 10 << 20
	MaxRows    = 100_000
	maxDepth   = 32     // levels of an OFX file; a real one has 8
	maxLive    = 20_000 // elements of one OFX aggregate
	maxText    = 4 << 10
	maxColumns = 100
)

// The faults. All others that Read returns are one of these with a sentence of
// their own.
var (
	ErrTooLarge = fault.New(fault.TooLarge, "statement_too_large", "The file is larger than 10 MB. Export a shorter period.")
	ErrTooMany  = fault.New(fault.TooLarge, "statement_too_many_rows", "The file has more than 100,000 rows. Export a shorter period.")
	ErrFormat   = fault.New(fault.Invalid, "statement_format", "This is neither an OFX, a QFX nor a CSV file.")
	ErrRefused  = fault.New(fault.Invalid, "statement_refused", "The file can't be read.")
)

// refuse is ErrRefused with what is wrong.
func refuse(format string, args ...any) error {
	return fault.Saying(ErrRefused, fmt.Sprintf(format, args...))
}

// Format is what kind of file it is.
type Format string

// The formats.
const (
	OFX Format = "ofx"
	QFX Format = "qfx" // OFX with Quicken's additions
	CSV Format = "csv"
)

// File is what a file contains.
type File struct {
	Format      Format
	Institution string         // the bank's name, if the file says
	Statements  []Statement    // of an OFX or QFX file
	Table       *Table         // of a CSV file
	Unknown     map[string]int // elements that were skipped, by name
	Investments int            // investment statements that were skipped
}

// UnknownCount returns how many elements were skipped.
func (f File) UnknownCount() int {
	n := 0
	for _, k := range f.Unknown {
		n += k
	}
	return n
}

// Kind is what kind of account a statement is about.
type Kind string

// The kinds.
const (
	Bank Kind = "bank"
	Card Kind = "card"
)

// Statement is what a file says about one account.
type Statement struct {
	Kind      Kind
	Account   Account
	Currency  money.Currency
	From, To  time.Time // the period, if given; midnight UTC
	Ledger    *Balance
	Available *Balance
	Rows      []Row
}

// Account is how a file names an account.
type Account struct {
	BankID   string
	BranchID string
	ID       string // the account number; it is neither logged nor stored
	Type     string // CHECKING, SAVINGS, MONEYMRKT, CREDITLINE, CD
}

// Mask returns the last four letters or digits of the account number, which is
// what people know it by.
func (a Account) Mask() string {
	var kept []rune
	for _, r := range a.ID {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			kept = append(kept, r)
		}
	}
	return string(kept[max(0, len(kept)-4):])
}

// Balance is what an account held on a day.
type Balance struct {
	Amount money.Decimal
	Day    time.Time // midnight UTC
}

// Row is one transaction.
type Row struct {
	ID          string    // the bank's own id (FITID), unique within the account; may be missing
	Date        time.Time // the bank's date, never shifted by a time zone; midnight UTC
	UserDate    time.Time // when the person did it, if the file says so
	Amount      money.Decimal
	Currency    money.Currency
	Type        string // DEBIT, CHECK, INT, …
	Name        string
	Memo        string
	Pending     bool
	CheckNumber string
	Reference   string
	Category    string
	Balance     *money.Decimal // of the account after this row, if a CSV file says so
	Corrects    string         // id of the row that this one corrects
	Correction  string         // REPLACE or DELETE
	Original    *Original      // what it was before it was exchanged
	Extra       map[string]string
}

// Original is the amount in the currency that was spent.
type Original struct {
	Currency money.Currency
	Rate     money.Decimal
	Amount   money.Decimal // zero if the file doesn't say
}

// Description is what a person should see: the name, and the memo where it says
// more.
func (r Row) Description() string {
	name, memo := collapse(r.Name), collapse(r.Memo)
	switch {
	case name == "" && memo == "":
		return r.Type
	case name == "" || strings.HasPrefix(strings.ToLower(memo), strings.ToLower(name)):
		return memo
	case memo == "" || strings.Contains(strings.ToLower(name), strings.ToLower(memo)):
		return name
	}
	return name + " · " + memo
}

func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }

// Read recognises and reads a file. Name is only a hint: what counts is inside.
func Read(name string, data []byte) (File, error) {
	if len(data) > MaxBytes {
		return File{}, ErrTooLarge
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return File{}, fault.Saying(ErrFormat, "The file is empty.")
	}
	if sort := binary(data); sort != "" {
		return File{}, fault.Saying(ErrFormat, "This is "+sort+". Export the statement as OFX, QFX or CSV instead.")
	}
	if looksLikeOFX(data) {
		f, err := readOFX(data)
		if err == nil && f.Format == OFX && strings.HasSuffix(strings.ToLower(name), ".qfx") {
			f.Format = QFX
		}
		return f, err
	}
	table, err := readCSV(data)
	if err != nil {
		return File{}, err
	}
	return File{Format: CSV, Table: &table}, nil
}

var webPage = regexp.MustCompile(`(?i)^\s*(<!doctype html|<html)`)

// binary names the kinds of file that people pick by mistake.
func binary(data []byte) string {
	for magic, name := range map[string]string{
		"%PDF-":            "a PDF file",
		"PK\x03\x04":       "an Excel file or another archive",
		"\xd0\xcf\x11\xe0": "an old Excel file",
		"\x1f\x8b":         "a compressed file",
		"\x89PNG":          "a picture",
		"\xff\xd8\xff":     "a picture",
		"!Type:":           "a QIF file",
		"{\\rtf":           "a text document",
	} {
		if bytes.HasPrefix(bytes.TrimSpace(data), []byte(magic)) {
			return name
		}
	}
	if webPage.Match(data[:min(len(data), 1024)]) {
		return "a web page, perhaps the bank's sign-in form"
	}
	return ""
}
