package activity

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
	"flint/internal/portfolio"
	"flint/internal/statement"
)

// Target is where an import goes: an account that is there, or a new one. With
// neither, it goes where Flint proposed.
type Target struct {
	Account id.Account
	New     *OwnAccount
	Balance *money.Decimal // after the last row, if the file doesn't say
	// SkipPossible leaves out what may be double, instead of adding and marking it.
	SkipPossible bool
}

// OwnAccount describes an account to be opened for an import.
type OwnAccount struct {
	Name        string
	Institution string
	Kind        portfolio.Kind
	Currency    money.Currency
}

// Imports lists actor's imports, the newest first, without their rows.
func (s *Service) Imports(ctx context.Context, owner id.User) ([]Import, error) {
	list, err := listImports(ctx, s.cfg.Pool, s.cfg.Keys, owner, shownImports)
	if err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	return list, nil
}

// FindImport returns one import with its first rows, or ErrUnknownImport.
func (s *Service) FindImport(ctx context.Context, owner id.User, i id.Import) (Import, error) {
	found, err := findImport(ctx, s.cfg.Pool, s.cfg.Keys, owner, i)
	if err != nil {
		return Import{}, noImport(err)
	}
	if found.Rows, err = importRows(ctx, s.cfg.Pool, s.cfg.Keys, owner, i, shownRows); err != nil {
		return Import{}, fmt.Errorf("read rows of import: %w", err)
	}
	return found.shown(), nil
}

// change runs fn on an import of actor's that nobody else changes meanwhile, and
// stores what fn made of it.
func (s *Service) change(ctx context.Context, actor access.Actor, i id.Import, verb string, fn func(pgx.Tx, *Import) error) (Import, error) {
	now := s.cfg.Now()
	var changed Import
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if err := portfolio.Lock(ctx, tx, actor.User); err != nil {
			return err
		}
		found, err := takeImport(ctx, tx, s.cfg.Keys, actor.User, i)
		if err != nil {
			return noImport(err)
		}
		if found.Rows, err = importRows(ctx, tx, s.cfg.Keys, actor.User, i, 0); err != nil {
			return fmt.Errorf("read rows of import: %w", err)
		}
		if err := fn(tx, &found); err != nil {
			return err
		}
		if err := saveImport(ctx, tx, s.cfg.Keys, actor.User, found, nil); err != nil {
			return err
		}
		err = audit.Record(ctx, tx, now, audit.Entry{Actor: actor, Subject: actor.User, Verb: verb, Object: i.String(),
			Detail: map[string]any{"new": found.Summary.New, "possible": found.Summary.Possible, "duplicates": found.Summary.Duplicates}})
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		changed = found.shown()
		return tellImport(ctx, tx, actor.User, i)
	})
	return changed, err
}

// Remap says what the columns of a CSV import are, and reads its lines anew.
func (s *Service) Remap(ctx context.Context, actor access.Actor, i id.Import, c Columns) (Import, error) {
	changed, err := s.change(ctx, actor, i, "import.map", func(tx pgx.Tx, im *Import) error {
		if err := im.waiting(); err != nil {
			return err
		}
		if im.Format != statement.CSV {
			return ErrImportNoColumns
		}
		t := im.table()
		m, err := c.mapping(t)
		if err != nil {
			return err
		}
		im.assign(t, m)
		im.Summary.Ambiguous = false
		a, err := s.accountOf(ctx, tx, actor.User, *im)
		if err != nil {
			return err
		}
		if err := im.judge(ctx, tx, s.cfg.Keys, actor.User, a.Currency); err != nil {
			return err
		}
		return saveImportRows(ctx, tx, s.cfg.Keys, actor.User, i, im.Rows)
	})
	if err != nil {
		return Import{}, fmt.Errorf("map import: %w", err)
	}
	return changed, nil
}

// table is the CSV file that the import's rows were read from.
func (i Import) table() statement.Table {
	t := statement.Table{Columns: i.Summary.Columns, Header: true}
	for _, r := range i.Rows {
		t.Rows = append(t.Rows, r.detail.Cells)
	}
	return t
}

// accountOf returns the account that an import has been given, or none.
func (s *Service) accountOf(ctx context.Context, db postgres.DB, owner id.User, i Import) (portfolio.Account, error) {
	if i.AccountID.IsZero() {
		return portfolio.Account{}, nil
	}
	return s.cfg.Portfolio.Find(ctx, db, owner, i.AccountID)
}

