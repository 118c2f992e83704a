package snaptrade

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/prices"
)

// Control is the hidden door, mounted at /control/snaptrade/. All bodies are
// JSON; every order answers 200, or an error in SnapTrade's envelope.
//
//	POST connect               {userId, broker, type?, login?, scenario?} as if the portal had been clicked through
//	                           → {authorizationId, accounts: [id…]}; login defaults to userId
//	GET  truth?userId=         all that there is, exact: see Truth
//	POST {auth}/disable        the login stops working → CONNECTION_BROKEN
//	POST {auth}/repair         it works again → CONNECTION_FIXED
//	POST {auth}/trade-day      {symbol, units, account?} a purchase (a sale below zero) now, with its activity
//	POST {auth}/deposit        {amount, currency?, account?} money comes in now
//	POST {auth}/refresh        holdings as of now, as SnapTrade's own daily sync would
//	POST tick                  {} sends what a new day brings, at once
func (s *API) Control() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(r *http.Request) (any, error)) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /control/snaptrade/"+path, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			out, err := h(r)
			if err != nil {
				refuse(w, err)
				return
			}
			answer(w, http.StatusOK, out)
		})
	}
	handle("POST connect", s.orderConnect)
	handle("GET truth", s.orderTruth)
	handle("POST tick", func(*http.Request) (any, error) { s.Tick(s.now()); return struct{}{}, nil })
	handle("POST {auth}/disable", s.orderOn(func(c connection, _ order) error { return s.breakOff(c.ID) }))
	handle("POST {auth}/repair", s.orderOn(s.orderRepair))
	handle("POST {auth}/refresh", s.orderOn(func(c connection, _ order) error { s.refreshed(c.ID); return nil }))
	handle("POST {auth}/trade-day", s.orderOn(s.orderTrade))
	handle("POST {auth}/deposit", s.orderOn(s.orderDeposit))
	return mux
}

// order is the body of what Control is told.
type order struct {
	UserID   string          `json:"userId"`
	Broker   string          `json:"broker"`
	Type     string          `json:"type"`
	Login    string          `json:"login"`
	Scenario string          `json:"scenario"`
	Account  string          `json:"account"` // id; default the connection's first
	Symbol   string          `json:"symbol"`
	Units    decimal.Decimal `json:"units"`
	Amount   decimal.Decimal `json:"amount"`
	Currency string          `json:"currency"`
}

// wrong is an order that can't be followed, with the reason.
func wrong(reason string) error {
	return &failure{Detail: reason, Status: http.StatusBadRequest, Code: errInput.Code}
}

func readOrder(r *http.Request) (order, error) {
	var in order
	if r.ContentLength == 0 {
		return in, nil
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return in, wrong("the order is not understood: " + err.Error())
	}
	return in, nil
}

func (s *API) orderConnect(r *http.Request) (any, error) {
	in, err := readOrder(r)
	if err != nil {
		return nil, err
	}
	if in.Login == "" {
		in.Login = in.UserID
	}
	if in.Type == "" {
		in.Type = "read"
	}
	c, err := s.connect(in.UserID, in.Broker, normal(in.Login), in.Scenario, in.Type)
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, a := range c.accounts() {
		ids = append(ids, s.accountID(c, a))
	}
	return map[string]any{"authorizationId": c.ID, "accounts": ids}, nil
}

// normal is how a login name is compared.
func normal(login string) string { return strings.ToLower(strings.TrimSpace(login)) }

// orderOn follows an order about one connection and answers with its truth.
func (s *API) orderOn(do func(c connection, in order) error) func(r *http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		in, err := readOrder(r)
		if err != nil {
			return nil, err
		}
		var c *connection
		s.state.Read(func(rec *records) {
			if got := rec.Connections[r.PathValue("auth")]; got != nil {
				found := *got
				c = &found
			}
		})
		if c == nil {
			return nil, errNotFound
		}
		if err := do(*c, in); err != nil {
			return nil, err
		}
		now, err := s.find(c.User, c.ID)
		if err != nil {
			return nil, err
		}
		return s.truthOf(now), nil
	}
}

func (s *API) orderRepair(c connection, _ order) error {
	now := s.now().UTC()
	after, err := s.change(c.ID, func(c *connection) error { heal(c, c.Type, now); return nil })
	if err == nil {
		s.healed(c, after)
	}
	return err
}

func (s *API) orderTrade(c connection, in order) error {
	instrument, ok := prices.Lookup(in.Symbol)
	switch {
	case !ok:
		return wrong("symbol: nothing of that name is traded here")
	case in.Units.IsZero() || in.Units.Abs().GreaterThan(decimal.New(1, 6)) || in.Units.Exponent() < -12:
		return wrong("units: a number other than 0, up to a million, with at most 12 decimal places")
	}
	return s.happen(c, in.Account, func(a account, at time.Time) (extra, error) {
		if in.Units.IsNegative() && s.play(a, s.extras(a), at).units(instrument.Symbol).LessThan(in.Units.Neg()) {
			return extra{}, wrong("units: the account holds less than that")
		}
		return extra{At: at, Symbol: instrument.Symbol, Units: in.Units}, nil
	})
}

func (s *API) orderDeposit(c connection, in order) error {
	if in.Currency == "" {
		in.Currency = "USD"
	}
	switch {
	case in.Currency != "USD" && in.Currency != "EUR":
		return wrong("currency: USD or EUR")
	case in.Amount.IsZero() || in.Amount.Abs().GreaterThan(decimal.New(1, 9)) || !in.Amount.Equal(in.Amount.Round(2)):
		return wrong("amount: a number other than 0 with at most two decimal places")
	}
	return s.happen(c, in.Account, func(_ account, at time.Time) (extra, error) {
		return extra{At: at, Amount: in.Amount, Currency: in.Currency}, nil
	})
}

var errBroken = errors.New("connection is disabled")

// happen makes something happen in an account now, and lets the connection
// know: its holdings and activities are as of now, and its webhooks say so. A
// disabled connection learns nothing of it until it is repaired.
func (s *API) happen(c connection, accountID string, what func(a account, at time.Time) (extra, error)) error {
	accounts := c.accounts()
	at := -1
	for i, a := range accounts {
		if accountID == "" || s.accountID(c, a) == accountID {
			at = i
			break
		}
	}
	if at < 0 {
		return errNotFound
	}
	a, now := accounts[at], s.now().UTC()
	x, err := what(a, now)
	if err != nil {
		return err
	}
	err = s.state.Write(func(rec *records) error {
		rec.next()
		rec.Extras[a.Key] = append(rec.Extras[a.Key], x)
		return nil
	})
	if err != nil {
		return err
	}
	after, err := s.change(c.ID, func(c *connection) error {
		if !c.Disabled.IsZero() {
			return errBroken
		}
		c.HoldingsAt, c.Shown = now, now.Add(2*time.Second)
		return nil
	})
	switch {
	case errors.Is(err, errBroken):
		return nil
	case err != nil:
		return err
	}
	id := s.accountID(after, a)
	s.tell(holdingsUpdated(after, id), event{User: c.User, Type: "ACCOUNT_TRANSACTIONS_UPDATED", Connection: c.ID, Account: id})
	return nil
}
