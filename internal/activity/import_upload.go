package activity

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
	"flint/internal/portfolio"
	"flint/internal/statement"
)

// Upload is a file that a person brings.
type Upload struct {
	Filename string
	Data     []byte
	Account  id.Account // zero: Flint proposes one, if it can tell
	Columns  *Columns   // of a CSV file; nil: guessed
}

// Bring reads a file and keeps its rows for a look. It returns one Import for
// each statement in the file, the first first; those of the others are in its
// Siblings. Faults of package statement say what is wrong with the file.
func (s *Service) Bring(ctx context.Context, actor access.Actor, u Upload) (Import, error) {
	file, err := statement.Read(u.Filename, u.Data)
	if err != nil {
		return Import{}, err
	}
	accounts, err := s.accountsOf(ctx, actor.User)
	if err != nil {
		return Import{}, err
	}
	if a, ok := accounts[u.Account]; !u.Account.IsZero() {
		if !ok {
			return Import{}, portfolio.ErrUnknownAccount
		}
		if err := fitsKind(a); err != nil {
			return Import{}, err
		}
	}
	now := s.cfg.Now()
	drafts, err := s.draft(ctx, actor.User, file, u, accounts, now)
	if err != nil {
		return Import{}, err
	}
	sum := sha256.Sum256(u.Data)
	err = postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		for n := range drafts {
			if err := s.keep(ctx, tx, actor, &drafts[n], accounts[drafts[n].AccountID], sum[:], now); err != nil {
				return err
			}
		}
		return dropOldPreviews(ctx, tx, actor.User, max(maxPreviews, len(drafts)))
	})
	if err != nil {
		return Import{}, fmt.Errorf("keep import: %w", err)
	}
	return drafts[0].shown(), nil
}

// keep stores a new import with its rows.
func (s *Service) keep(ctx context.Context, tx pgx.Tx, actor access.Actor, i *Import, a portfolio.Account, sum []byte, now time.Time) error {
	if err := i.judge(ctx, tx, s.cfg.Keys, actor.User, a.Currency); err != nil {
		return err
	}
	if err := saveImport(ctx, tx, s.cfg.Keys, actor.User, *i, sum); err != nil {
		return err
	}
	if err := saveImportRows(ctx, tx, s.cfg.Keys, actor.User, i.ID, i.Rows); err != nil {
		return err
	}
	err := audit.Record(ctx, tx, now, audit.Entry{Actor: actor, Subject: actor.User, Verb: "import.bring", Object: i.ID.String(),
		Detail: map[string]any{"format": string(i.Format), "rows": len(i.Rows)}})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return tellImport(ctx, tx, actor.User, i.ID)
}

// judge compares the import's rows with what its account holds. Without an
// account nothing can be a duplicate, except within the file.
func (i *Import) judge(ctx context.Context, db postgres.DB, keyring *envelope.Keys, owner id.User, currency money.Currency) error {
	var there []known
	if !i.AccountID.IsZero() {
		var first, last time.Time
		for _, r := range i.Rows {
			if r.Date != nil && (first.IsZero() || r.Date.Before(first)) {
				first = *r.Date
			}
			if r.Date != nil && r.Date.After(last) {
				last = *r.Date
			}
		}
		var err error
		there, err = knownAround(ctx, db, owner, i.AccountID, first.AddDate(0, 0, -matchWithin), last.AddDate(0, 0, matchWithin))
		if err != nil {
			return fmt.Errorf("read what is there: %w", err)
		}
	} else if currency == "" {
		currency = i.currency()
	}
	judge(i.Rows, currency, i.CreatedAt.Add(-Keep), there, keyingFor(keyring, owner))
	i.Summary.tally(i.Rows)
	return nil
}

// currency is what the file is in: what it says, or what its first row says.
func (i *Import) currency() money.Currency {
	if i.Summary.Statement != nil && i.Summary.Statement.Currency != "" {
		return i.Summary.Statement.Currency
	}
	for _, r := range i.Rows {
		if r.Currency != "" {
			return r.Currency
		}
	}
	return ""
}

// draft makes the imports of a file.
func (s *Service) draft(ctx context.Context, owner id.User, file statement.File, u Upload, accounts map[id.Account]portfolio.Account, now time.Time) ([]Import, error) {
	fresh := Import{Filename: cleanName(u.Filename), Format: file.Format, Status: ImportPreview, AccountID: u.Account, CreatedAt: now}
	if file.Table != nil {
		i, err := s.draftTable(ctx, owner, fresh, *file.Table, u.Columns, accounts)
		return []Import{i}, err
	}
	drafts := make([]Import, len(file.Statements))
	for n, st := range file.Statements {
		i := fresh
		i.ID = id.New[id.Import]()
		i.Summary = ImportSummary{Statement: infoOf(st, file.Institution)}
		if n == 0 {
			i.Summary.Unknown, i.Summary.Investments = file.Unknown, file.Investments
		}
		if len(file.Statements) > 1 {
			i.Filename = fmt.Sprintf("%s (%d of %d)", i.Filename, n+1, len(file.Statements))
			if n > 0 {
				i.AccountID = id.Account{} // what was chosen is meant for the first
			}
		}
		if i.AccountID.IsZero() {
			i.AccountID = propose(st, accounts)
		}
		for ordinal, r := range st.Rows {
			i.Rows = append(i.Rows, rowOf(ordinal, r))
		}
		drafts[n] = i
	}
	for n := range drafts {
		for m := range drafts {
			if m != n {
				drafts[n].Summary.Siblings = append(drafts[n].Summary.Siblings, drafts[m].ID)
			}
		}
	}
	return drafts, nil
}

