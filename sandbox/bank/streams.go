package bank

import (
	"strings"

	"github.com/shopspring/decimal"

	"flint/sandbox/world"
)

// dollars turns a plan's figure into an amount.
func dollars(cents int64) decimal.Decimal { return decimal.New(cents, -2) }

// charge is money that leaves for somebody else: negative on a depository
// account, positive on a card.
func (t *today) charge(account string, amount decimal.Decimal, e Entry) {
	if !t.find(account).Credit() {
		amount, e.Held = amount.Neg(), e.Held.Neg()
	}
	e.Amount = amount
	t.add(account, e)
}

// pay is regular income: every other Friday, or twice a month. It rises by
// about three per cent each March.
func pay(account, employer string, cents int64, fortnightly bool) stream {
	name := "pay/" + employer
	return func(t *today) {
		if fortnightly && (t.day-world.Date(2020, 1, 3))%14 != 0 {
			return
		}
		if !fortnightly && !t.on(15) && !t.on(31) {
			return
		}
		amount := dollars(cents)
		for year := t.start.Time().Year(); year <= t.day.Time().Year(); year++ {
			raise := world.Date(year, 3, 1)
			if raise <= t.start || raise > t.day {
				continue
			}
			r := world.Rand(t.seed, name, "raise", year)
			amount = amount.Mul(decimal.New(10200+r.Int64N(220), -4)).Round(2)
		}
		t.add(account, Entry{
			Amount: amount, Type: "ach", Category: "income", Counterparty: strings.ToUpper(employer),
			Description: strings.ToUpper(employer) + " PAYROLL PPD ID: 9111111103",
		})
	}
}

// bill is a payment on a day of the month whose amount moves between two
// figures (cents); season shifts it: +1 dearer in winter, -1 in summer.
type bill struct {
	account, payee  string
	description     string
	category        string
	dayOfMonth      int
	low, high       int64
	season          float64
	months          int // every so many; 0 and 1 are monthly
	riseAfter, rise int // after so many months, so many cents more
	kind            string
}

func bills(list ...bill) stream {
	return func(t *today) {
		for _, b := range list {
			if !t.on(b.dayOfMonth) {
				continue
			}
			now := t.day.Time()
			age := (now.Year()-t.start.Time().Year())*12 + int(now.Month()-t.start.Time().Month())
			if b.months > 1 && age%b.months != 0 {
				continue
			}
			cents := b.low
			if b.high > b.low {
				cents += t.rand("bill/" + b.payee).Int64N(b.high - b.low)
			}
			if b.season != 0 { // January is 1, July is -1
				phase := float64(abs(7-int(now.Month()))-3) / 3
				cents += int64(float64(cents) * 0.45 * b.season * phase)
			}
			if b.riseAfter > 0 && age >= b.riseAfter {
				cents += int64(b.rise)
			}
			e := Entry{Type: "ach", Category: b.category, Counterparty: strings.ToUpper(b.payee), Description: b.description}
			if t.find(b.account).Credit() {
				e.Type, e.Posts = "card_payment", (t.day + 1).NextWorkday()
			}
			if b.kind != "" {
				e.Type = b.kind
			}
			t.charge(b.account, dollars(cents), e)
		}
	}
}

func abs(n int) int { return max(n, -n) }

// habit is spending by chance: mean times a day, more at weekends when asked.
type habit struct {
	account string
	kind    string
	mean    float64
	weekend float64 // factor on Saturdays and Sundays; 0 is 1
}

func habits(place string, list ...habit) stream {
	return func(t *today) {
		for _, h := range list {
			r := t.rand("habit/" + h.account + "/" + h.kind)
			mean := h.mean
			if h.weekend > 0 && !t.day.Workday() {
				mean *= h.weekend
			}
			for range world.Times(r, mean) {
				k := kinds[h.kind]
				name := merchant(r, h.kind)
				lean := r.Float64() * r.Float64()
				cents := k.low + int64(lean*float64(k.high-k.low))
				e := Entry{
					Type: "card_payment", Category: k.category, Counterparty: strings.ToUpper(name),
					Description: t.descriptor(h.kind, name, place),
					Posts:       (t.day + 1 + world.Day(r.IntN(3))).NextWorkday(),
				}
				t.spend(h, e, cents, r.Float64())
			}
		}
	}
}

