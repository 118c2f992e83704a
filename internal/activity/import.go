package activity

import (
	"time"

	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/statement"
)

// The life of an import:
//
//	uploaded ──> preview ──(columns mapped)──> preview ──applied──> applied ──undone──> undone
//
// A file is read whole and its rows are kept beside the transactions, each with
// a verdict; nothing is visible in a list before the person applies it. Applying
// judges the rows once more, against what is there by then, and adds in one
// transaction those that are new and those that may be double, which are marked.
// Undoing takes back exactly what applying did. A file with several statements
// becomes several imports.
//
// A row is the same as one that is there if it has the same key in the same
// account: the bank's id, or a hash of its content with its number among equal
// rows, so that two coffees on one day are two and a file imported twice is one.

// ImportStatus is where an import is in its life.
type ImportStatus string

// The states of an import.
const (
	ImportPreview ImportStatus = "preview"
	ImportApplied ImportStatus = "applied"
	ImportUndone  ImportStatus = "undone"
)

// Verdict says what applying an import does with a row.
type Verdict string

// The verdicts.
const (
	VerdictNew       Verdict = "new"                // added
	VerdictDuplicate Verdict = "duplicate"          // there already: left out
	VerdictPossible  Verdict = "possible_duplicate" // added, and marked
	VerdictSkipped   Verdict = "skipped"            // no transaction: left out
)

// The limits of imports.
const (
	maxPreviews      = 20 // that a person may leave lying about; older ones go
	maxOwnAccounts   = 200
	shownRows        = 200
	shownImports     = 100
	matchWithin      = 3 // days between a row and what it may duplicate
	maxDescription   = 500
	maxShortText     = 120
	maxCategoryText  = 60
	defaultBankTitle = "Imported"
)

// Import is one statement of a file.
type Import struct {
	ID          id.Import
	AccountID   id.Account // zero: not chosen yet
	Filename    string
	Format      statement.Format
	Status      ImportStatus
	Mapping     Columns // of a CSV file
	Summary     ImportSummary
	MadeAccount bool // applying it opened the account
	CreatedAt   time.Time
	AppliedAt   *time.Time
	UndoneAt    *time.Time
	Rows        []ImportRow // the first 200
}

// ImportSummary counts an import's rows and keeps what the file said of itself.
type ImportSummary struct {
	New         int            `json:"new"`
	Duplicates  int            `json:"duplicates"`
	Possible    int            `json:"possible"`
	Skipped     int            `json:"skipped"`
	Unknown     map[string]int `json:"unknown,omitempty"` // elements passed over, by name
	Investments int            `json:"investments,omitempty"`
	Statement   *StatementInfo `json:"statement,omitempty"`
	Columns     []string       `json:"columns,omitempty"`
	Ambiguous   bool           `json:"ambiguous,omitempty"` // day and month could be the other way round
	Siblings    []id.Import    `json:"siblings,omitempty"`  // of the same file, this one left out
	Balance     *BalanceChange `json:"balance,omitempty"`   // what applying did to the account
	Undone      *UndoneSummary `json:"undone,omitempty"`
}

// StatementInfo is what a file says about its account. The number isn't kept.
type StatementInfo struct {
	Kind        statement.Kind `json:"kind"`
	Type        string         `json:"type,omitempty"`
	Institution string         `json:"institution,omitempty"`
	Mask        string         `json:"mask,omitempty"`
	Currency    money.Currency `json:"currency"`
	From        *time.Time     `json:"from,omitempty"`
	To          *time.Time     `json:"to,omitempty"`
	Balance     *money.Decimal `json:"balance,omitempty"`
	BalanceDay  *time.Time     `json:"balanceDay,omitempty"`
}

// BalanceChange is what an import made of the account's balance, and of what.
type BalanceChange struct {
	Before     *money.Decimal `json:"before"`
	BeforeAsOf *time.Time     `json:"beforeAsOf"`
	AsOf       time.Time      `json:"asOf"`
}

// UndoneSummary says what undoing did.
type UndoneSummary struct {
	Removed int `json:"removed"`
	Edited  int `json:"edited"` // of the removed, those that the person had written on
	Kept    int `json:"kept"`   // the bank has confirmed them since
}

// ImportRow is one row of a statement.
type ImportRow struct {
	Ordinal     int
	ExternalID  string
	Date        *time.Time // nil, like Amount: no transaction
	Amount      *money.Decimal
	Currency    money.Currency // "" until an account is chosen, if the file names none
	Description string
	Verdict     Verdict
	Matches     id.Transaction // what it duplicates

	detail rowDetail
}

// rowDetail is what else is known of a row.
type rowDetail struct {
	BankID     string            `json:"bankId,omitempty"`
	Type       string            `json:"type,omitempty"`
	Name       string            `json:"name,omitempty"`
	Memo       string            `json:"memo,omitempty"`
	Check      string            `json:"check,omitempty"`
	Reference  string            `json:"reference,omitempty"`
	Category   string            `json:"category,omitempty"`
	Corrects   string            `json:"corrects,omitempty"`
	Correction string            `json:"correction,omitempty"`
	Original   *money.Amount     `json:"original,omitempty"`
	Balance    *money.Decimal    `json:"balance,omitempty"`
	Extra      map[string]string `json:"extra,omitempty"`
	Cells      []string          `json:"cells,omitempty"`  // of a CSV file
	Reason     string            `json:"reason,omitempty"` // why it is skipped
}

// Faults of imports.
var (
	ErrUnknownImport   = fault.New(fault.NotFound, "import_unknown", "There is no such import.")
	ErrImportApplied   = fault.New(fault.Conflict, "import_applied", "This import has been applied already.")
	ErrImportUndone    = fault.New(fault.Conflict, "import_undone", "This import has been undone. Bring the file again to import it anew.")
	ErrImportWaiting   = fault.New(fault.Conflict, "import_not_applied", "This import hasn't been applied, so there is nothing to undo.")
	ErrImportUnmapped  = fault.New(fault.Conflict, "import_unmapped", "First say what the columns of the file are.")
	ErrImportNoColumns = fault.New(fault.Conflict, "import_no_columns", "Only a CSV file has columns to be named.")
	ErrImportCurrency  = fault.New(fault.Conflict, "import_currency", "The statement and the account are in different currencies.")
	ErrImportKind      = fault.New(fault.Conflict, "import_account_kind", "Statements can be imported into bank, card, loan and manual accounts only.")
	ErrOwnAccounts     = fault.New(fault.Forbidden, "own_account_limit", "You have as many accounts of your own as Flint keeps. Delete one first.")
)

// status refuses what can't be done with an import that isn't waiting.
func (i Import) waiting() error {
	switch i.Status {
	case ImportApplied:
		return ErrImportApplied
	case ImportUndone:
		return ErrImportUndone
	}
	return nil
}
