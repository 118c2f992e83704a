package bank

import (
	"fmt"
	"strings"

	"github.com/shopspring/decimal"

	"flint/sandbox/world"
)

// home is where the household spends.
const home = "PORTLAND OR"

// The household's accounts.
const (
	joint     = "chase/checking"
	rainy     = "chase/savings"
	sapphire  = "chase/card"
	second    = "capital_one/checking"
	cushion   = "capital_one/savings"
	quick     = "capital_one/card"
	deposit   = "capital_one/cd"
	blue      = "american_express/card"
	hysa      = "american_express/savings"
	tripStart = 12 // of June
	tripDays  = 9
)

// household is the demo's family: two incomes, a house, a child, three cards.
func household(seed uint64, start world.Day) *Book {
	accounts := []Account{
		account(seed, joint, "Total Checking", "depository", "checking", 684211),
		account(seed, rainy, "Chase Savings", "depository", "savings", 1250000),
		account(seed, sapphire, "Sapphire Preferred", "credit", "credit_card", 118340),
		account(seed, second, "360 Checking", "depository", "checking", 391822),
		account(seed, cushion, "360 Performance Savings", "depository", "savings", 1842055),
		account(seed, quick, "Quicksilver", "credit", "credit_card", 64017),
		account(seed, deposit, "360 CD", "depository", "certificate_of_deposit", 1000000),
		account(seed, blue, "Blue Cash Preferred", "credit", "credit_card", 97226),
		account(seed, hysa, "High Yield Savings", "depository", "savings", 2210490),
	}
	for i := range accounts {
		accounts[i].NoDetails = accounts[i].Key == deposit
	}
	return newBook("household", seed, start, accounts, []stream{
		pay(joint, "Cascadia Software", 341288, true),
		pay(second, "Multnomah County", 264510, false),
		householdBills(),
		subscriptions(),
		habits(home,
			habit{blue, "groceries", 0.42, 1.6}, habit{blue, "fuel", 0.2, 0}, habit{blue, "pharmacy", 0.09, 0},
			habit{sapphire, "restaurant", 0.36, 1.9}, habit{sapphire, "cinema", 0.07, 3}, habit{sapphire, "hotel", 0.012, 2},
			habit{sapphire, "beauty", 0.06, 2}, habit{sapphire, "sport", 0.04, 2},
			habit{quick, "cafe", 0.5, 0.8}, habit{quick, "fastfood", 0.34, 0}, habit{quick, "department", 0.2, 2},
			habit{quick, "clothes", 0.13, 2.5}, habit{quick, "home", 0.12, 2.5}, habit{quick, "electronics", 0.035, 0},
			habit{quick, "books", 0.09, 2}, habit{quick, "pet", 0.08, 0}, habit{quick, "car", 0.03, 0},
			habit{second, "convenience", 0.2, 0}, habit{second, "fastfood", 0.1, 0},
			habit{joint, "groceries", 0.09, 0}, habit{joint, "charity", 0.02, 0}, habit{joint, "dentist", 0.01, 0}),
		online(quick, 0.33),
		rides(sapphire, 0.2),
		friends(joint),
		taxes(joint),
		abroad(sapphire),
		cash(joint, 0.07), cash(second, 0.04),
		autopay(sapphire, joint, 4, 28), autopay(quick, second, 11, 6), autopay(blue, joint, 19, 14),
		save(joint, rainy, 3, 40000), save(second, cushion, 17, 35000),
		sweep(joint, rainy, 24, 150000, 900000), sweep(second, cushion, 25, 80000, 500000),
		save(joint, hysa, 9, 50000),
		interest(rainy, 0.02), interest(cushion, 3.8), interest(hysa, 4.0), interest(deposit, 4.1),
	})
}

