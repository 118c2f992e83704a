package portfolio

import (
	"context"
	"time"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/web"
)

type dashboardBody struct {
	TotalBalance      *money.Amount  `json:"totalBalance" doc:"Net worth; null as long as nothing is known"`
	BankBalance       *money.Amount  `json:"bankBalance"`
	InvestmentBalance *money.Amount  `json:"investmentBalance"`
	CryptoValue       *money.Amount  `json:"cryptoValue"`
	TotalAssets       *money.Amount  `json:"totalAssets" doc:"Banks, investments and crypto together"`
	TotalDebts        *money.Amount  `json:"totalDebts" doc:"Cards and loans; negative"`
	Currency          money.Currency `json:"currency"`
	Accounts          []AccountView  `json:"accounts"`
	Positions         []struct{}     `json:"positions" doc:"Always empty; see /api/portfolio-holdings"`
	SubscriptionTier  string         `json:"subscriptionTier"`
	IsAdmin           bool           `json:"isAdmin"`
	NeedsConnection   bool           `json:"needsConnection"`
	ConnectionStatus  struct {
		HasAccounts    bool   `json:"hasAccounts"`
		SnapTradeError bool   `json:"snapTradeError"`
		Message        string `json:"message"`
	} `json:"connectionStatus"`
	SnapTradeStatus struct {
		Connected bool `json:"connected"`
	} `json:"snapTradeStatus"`
	LastBalanceUpdate *time.Time  `json:"lastBalanceUpdate"`
	AsOf              *time.Time  `json:"asOf" doc:"The oldest balance in the totals"`
	Complete          bool        `json:"complete" doc:"Nothing is missing from the totals"`
	Missing           []Missing   `json:"missing" doc:"What the totals leave out"`
	Change            *changeView `json:"change"`
}

type changeView struct {
	Period  string         `json:"period" example:"1D"`
	Amount  money.Amount   `json:"amount"`
	Percent *money.Decimal `json:"percent"`
}

type dashboardOutput struct{ Body dashboardBody }

type accountsOutput struct {
	Body struct {
		Accounts []AccountView `json:"accounts"`
	}
}

type accountInput struct {
	ID string `path:"id"`
}

type dayView struct {
	Day     string        `json:"day" format:"date"`
	Balance money.Decimal `json:"balance"`
	Quality Quality       `json:"quality" enum:"complete,estimated"`
}

type positionView struct {
	Symbol         string         `json:"symbol"`
	Name           string         `json:"name"`
	Type           string         `json:"type"`
	Quantity       money.Decimal  `json:"quantity"`
	CurrentPrice   *money.Decimal `json:"currentPrice" doc:"null: not known"`
	AverageCost    *money.Decimal `json:"averageCost"`
	CurrentValue   *money.Decimal `json:"currentValue"`
	Currency       money.Currency `json:"currency"`
	CashEquivalent bool           `json:"cashEquivalent"`
}

type cashView struct {
	Currency    money.Currency `json:"currency"`
	Cash        money.Decimal  `json:"cash"`
	BuyingPower *money.Decimal `json:"buyingPower"`
}

type accountOutput struct {
	Body struct {
		AccountView
		History   []dayView      `json:"history"`
		Positions []positionView `json:"positions"`
		Cash      []cashView     `json:"cash"`
	}
}

type changeInput struct {
	ID   string `path:"id"`
	Body struct {
		Nickname *string `json:"nickname,omitempty" maxLength:"80" doc:"Empty removes it"`
		Hidden   *bool   `json:"hidden,omitempty" doc:"A hidden account counts in no total"`
	}
}

type changeOutput struct{ Body AccountView }

type historyInput struct {
	Period string `query:"period" enum:"1W,1M,3M,1Y,ALL" default:"1M"`
}

type pointView struct {
	Timestamp time.Time     `json:"timestamp"`
	Day       string        `json:"day" format:"date"`
	Value     money.Decimal `json:"value"`
	Quality   Quality       `json:"quality" enum:"complete,estimated"`
}

type historyOutput struct {
	Body struct {
		Period     string         `json:"period"`
		Currency   money.Currency `json:"currency"`
		DataPoints []pointView    `json:"dataPoints"`
	}
}

