package portfolio

import (
	"time"

	"flint/internal/id"
	"flint/internal/money"
)

// AccountView is an account as the API shows it.
type AccountView struct {
	ID                id.Account     `json:"id"`
	Provider          string         `json:"provider" enum:"teller,snaptrade,manual"`
	ConnectionID      *id.Connection `json:"connectionId" doc:"null: kept by hand or by imports"`
	Name              string         `json:"name" doc:"As the provider calls it"`
	AccountName       string         `json:"accountName" doc:"As you call it, or else as the provider does"`
	Nickname          *string        `json:"nickname"`
	Institution       string         `json:"institution"`
	InstitutionName   string         `json:"institutionName"`
	Type              string         `json:"type" enum:"bank,credit,loan,investment,crypto,manual"`
	Subtype           string         `json:"subtype"`
	Mask              string         `json:"mask" doc:"Last four digits"`
	Currency          money.Currency `json:"currency"`
	Balance           *money.Amount  `json:"balance" doc:"null: not known. What is owed is negative"`
	BalanceInBase     *money.Amount  `json:"balanceInBase" doc:"In the currency of your totals; null: not known, or no exchange rate"`
	Available         *money.Amount  `json:"available"`
	CreditLimit       *money.Amount  `json:"creditLimit"`
	Status            string         `json:"status" enum:"open,closed"`
	AsOf              *time.Time     `json:"asOf" doc:"When the balance was so"`
	LastUpdated       *time.Time     `json:"lastUpdated"`
	NeedsReconnection bool           `json:"needsReconnection"`
	ConnectionStatus  *string        `json:"connectionStatus"`
	Stale             bool           `json:"stale" doc:"The balance is older than a day and a half"`
	Hidden            bool           `json:"hidden"`
	PercentOfTotal    *money.Decimal `json:"percentOfTotal,omitempty" doc:"Of all assets, or of all debts"`
}

// staleAfter is when a balance counts as old: providers are read once a day.
const staleAfter = 36 * time.Hour

// TypeOf names a kind as clients know it.
func TypeOf(k Kind) string {
	if k == Card {
		return "credit"
	}
	return string(k)
}

// ProviderOf names where an account comes from.
func ProviderOf(a Account) string {
	if a.Provider == nil {
		return "manual"
	}
	return *a.Provider
}

// view shows a with its value in the rollup's currency.
func (st Standing) view(a Account, now time.Time) AccountView {
	v := AccountView{
		ID: a.ID, Provider: ProviderOf(a), Name: a.Name, AccountName: a.Title(), Nickname: a.Nickname,
		Institution: a.InstitutionName, InstitutionName: a.InstitutionName, Type: TypeOf(a.Kind), Subtype: a.Subtype,
		Mask: a.Mask, Currency: a.Currency, Balance: amount(a.Balance, a.Currency), Available: amount(a.Available, a.Currency),
		CreditLimit: amount(a.CreditLimit, a.Currency), Status: a.Status, AsOf: a.BalanceAsOf, LastUpdated: a.BalanceAsOf,
		ConnectionStatus: a.ConnectionStatus, Hidden: a.Hidden,
		Stale: a.BalanceAsOf != nil && now.Sub(*a.BalanceAsOf) > staleAfter && a.Status == Open,
	}
	if !a.ConnectionID.IsZero() {
		v.ConnectionID = &a.ConnectionID
	}
	if s := a.ConnectionStatus; s != nil {
		v.NeedsReconnection = *s == "reauth" || *s == "disconnected"
	}
	base := st.InBase(a)
	if base == nil {
		return v
	}
	v.BalanceInBase = amount(base, st.Wealth.Currency)
	whole := st.Wealth.Assets
	if a.Kind == Card || a.Kind == Loan {
		whole = st.Wealth.Debts
	}
	if a.counts() && !whole.IsZero() {
		share := base.Mul(money.MustParse("100")).DivRound(whole, 2)
		v.PercentOfTotal = &share
	}
	return v
}

func amount(d *money.Decimal, c money.Currency) *money.Amount {
	if d == nil {
		return nil
	}
	a := money.Of(*d, c)
	return &a
}

// dashboard shows the whole standing. Totals are null as long as nothing is
// known.
func (st Standing) dashboard(tier string, isAdmin bool, now time.Time) dashboardBody {
	b := dashboardBody{
		Accounts: []AccountView{}, Positions: []struct{}{}, SubscriptionTier: tier, IsAdmin: isAdmin, Missing: []Missing{},
		NeedsConnection: true, Currency: "USD",
	}
	for _, a := range st.Accounts {
		if a.Hidden {
			continue
		}
		v := st.view(a, now)
		b.Accounts = append(b.Accounts, v)
		b.NeedsConnection = b.NeedsConnection && v.NeedsReconnection
		if v.Provider == "snaptrade" {
			b.SnapTradeStatus.Connected = true
			b.ConnectionStatus.SnapTradeError = b.ConnectionStatus.SnapTradeError || v.NeedsReconnection
		}
	}
	b.ConnectionStatus.HasAccounts = len(b.Accounts) > 0
	b.ConnectionStatus.Message = sentence(b)
	if w := st.Wealth; w != nil {
		b.fill(w, st.Yesterday)
	}
	return b
}

func sentence(b dashboardBody) string {
	broken := 0
	for _, a := range b.Accounts {
		if a.NeedsReconnection {
			broken++
		}
	}
	switch {
	case len(b.Accounts) == 0:
		return "Connect an institution to see what you own."
	case broken > 0:
		return "Some accounts need you to reconnect; their figures are old."
	}
	return ""
}

// fill sets the figures from the rollup.
func (b *dashboardBody) fill(w *wealthRow, before *NetDay) {
	b.Currency, b.AsOf, b.LastBalanceUpdate = w.Currency, w.AsOf, &w.UpdatedAt
	b.Missing = append(b.Missing, w.Missing...)
	b.Complete = len(w.Missing) == 0
	if w.Counted == 0 {
		return
	}
	b.TotalBalance = amount(&w.NetWorth, w.Currency)
	b.BankBalance, b.InvestmentBalance, b.CryptoValue = amount(&w.Bank, w.Currency), amount(&w.Investment, w.Currency), amount(&w.Crypto, w.Currency)
	b.TotalAssets, b.TotalDebts = amount(&w.Assets, w.Currency), amount(&w.Debts, w.Currency)
	if before == nil || before.Currency != w.Currency {
		return
	}
	gain := w.NetWorth.Sub(before.NetWorth)
	b.Change = &changeView{Period: "1D", Amount: money.Of(gain, w.Currency)}
	if before.NetWorth.IsPositive() {
		p := gain.Mul(money.MustParse("100")).DivRound(before.NetWorth, 2)
		b.Change.Percent = &p
	}
}
