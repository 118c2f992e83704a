package snaptrade

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/prices"
	"flint/sandbox/world"
)

// accountID is SnapTrade's id of an account: another one for each connection.
func (s *API) accountID(c connection, a account) string { return s.uid("account", c.ID, a.Key) }

// number is what a broker shows of an account number.
func (s *API) number(a account) string {
	return fmt.Sprintf("****%04d", world.Rand(s.cfg.Seed, "snaptrade", "number", a.Key).IntN(10000))
}

// account finds an account of a user by its id.
func (s *API) account(userID, id string) (connection, account, error) {
	for _, c := range s.connections(userID) {
		for _, a := range c.accounts() {
			if s.accountID(c, a) == id {
				return c, a, nil
			}
		}
	}
	return connection{}, account{}, errNotFound
}

// extras lists what Control did in an account.
func (s *API) extras(a account) []extra {
	var out []extra
	s.state.Read(func(rec *records) { out = slices.Clone(rec.Extras[a.Key]) })
	return out
}

// books returns an account's books as a connection shows them now.
func (s *API) books(c connection, a account) *book {
	return s.play(a, s.extras(a), c.asOf(s.now()))
}

// holding is a position with its worth.
type holding struct {
	in    prices.Instrument
	lots  []lot
	units decimal.Decimal
	price decimal.Decimal
	worth decimal.Decimal // exact, in the instrument's currency
}

func (h holding) cost() decimal.Decimal {
	sum := decimal.Zero
	for _, l := range h.lots {
		sum = sum.Add(l.units.Mul(l.price))
	}
	places := int32(4)
	if h.in.Kind == prices.Crypto {
		places = 8
	}
	return sum.DivRound(h.units, places)
}

// cashLike reports whether the holding is a fund that counts as cash too.
func (h holding) cashLike() bool { return h.in.Kind == prices.MoneyMarket }

// holdings lists what the books hold at a moment, in order of first purchase.
func (b *book) holdings(at time.Time) []holding {
	var out []holding
	for _, symbol := range b.order {
		units := b.units(symbol)
		if units.IsZero() {
			continue
		}
		in, price := b.quote(symbol, at)
		out = append(out, holding{in, b.held[symbol], units, price, units.Mul(price).Mul(multiplier(in))})
	}
	return out
}

// cashOf is the cash a broker shows: with the money-market fund in it.
func (b *book) cashOf(currency string, at time.Time) decimal.Decimal {
	cash := b.cash[currency]
	for _, h := range b.holdings(at) {
		if h.cashLike() && h.in.Currency == currency {
			cash = cash.Add(h.worth)
		}
	}
	return cash.Round(2)
}

// currencies lists the books' currencies, dollars first.
func (b *book) currencies() []string {
	out := []string{"USD"}
	if _, ok := b.cash["EUR"]; ok {
		out = append(out, "EUR")
	}
	return out
}

// total is the worth of everything in dollars, rounded once at the end.
func (s *API) total(b *book, at time.Time) decimal.Decimal {
	sum := map[string]decimal.Decimal{}
	for currency, cash := range b.cash {
		sum[currency] = cash
	}
	for _, h := range b.holdings(at) {
		sum[h.in.Currency] = sum[h.in.Currency].Add(h.worth)
	}
	out := sum["USD"]
	if euros, ok := sum["EUR"]; ok {
		if rate, known := s.cfg.Rate("EUR", "USD", world.DayOf(at)); known {
			out = out.Add(euros.Mul(rate))
		}
	}
	return out.Round(2)
}

// wireAccount is an Account.
type wireAccount struct {
	ID            string    `json:"id"`
	Connection    string    `json:"brokerage_authorization"`
	Name          string    `json:"name"`
	Number        string    `json:"number"`
	InstitutionID string    `json:"institution_account_id"`
	Institution   string    `json:"institution_name"`
	Created       string    `json:"created_date"`
	Funding       *string   `json:"funding_date"`
	Opened        *string   `json:"opening_date"`
	Sync          syncState `json:"sync_status"`
	Balance       struct {
		Total money `json:"total"`
	} `json:"balance"`
	Status       string            `json:"status"`
	RawType      string            `json:"raw_type"`
	Category     string            `json:"account_category"`
	Meta         map[string]string `json:"meta"`
	Group        *string           `json:"portfolio_group"`
	Restrictions []string          `json:"cash_restrictions"`
	Paper        bool              `json:"is_paper"`
}

type money struct {
	Amount   num    `json:"amount"`
	Currency string `json:"currency"`
}

type syncState struct {
	Transactions struct {
		Done  bool    `json:"initial_sync_completed"`
		Last  *string `json:"last_successful_sync"`
		First *string `json:"first_transaction_date"`
	} `json:"transactions"`
	Holdings struct {
		Done        bool   `json:"initial_sync_completed"`
		Last        string `json:"last_successful_sync"`
		Unavailable bool   `json:"holdings_unavailable"`
	} `json:"holdings"`
}