// Apply adds an import's new rows to an account, and says what the account holds
// if the file does. All of it happens, or nothing.
func (s *Service) Apply(ctx context.Context, actor access.Actor, i id.Import, to Target) (Import, error) {
	now := s.cfg.Now()
	changed, err := s.change(ctx, actor, i, "import.apply", func(tx pgx.Tx, im *Import) error {
		if err := im.waiting(); err != nil {
			return err
		}
		if im.unmapped() {
			return ErrImportUnmapped
		}
		a, err := s.target(ctx, tx, actor.User, im, to, now)
		if err != nil {
			return err
		}
		im.AccountID = a.ID
		im.recur(a.Currency)
		if err := im.judge(ctx, tx, s.cfg.Keys, actor.User, a.Currency); err != nil {
			return err
		}
		if err := saveImportRows(ctx, tx, s.cfg.Keys, actor.User, i, im.Rows); err != nil {
			return err
		}
		var add []ImportRow
		for _, r := range im.Rows {
			if r.Verdict == VerdictNew || r.Verdict == VerdictPossible && !to.SkipPossible {
				add = append(add, r)
			}
		}
		im.Status, im.AppliedAt = ImportApplied, &now
		if err := saveImport(ctx, tx, s.cfg.Keys, actor.User, *im, nil); err != nil { // rows point at it
			return err
		}
		added, err := addImported(ctx, tx, s.cfg.Keys, actor.User, i, a.ID, add, now)
		if err != nil {
			return fmt.Errorf("add transactions: %w", err)
		}
		if int(added) != len(add) {
			return fmt.Errorf("add transactions: %d of %d", added, len(add))
		}
		if err := s.stateBalance(ctx, tx, actor.User, a, im, to.Balance, now); err != nil {
			return err
		}
		if err := s.Recompute(ctx, tx, actor.User, a.ID, now); err != nil {
			return err
		}
		return tell(ctx, tx, actor.User, a.ID)
	})
	if err != nil {
		return Import{}, fmt.Errorf("apply import: %w", err)
	}
	return changed, nil
}

// target finds or opens the account that an import goes into.
func (s *Service) target(ctx context.Context, tx pgx.Tx, owner id.User, i *Import, to Target, now time.Time) (portfolio.Account, error) {
	if to.New != nil && !to.Account.IsZero() {
		return portfolio.Account{}, fault.BadField("body.newAccount", "Choose either an account or a new one.")
	}
	if to.New != nil {
		return s.openFor(ctx, tx, owner, i, *to.New, now)
	}
	if to.Account.IsZero() {
		to.Account = i.AccountID
	}
	if to.Account.IsZero() {
		return portfolio.Account{}, fault.BadField("body.accountId", "Choose the account that this statement is about, or a new one.")
	}
	a, err := s.cfg.Portfolio.Find(ctx, tx, owner, to.Account)
	if err != nil {
		return a, err
	}
	if st := i.Summary.Statement; st != nil && st.Currency != a.Currency {
		return a, fault.Saying(ErrImportCurrency, fmt.Sprintf("The statement is in %s, the account in %s.", st.Currency, a.Currency))
	}
	return a, fitsKind(a)
}

// openFor opens an account for an import.
func (s *Service) openFor(ctx context.Context, tx pgx.Tx, owner id.User, i *Import, own OwnAccount, now time.Time) (portfolio.Account, error) {
	name := strings.TrimSpace(own.Name)
	currency, err := money.ParseCurrency(strings.ToUpper(string(own.Currency)))
	switch {
	case name == "":
		return portfolio.Account{}, fault.BadField("body.newAccount.name", "Give the account a name.")
	case err != nil:
		return portfolio.Account{}, fault.BadField("body.newAccount.currency", "must be a currency code such as USD")
	case own.Kind != portfolio.Bank && own.Kind != portfolio.Card && own.Kind != portfolio.Loan && own.Kind != portfolio.Manual:
		return portfolio.Account{}, fault.BadField("body.newAccount.kind", "must be bank, card, loan or manual")
	}
	st := i.Summary.Statement
	if st != nil && st.Currency != currency {
		return portfolio.Account{}, fault.About(fault.Saying(ErrImportCurrency,
			fmt.Sprintf("The statement is in %s, the new account would be in %s.", st.Currency, currency)), "body.newAccount.currency", "must be that of the statement")
	}
	n, err := s.cfg.Portfolio.Own(ctx, tx, owner)
	if err != nil {
		return portfolio.Account{}, err
	}
	if n >= maxOwnAccounts {
		return portfolio.Account{}, ErrOwnAccounts
	}
	i.MadeAccount = true
	fresh := portfolio.NewManual{Name: cut(name, maxShortText), Institution: cut(own.Institution, maxShortText), Kind: own.Kind, Currency: currency}
	if st != nil {
		fresh.Mask = st.Mask
		if fresh.Institution == "" {
			fresh.Institution = st.Institution
		}
	}
	if fresh.Institution == "" {
		fresh.Institution = defaultBankTitle
	}
	return s.cfg.Portfolio.Open(ctx, tx, owner, fresh, now)
}

// recur makes the lines of a CSV file that name no currency be in the account's;
// the preview may have been made for another one.
func (i *Import) recur(currency money.Currency) {
	if i.Format != statement.CSV || i.Mapping.Currency != "" {
		return
	}
	for n := range i.Rows {
		i.Rows[n].Currency = currency
	}
}

