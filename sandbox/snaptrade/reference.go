package snaptrade

import (
	"net/http"
	"strings"
	"time"

	"flint/sandbox/prices"
)

func (s *API) brokerID(slug string) string { return s.uid("broker", slug) }

// symbolID is the universal symbol's id of an instrument.
func (s *API) symbolID(symbol string) string { return s.uid("symbol", symbol) }

func (s *API) status(*http.Request) (any, error) {
	return map[string]any{"version": 153, "timestamp": stamp(s.now()), "online": true}, nil
}

// wireBroker is a Brokerage.
type wireBroker struct {
	ID          string   `json:"id"`
	Slug        string   `json:"slug"`
	Name        string   `json:"name"`
	DisplayName string   `json:"display_name"`
	Description string   `json:"description"`
	Logo        string   `json:"aws_s3_logo_url"`
	SquareLogo  string   `json:"aws_s3_square_logo_url"`
	OpenURL     *string  `json:"open_url"`
	URL         string   `json:"url"`
	Enabled     bool     `json:"enabled"`
	Maintenance bool     `json:"maintenance_mode"`
	Degraded    bool     `json:"is_degraded"`
	Trading     bool     `json:"allows_trading"`
	Fractions   *bool    `json:"allows_fractional_units"`
	Reporting   *bool    `json:"has_reporting"`
	RealTime    bool     `json:"is_real_time_connection"`
	Exchanges   []string `json:"exchanges"`
	Type        wireID   `json:"brokerage_type"`
}

type wireID struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (s *API) wireBroker(b broker) wireBroker {
	logo := s.cfg.SiteURL() + "/snaptrade/logo/" + b.Slug + ".svg"
	kind := "Traditional Brokerage"
	if b.Crypto {
		kind = "Cryptocurrency Exchange"
	}
	return wireBroker{
		ID: s.brokerID(b.Slug), Slug: b.Slug, Name: b.Name, DisplayName: b.Name, Description: b.About, Logo: logo, SquareLogo: logo,
		URL: b.URL, Enabled: true, Trading: b.Trades, Exchanges: []string{}, Type: wireID{s.uid("brokerage type", kind), kind},
	}
}

func (s *API) brokerages(*http.Request) (any, error) {
	out := make([]wireBroker, 0, len(brokers))
	for _, b := range brokers {
		out = append(out, s.wireBroker(b))
	}
	return out, nil
}

func (s *API) partner(r *http.Request) (any, error) {
	list, err := s.brokerages(r)
	return map[string]any{
		"slug": s.cfg.ClientID, "name": "Flint sandbox", "logo_url": nil, "allowed_brokerages": list, "can_access_trades": false,
		"can_access_holdings": true, "can_access_account_history": true, "can_access_reference_data": true,
		"can_access_portfolio_management": false, "can_access_orders": false, "redirect_uri": nil, "pin_required": false,
	}, err
}

func (s *API) authorizationTypes(r *http.Request) (any, error) {
	wanted := strings.Split(r.URL.Query().Get("brokerage"), ",")
	out := []any{}
	for _, b := range brokers {
		if wanted[0] != "" && !containsFold(wanted, b.Slug) {
			continue
		}
		kinds := []string{"read"}
		if b.Trades {
			kinds = append(kinds, "trade")
		}
		for _, kind := range kinds {
			out = append(out, map[string]any{
				"id": s.uid("authorization type", b.Slug, kind), "type": kind, "auth_type": "OAUTH",
				"brokerage": map[string]string{"id": s.brokerID(b.Slug), "name": b.Name, "slug": b.Slug},
			})
		}
	}
	return out, nil
}

func containsFold(list []string, s string) bool {
	for _, x := range list {
		if strings.EqualFold(strings.TrimSpace(x), s) {
			return true
		}
	}
	return false
}

func (s *API) instruments(r *http.Request) (any, error) {
	b, ok := brokerOf(r.PathValue("slug"))
	if !ok {
		return nil, errNotFound
	}
	out := []any{}
	for _, in := range prices.Instruments() {
		if (in.Kind == prices.Crypto) != b.Crypto {
			continue
		}
		out = append(out, map[string]any{
			"symbol": in.Symbol, "exchange_mic": orNull(in.Exchange), "tradeable": b.Trades, "fractionable": nil,
			"universal_symbol_id": s.symbolID(in.Symbol),
		})
	}
	return map[string]any{"instruments": out}, nil
}

// orNull is null for an empty text.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// exchange is where something is traded.
type exchange struct {
	ID       string  `json:"id"`
	Code     string  `json:"code"`
	MIC      *string `json:"mic_code"`
	Name     string  `json:"name"`
	TimeZone string  `json:"timezone"`
	Start    string  `json:"start_time"`
	Close    string  `json:"close_time"`
	Suffix   *string `json:"suffix"`
}