// spend makes one purchase what it is: a meal gets its tip when it posts, a
// fuel pump first holds another amount, some purchases come back, and one in a
// hundred authorisations is dropped. luck is 0 to 1.
func (t *today) spend(h habit, e Entry, cents int64, luck float64) {
	amount := dollars(cents)
	switch {
	case h.kind == "restaurant":
		e.Held, e.Renamed = amount, true
		amount = amount.Mul(decimal.New(115+int64(luck*10), -2)).Round(2) // 15 to 25 %
	case h.kind == "fuel" && luck < 0.3:
		e.Held, e.Renamed = dollars(10000), true
	case luck < 0.01:
		e.Drops, e.Posts = e.Posts, world.Never
	}
	t.charge(h.account, amount, e)
	if luck > 0.95 && e.Category != "dining" && e.Category != "fuel" && e.Category != "groceries" {
		e.Posts = (t.day + 5 + world.Day(cents%8)).NextWorkday()
		e.Type, e.Description = "refund", "RETURN "+e.Description
		e.Held = decimal.Zero
		t.later(h.account, amount.Neg(), e)
	}
}

// later announces nothing today: the entry shows on the day it posts.
func (t *today) later(account string, amount decimal.Decimal, e Entry) {
	if !t.find(account).Credit() {
		amount = amount.Neg()
	}
	e.Amount = amount
	t.add(account, e)
	l := t.find(account)
	added := l.entries[len(l.entries)-1]
	added.Day = added.Posts
}

// autopay pays a card's statement from an account: it closes on one day of the
// month and is paid on another.
func autopay(card, from string, closes, due int) stream {
	return func(t *today) {
		l := t.find(card)
		if t.on(due) && l.statement.IsPositive() {
			owed := decimal.Min(l.statement, l.balance)
			l.statement = decimal.Zero
			if owed.IsPositive() {
				issuer := strings.ToUpper(institutionName(l.Institution))
				t.move(from, card, owed,
					Entry{Type: "ach", Category: "loan", Counterparty: issuer, Description: issuer + " CRCARDPMT AUTOPAY ••" + l.LastFour},
					Entry{Type: "payment", Category: "loan", Counterparty: issuer, Description: "AUTOPAY PAYMENT - THANK YOU"})
			}
		}
		if t.on(closes) {
			l.statement = l.balance
		}
	}
}

// save transfers a fixed amount (cents) on a day of the month.
func save(from, to string, dayOfMonth int, cents int64) stream {
	return func(t *today) {
		if t.on(dayOfMonth) && t.find(from).balance.GreaterThan(dollars(cents+100_000)) {
			t.transfer(from, to, dollars(cents))
		}
	}
}

// sweep keeps an account between two figures (cents): too much goes to
// savings once a month, too little is fetched from there at once.
func sweep(checking, savings string, dayOfMonth int, low, high int64) stream {
	return func(t *today) {
		have, rest := t.find(checking).balance, t.find(savings).balance
		switch {
		case have.LessThan(dollars(low)) && t.day.Workday() && rest.GreaterThan(dollars(2*low)):
			t.transfer(savings, checking, dollars(2*low))
		case t.on(dayOfMonth) && have.GreaterThan(dollars(high)):
			over := have.Sub(dollars(high)).Div(decimal.New(500, 0)).Floor().Mul(decimal.New(500, 0)).Add(decimal.New(500, 0))
			t.transfer(checking, savings, over)
		}
	}
}

func (t *today) transfer(from, to string, amount decimal.Decimal) {
	a, b := t.find(from), t.find(to)
	e := Entry{Type: "transfer", Category: "general"}
	out, in := e, e
	out.Description = "ONLINE TRANSFER TO " + strings.ToUpper(b.Name) + " ••" + b.LastFour
	in.Description = "ONLINE TRANSFER FROM " + strings.ToUpper(a.Name) + " ••" + a.LastFour
	if a.Institution != b.Institution {
		out.Type, in.Type = "ach", "ach"
		out.Counterparty = strings.ToUpper(institutionName(b.Institution))
		in.Counterparty = strings.ToUpper(institutionName(a.Institution))
	}
	t.move(from, to, amount, out, in)
}

// interest is paid on the last day of a month on what is there; rate is per
// cent a year.
func interest(account string, rate float64) stream {
	return func(t *today) {
		if !t.day.LastOfMonth() {
			return
		}
		l := t.find(account)
		amount := l.balance.Mul(decimal.NewFromFloat(rate)).Div(decimal.New(1200, 0)).Round(2)
		if amount.IsPositive() {
			t.add(account, Entry{Amount: amount, Type: "interest", Category: "income", Description: "INTEREST PAYMENT"})
		}
	}
}

// cash is drawn from machines now and then; a stranger's machine takes a fee.
func cash(account string, mean float64) stream {
	return func(t *today) {
		r := t.rand("cash/" + account)
		for range world.Times(r, mean) {
			t.charge(account, decimal.New(20*(1+r.Int64N(8)), 0), Entry{
				Type: "atm", Category: "general", Description: "ATM WITHDRAWAL 00" + world.Code(t.seed, 4, "atm", t.day) + " 10/2 SE DIVISION ST",
			})
			if world.Chance(r, 0.2) {
				t.charge(account, dollars(300), Entry{Type: "fee", Category: "service", Description: "NON-BANK ATM FEE - WITHDRAW"})
			}
		}
	}
}
