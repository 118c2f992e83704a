package activity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/web"
	"flint/internal/portfolio"
	"flint/internal/statement"
)

// ShownImport is an import as the API shows it.
type ShownImport struct {
	ID                id.Import          `json:"id"`
	Filename          string             `json:"filename"`
	Format            statement.Format   `json:"format" enum:"ofx,qfx,csv"`
	Status            ImportStatus       `json:"status" enum:"preview,applied,undone"`
	AccountID         *id.Account        `json:"accountId" doc:"Where it goes or went; in a preview, where Flint proposes"`
	StatementAccounts []ShownStatement   `json:"statementAccounts" doc:"The account that the file says it is about"`
	Siblings          []id.Import        `json:"siblings" doc:"Imports of the other statements in the same file"`
	Columns           []string           `json:"columns,omitempty" doc:"Of a CSV file"`
	Mapping           *Columns           `json:"mapping,omitempty" doc:"Of a CSV file; without a date, its columns have to be named first"`
	AmbiguousDates    bool               `json:"ambiguousDates,omitempty" doc:"Day and month could be the other way round"`
	Rows              []ShownImportRow   `json:"rows" doc:"The first 200; empty in lists"`
	Summary           ShownImportSummary `json:"summary"`
	CreatedAt         time.Time          `json:"createdAt"`
	AppliedAt         *time.Time         `json:"appliedAt"`
	UndoneAt          *time.Time         `json:"undoneAt"`
}

// ShownStatement is what a file says of its account.
type ShownStatement struct {
	ID          string         `json:"id" doc:"The last four of its number"`
	Kind        statement.Kind `json:"kind" enum:"bank,card"`
	Institution string         `json:"institution,omitempty"`
	Currency    money.Currency `json:"currency"`
	Rows        int            `json:"rows"`
	From        string         `json:"from,omitempty"`
	To          string         `json:"to,omitempty"`
	Balance     *money.Amount  `json:"balance" doc:"null if the file doesn't say"`
}

// ShownImportRow is a row of a statement.
type ShownImportRow struct {
	Ordinal     int             `json:"ordinal"`
	Date        *string         `json:"date" doc:"null, like amount: the line is no transaction"`
	Amount      *money.Decimal  `json:"amount"`
	Currency    money.Currency  `json:"currency"`
	Description string          `json:"description"`
	Verdict     Verdict         `json:"verdict" enum:"new,duplicate,possible_duplicate,skipped"`
	Matches     *id.Transaction `json:"matches,omitempty" doc:"What it duplicates"`
	Reason      string          `json:"reason,omitempty" doc:"Why it is left out"`
}

// ShownImportSummary counts.
type ShownImportSummary struct {
	New             int            `json:"new"`
	Duplicates      int            `json:"duplicates" doc:"There already: left out"`
	Possible        int            `json:"possible" doc:"Added, and marked"`
	Skipped         int            `json:"skipped"`
	UnknownElements int            `json:"unknownElements" doc:"Parts of the file that Flint doesn't know"`
	Investments     int            `json:"investments" doc:"Investment statements, which can't be imported yet"`
	Undone          *UndoneSummary `json:"undone,omitempty" doc:"What undoing did"`
}

type importOutput struct{ Body ShownImport }

type importInput struct {
	ID string `path:"id"`
}

type importsOutput struct {
	Body struct {
		Imports []ShownImport `json:"imports"`
	}
}

type mapInput struct {
	ID   string `path:"id"`
	Body Columns
}

type applyInput struct {
	ID   string `path:"id"`
	Body struct {
		AccountID  string `json:"accountId,omitempty"`
		NewAccount *struct {
			Name        string `json:"name" minLength:"1" maxLength:"80"`
			Institution string `json:"institution,omitempty" maxLength:"80"`
			Kind        string `json:"kind" enum:"bank,card,loan,manual"`
			Currency    string `json:"currency" minLength:"3" maxLength:"10" example:"USD"`
		} `json:"newAccount,omitempty"`
		SkipPossible bool    `json:"skipPossible,omitempty" doc:"Leave out what may be double, instead of adding and marking it"`
		Balance      *string `json:"balance,omitempty" maxLength:"40" doc:"What the account held after the last row, if the file doesn't say"`
	}
}

// uploadForm describes the body of POST /api/imports.
type uploadForm struct {
	File    string `json:"file" format:"binary" doc:"OFX, QFX or CSV, at most 10 MB"`
	Account string `json:"account,omitempty" doc:"Id of the account that it is about"`
	Mapping string `json:"mapping,omitempty" doc:"Columns of a CSV file, as JSON"`
}