var places = []exchange{
	{Code: "NASDAQ", MIC: orNull("XNAS"), Name: "NASDAQ", TimeZone: "America/New_York", Start: "09:30:00", Close: "16:00:00"},
	{Code: "NYSE", MIC: orNull("XNYS"), Name: "New York Stock Exchange", TimeZone: "America/New_York", Start: "09:30:00", Close: "16:00:00"},
	{Code: "ARCX", MIC: orNull("ARCX"), Name: "NYSE ARCA", TimeZone: "America/New_York", Start: "09:30:00", Close: "16:00:00"},
	{Code: "XETRA", MIC: orNull("XETR"), Name: "Deutsche Börse Xetra", TimeZone: "Europe/Berlin", Start: "09:00:00", Close: "17:30:00", Suffix: orNull(".DE")},
	{Code: "CRYPTO", Name: "Crypto", TimeZone: "UTC", Start: "00:00:00", Close: "23:59:59"},
	{Code: "FUNDS", Name: "US mutual funds", TimeZone: "America/New_York", Start: "09:30:00", Close: "16:00:00"},
}

func (s *API) exchangeOf(in prices.Instrument) exchange {
	code := "FUNDS"
	if in.Kind == prices.Crypto {
		code = "CRYPTO"
	}
	for _, x := range places {
		if x.Code == code || x.MIC != nil && *x.MIC == in.Exchange {
			x.ID = s.uid("exchange", x.Code)
			if x.Code == code && in.Exchange != "" {
				continue
			}
			return x
		}
	}
	return exchange{}
}

func (s *API) exchanges(*http.Request) (any, error) {
	out := make([]exchange, 0, len(places))
	for _, x := range places {
		x.ID = s.uid("exchange", x.Code)
		out = append(out, x)
	}
	return out, nil
}

// currency is a currency object.
type currency struct {
	ID   string `json:"id"`
	Code string `json:"code"`
	Name string `json:"name"`
}

func (s *API) currency(code string) *currency {
	name := map[string]string{"USD": "US Dollar", "EUR": "Euro"}[code]
	if name == "" {
		name = code
	}
	return &currency{s.uid("currency", code), code, name}
}

// symbol is a universal symbol.
type symbol struct {
	ID          string      `json:"id"`
	Symbol      string      `json:"symbol"`
	Raw         string      `json:"raw_symbol"`
	Description string      `json:"description"`
	Currency    *currency   `json:"currency"`
	Exchange    exchange    `json:"exchange"`
	Type        symbolType  `json:"type"`
	FIGI        *string     `json:"figi_code"`
	FIGIs       *struct{}   `json:"figi_instrument"`
	Currencies  []*currency `json:"currencies,omitempty"` // of search results only
}

type symbolType struct {
	ID          string `json:"id"`
	Code        string `json:"code"`
	Description string `json:"description"`
	Supported   bool   `json:"is_supported"`
}

// typeCodes are SnapTrade's short codes of the kinds.
var typeCodes = map[prices.Kind][2]string{
	prices.Stock: {"cs", "Common Stock"}, prices.ETF: {"et", "ETF"}, prices.MutualFund: {"oef", "Open Ended Fund"},
	prices.MoneyMarket: {"oef", "Open Ended Fund"}, prices.Crypto: {"crypto", "Cryptocurrency"},
}

func (s *API) symbolOf(in prices.Instrument) *symbol {
	t := typeCodes[in.Kind]
	return &symbol{
		ID: s.symbolID(in.Symbol), Symbol: in.Symbol, Raw: in.Raw, Description: in.Name, Currency: s.currency(in.Currency),
		Exchange: s.exchangeOf(in), Type: symbolType{s.uid("type", t[0]), t[0], t[1], true},
	}
}

// universal is a symbol as searches show it.
func (s *API) universal(in prices.Instrument) *symbol {
	out := s.symbolOf(in)
	out.Currencies = []*currency{out.Currency}
	return out
}

// optionSymbol is an option's symbol in an activity.
type optionSymbol struct {
	ID         string  `json:"id"`
	Ticker     string  `json:"ticker"`
	Type       string  `json:"option_type"`
	Strike     num     `json:"strike_price"`
	Expires    string  `json:"expiration_date"`
	Mini       bool    `json:"is_mini_option"`
	Underlying *symbol `json:"underlying_symbol"`
}

func (s *API) optionOf(in prices.Instrument) *optionSymbol {
	return &optionSymbol{
		ID: s.symbolID(in.Symbol), Ticker: in.Symbol, Type: callOrPut(in), Strike: num(in.Contract.Strike),
		Expires: in.Contract.Expires.Format(time.DateOnly), Underlying: s.symbolOf(in.Contract.Underlying),
	}
}

func callOrPut(in prices.Instrument) string {
	if in.Contract.Call {
		return "CALL"
	}
	return "PUT"
}

func (s *API) searchSymbols(r *http.Request) (any, error) {
	var in struct {
		Substring string `json:"substring"`
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	wanted := strings.ToLower(in.Substring)
	out := []*symbol{}
	for _, i := range prices.Instruments() {
		if strings.Contains(strings.ToLower(i.Symbol+" "+i.Name), wanted) && len(out) < 20 {
			out = append(out, s.universal(i))
		}
	}
	return out, nil
}

func (s *API) searchAccountSymbols(r *http.Request, userID string) (any, error) {
	if _, _, err := s.account(userID, r.PathValue("id")); err != nil {
		return nil, err
	}
	return s.searchSymbols(r)
}

func (s *API) symbolDetail(r *http.Request) (any, error) {
	for _, in := range prices.Instruments() {
		if q := r.PathValue("query"); strings.EqualFold(q, in.Symbol) || q == s.symbolID(in.Symbol) {
			return s.universal(in), nil
		}
	}
	return nil, errNotFound
}
