package activity

import (
	"context"
	"time"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/web"
	"flint/internal/portfolio"
)

// Shown is a transaction as the API shows it.
type Shown struct {
	ID               id.Transaction  `json:"id"`
	AccountID        id.Account      `json:"accountId"`
	AccountName      string          `json:"accountName"`
	AccountType      string          `json:"accountType" enum:"bank,credit,loan,investment,crypto,manual"`
	Institution      string          `json:"institution"`
	Provider         string          `json:"provider" enum:"teller,snaptrade,manual"`
	Date             string          `json:"date" format:"date"`
	Type             string          `json:"type" doc:"What the provider calls it: card_payment, dividend, buy, …"`
	Description      string          `json:"description"`
	Merchant         string          `json:"merchant"`
	Category         string          `json:"category"`
	Note             string          `json:"note"`
	Symbol           string          `json:"symbol,omitempty"`
	Quantity         *money.Decimal  `json:"quantity,omitempty"`
	Price            *money.Decimal  `json:"price,omitempty"`
	Fee              *money.Decimal  `json:"fee,omitempty"`
	Amount           money.Decimal   `json:"amount" doc:"Positive is towards your net worth"`
	Currency         money.Currency  `json:"currency"`
	Status           Status          `json:"status" enum:"pending,posted"`
	Source           Source          `json:"source" enum:"provider,import,manual"`
	MaybeDuplicateOf *id.Transaction `json:"maybeDuplicateOf,omitempty" doc:"A suggestion: this may be the same payment"`
}

type listInput struct {
	AccountID string `query:"accountId" doc:"Only this account"`
	From      string `query:"from" format:"date" doc:"First day"`
	To        string `query:"to" format:"date" doc:"Last day"`
	Q         string `query:"q" maxLength:"100" doc:"Part of the description, merchant, note or symbol"`
	Category  string `query:"category" maxLength:"60"`
	Status    string `query:"status" enum:"pending,posted"`
	Cursor    string `query:"cursor" maxLength:"200" doc:"nextCursor of the page before"`
	Limit     int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type listOutput struct {
	Body struct {
		Transactions []Shown      `json:"transactions"`
		NextCursor   *string      `json:"nextCursor" doc:"null on the last page"`
		Totals       *totalsShown `json:"totals,omitempty" doc:"On the first page, if all is in one currency"`
	}
}

type totalsShown struct {
	In  money.Amount `json:"in"`
	Out money.Amount `json:"out"`
	Net money.Amount `json:"net"`
}

type oneInput struct {
	ID string `path:"id"`
}

type editInput struct {
	ID   string `path:"id"`
	Body struct {
		Merchant *string `json:"merchant,omitempty" maxLength:"120"`
		Category *string `json:"category,omitempty" maxLength:"60"`
		Note     *string `json:"note,omitempty" maxLength:"500"`
	}
}

type oneOutput struct{ Body Shown }

// Operations declares the operations on transactions.
func (s *Service) Operations(srv *web.Server) {
	web.Handle(srv, web.Op{
		Method: "GET", Path: "/api/transactions", Summary: "List transactions, newest first", Tag: "activity",
		Needs: access.ViewOwn, Limit: "data", Keys: true, Support: true,
	}, s.handleList)
	web.Handle(srv, web.Op{
		Method: "PATCH", Path: "/api/transactions/{id}", Summary: "Write on a transaction", Tag: "activity",
		Description: "What you write is locked: no provider changes it again.",
		Needs:       access.ManageOwn, Limit: "write",
	}, s.handleEdit)
	web.Handle(srv, web.Op{
		Method: "DELETE", Path: "/api/transactions/{id}", Summary: "Hide a transaction for good", Tag: "activity",
		Needs: access.ManageOwn, Limit: "write",
	}, s.handleDelete)
	s.importOperations(srv)
}

func (s *Service) handleList(ctx context.Context, in *listInput) (*listOutput, error) {
	owner := access.From(ctx).User
	f, err := in.filter()
	if err != nil {
		return nil, err
	}
	page, err := s.List(ctx, owner, f, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	accounts, err := s.accountsOf(ctx, owner)
	if err != nil {
		return nil, err
	}
	out := &listOutput{}
	out.Body.Transactions = make([]Shown, len(page.Transactions))
	for i, t := range page.Transactions {
		out.Body.Transactions[i] = show(t, accounts[t.AccountID])
	}
	if page.Next != "" {
		out.Body.NextCursor = &page.Next
	}
	if t := page.Totals; t != nil {
		out.Body.Totals = &totalsShown{money.Of(t.In, t.Currency), money.Of(t.Out, t.Currency), money.Of(t.Net, t.Currency)}
	}
	return out, nil
}

func (in *listInput) filter() (Filter, error) {
	f := Filter{Text: in.Q, Category: in.Category, Status: Status(in.Status)}
	var err error
	if in.AccountID != "" {
		if f.Account, err = id.Parse[id.Account](in.AccountID); err != nil {
			return f, fault.BadField("query.accountId", "must be the id of an account")
		}
	}
	for _, d := range []struct {
		where, text string
		day         *time.Time
	}{{"query.from", in.From, &f.From}, {"query.to", in.To, &f.To}} {
		if d.text == "" {
			continue
		}
		if *d.day, err = time.Parse(time.DateOnly, d.text); err != nil {
			return f, fault.BadField(d.where, "must be a day such as 2026-03-31")
		}
	}
	return f, nil
}

func (s *Service) handleEdit(ctx context.Context, in *editInput) (*oneOutput, error) {
	actor := access.From(ctx)
	t, err := id.Parse[id.Transaction](in.ID)
	if err != nil {
		return nil, ErrUnknownTransaction
	}
	changed, err := s.Edit(ctx, actor, t, Edit{in.Body.Merchant, in.Body.Category, in.Body.Note})
	if err != nil {
		return nil, err
	}
	accounts, err := s.accountsOf(ctx, actor.User)
	if err != nil {
		return nil, err
	}
	return &oneOutput{show(changed, accounts[changed.AccountID])}, nil
}

func (s *Service) handleDelete(ctx context.Context, in *oneInput) (*struct{}, error) {
	t, err := id.Parse[id.Transaction](in.ID)
	if err != nil {
		return nil, ErrUnknownTransaction
	}
	return nil, s.Delete(ctx, access.From(ctx), t)
}

func show(t Transaction, a portfolio.Account) Shown {
	out := Shown{
		ID: t.ID, AccountID: t.AccountID, AccountName: a.Title(), AccountType: portfolio.TypeOf(a.Kind), Institution: a.InstitutionName,
		Provider: portfolio.ProviderOf(a), Date: t.Date.Format(time.DateOnly), Type: t.Kind, Description: t.Description,
		Merchant: t.Merchant, Category: t.Category, Note: t.Note, Symbol: t.Symbol, Quantity: t.Quantity, Price: t.Price, Fee: t.Fee,
		Amount: t.Amount, Currency: t.Currency, Status: t.Status, Source: t.Source,
	}
	if !t.MaybeDupOf.IsZero() {
		out.MaybeDuplicateOf = &t.MaybeDupOf
	}
	return out
}