func householdBills() stream {
	return bills(
		bill{account: joint, payee: "Rocket Mortgage", description: "ROCKET MORTGAGE LOAN PPD ID: 1260755340", category: "loan", dayOfMonth: 1, low: 248716},
		bill{account: joint, payee: "Portland General Electric", description: "PORTLAND GENERAL BILLPAY PPD ID: 2930256820", category: "utilities", dayOfMonth: 8, low: 8900, high: 13200, season: 0.6},
		bill{account: joint, payee: "NW Natural", description: "NW NATURAL GAS UTIL PYMT", category: "utilities", dayOfMonth: 13, low: 4200, high: 6800, season: 1.4},
		bill{account: joint, payee: "City of Portland", description: "CITY OF PORTLAND WATER/SEWER", category: "utilities", dayOfMonth: 20, low: 24800, high: 31900, months: 3},
		bill{account: joint, payee: "Xfinity", description: "COMCAST XFINITY CABLE SVCS", category: "phone", dayOfMonth: 5, low: 8000},
		bill{account: joint, payee: "Verizon", description: "VERIZON WIRELESS PAYMENTS", category: "phone", dayOfMonth: 18, low: 13244, high: 13980},
		bill{account: joint, payee: "State Farm", description: "STATE FARM RO 27 CPC-CLIENT", category: "insurance", dayOfMonth: 22, low: 16832, riseAfter: 12, rise: 1140},
		bill{account: joint, payee: "Charles Schwab", description: "SCHWAB BROKERAGE MONEYLINK", category: "investment", dayOfMonth: 10, low: 75000, kind: "transfer"},
		bill{account: second, payee: "Bright Horizons", description: "BRIGHT HORIZONS CHILDRENS CTR", category: "education", dayOfMonth: 2, low: 98500, riseAfter: 11, rise: 4500},
		bill{account: second, payee: "Guardian Life", description: "GUARDIAN LIFE INS PREM", category: "insurance", dayOfMonth: 12, low: 4218},
		bill{account: joint, payee: "Waste Management", description: "WM GARBAGE SERVICE ONLINE PMT", category: "utilities", dayOfMonth: 27, low: 9140, months: 2},
	)
}

// subscriptions include the one whose price rises.
func subscriptions() stream {
	return bills(
		bill{account: quick, payee: "Netflix", description: "NETFLIX.COM LOS GATOS CA", category: "entertainment", dayOfMonth: 7, low: 1549, riseAfter: 21, rise: 250},
		bill{account: quick, payee: "Spotify", description: "SPOTIFY USA NEW YORK NY", category: "entertainment", dayOfMonth: 14, low: 1699},
		bill{account: quick, payee: "Apple", description: "APPLE.COM/BILL 866-712-7753 CA", category: "software", dayOfMonth: 21, low: 999},
		bill{account: quick, payee: "Google", description: "GOOGLE *ONE SUPPORT.GOOGLE CA", category: "software", dayOfMonth: 25, low: 299},
		bill{account: sapphire, payee: "The New York Times", description: "NYTIMES *NYTIMES DISC NY", category: "entertainment", dayOfMonth: 3, low: 1700},
		bill{account: sapphire, payee: "Planet Fitness", description: "PLANET FIT CLUB FEES", category: "sport", dayOfMonth: 17, low: 2499},
		bill{account: sapphire, payee: "Peloton", description: "PELOTON* MEMBERSHIP NEW YORK NY", category: "sport", dayOfMonth: 10, low: 1299},
		bill{account: quick, payee: "Amazon Prime", description: "AMAZON PRIME*MEMBERSHIP WA", category: "shopping", dayOfMonth: 19, low: 13900, months: 12},
		bill{account: sapphire, payee: "Chase", description: "ANNUAL MEMBERSHIP FEE", category: "service", dayOfMonth: 4, low: 9500, months: 12, kind: "fee"},
	)
}

