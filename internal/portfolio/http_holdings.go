package portfolio

import (
	"context"
	"time"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/money"
)

type bucketView struct {
	Bucket string       `json:"bucket" enum:"bank,investment,crypto,debt"`
	Value  money.Amount `json:"value"`
}

type summaryOutput struct {
	Body struct {
		Totals struct {
			NetWorth   *money.Amount `json:"netWorth"`
			Investable *money.Amount `json:"investable" doc:"Investments and crypto"`
			Cash       *money.Amount `json:"cash" doc:"Bank accounts"`
			Debt       *money.Amount `json:"debt" doc:"Negative"`
		} `json:"totals"`
		Breakdown []bucketView `json:"breakdown"`
		Metadata  struct {
			AccountCount int            `json:"accountCount"`
			LastUpdated  *time.Time     `json:"lastUpdated"`
			Currency     money.Currency `json:"currency"`
		} `json:"metadata"`
	}
}

func (s *Service) handleSummary(ctx context.Context, _ *struct{}) (*summaryOutput, error) {
	st, err := s.Standing(ctx, access.From(ctx).User)
	if err != nil {
		return nil, err
	}
	out := &summaryOutput{}
	b := &out.Body
	b.Breakdown, b.Metadata.Currency = []bucketView{}, "USD"
	w := st.Wealth
	if w == nil {
		return out, nil
	}
	b.Metadata.AccountCount, b.Metadata.LastUpdated, b.Metadata.Currency = w.Accounts, &w.UpdatedAt, w.Currency
	if w.Counted == 0 {
		return out, nil
	}
	investable := w.Investment.Add(w.Crypto)
	b.Totals.NetWorth, b.Totals.Investable = amount(&w.NetWorth, w.Currency), amount(&investable, w.Currency)
	b.Totals.Cash, b.Totals.Debt = amount(&w.Bank, w.Currency), amount(&w.Debts, w.Currency)
	for _, x := range []struct {
		name  string
		value money.Decimal
	}{{"bank", w.Bank}, {"investment", w.Investment}, {"crypto", w.Crypto}, {"debt", w.Debts}} {
		b.Breakdown = append(b.Breakdown, bucketView{x.name, money.Of(x.value, w.Currency)})
	}
	return out, nil
}

type holdingView struct {
	AccountID         id.Account     `json:"accountId"`
	AccountName       string         `json:"accountName"`
	BrokerageName     string         `json:"brokerageName"`
	Symbol            string         `json:"symbol"`
	Name              string         `json:"name"`
	Quantity          money.Decimal  `json:"quantity"`
	AverageCost       *money.Decimal `json:"averageCost" doc:"null: not known"`
	CurrentPrice      *money.Decimal `json:"currentPrice" doc:"null: not known"`
	CurrentValue      *money.Decimal `json:"currentValue"`
	TotalCost         *money.Decimal `json:"totalCost"`
	ProfitLoss        *money.Decimal `json:"profitLoss"`
	ProfitLossPercent *money.Decimal `json:"profitLossPercent"`
	Currency          money.Currency `json:"currency"`
	Type              string         `json:"type"`
	AsOf              *time.Time     `json:"asOf"`
}

type holdingsOutput struct {
	Body struct {
		Holdings []holdingView `json:"holdings"`
		Summary  struct {
			TotalValue      *money.Amount  `json:"totalValue"`
			TotalCost       *money.Amount  `json:"totalCost" doc:"Of the positions with a known cost"`
			TotalProfitLoss *money.Amount  `json:"totalProfitLoss" doc:"Of the positions with a known cost"`
			PositionCount   int            `json:"positionCount"`
			AccountCount    int            `json:"accountCount"`
			Currency        money.Currency `json:"currency"`
		} `json:"summary"`
		Missing []Missing `json:"missing"`
	}
}

func (s *Service) handleHoldings(ctx context.Context, _ *struct{}) (*holdingsOutput, error) {
	st, positions, err := s.Holdings(ctx, access.From(ctx).User)
	if err != nil {
		return nil, err
	}
	byID := map[id.Account]Account{}
	for _, a := range st.Accounts {
		byID[a.ID] = a
	}
	out := &holdingsOutput{}
	b := &out.Body
	b.Holdings, b.Missing, b.Summary.Currency = []holdingView{}, []Missing{}, "USD"
	if st.Wealth == nil {
		return out, nil
	}
	b.Summary.Currency = st.Wealth.Currency
	var sums totals
	var missing missings
	seen := map[id.Account]bool{}
	for _, p := range positions {
		a := byID[p.AccountID]
		if !a.counts() {
			continue
		}
		v := holding(p.Position, a)
		b.Holdings = append(b.Holdings, v)
		seen[a.ID] = true
		sums.add(v, st, &missing)
	}
	b.Missing = append(b.Missing, missing...)
	b.Summary.PositionCount, b.Summary.AccountCount = len(b.Holdings), len(seen)
	sums.value, sums.cost, sums.gain = money.Of(sums.value, b.Summary.Currency).Rounded().Amount,
		money.Of(sums.cost, b.Summary.Currency).Rounded().Amount, money.Of(sums.gain, b.Summary.Currency).Rounded().Amount
	if sums.valued > 0 {
		b.Summary.TotalValue = amount(&sums.value, b.Summary.Currency)
	}
	if sums.costed > 0 {
		b.Summary.TotalCost, b.Summary.TotalProfitLoss = amount(&sums.cost, b.Summary.Currency), amount(&sums.gain, b.Summary.Currency)
	}
	return out, nil
}

// holding shows a position; what can't be worked out is null.
func holding(p Position, a Account) holdingView {
	v := holdingView{
		AccountID: a.ID, AccountName: a.Title(), BrokerageName: a.InstitutionName, Symbol: p.Symbol, Name: p.Description,
		Quantity: p.Quantity, AverageCost: p.CostBasis, CurrentPrice: p.Price, CurrentValue: p.Value(), Currency: p.Currency,
		Type: p.Kind, AsOf: a.BalanceAsOf,
	}
	if p.CostBasis == nil {
		return v
	}
	cost := p.Quantity.Mul(*p.CostBasis).Mul(p.Multiplier)
	v.TotalCost = &cost
	if v.CurrentValue == nil {
		return v
	}
	gain := v.CurrentValue.Sub(cost)
	v.ProfitLoss = &gain
	if !cost.IsZero() {
		percent := gain.Mul(money.MustParse("100")).DivRound(cost.Abs(), 2)
		v.ProfitLossPercent = &percent
	}
	return v
}

// totals adds holdings up in the rollup's currency.
type totals struct {
	value, cost, gain money.Decimal
	valued, costed    int
}

func (t *totals) add(v holdingView, st Standing, missing *missings) {
	if v.CurrentValue == nil {
		missing.add(MissingPrice, v.Symbol)
		return
	}
	value, ok := convert(*v.CurrentValue, v.Currency, st.Wealth.Currency, st.Rate)
	if !ok {
		missing.add(MissingRate, string(v.Currency))
		return
	}
	t.value, t.valued = t.value.Add(value), t.valued+1
	if v.TotalCost == nil {
		return
	}
	cost, _ := convert(*v.TotalCost, v.Currency, st.Wealth.Currency, st.Rate)
	t.cost, t.gain, t.costed = t.cost.Add(cost), t.gain.Add(value.Sub(cost)), t.costed+1
}