// maxUpload is the file and what the form adds to it.
const maxUpload = statement.MaxBytes + 64<<10

// importOperations declares the operations on imports.
func (s *Service) importOperations(srv *web.Server) {
	web.Raw(srv, web.Op{
		Method: "POST", Path: "/api/imports", ID: "bring-import", Summary: "Bring a bank statement", Tag: "imports",
		Description: "Reads the file and shows what applying it would do. Nothing is added yet.",
		Needs:       access.ManageOwn, Limit: "write", MaxBody: maxUpload, Status: http.StatusCreated,
		Accepts: "multipart/form-data", In: uploadForm{}, Out: ShownImport{},
	}, http.HandlerFunc(s.handleUpload))
	web.Handle(srv, web.Op{
		Method: "GET", Path: "/api/imports", Summary: "List imports, newest first", Tag: "imports",
		Needs: access.ViewOwn, Limit: "data", Support: true,
	}, func(ctx context.Context, _ *struct{}) (*importsOutput, error) {
		list, err := s.Imports(ctx, access.From(ctx).User)
		out := &importsOutput{}
		out.Body.Imports = make([]ShownImport, len(list))
		for n, i := range list {
			out.Body.Imports[n] = showImport(i)
		}
		return out, err
	})
	web.Handle(srv, web.Op{
		Method: "GET", Path: "/api/imports/{id}", Summary: "See an import and its rows", Tag: "imports",
		Needs: access.ViewOwn, Limit: "data", Support: true,
	}, func(ctx context.Context, in *importInput) (*importOutput, error) {
		return answerImport(in.ID, func(i id.Import) (Import, error) { return s.FindImport(ctx, access.From(ctx).User, i) })
	})
	web.Handle(srv, web.Op{
		Method: "PUT", Path: "/api/imports/{id}/mapping", Summary: "Say what a CSV file's columns are", Tag: "imports",
		Needs: access.ManageOwn, Limit: "write",
	}, func(ctx context.Context, in *mapInput) (*importOutput, error) {
		return answerImport(in.ID, func(i id.Import) (Import, error) { return s.Remap(ctx, access.From(ctx), i, in.Body) })
	})
	web.Handle(srv, web.Op{
		Method: "POST", Path: "/api/imports/{id}/apply", Summary: "Add an import's rows to an account", Tag: "imports",
		Description: "Adds what is new and, marked, what may be double; all of it or nothing.",
		Needs:       access.ManageOwn, Limit: "write",
	}, func(ctx context.Context, in *applyInput) (*importOutput, error) {
		to, err := in.target()
		if err != nil {
			return nil, err
		}
		return answerImport(in.ID, func(i id.Import) (Import, error) { return s.Apply(ctx, access.From(ctx), i, to) })
	})
	web.Handle(srv, web.Op{
		Method: "POST", Path: "/api/imports/{id}/undo", Summary: "Take an import back", Tag: "imports",
		Needs: access.ManageOwn, Limit: "write",
	}, func(ctx context.Context, in *importInput) (*importOutput, error) {
		return answerImport(in.ID, func(i id.Import) (Import, error) { return s.Undo(ctx, access.From(ctx), i) })
	})
}

func answerImport(text string, do func(id.Import) (Import, error)) (*importOutput, error) {
	i, err := id.Parse[id.Import](text)
	if err != nil {
		return nil, ErrUnknownImport
	}
	done, err := do(i)
	if err != nil {
		return nil, err
	}
	return &importOutput{showImport(done)}, nil
}

func (in *applyInput) target() (Target, error) {
	var to Target
	var err error
	if in.Body.AccountID != "" {
		if to.Account, err = id.Parse[id.Account](in.Body.AccountID); err != nil {
			return to, fault.BadField("body.accountId", "must be the id of an account")
		}
	}
	if n := in.Body.NewAccount; n != nil {
		to.New = &OwnAccount{n.Name, n.Institution, portfolio.Kind(n.Kind), money.Currency(n.Currency)}
	}
	to.SkipPossible = in.Body.SkipPossible
	if in.Body.Balance != nil {
		d, err := money.Parse(*in.Body.Balance)
		if err != nil || len(d.Truncate(0).Abs().String()) > 15 {
			return to, fault.BadField("body.balance", "must be a plain decimal number such as -1234.56")
		}
		d = d.Truncate(8)
		to.Balance = &d
	}
	return to, nil
}