// draftTable makes the import of a CSV file, with the mapping given, or the one
// that the person chose for such a file before, or a guess.
func (s *Service) draftTable(ctx context.Context, owner id.User, i Import, t statement.Table, given *Columns, accounts map[id.Account]portfolio.Account) (Import, error) {
	i.ID = id.New[id.Import]()
	i.Summary.Columns = t.Columns
	var m statement.Mapping
	switch earlier, err := lastMapping(ctx, s.cfg.Pool, s.cfg.Keys, owner, t.Columns); {
	case given != nil:
		if m, err = given.mapping(t); err != nil {
			return i, err
		}
	case err == nil:
		if m, err = earlier.Mapping.mapping(t); err != nil {
			return i, fmt.Errorf("map columns as before: %w", err)
		}
		if a, ok := accounts[earlier.AccountID]; ok && i.AccountID.IsZero() && fitsKind(a) == nil {
			i.AccountID = earlier.AccountID
		}
	case fault.KindOf(err) == fault.NotFound:
		g := t.Guess()
		m, i.Summary.Ambiguous = g.Mapping, g.Ambiguous
	default:
		return i, fmt.Errorf("find an earlier mapping: %w", err)
	}
	i.assign(t, m)
	return i, nil
}

// assign reads the lines of a CSV file under m. If m leaves out what is needed, the
// rows wait for a better one.
func (i *Import) assign(t statement.Table, m statement.Mapping) {
	i.Mapping = Columns{}
	mapped := m.Check(len(t.Columns)) == nil
	if mapped {
		i.Mapping = named(m, t)
	}
	i.Rows = make([]ImportRow, len(t.Rows))
	for n, cells := range t.Rows {
		if mapped {
			i.Rows[n] = lineOf(n, cells, m)
			continue
		}
		i.Rows[n] = ImportRow{Ordinal: n, Verdict: VerdictSkipped, Description: cut(strings.Join(cells, " "), maxDescription)}
		i.Rows[n].detail = rowDetail{Cells: cells, Reason: "The columns aren't named yet."}
	}
}

// unmapped reports whether a CSV file's columns still have to be named.
func (i Import) unmapped() bool { return i.Format == statement.CSV && i.Mapping.Date == "" }

// shown returns the import with as many rows as are shown.
func (i Import) shown() Import {
	if i.unmapped() {
		i.Rows = nil
	}
	i.Rows = i.Rows[:min(len(i.Rows), shownRows)]
	return i
}

// infoOf is what can be kept of a statement.
func infoOf(st statement.Statement, institution string) *StatementInfo {
	info := &StatementInfo{Kind: st.Kind, Type: st.Account.Type, Institution: cut(institution, maxShortText), Mask: st.Account.Mask(), Currency: st.Currency}
	if !st.From.IsZero() {
		info.From = &st.From
	}
	if !st.To.IsZero() {
		info.To = &st.To
	}
	if st.Ledger != nil {
		info.Balance = &st.Ledger.Amount
		if !st.Ledger.Day.IsZero() {
			info.BalanceDay = &st.Ledger.Day
		}
	}
	return info
}

// propose finds the one account that a statement can be about.
func propose(st statement.Statement, accounts map[id.Account]portfolio.Account) id.Account {
	var found []id.Account
	for _, a := range accounts {
		same := a.Mask != "" && a.Mask == st.Account.Mask() && a.Currency == st.Currency
		if same && fitsKind(a) == nil && (a.Kind == portfolio.Card) == (st.Kind == statement.Card) {
			found = append(found, a.ID)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return id.Account{}
}

// fitsKind refuses accounts whose worth is in positions.
func fitsKind(a portfolio.Account) error {
	if a.Kind == portfolio.Investment || a.Kind == portfolio.Crypto {
		return ErrImportKind
	}
	return nil
}

// cleanName keeps the last part of what a browser calls the file.
func cleanName(name string) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, "_"), `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name)
	if name = cut(name, maxShortText); name == "." || name == "/" || name == "" {
		return "statement"
	}
	return name
}

// tellImport makes open pages read the imports again.
func tellImport(ctx context.Context, tx pgx.Tx, owner id.User, i id.Import) error {
	return portfolio.Tell(ctx, tx, owner, "import", struct {
		ID id.Import `json:"id"`
	}{i})
}
