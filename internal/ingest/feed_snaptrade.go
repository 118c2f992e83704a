package ingest

import (
	"cmp"
	"context"
	"strings"
	"time"

	"flint/internal/activity"
	"flint/internal/connection"
	"flint/internal/money"
	"flint/internal/platform/outbound"
	"flint/internal/portfolio"
	"flint/internal/provider/snaptrade"
)

// SnapTradeFeed reads brokerages and crypto exchanges through SnapTrade.
type SnapTradeFeed struct {
	client *snaptrade.Client
	user   func(ctx context.Context, c connection.Connection) (snaptrade.User, error)
	now    func() time.Time
}

// NewSnapTradeFeed returns a feed; user opens the SnapTrade identity of a
// connection's owner.
func NewSnapTradeFeed(client *snaptrade.Client, user func(context.Context, connection.Connection) (snaptrade.User, error), now func() time.Time) *SnapTradeFeed {
	return &SnapTradeFeed{client, user, now}
}

// usual is the currency of what doesn't say its own.
const usual money.Currency = "USD"

// Fetch reads all accounts of the authorization, what they hold and a window of
// their activities.
func (s *SnapTradeFeed) Fetch(ctx context.Context, c connection.Connection, plan Plan, progress func(Progress)) (Fetched, error) {
	user, err := s.user(ctx, c)
	if err != nil {
		return Fetched{}, err
	}
	at, err := s.client.Connection(ctx, user, c.ProviderConnectionID)
	if err != nil {
		return Fetched{}, err
	}
	if at.Disabled {
		// It goes on answering with old data, as if nothing were wrong.
		return Fetched{}, &outbound.Error{Provider: connection.SnapTrade, Op: "connection", Code: "connection_disabled", Class: outbound.Reauth}
	}
	accounts, err := s.client.ConnectionAccounts(ctx, user, c.ProviderConnectionID)
	if err != nil {
		return Fetched{}, err
	}
	p := Progress{Phase: PhasePositions, Accounts: len(accounts), Calls: 2}
	progress(p)
	var out Fetched
	for _, a := range accounts {
		if a.Paper {
			continue // play money
		}
		f, err := s.account(ctx, user, c, a, plan, &p, progress)
		if err != nil {
			return Fetched{}, err
		}
		out.Accounts = append(out.Accounts, f)
		out.Early = out.Early || !f.Told.Closed && (!a.Holdings.InitialDone || !a.Transactions.InitialDone)
	}
	return out, nil
}

func (s *SnapTradeFeed) account(ctx context.Context, user snaptrade.User, c connection.Connection, a snaptrade.Account, plan Plan,
	p *Progress, progress func(Progress)) (FetchedAccount, error) {
	f := FetchedAccount{Told: snaptradeAccount(a, c)}
	if f.Told.Closed || a.Status == "unavailable" {
		return f, nil
	}
	if a.Holdings.InitialDone && !a.Holdings.Unavailable {
		p.Phase = PhasePositions
		if err := s.holdings(ctx, user, a, &f, p); missing(&f, err) != nil {
			return f, err
		}
		progress(*p)
	}
	if f.Told.Holds == nil && a.Total != nil {
		f.Told.Balance, f.Told.AsOf = rounded(&a.Total.Amount, moneyPlaces), s.now()
	}
	if !a.Transactions.InitialDone {
		return f, nil
	}
	mark := plan.Marks[a.ID]
	if day := midnight(a.Transactions.LastSuccess); !day.IsZero() {
		f.Waterline = &day
		if !plan.Fresh && !plan.Full && mark.Waterline != nil && mark.Waterline.Equal(day) {
			return f, nil // read once a day; it hasn't moved
		}
	}
	p.Phase = PhaseTransactions
	return f, missing(&f, s.activities(ctx, user, a, snaptradeFrom(mark), &f, p, progress))
}

func (s *SnapTradeFeed) holdings(ctx context.Context, user snaptrade.User, a snaptrade.Account, f *FetchedAccount, p *Progress) error {
	p.Calls += 2
	balances, err := s.client.Balances(ctx, user, a.ID)
	if err != nil {
		return err
	}
	positions, err := s.client.Positions(ctx, user, a.ID)
	if err != nil {
		return err
	}
	h := &portfolio.Holds{}
	for _, b := range balances {
		if b.Cash != nil {
			h.Cash = append(h.Cash, portfolio.Cash{Currency: b.Currency, Cash: b.Cash.RoundBank(moneyPlaces), BuyingPower: rounded(b.BuyingPower, moneyPlaces)})
		}
	}
	if f.Told.Currency == "" && len(balances) > 0 {
		f.Told.Currency = balances[0].Currency
	}
	for _, x := range positions.List {
		if x.Units != nil {
			h.Positions = append(h.Positions, snaptradePosition(x, f.Told.Currency))
		}
	}
	if a.Total != nil && a.Total.Currency == f.Told.Currency {
		h.Total = rounded(&a.Total.Amount, moneyPlaces)
	}
	f.Told.Holds, f.Told.AsOf = h, positions.AsOf
	if f.Told.AsOf.IsZero() || f.Told.AsOf.After(s.now()) {
		f.Told.AsOf = s.now()
	}
	p.Positions += len(h.Positions)
	return nil
}

