package ingest

import (
	"context"
	"net/http"
	"strings"
	"time"

	"flint/internal/activity"
	"flint/internal/config"
	"flint/internal/connection"
	"flint/internal/money"
	"flint/internal/platform/outbound"
	"flint/internal/portfolio"
	"flint/internal/provider/teller"
)

// TellerFeed reads banks through Teller.
type TellerFeed struct {
	client *teller.Client
	token  func(ctx context.Context, c connection.Connection) (config.Secret, error)
	now    func() time.Time
}

// NewTellerFeed returns a feed; token opens a connection's access token.
func NewTellerFeed(client *teller.Client, token func(context.Context, connection.Connection) (config.Secret, error), now func() time.Time) *TellerFeed {
	return &TellerFeed{client, token, now}
}

// tellerPage is how many transactions a page asks for.
const tellerPage = 500

// Fetch reads all accounts of the enrollment, their balances and a window of
// their transactions.
func (t *TellerFeed) Fetch(ctx context.Context, c connection.Connection, plan Plan, progress func(Progress)) (Fetched, error) {
	token, err := t.token(ctx, c)
	if err != nil {
		return Fetched{}, err
	}
	p := Progress{Phase: PhaseAccounts, Calls: 1}
	accounts, err := t.client.Accounts(ctx, token)
	if err != nil {
		return Fetched{}, err
	}
	p.Accounts, p.Phase = len(accounts), PhaseTransactions
	progress(p)
	var out Fetched
	for _, a := range accounts {
		f, err := t.account(ctx, token, c, a, plan, &p, progress)
		if err != nil {
			return Fetched{}, err
		}
		out.Accounts = append(out.Accounts, f)
	}
	return out, nil
}

func (t *TellerFeed) account(ctx context.Context, token config.Secret, c connection.Connection, a teller.Account, plan Plan, p *Progress,
	progress func(Progress)) (FetchedAccount, error) {
	f := FetchedAccount{Told: tellerAccount(a, c)}
	if f.Told.Closed {
		return f, nil
	}
	if a.Links.Transactions != "" {
		if err := t.transactions(ctx, token, a, plan, &f, p, progress); err != nil {
			return f, missing(&f, err)
		}
	}
	if a.Links.Balances != "" {
		p.Calls++
		b, err := t.client.Balances(ctx, token, a.ID)
		if err != nil {
			return f, missing(&f, err)
		}
		f.Told.AsOf = t.now()
		tellerBalances(&f.Told, b)
	}
	return f, nil
}

// missing takes "this account is closed" and "there is no such thing" as answers
// about one account, and returns every other error. What wasn't told stays as it
// was.
func missing(f *FetchedAccount, err error) error {
	e := outbound.Of(err)
	if e == nil || e.Class != outbound.NotFound {
		return err
	}
	if e.Status == http.StatusGone || strings.HasPrefix(e.Code, "account.closed") {
		f.Told.Closed, f.Window, f.Records = true, nil, nil
	}
	return nil
}

// transactions walks the pages from the newest back to the window's first day.
func (t *TellerFeed) transactions(ctx context.Context, token config.Secret, a teller.Account, plan Plan, f *FetchedAccount, p *Progress,
	progress func(Progress)) error {
	win := Window{From: tellerFrom(plan.Marks[a.ID], plan.Full), Complete: true}
	page := teller.Page{Count: tellerPage, Start: win.From}
	for {
		p.Calls++
		rows, err := t.client.Transactions(ctx, token, a.ID, page)
		if err != nil {
			return err
		}
		for _, row := range rows {
			f.Records = append(f.Records, tellerRecord(row, a))
		}
		p.Fetched += len(rows)
		progress(*p)
		if len(rows) < tellerPage {
			break
		}
		if len(f.Records) >= maxRecords {
			// What lies further back isn't read; the last day may be cut in two.
			win.From = rows[len(rows)-1].Date.AddDate(0, 0, 1)
			break
		}
		page.FromID = rows[len(rows)-1].ID
	}
	f.Window = &win
	return nil
}

func tellerAccount(a teller.Account, c connection.Connection) portfolio.Told {
	told := portfolio.Told{
		ProviderID: a.ID, Name: clip(a.Name), Institution: clip(a.Institution.Name), Kind: portfolio.Bank, Subtype: clip(a.Subtype),
		Currency: a.Currency, Mask: lastFour(a.LastFour), Closed: a.Status == "closed",
	}
	if told.Institution == "" {
		told.Institution = c.InstitutionName
	}
	if a.Type == "credit" {
		told.Kind = portfolio.Card
	}
	return told
}

// tellerBalances sets the balances, turned towards net worth: what a card's
// ledger says is owed. Its limit is what is owed and what is left, together.
func tellerBalances(told *portfolio.Told, b teller.Balances) {
	told.Available = b.Available
	if told.Kind != portfolio.Card {
		told.Balance = b.Ledger
		if told.Balance == nil {
			told.Balance = b.Available
		}
		return
	}
	if b.Ledger == nil {
		return
	}
	owed := b.Ledger.Neg()
	told.Balance = &owed
	if b.Available != nil {
		limit := b.Ledger.Add(*b.Available)
		told.CreditLimit = &limit
	}
}

// tellerRecord brings a transaction to common terms. On cards a charge is
// positive at Teller; at Flint money out is negative everywhere.
func tellerRecord(t teller.Transaction, a teller.Account) activity.Record {
	r := activity.Record{ID: t.ID, Status: activity.Posted, Amount: t.Amount, Currency: a.Currency, Date: t.Date}
	if t.Status == "pending" {
		r.Status = activity.Pending
	}
	if a.Type == "credit" {
		r.Amount = t.Amount.Neg()
	}
	r.Description, r.Merchant, r.Category, r.Kind = clip(t.Description), clip(t.Counterparty), clip(t.Category), clip(t.Type)
	r.Amount = r.Amount.RoundBank(moneyPlaces)
	return r
}

// What the columns hold.
const (
	moneyPlaces    = 8
	quantityPlaces = 18
	maxText        = 500
)

// clip shortens text from outside to what a list can show, and drops what a
// column can't hold.
func clip(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
	if r := []rune(s); len(r) > maxText {
		s = string(r[:maxText])
	}
	return strings.TrimSpace(s)
}

func rounded(d *money.Decimal, places int32) *money.Decimal {
	if d == nil {
		return nil
	}
	r := d.RoundBank(places)
	return &r
}
