package snaptrade

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"flint/internal/money"
	"flint/internal/platform/outbound"
)

// Connection is a login at one brokerage.
type Connection struct {
	ID        string
	Created   time.Time
	Brokerage Brokerage
	Name      string
	Type      string // read or trade
	Disabled  bool   // the person must connect again; data stays as it last was
}

// Brokerage is where a connection leads.
type Brokerage struct {
	ID          string `json:"id"`
	Slug        string `json:"slug"` // ROBINHOOD, COINBASE, …
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Type        struct {
		Name string `json:"name"` // "Traditional Brokerage", "Crypto Exchange", …
	} `json:"brokerage_type"`
	Maintenance bool `json:"maintenance_mode"`
	Degraded    bool `json:"is_degraded"`
}

// Crypto reports whether the brokerage is a crypto exchange.
func (b Brokerage) Crypto() bool { return strings.Contains(strings.ToLower(b.Type.Name), "crypto") }

// UnmarshalJSON reads a connection in either form of its times.
func (c *Connection) UnmarshalJSON(b []byte) error {
	var w struct {
		ID        string    `json:"id"`
		Created   string    `json:"created_date"`
		Brokerage Brokerage `json:"brokerage"`
		Name      string    `json:"name"`
		Type      string    `json:"type"`
		Disabled  bool      `json:"disabled"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	if w.ID == "" {
		return errors.New("a connection without an id")
	}
	created, err := parseTime(w.Created)
	if err != nil && w.Created != "" {
		return err
	}
	*c = Connection{ID: w.ID, Created: created, Brokerage: w.Brokerage, Name: w.Name, Type: w.Type, Disabled: w.Disabled}
	return nil
}

// Account is one account at a brokerage.
type Account struct {
	ID            string
	ConnectionID  string
	Name          string
	Number        string // may be masked
	InstitutionID string // the account's id at the institution; stays when it is connected anew
	Institution   string
	Created       time.Time
	Total         *money.Amount // all of it, as SnapTrade sums it up; nil: unknown
	Status        string        // open, closed, archived, unavailable or empty
	RawType       string
	Category      string // INVESTMENT, DEPOSIT, LOC or empty
	Paper         bool   // play money
	Holdings      SyncStatus
	Transactions  SyncStatus
}

// SyncStatus says how far SnapTrade has read the brokerage. It is the only
// waterline there is.
type SyncStatus struct {
	InitialDone bool
	LastSuccess time.Time // zero: never
	First       time.Time // day of the first transaction; zero: unknown
	Unavailable bool      // this brokerage doesn't tell its holdings
}

type wireAccount struct {
	ID            string  `json:"id"`
	Authorization string  `json:"brokerage_authorization"`
	Name          *string `json:"name"`
	Number        string  `json:"number"`
	InstitutionID *string `json:"institution_account_id"`
	Institution   string  `json:"institution_name"`
	Created       string  `json:"created_date"`
	Balance       struct {
		Total *struct {
			Amount   number `json:"amount"`
			Currency string `json:"currency"`
		} `json:"total"`
	} `json:"balance"`
	Status   *string        `json:"status"`
	RawType  *string        `json:"raw_type"`
	Category *string        `json:"account_category"`
	Paper    bool           `json:"is_paper"`
	Sync     wireSyncStatus `json:"sync_status"`
}

type wireSyncStatus struct {
	Transactions struct {
		Initial bool    `json:"initial_sync_completed"`
		Last    *string `json:"last_successful_sync"`
		First   *string `json:"first_transaction_date"`
	} `json:"transactions"`
	Holdings struct {
		Initial     bool    `json:"initial_sync_completed"`
		Last        *string `json:"last_successful_sync"`
		Unavailable bool    `json:"holdings_unavailable"`
	} `json:"holdings"`
}

func (w wireAccount) read() (Account, string) {
	a := Account{
		ID: w.ID, ConnectionID: w.Authorization, Name: deref(w.Name), Number: w.Number, InstitutionID: deref(w.InstitutionID),
		Institution: w.Institution, Status: deref(w.Status), RawType: deref(w.RawType), Category: deref(w.Category), Paper: w.Paper,
		Holdings:     SyncStatus{InitialDone: w.Sync.Holdings.Initial, Unavailable: w.Sync.Holdings.Unavailable},
		Transactions: SyncStatus{InitialDone: w.Sync.Transactions.Initial},
	}
	if a.ID == "" || a.ConnectionID == "" {
		return a, "id"
	}
	for _, t := range []struct {
		from *string
		to   *time.Time
	}{
		{&w.Created, &a.Created},
		{w.Sync.Holdings.Last, &a.Holdings.LastSuccess},
		{w.Sync.Transactions.Last, &a.Transactions.LastSuccess},
		{w.Sync.Transactions.First, &a.Transactions.First},
	} {
		var err error
		if s := deref(t.from); s != "" {
			if *t.to, err = parseTime(s); err != nil {
				return a, "time"
			}
		}
	}
	if t := w.Balance.Total; t != nil && t.Amount.known {
		currency, err := money.ParseCurrency(t.Currency)
		if err != nil {
			return a, "currency"
		}
		a.Total = &money.Amount{Amount: t.Amount.value, Currency: currency}
	}
	return a, ""
}

// Balance is an account's cash in one currency. nil is unknown; negative is
// borrowed (margin).
type Balance struct {
	Currency    money.Currency
	Cash        *money.Decimal
	BuyingPower *money.Decimal
}

type wireBalance struct {
	Currency    wireCurrency `json:"currency"`
	Cash        number       `json:"cash"`
	BuyingPower number       `json:"buying_power"`
}

type wireCurrency struct {
	Code string `json:"code"`
}

func (w wireBalance) read() (Balance, string) {
	currency, err := money.ParseCurrency(w.Currency.Code)
	if err != nil {
		return Balance{}, "currency"
	}
	return Balance{Currency: currency, Cash: w.Cash.pointer(), BuyingPower: w.BuyingPower.pointer()}, ""
}

// number is a decimal that arrives as a JSON number, as a string, or null.
type number struct {
	value money.Decimal
	known bool
}

// UnmarshalJSON reads the number exactly. "1E-8" is one too: so Python writes
// small decimals.
func (n *number) UnmarshalJSON(b []byte) error {
	s := string(b)
	if s == "null" {
		return nil
	}
	if len(s) >= 2 && s[0] == '"' {
		s = s[1 : len(s)-1] // digits need no escapes; whatever has them is no number
	}
	d, err := money.ParseNumber(s)
	if err != nil {
		return errors.New("not a number") // without quoting it
	}
	n.value, n.known = d, true
	return nil
}

func (n number) pointer() *money.Decimal {
	if !n.known {
		return nil
	}
	return &n.value
}

var errTime = errors.New("not a time")

// parseTime reads SnapTrade's times: ISO 8601 with T or with a space, with or
// without a zone (then it is UTC), or a day alone. The epoch and what lies
// before it is refused: that is how far sides write "unknown".
func parseTime(s string) (time.Time, error) {
	if len(s) > 40 {
		return time.Time{}, errTime
	}
	for _, layout := range []string{
		"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07:00",
		"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", time.DateOnly,
	} {
		if t, err := time.Parse(layout, s); err == nil {
			if t.Year() < 1971 || t.Year() > 2200 {
				return time.Time{}, errTime
			}
			return t.UTC(), nil
		}
	}
	return time.Time{}, errTime
}

// parseDay reads the day of a time as it is written: never shifted to another
// by a zone.
func parseDay(s string) (time.Time, error) {
	if _, err := parseTime(s); err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.DateOnly, s[:len(time.DateOnly)])
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// currencyOrNone reads a currency that only labels something.
func currencyOrNone(s *string) money.Currency {
	c, err := money.ParseCurrency(deref(s))
	if err != nil {
		return ""
	}
	return c
}

func bad(op, what string) error { return outbound.BadAnswer(name, op, what, "") }