// activities walks the pages of the window. Pages are told by offset, and rows
// may move between them: unless as many different ones came as there are, the
// window isn't complete.
func (s *SnapTradeFeed) activities(ctx context.Context, user snaptrade.User, a snaptrade.Account, from time.Time, f *FetchedAccount,
	p *Progress, progress func(Progress)) error {
	seen := map[string]bool{}
	var total int
	for w := (snaptrade.Window{Start: from}); ; {
		p.Calls++
		page, err := s.client.Activities(ctx, user, a.ID, w)
		if err != nil {
			return err
		}
		for _, row := range page.List {
			if rec, ok := snaptradeRecord(row, f.Told.Currency); ok {
				f.Records = append(f.Records, rec)
			}
			seen[row.ID] = true
		}
		p.Fetched += len(page.List)
		progress(*p)
		total = page.Total
		w.Offset += len(page.List)
		if len(page.List) == 0 || w.Offset >= page.Total || len(f.Records) >= maxRecords {
			break
		}
	}
	f.Window = &Window{From: from, Complete: len(seen) >= total}
	return nil
}

func snaptradeAccount(a snaptrade.Account, c connection.Connection) portfolio.Told {
	told := portfolio.Told{
		ProviderID: a.ID, Name: clip(a.Name), Institution: clip(a.Institution), Kind: portfolio.Investment, Subtype: clip(a.RawType),
		Mask: lastFour(a.Number), Closed: a.Status == "closed" || a.Status == "archived",
	}
	if told.Institution == "" {
		told.Institution = c.InstitutionName
	}
	if told.Name == "" {
		told.Name = strings.TrimSpace(told.Institution + " " + told.Mask)
	}
	switch {
	case c.Kind == connection.Crypto:
		told.Kind = portfolio.Crypto
	case a.Category == "DEPOSIT":
		told.Kind = portfolio.Bank
	case a.Category == "LOC":
		told.Kind = portfolio.Loan
	}
	if a.Total != nil {
		told.Currency = a.Total.Currency
	}
	return told
}

// lastFour returns the last four letters or digits of an account's number.
func lastFour(number string) string {
	var plain []rune
	for _, r := range number {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			plain = append(plain, r)
		}
	}
	return string(plain[max(0, len(plain)-4):])
}

func snaptradePosition(x snaptrade.Position, fallback money.Currency) portfolio.Position {
	in := x.Instrument
	p := portfolio.Position{
		Symbol: clip(in.Symbol), Description: clip(in.Description), Kind: in.Kind, Quantity: x.Units.RoundBank(quantityPlaces),
		Price: rounded(x.Price, quantityPlaces), CostBasis: rounded(x.CostBasis, quantityPlaces), Multiplier: money.MustParse("1"),
		Currency: x.Currency, CashEquivalent: x.CashEquivalent,
	}
	if p.Currency == "" {
		p.Currency = in.Currency
	}
	if p.Currency == "" {
		p.Currency = cmp.Or(fallback, usual)
	}
	switch {
	case in.Multiplier != nil && in.Multiplier.IsPositive():
		p.Multiplier = *in.Multiplier
	case in.Kind == "option":
		p.Multiplier = money.MustParse("100")
	}
	return p
}

// snaptradeRecord brings an activity to common terms. One without any date
// can't be placed and is left out.
func snaptradeRecord(a snaptrade.Activity, fallback money.Currency) (activity.Record, bool) {
	r := activity.Record{ID: a.ID, Status: activity.Posted, Currency: a.Currency, Date: midnight(a.Trade)}
	if r.Date.IsZero() {
		r.Date = midnight(a.Settlement)
	}
	if r.Date.IsZero() {
		return r, false
	}
	if r.Currency == "" {
		r.Currency = cmp.Or(fallback, usual)
	}
	if a.Amount != nil {
		r.Amount = a.Amount.RoundBank(moneyPlaces) // without one, no cash moved
	}
	r.Kind, r.Symbol = strings.ToLower(clip(a.Type)), clip(a.Symbol)
	r.Description = clip(a.Details)
	if r.Description == "" {
		r.Description = strings.TrimSpace(a.Type + " " + r.Symbol)
	}
	r.Quantity, r.Price, r.Fee = rounded(a.Units, quantityPlaces), rounded(a.Price, quantityPlaces), rounded(a.Fee, moneyPlaces)
	return r, true
}

// midnight returns the day of t as UTC midnight; zero stays zero.
func midnight(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