// handleUpload reads the form part by part, so that no more of it is held than
// the largest file that is read anyway.
func (s *Service) handleUpload(w http.ResponseWriter, r *http.Request) {
	u, err := readUpload(r)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	i, err := s.Bring(r.Context(), access.From(r.Context()), u)
	if err != nil {
		web.Problem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(showImport(i)) // the client has gone, if it fails
}

func readUpload(r *http.Request) (Upload, error) {
	var u Upload
	form, err := r.MultipartReader()
	if err != nil {
		return u, fault.BadField("body", "must be a form with a file")
	}
	for seen := map[string]bool{}; ; {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return u, unreadable(err)
		}
		name := part.FormName()
		if seen[name] {
			return u, fault.BadField("body."+name, "must be there once")
		}
		seen[name] = true
		if err := u.take(name, part); err != nil {
			return u, err
		}
	}
	if u.Data == nil {
		return u, fault.BadField("body.file", "must be there")
	}
	return u, nil
}

// take reads one part of the form.
func (u *Upload) take(name string, part *multipart.Part) error {
	most := int64(16 << 10)
	if name == "file" {
		most = statement.MaxBytes
	}
	data, err := io.ReadAll(io.LimitReader(part, most+1))
	switch {
	case err != nil:
		return unreadable(err)
	case int64(len(data)) > most && name == "file":
		return statement.ErrTooLarge
	case int64(len(data)) > most:
		return fault.BadField("body", "has a field that is too long")
	}
	switch name {
	case "file":
		u.Data, u.Filename = data, part.FileName()
	case "account":
		if u.Account, err = id.Parse[id.Account](string(data)); err != nil {
			return fault.BadField("body.account", "must be the id of an account")
		}
	case "mapping":
		u.Columns = &Columns{}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(u.Columns); err != nil {
			return fault.BadField("body.mapping", "must be JSON that names columns")
		}
	default:
		return fault.BadField("body", "may have the fields file, account and mapping only")
	}
	return nil
}

// unreadable says why a form couldn't be read: it is too large, or no form.
func unreadable(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fault.Because(statement.ErrTooLarge, err)
	}
	return fault.Because(fault.BadField("body", "must be a complete form with a file"), err)
}

func showImport(i Import) ShownImport {
	out := ShownImport{
		ID: i.ID, Filename: i.Filename, Format: i.Format, Status: i.Status, StatementAccounts: []ShownStatement{}, Siblings: []id.Import{},
		Columns: i.Summary.Columns, AmbiguousDates: i.Summary.Ambiguous, Rows: make([]ShownImportRow, len(i.Rows)),
		CreatedAt: i.CreatedAt, AppliedAt: i.AppliedAt, UndoneAt: i.UndoneAt,
	}
	if !i.AccountID.IsZero() {
		out.AccountID = &i.AccountID
	}
	if i.Format == statement.CSV {
		out.Mapping = &i.Mapping
	}
	out.Siblings = append(out.Siblings, i.Summary.Siblings...)
	s := i.Summary
	out.Summary = ShownImportSummary{New: s.New, Duplicates: s.Duplicates, Possible: s.Possible, Skipped: s.Skipped, Investments: s.Investments, Undone: s.Undone}
	for _, n := range s.Unknown {
		out.Summary.UnknownElements += n
	}
	if st := s.Statement; st != nil {
		shown := ShownStatement{ID: st.Mask, Kind: st.Kind, Institution: st.Institution, Currency: st.Currency, Rows: s.New + s.Duplicates + s.Possible + s.Skipped}
		shown.From, shown.To = dayText(st.From), dayText(st.To)
		if st.Balance != nil {
			b := money.Of(*st.Balance, st.Currency)
			shown.Balance = &b
		}
		out.StatementAccounts = append(out.StatementAccounts, shown)
	}
	for n, r := range i.Rows {
		row := ShownImportRow{Ordinal: r.Ordinal, Amount: r.Amount, Currency: r.Currency, Description: r.Description, Verdict: r.Verdict, Reason: r.detail.Reason}
		if r.Date != nil {
			d := r.Date.Format(time.DateOnly)
			row.Date = &d
		}
		if !r.Matches.IsZero() {
			row.Matches = &r.Matches
		}
		out.Rows[n] = row
	}
	return out
}

func dayText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.DateOnly)
}
