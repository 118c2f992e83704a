package snaptrade

import (
	"time"

	"flint/internal/money"
)

// Positions are all that an account holds besides cash.
type Positions struct {
	List []Position
	AsOf time.Time // when SnapTrade read them
}

// Position is a quantity of one instrument. nil is unknown.
//
// A money-market fund that serves as cash is in the balances too;
// CashEquivalent marks it, so that it isn't counted twice.
type Position struct {
	Instrument     Instrument
	Units          *money.Decimal // negative: sold short
	Price          *money.Decimal // of one unit, before the multiplier
	CostBasis      *money.Decimal // of one unit
	Currency       money.Currency // empty: not told
	CashEquivalent bool
}

// Instrument is what is held.
type Instrument struct {
	Kind        string // stock, option, crypto, future, etf, mutualfund, cef, adr, cfd, other
	ID          string
	Symbol      string // of an option: the 21 characters of the OCC
	RawSymbol   string
	Description string
	Currency    money.Currency // empty: not told
	Exchange    string         // MIC
	FIGI        string
	OptionType  string // CALL or PUT
	Strike      *money.Decimal
	Expiration  time.Time      // day; zero: none
	Multiplier  *money.Decimal // units of the underlying per contract; nil: not told
}

type wirePositions struct {
	Results []struct {
		Instrument struct {
			Kind        string  `json:"kind"`
			ID          string  `json:"id"`
			Symbol      string  `json:"symbol"`
			RawSymbol   string  `json:"raw_symbol"`
			Description *string `json:"description"`
			Currency    *string `json:"currency"`
			Exchange    *string `json:"exchange"`
			FIGI        *struct {
				Code *string `json:"figi_code"`
			} `json:"figi_instrument"`
			OptionType string  `json:"option_type"`
			Strike     number  `json:"strike_price"`
			Expiration *string `json:"expiration_date"`
			Multiplier number  `json:"multiplier"`
		} `json:"instrument"`
		Units          number  `json:"units"`
		Price          number  `json:"price"`
		CostBasis      number  `json:"cost_basis"`
		Currency       *string `json:"currency"`
		CashEquivalent bool    `json:"cash_equivalent"`
	} `json:"results"`
	Freshness struct {
		AsOf string `json:"as_of"`
	} `json:"data_freshness"`
}

func (w wirePositions) read() (Positions, error) {
	p := Positions{List: make([]Position, len(w.Results))}
	var err error
	if p.AsOf, err = parseTime(w.Freshness.AsOf); err != nil {
		return Positions{}, bad("positions", "as_of")
	}
	for i, r := range w.Results {
		in := Instrument{
			Kind: r.Instrument.Kind, ID: r.Instrument.ID, Symbol: r.Instrument.Symbol, RawSymbol: r.Instrument.RawSymbol,
			Description: deref(r.Instrument.Description), Currency: currencyOrNone(r.Instrument.Currency),
			Exchange: deref(r.Instrument.Exchange), OptionType: r.Instrument.OptionType,
			Strike: r.Instrument.Strike.pointer(), Multiplier: r.Instrument.Multiplier.pointer(),
		}
		if in.Symbol == "" || in.Kind == "" {
			return Positions{}, bad("positions", "instrument")
		}
		if f := r.Instrument.FIGI; f != nil {
			in.FIGI = deref(f.Code)
		}
		if s := deref(r.Instrument.Expiration); s != "" {
			if in.Expiration, err = parseDay(s); err != nil {
				return Positions{}, bad("positions", "expiration")
			}
		}
		p.List[i] = Position{
			Instrument: in, Units: r.Units.pointer(), Price: r.Price.pointer(), CostBasis: r.CostBasis.pointer(),
			Currency: currencyOrNone(r.Currency), CashEquivalent: r.CashEquivalent,
		}
	}
	return p, nil
}

// ActivityPage is a part of an account's activities.
type ActivityPage struct {
	List   []Activity
	Offset int
	Total  int // of the whole window
}

// Activity is something that happened in an account: a trade, a dividend, a
// fee. Amount > 0 is cash in; Units > 0 is more of the position. nil is
// unknown.
type Activity struct {
	ID         string // may change from one reading to the next
	Type       string // open set: BUY, SELL, DIVIDEND, …
	OptionType string
	Symbol     string // of an option: its OCC ticker
	Details    string // description
	Units      *money.Decimal
	Price      *money.Decimal
	Amount     *money.Decimal
	Fee        *money.Decimal
	FXRate     *money.Decimal
	Currency   money.Currency // empty: not told
	Trade      time.Time      // day, as the brokerage wrote it; zero: not told
	Settlement time.Time      // day; zero: not told
	Reference  string         // the brokerage's own id, shared by the parts of one event
}

type wireActivities struct {
	Data       []wireActivity `json:"data"`
	Pagination struct {
		Offset int `json:"offset"`
		Total  int `json:"total"`
	} `json:"pagination"`
}

type wireActivity struct {
	ID     string `json:"id"`
	Symbol *struct {
		Symbol string `json:"symbol"`
	} `json:"symbol"`
	CurrencySymbol *struct {
		Symbol string `json:"symbol"`
	} `json:"currency_universal_symbol"`
	OptionSymbol *struct {
		Ticker string `json:"ticker"`
	} `json:"option_symbol"`
	Price       number        `json:"price"`
	Units       number        `json:"units"`
	Amount      number        `json:"amount"`
	Fee         number        `json:"fee"`
	FXRate      number        `json:"fx_rate"`
	Currency    *wireCurrency `json:"currency"`
	Type        string        `json:"type"`
	OptionType  string        `json:"option_type"`
	Description string        `json:"description"`
	Trade       *string       `json:"trade_date"`
	Settlement  *string       `json:"settlement_date"`
	Reference   *string       `json:"external_reference_id"`
}

func (w wireActivities) read() (ActivityPage, error) {
	page := ActivityPage{List: make([]Activity, len(w.Data)), Offset: w.Pagination.Offset, Total: w.Pagination.Total}
	for i, row := range w.Data {
		a, what := row.read()
		if what != "" {
			return ActivityPage{}, bad("activities", what)
		}
		page.List[i] = a
	}
	return page, nil
}

func (w wireActivity) read() (Activity, string) {
	a := Activity{
		ID: w.ID, Type: w.Type, OptionType: w.OptionType, Details: w.Description,
		Units: w.Units.pointer(), Price: w.Price.pointer(), Amount: w.Amount.pointer(), Fee: w.Fee.pointer(), FXRate: w.FXRate.pointer(),
		Reference: deref(w.Reference),
	}
	if a.ID == "" || a.Type == "" {
		return a, "id"
	}
	switch {
	case w.OptionSymbol != nil:
		a.Symbol = w.OptionSymbol.Ticker
	case w.Symbol != nil:
		a.Symbol = w.Symbol.Symbol
	case w.CurrencySymbol != nil:
		a.Symbol = w.CurrencySymbol.Symbol
	}
	if w.Currency != nil {
		a.Currency = currencyOrNone(&w.Currency.Code)
	}
	var err error
	if s := deref(w.Trade); s != "" {
		if a.Trade, err = parseDay(s); err != nil {
			return a, "trade_date"
		}
	}
	if s := deref(w.Settlement); s != "" {
		if a.Settlement, err = parseDay(s); err != nil {
			return a, "settlement_date"
		}
	}
	return a, ""
}