func (s *API) wireAccount(c connection, a account) wireAccount {
	now := s.now()
	at := c.asOf(now)
	out := wireAccount{
		ID: s.accountID(c, a), Connection: c.ID, Name: a.Broker.Name + " " + a.Opening.Name,
		Number: s.number(a), InstitutionID: s.uid("institution account", a.Key),
		Institution: a.Broker.Name, Created: stamp(c.Created), Status: "open", RawType: a.Opening.Type, Category: "INVESTMENT",
		Meta: map[string]string{"type": a.Opening.Type, "institution_name": a.Broker.Name}, Restrictions: []string{},
	}
	out.Balance.Total = money{num(s.total(s.books(c, a), at)), "USD"}
	out.Sync.Holdings.Done, out.Sync.Holdings.Last = true, spaced(at)
	if c.Populated {
		last := (world.DayOf(c.shown(now)) - 1).String()
		out.Sync.Transactions.Done, out.Sync.Transactions.Last = true, &last
		if lines := s.visible(c, a, now); len(lines) > 0 {
			first := world.DayOf(lines[0].At).String()
			out.Sync.Transactions.First = &first
		}
	}
	return out
}

func (s *API) listAccounts(_ *http.Request, userID string) (any, error) {
	out := []wireAccount{}
	for _, c := range s.connections(userID) {
		for _, a := range c.accounts() {
			out = append(out, s.wireAccount(c, a))
		}
	}
	return out, nil
}

func (s *API) connectionAccounts(r *http.Request, userID string) (any, error) {
	c, err := s.find(userID, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	out := []wireAccount{}
	for _, a := range c.accounts() {
		out = append(out, s.wireAccount(c, a))
	}
	return out, nil
}

func (s *API) accountDetail(r *http.Request, userID string) (any, error) {
	c, a, err := s.account(userID, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return s.wireAccount(c, a), nil
}

// wireBalance is a Balance.
type wireBalance struct {
	Currency    *currency `json:"currency"`
	Cash        num       `json:"cash"`
	BuyingPower num       `json:"buying_power"`
}

func (s *API) balances(r *http.Request, userID string) (any, error) {
	c, a, err := s.account(userID, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	b, at := s.books(c, a), c.asOf(s.now())
	out := []wireBalance{}
	for _, code := range b.currencies() {
		cash := b.cashOf(code, at)
		power := decimal.Max(cash, decimal.Zero)
		if a.Opening.Profile.Margin {
			power = decimal.Max(cash.Add(dollars(5000)), decimal.Zero)
		}
		out = append(out, wireBalance{s.currency(code), num(cash), num(power)})
	}
	return out, nil
}

func (s *API) balanceHistory(r *http.Request, userID string) (any, error) {
	if _, _, err := s.account(userID, r.PathValue("id")); err != nil {
		return nil, err
	}
	return nil, errFeature
}

// wirePosition is an AccountPosition.
type wirePosition struct {
	Instrument any       `json:"instrument"`
	Units      string    `json:"units"`
	Price      string    `json:"price"`
	CostBasis  string    `json:"cost_basis"`
	Currency   string    `json:"currency"`
	CashLike   *bool     `json:"cash_equivalent,omitempty"`
	Lots       []wireLot `json:"tax_lots,omitempty"`
}

type wireLot struct {
	Bought   string `json:"original_purchase_date"`
	Quantity string `json:"quantity"`
	Price    string `json:"purchased_price"`
	Cost     string `json:"cost_basis"`
	Value    string `json:"current_value"`
	Type     string `json:"position_type"`
	ID       string `json:"lot_id"`
}

func (s *API) positions(r *http.Request, userID string) (any, error) {
	c, a, err := s.account(userID, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	at := c.asOf(s.now())
	out := []wirePosition{}
	for _, h := range s.books(c, a).holdings(at) {
		out = append(out, s.position(a, h))
	}
	return map[string]any{"results": out, "data_freshness": map[string]string{"as_of": whole(at)}}, nil
}

func (s *API) position(a account, h holding) wirePosition {
	p := wirePosition{
		Instrument: s.instrument(h.in), Units: h.units.String(), Price: h.price.String(), CostBasis: h.cost().String(), Currency: h.in.Currency,
	}
	switch h.in.Kind {
	case prices.Option, prices.Crypto:
		return p
	case prices.MutualFund, prices.MoneyMarket:
		like := h.cashLike()
		p.CashLike = &like
	}
	for i, l := range h.lots {
		p.Lots = append(p.Lots, wireLot{
			Bought: whole(l.at), Quantity: l.units.String(), Price: l.price.String(), Cost: l.units.Mul(l.price).StringFixed(2),
			Value: l.units.Mul(h.price).StringFixed(2), Type: "LONG", ID: s.uid("lot", a.Key, h.in.Symbol, l.at.Unix(), i),
		})
	}
	return p
}

// instrument is the union by kind that positions carry.
func (s *API) instrument(in prices.Instrument) any {
	if in.Kind == prices.Option {
		return map[string]any{
			"kind": "option", "id": s.symbolID(in.Symbol), "symbol": in.Symbol, "option_type": callOrPut(in), "strike_price": in.Contract.Strike.String(),
			"expiration_date": in.Contract.Expires.Format(time.DateOnly), "multiplier": strconv.Itoa(prices.Multiplier), "description": in.Name,
			"underlying": s.instrument(in.Contract.Underlying),
		}
	}
	kind := string(in.Kind)
	if in.Kind == prices.MoneyMarket {
		kind = string(prices.MutualFund)
	}
	return map[string]any{
		"kind": kind, "id": s.symbolID(in.Symbol), "symbol": in.Symbol, "raw_symbol": in.Raw, "description": in.Name,
		"currency": in.Currency, "exchange": orNull(in.Exchange), "figi_instrument": nil,
	}
}
