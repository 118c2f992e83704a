package snaptrade

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"flint/sandbox/prices"
	"flint/sandbox/world"
)

// mostActivities is the largest page, and the default one.
const mostActivities = 1000

// visible lists the activities that a connection shows, oldest first.
func (s *API) visible(c connection, a account, now time.Time) []line {
	if a.Secret {
		return nil
	}
	before := c.shown(now)
	lines := s.play(a, s.extras(a), later(before, c.asOf(now))).lines
	n := 0
	for n < len(lines) && lines[n].At.Before(before) {
		n++
	}
	return lines[:n]
}

// wireActivity is an AccountUniversalActivity.
type wireActivity struct {
	ID         string        `json:"id"`
	Symbol     *symbol       `json:"symbol"`
	Option     *optionSymbol `json:"option_symbol"`
	Quote      *symbol       `json:"currency_universal_symbol"`
	Price      num           `json:"price"`
	Units      num           `json:"units"`
	Amount     num           `json:"amount"`
	Currency   *currency     `json:"currency"`
	Type       string        `json:"type"`
	OptionType string        `json:"option_type"`
	Text       string        `json:"description"`
	Traded     string        `json:"trade_date"`
	Settled    string        `json:"settlement_date"`
	Fee        num           `json:"fee"`
	Rate       *num          `json:"fx_rate"`
	Broker     string        `json:"institution"`
	Ref        *string       `json:"external_reference_id"`
}

// filter is what a listing of activities is asked for.
type filter struct {
	from, to      world.Day
	types         []string
	offset, limit int
}

func parseFilter(r *http.Request) (filter, error) {
	q := r.URL.Query()
	f := filter{from: 0, to: world.Never, limit: mostActivities}
	for name, into := range map[string]*world.Day{"startDate": &f.from, "endDate": &f.to} {
		if text := q.Get(name); text != "" {
			d, err := world.ParseDay(text)
			if err != nil {
				return f, errInput
			}
			*into = d
		}
	}
	for name, into := range map[string]*int{"offset": &f.offset, "limit": &f.limit} {
		if text := q.Get(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 32)
			if err != nil || n < 0 || name == "limit" && n < 1 {
				return f, errInput
			}
			*into = int(n)
		}
	}
	f.limit = min(f.limit, mostActivities)
	if text := q.Get("type"); text != "" {
		f.types = strings.Split(strings.ToUpper(strings.ReplaceAll(text, " ", "")), ",")
	}
	return f, nil
}

func (f filter) matches(l line) bool {
	d := world.DayOf(l.At)
	return d >= f.from && d <= f.to && (f.types == nil || slices.Contains(f.types, l.Type))
}

func (s *API) activities(r *http.Request, userID string) (any, error) {
	c, a, err := s.account(userID, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	f, err := parseFilter(r)
	if err != nil {
		return nil, err
	}
	if !c.Populated {
		return nil, errPopulating
	}
	data, total := []wireActivity{}, 0
	for i, l := range slices.Backward(s.visible(c, a, s.now())) {
		if !f.matches(l) {
			continue
		}
		if total >= f.offset && len(data) < f.limit {
			data = append(data, s.activity(c, a, i, l))
		}
		total++
	}
	return map[string]any{
		"data":       data,
		"pagination": map[string]int{"offset": f.offset, "limit": f.limit, "total": total},
	}, nil
}

// activity shows the i-th line of an account's books.
func (s *API) activity(c connection, a account, i int, l line) wireActivity {
	out := wireActivity{
		ID: s.uid("activity", c.ID, a.Key, i), Price: num(l.Price), Units: num(l.Units), Amount: num(l.Amount), Currency: s.currency(l.Currency),
		Type: l.Type, OptionType: l.Option, Text: l.Text, Traded: whole(l.At), Settled: whole(settles(l)), Fee: num(l.Fee),
		Broker: a.Broker.Name, Ref: orNull(l.Ref),
	}
	if !l.Rate.IsZero() {
		rate := num(l.Rate)
		out.Rate = &rate
	}
	if in, ok := prices.Lookup(l.Symbol); ok {
		if in.Kind == prices.Option {
			out.Option = s.optionOf(in)
		} else {
			out.Symbol = s.symbolOf(in)
		}
	}
	return out
}

// settles is the day a trade settles: the next trading day for shares, the
// same day for the rest.
func settles(l line) time.Time {
	d := midnight(l.At)
	if l.Type != "BUY" && l.Type != "SELL" {
		return d
	}
	if in, _ := prices.Lookup(l.Symbol); in.Kind == prices.Crypto || in.Kind == prices.MoneyMarket {
		return d
	}
	for d = d.AddDate(0, 0, 1); !prices.TradingDay(d); {
		d = d.AddDate(0, 0, 1)
	}
	return d
}
