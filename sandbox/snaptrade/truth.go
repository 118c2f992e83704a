package snaptrade

import (
	"net/http"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/prices"
)

// Truth is what really is in the accounts, as the connections show them now:
// every number exact and a string, to compare with to the cent.
type Truth struct {
	Notice string      `json:"notice"`
	Users  []TruthUser `json:"users"`
}

// TruthUser is a SnapTrade user and what is connected.
type TruthUser struct {
	UserID      string            `json:"userId"`
	Connections []TruthConnection `json:"connections"`
}

// TruthConnection is one login at a broker.
type TruthConnection struct {
	ID         string         `json:"id"`
	Broker     string         `json:"broker"`
	BrokerName string         `json:"brokerName"`
	Login      string         `json:"login"`
	Type       string         `json:"type"`
	Disabled   bool           `json:"disabled"`
	Populated  bool           `json:"populated"` // activities can be read
	AsOf       time.Time      `json:"asOf"`      // of all holdings below
	Accounts   []TruthAccount `json:"accounts"`
}

// TruthAccount is one account. Total counts everything once, in Currency,
// rounded to the cent at the very end.
type TruthAccount struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Number     string          `json:"number"`
	Currency   string          `json:"currency"`
	Total      decimal.Decimal `json:"total"`
	Cash       []TruthCash     `json:"cash"`
	Positions  []TruthPosition `json:"positions"`
	Activities int             `json:"activities"` // that can be read
	Through    string          `json:"through"`    // all activities up to this day are there
}

// TruthCash is cash in one currency. Cash is what GET balances shows, with the
// money-market fund in it; Settled is without: the sum of all amounts.
type TruthCash struct {
	Currency string          `json:"currency"`
	Cash     decimal.Decimal `json:"cash"`
	Settled  decimal.Decimal `json:"settled"`
}

// TruthPosition is one holding; Value is exact.
type TruthPosition struct {
	Symbol         string          `json:"symbol"`
	Name           string          `json:"name"`
	Kind           string          `json:"kind"`
	Units          decimal.Decimal `json:"units"`
	Price          decimal.Decimal `json:"price"`
	Multiplier     decimal.Decimal `json:"multiplier"`
	Currency       string          `json:"currency"`
	Value          decimal.Decimal `json:"value"`
	CashEquivalent bool            `json:"cashEquivalent"`
}

func (s *API) orderTruth(r *http.Request) (any, error) {
	wanted := r.URL.Query().Get("userId")
	var ids []string
	s.state.Read(func(rec *records) { ids = rec.userIDs() })
	out := Truth{Notice: prices.Notice, Users: []TruthUser{}}
	for _, id := range ids {
		if wanted != "" && id != wanted {
			continue
		}
		u := TruthUser{UserID: id, Connections: []TruthConnection{}}
		for _, c := range s.connections(id) {
			u.Connections = append(u.Connections, s.truthOf(c))
		}
		out.Users = append(out.Users, u)
	}
	return out, nil
}

func (s *API) truthOf(c connection) TruthConnection {
	b, _ := brokerOf(c.Broker)
	now := s.now()
	out := TruthConnection{
		ID: c.ID, Broker: c.Broker, BrokerName: b.Name, Login: c.Login, Type: c.Type, Disabled: !c.Disabled.IsZero(),
		Populated: c.Populated, AsOf: c.asOf(now).UTC(), Accounts: []TruthAccount{},
	}
	for _, a := range c.accounts() {
		out.Accounts = append(out.Accounts, s.truthAccount(c, a, now))
	}
	return out
}

func (s *API) truthAccount(c connection, a account, now time.Time) TruthAccount {
	books, at := s.books(c, a), c.asOf(now)
	out := TruthAccount{
		ID: s.accountID(c, a), Name: a.Broker.Name + " " + a.Opening.Name, Number: s.number(a), Currency: "USD",
		Total: s.total(books, at), Cash: []TruthCash{}, Positions: []TruthPosition{},
	}
	for _, currency := range books.currencies() {
		out.Cash = append(out.Cash, TruthCash{currency, books.cashOf(currency, at), books.cash[currency]})
	}
	for _, h := range books.holdings(at) {
		out.Positions = append(out.Positions, TruthPosition{
			Symbol: h.in.Symbol, Name: h.in.Name, Kind: string(h.in.Kind), Units: h.units, Price: h.price, Multiplier: multiplier(h.in),
			Currency: h.in.Currency, Value: h.worth, CashEquivalent: h.cashLike(),
		})
	}
	if c.Populated {
		out.Activities = len(s.visible(c, a, now))
		out.Through = midnight(c.shown(now)).AddDate(0, 0, -1).Format(time.DateOnly)
	}
	return out
}