// online is the parcel on the doorstep.
func online(account string, mean float64) stream {
	return func(t *today) {
		r := t.rand("online/" + account)
		for i := range world.Times(r, mean) {
			cents := 700 + int64(r.Float64()*r.Float64()*14000)
			code := strings.ToUpper(world.Code(t.seed, 9, "order", t.day, i))
			t.spend(habit{account: account, kind: "online"}, Entry{
				Type: "card_payment", Category: "shopping", Counterparty: "AMAZON", Description: "AMZN MKTP US*" + code + " AMZN.COM/BILL WA",
				Posts: (t.day + 1 + world.Day(r.IntN(2))).NextWorkday(),
			}, cents, r.Float64())
		}
	}
}

// rides are to and from an evening.
func rides(account string, mean float64) stream {
	return func(t *today) {
		r := t.rand("rides/" + account)
		for range world.Times(r, mean) {
			name := world.Pick(r, []string{"Uber", "Uber", "Lyft"})
			t.charge(account, world.Cents(r, 880, 4600), Entry{
				Type: "card_payment", Category: "transport", Counterparty: strings.ToUpper(name),
				Description: strings.ToUpper(name) + " *TRIP HELP." + strings.ToUpper(name) + ".COM CA",
				Posts:       (t.day + 1 + world.Day(r.IntN(2))).NextWorkday(),
			})
		}
	}
}

// friends share bills both ways, and a cheque is written now and then.
func friends(account string) stream {
	return func(t *today) {
		r := t.rand("friends/" + account)
		if world.Chance(r, 0.06) {
			who := world.Pick(r, []string{"JORDAN LEE", "SAM ORTEGA", "PRIYA NAIR", "ALEX KIM"})
			amount := decimal.New(10+r.Int64N(90), 0)
			e := Entry{Type: "digital_payment", Category: "general", Counterparty: who, Person: true}
			if world.Chance(r, 0.5) {
				e.Description = "ZELLE PAYMENT FROM " + who
				e.Amount = amount
				t.add(account, e)
			} else {
				e.Description = "ZELLE PAYMENT TO " + who
				t.charge(account, amount, e)
			}
		}
		if world.Chance(r, 0.012) {
			t.charge(account, world.Cents(r, 4000, 45000), Entry{Type: "check", Category: "general", Description: fmt.Sprintf("CHECK # %d", 1000+int(t.day-t.start)/40)})
		}
	}
}

// taxes are paid back each April.
func taxes(account string) stream {
	return func(t *today) {
		if now := t.day.Time(); now.Month() != 4 || !t.on(11) {
			return
		}
		r := t.rand("taxes")
		t.add(account, Entry{Amount: world.Cents(r, 118000, 264000), Type: "ach", Category: "tax", Counterparty: "IRS", Description: "IRS TREAS 310 TAX REF PPD ID: 9111036170"})
		t.charge(account, world.Cents(r, 11000, 31000), Entry{Type: "ach", Category: "tax", Counterparty: "OREGON DEPT OF REVENUE", Description: "OR REVENUE DEPT TAXPAYMENT"})
	}
}

// abroad is a week or so in Europe each June, paid in euros that the statement
// shows beside the dollars.
func abroad(account string) stream {
	places := []string{"CARREFOUR CITY PARIS", "SNCF CONNECT PARIS", "MUSEE DU LOUVRE PARIS", "LE PAIN QUOTIDIEN PARIS", "TRENITALIA ROMA", "CONAD CITY FIRENZE", "GROM GELATO FIRENZE", "RELAY LYON"}
	return func(t *today) {
		first := world.Date(t.day.Time().Year(), 6, tripStart)
		if t.day < first || t.day >= first+tripDays {
			return
		}
		r := t.rand("abroad")
		rate := decimal.New(10600+r.Int64N(900), -4)
		for range 2 + world.Times(r, 1.4) {
			euros := world.Cents(r, 650, 9800)
			place := world.Pick(r, places)
			t.charge(account, euros.Mul(rate).Round(2), Entry{
				Type: "card_payment", Category: "transportation", Counterparty: place,
				Description: fmt.Sprintf("%s %s EUR X %s", place, euros.StringFixed(2), rate.StringFixed(4)),
				Posts:       (t.day + 2).NextWorkday(),
			})
		}
	}
}
