// Package activity holds what happened on a person's accounts: transactions.
//
// There are two tables on purpose. The mirror (provider_transactions) is what a
// provider last said, keyed by the provider's id and never edited by people.
// The transactions themselves are what people see: one row lives on from the
// moment a payment is pending until it is posted, wherever it came from (a
// provider, an imported statement, a person), and keeps what people wrote on it.
//
// The life of a transaction:
//
//	provider says "pending"  ─┐
//	statement row imported   ─┼─> visible ──> posted ──> (edited, categorised)
//	person enters it         ─┘      │
//	                                 ├─ provider no longer lists it: deleted_by provider; back if it lists it again
//	                                 ├─ import undone:               deleted_by import
//	                                 └─ person deletes it:           deleted_by user; a tombstone, it never returns
//
// Package ingest decides what a sync means for these rows (its reconcile.go);
// this package stores that decision, serves the lists, and lets people edit the
// three fields that are theirs: merchant, category and note. A field a person
// has written is locked: no provider and no rule changes it again.
package activity

import (
	"time"

	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/money"
)

// Keep is how long a transaction stays from its date (PRD 7.1). What is older when
// it is imported or listed isn't taken in: it would go the next day.
const Keep = 7 * 365 * 24 * time.Hour

// Status says whether the bank has settled a transaction.
type Status string

// The states of a transaction.
const (
	Pending Status = "pending" // authorised; may change, vanish or come back under another id
	Posted  Status = "posted"  // part of the ledger
)

// Source says who first told Flint about a transaction.
type Source string

// The sources of transactions.
const (
	FromProvider Source = "provider"
	FromImport   Source = "import"
	FromPerson   Source = "manual"
)

// Deleter says who made a transaction invisible.
type Deleter string

// Who deletes. The zero Deleter is nobody: the transaction is visible.
const (
	ByNobody   Deleter = ""
	ByPerson   Deleter = "user"     // final
	ByProvider Deleter = "provider" // until the provider lists it again
	ByImport   Deleter = "import"   // its import was undone
)

// Fields that people may write. Their names stand in transactions.locked.
const (
	FieldMerchant = "merchant"
	FieldCategory = "category"
	FieldNote     = "note"
)

// Details is the part of a transaction that a provider describes and that does
// not identify it. Amounts are signed towards the person's net worth: money in
// is positive. Nil means that the provider didn't say.
type Details struct {
	Description string         `json:"description,omitempty"`
	Merchant    string         `json:"merchant,omitempty"`
	Category    string         `json:"category,omitempty"`
	Kind        string         `json:"kind,omitempty"` // card_payment, dividend, buy, …
	Symbol      string         `json:"symbol,omitempty"`
	Quantity    *money.Decimal `json:"quantity,omitempty"` // units, positive = position up
	Price       *money.Decimal `json:"price,omitempty"`    // per unit, in the transaction's currency
	Fee         *money.Decimal `json:"fee,omitempty"`
}

// Record is one transaction as a provider lists it, with Flint's sign.
type Record struct {
	ID        string // the provider's id, unique within the account
	PendingOf string // id of the pending record that this one settles, if the provider says
	Status    Status
	Amount    money.Decimal
	Currency  money.Currency
	Date      time.Time // the bank's calendar day, as UTC midnight; never shifted by a time zone
	Details
}

// Mirrored is a Record as the mirror keeps it. Key equals Record.ID unless the
// provider reused that id for something else: then it is the id, '#' and the
// number of the reuse.
type Mirrored struct {
	Account id.Account
	Record
	Key      string
	Absences int  // complete windows in a row that didn't list it
	Removed  bool // the provider no longer lists it
}

// Row is a transaction as reconciliation sees it: what people see, with its
// links to the mirror.
type Row struct {
	ID         id.Transaction
	Account    id.Account
	PendingKey string // mirror key of its pending record
	PostedKey  string // mirror key of its posted record
	Source     Source
	Status     Status
	Amount     money.Decimal
	Currency   money.Currency
	Date       time.Time
	Details
	Note       string
	Locked     []string
	MaybeDupOf id.Transaction // suggestion for the person; nothing acts on it
	DeletedBy  Deleter
}

// Visible reports whether people see the row.
func (r Row) Visible() bool { return r.DeletedBy == ByNobody }

// Key returns the mirror key the row rests on now, or "".
func (r Row) Key() string {
	if r.PostedKey != "" {
		return r.PostedKey
	}
	return r.PendingKey
}

// Faults of this package.
var (
	ErrUnknownTransaction = fault.New(fault.NotFound, "transaction_unknown", "There is no such transaction.")
	ErrCursor             = fault.New(fault.Invalid, "cursor_invalid", "This page's address is no longer valid; start from the first page.")
)