// Operations declares the operations on accounts and totals. None of them calls
// a provider.
func (s *Service) Operations(srv *web.Server) {
	op := func(method, path, summary, limit string) web.Op {
		if method == "GET" {
			return web.Op{Method: method, Path: path, Summary: summary, Tag: "portfolio", Needs: access.ViewOwn, Limit: limit, Keys: true, Support: true}
		}
		return web.Op{Method: method, Path: path, Summary: summary, Tag: "portfolio", Needs: access.ManageOwn, Limit: limit}
	}
	web.Handle(srv, op("GET", "/api/dashboard", "See where you stand", "data"), s.handleDashboard)
	web.Handle(srv, op("GET", "/api/accounts", "List accounts", "data"), s.handleAccounts)
	web.Handle(srv, op("GET", "/api/accounts/{id}", "See an account, its past and what it holds", "data"), s.handleAccount)
	web.Handle(srv, op("PATCH", "/api/accounts/{id}", "Rename or hide an account", "write"), s.handleChange)
	web.Handle(srv, op("GET", "/api/portfolio/history", "See net worth by day", "data"), s.handleHistory)
	web.Handle(srv, op("GET", "/api/portfolio/summary", "See totals by kind", "data"), s.handleSummary)
	web.Handle(srv, op("GET", "/api/portfolio-holdings", "List what all accounts hold", "data"), s.handleHoldings)
}

func (s *Service) handleDashboard(ctx context.Context, _ *struct{}) (*dashboardOutput, error) {
	actor := access.From(ctx)
	st, err := s.Standing(ctx, actor.User)
	if err != nil {
		return nil, err
	}
	return &dashboardOutput{st.dashboard(string(actor.Tier), access.RoleOf(actor).Staff(), s.cfg.Now())}, nil
}

func (s *Service) handleAccounts(ctx context.Context, _ *struct{}) (*accountsOutput, error) {
	st, err := s.Standing(ctx, access.From(ctx).User)
	if err != nil {
		return nil, err
	}
	out := &accountsOutput{}
	out.Body.Accounts = make([]AccountView, len(st.Accounts))
	for i, a := range st.Accounts {
		out.Body.Accounts[i] = st.view(a, s.cfg.Now())
	}
	return out, nil
}

func (s *Service) handleAccount(ctx context.Context, in *accountInput) (*accountOutput, error) {
	owner := access.From(ctx).User
	a, err := id.Parse[id.Account](in.ID)
	if err != nil {
		return nil, ErrUnknownAccount
	}
	d, err := s.Detail(ctx, owner, a)
	if err != nil {
		return nil, err
	}
	st, err := s.Standing(ctx, owner)
	if err != nil {
		return nil, err
	}
	out := &accountOutput{}
	out.Body.AccountView = st.view(d.Account, s.cfg.Now())
	out.Body.History, out.Body.Positions, out.Body.Cash = []dayView{}, []positionView{}, []cashView{}
	for _, p := range d.Days {
		out.Body.History = append(out.Body.History, dayView{p.Day.Format(time.DateOnly), p.Balance, p.Quality})
	}
	for _, p := range d.Positions {
		out.Body.Positions = append(out.Body.Positions, positionView{p.Symbol, p.Description, p.Kind, p.Quantity, p.Price, p.CostBasis,
			p.Value(), p.Currency, p.CashEquivalent})
	}
	for _, c := range d.Cash {
		out.Body.Cash = append(out.Body.Cash, cashView(c))
	}
	return out, nil
}

func (s *Service) handleChange(ctx context.Context, in *changeInput) (*changeOutput, error) {
	actor := access.From(ctx)
	a, err := id.Parse[id.Account](in.ID)
	if err != nil {
		return nil, ErrUnknownAccount
	}
	changed, err := s.Change(ctx, actor, a, Change{in.Body.Nickname, in.Body.Hidden})
	if err != nil {
		return nil, err
	}
	st, err := s.Standing(ctx, actor.User)
	if err != nil {
		return nil, err
	}
	return &changeOutput{st.view(changed, s.cfg.Now())}, nil
}

func (s *Service) handleHistory(ctx context.Context, in *historyInput) (*historyOutput, error) {
	owner := access.From(ctx).User
	days, err := s.History(ctx, owner, in.Period)
	if err != nil {
		return nil, err
	}
	out := &historyOutput{}
	out.Body.Period, out.Body.Currency, out.Body.DataPoints = in.Period, "USD", []pointView{}
	for _, d := range days {
		out.Body.Currency = d.Currency
		out.Body.DataPoints = append(out.Body.DataPoints, pointView{d.Day, d.Day.Format(time.DateOnly), d.NetWorth, d.Quality})
	}
	return out, nil
}