// stateBalance sets what the account holds, if the file or the person says so and
// nothing newer is known, and notes what it was.
func (s *Service) stateBalance(ctx context.Context, tx pgx.Tx, owner id.User, a portfolio.Account, i *Import, said *money.Decimal, now time.Time) error {
	balance, day := i.balance(said)
	if balance == nil || !a.ConnectionID.IsZero() {
		return nil
	}
	y, m, d := day.Date()
	asOf := time.Date(y, m, d, 12, 0, 0, 0, portfolio.Zone()) // some time on that day
	if a.BalanceAsOf != nil && a.BalanceAsOf.After(asOf) {
		return nil
	}
	i.Summary.Balance = &BalanceChange{a.Balance, a.BalanceAsOf, asOf}
	return s.cfg.Portfolio.State(ctx, tx, owner, a.ID, *balance, asOf, now)
}

// balance is what the account holds after the import's last day: what the
// statement says, or the balance column's newest line, or what the person said.
func (i *Import) balance(said *money.Decimal) (*money.Decimal, time.Time) {
	var newest ImportRow
	descending := false // the file begins with the newest line
	for n, r := range i.Rows {
		if r.Date == nil {
			continue
		}
		if newest.Date != nil && n > 0 && r.Date.Before(*newest.Date) {
			descending = true
		}
		if newest.Date == nil || r.Date.After(*newest.Date) || r.Date.Equal(*newest.Date) && !descending {
			newest = r
		}
	}
	if descending { // of the newest day, the first line is the last word
		for _, r := range i.Rows {
			if r.Date != nil && r.Date.Equal(*newest.Date) {
				newest = r
				break
			}
		}
	}
	st := i.Summary.Statement
	switch {
	case st != nil && st.Balance != nil && st.BalanceDay != nil:
		return st.Balance, *st.BalanceDay
	case st != nil && st.Balance != nil && st.To != nil:
		return st.Balance, *st.To
	case newest.Date == nil:
		return nil, time.Time{}
	case st != nil && st.Balance != nil:
		return st.Balance, *newest.Date
	case said != nil:
		return said, *newest.Date
	}
	return newest.detail.Balance, *newest.Date
}

// Undo takes back what applying an import did: its transactions, the balance it
// stated, the account it opened. Rows that the bank has confirmed since stay, and
// so does an account that holds more by now. The summary says how many were
// removed, how many of these the person had written on, and how many stayed.
func (s *Service) Undo(ctx context.Context, actor access.Actor, i id.Import) (Import, error) {
	now := s.cfg.Now()
	changed, err := s.change(ctx, actor, i, "import.undo", func(tx pgx.Tx, im *Import) error {
		switch im.Status {
		case ImportPreview:
			return ErrImportWaiting
		case ImportUndone:
			return ErrImportUndone
		}
		kept, err := releaseConfirmed(ctx, tx, actor.User, i, now)
		if err != nil {
			return fmt.Errorf("keep confirmed rows: %w", err)
		}
		gone, err := hideImported(ctx, tx, actor.User, i, now)
		if err != nil {
			return fmt.Errorf("remove rows: %w", err)
		}
		im.Status, im.UndoneAt = ImportUndone, &now
		im.Summary.Undone = &UndoneSummary{gone.Rows, gone.Edited, int(kept)}
		if b := im.Summary.Balance; b != nil {
			err := s.cfg.Portfolio.Restate(ctx, tx, actor.User, im.AccountID, b.AsOf, b.Before, b.BeforeAsOf, now)
			if err != nil {
				return err
			}
		}
		return s.undoAccount(ctx, tx, actor.User, im, now)
	})
	if err != nil {
		return Import{}, fmt.Errorf("undo import: %w", err)
	}
	return changed, nil
}

// undoAccount closes the account that an import opened, or works out its past anew.
func (s *Service) undoAccount(ctx context.Context, tx pgx.Tx, owner id.User, i *Import, now time.Time) error {
	if i.MadeAccount {
		others, err := othersIn(ctx, tx, owner, i.AccountID, i.ID)
		if err != nil {
			return fmt.Errorf("look for other rows: %w", err)
		}
		if !others {
			err := s.cfg.Portfolio.Drop(ctx, tx, owner, i.AccountID, now)
			if err == nil {
				return s.cfg.Portfolio.RebuildAll(ctx, tx, owner, nil, now)
			}
			if fault.KindOf(err) != fault.NotFound { // the person has deleted it already
				return err
			}
		}
	}
	if err := s.Recompute(ctx, tx, owner, i.AccountID, now); err != nil {
		return err
	}
	return tell(ctx, tx, owner, i.AccountID)
}

func noImport(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.Because(ErrUnknownImport, err)
	}
	return fmt.Errorf("find import: %w", err)
}
