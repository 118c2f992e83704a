package bank

import (
	"flint/sandbox/world"
)

// other is what a customer has at any bank but the household's three: a quieter
// life with one salary, a flat, a card and something put by. Wells Fargo has
// an account that was closed.
func other(seed uint64, institution string, start world.Day) *Book {
	r := world.Rand(seed, "other", institution)
	checking, savings, card := institution+"/checking", institution+"/savings", institution+"/card"
	accounts := []Account{
		account(seed, checking, "Everyday Checking", "depository", "checking", 210000+r.Int64N(300000)),
		account(seed, savings, "Money Builder Savings", "depository", "savings", 400000+r.Int64N(1200000)),
		account(seed, card, "Cash Rewards Visa", "credit", "credit_card", 10000+r.Int64N(90000)),
	}
	salary := 182000 + r.Int64N(90000)
	rent := 98000 + r.Int64N(50000)
	if institution == "wells_fargo" {
		closed := account(seed, institution+"/old", "Opportunity Savings", "depository", "savings", 0)
		closed.Closed = true
		accounts = append(accounts, closed)
	}
	return newBook(institution, seed, start, accounts, []stream{
		pay(checking, "Rose City Logistics", salary, true),
		bills(
			bill{account: checking, payee: "Greystar", description: "GREYSTAR RENT WEB PMTS", category: "home", dayOfMonth: 1, low: rent, riseAfter: 12, rise: 5500},
			bill{account: checking, payee: "Pacific Power", description: "PACIFIC POWER ELEC BILL", category: "utilities", dayOfMonth: 9, low: 5200, high: 9900, season: 0.8},
			bill{account: card, payee: "Netflix", description: "NETFLIX.COM LOS GATOS CA", category: "entertainment", dayOfMonth: 16, low: 1549, riseAfter: 21, rise: 250},
			bill{account: card, payee: "T-Mobile", description: "T-MOBILE*AUTO PAY BELLEVUE WA", category: "phone", dayOfMonth: 23, low: 5500},
		),
		habits(home,
			habit{card, "groceries", 0.3, 1.5}, habit{card, "restaurant", 0.18, 2}, habit{card, "fuel", 0.12, 0},
			habit{card, "clothes", 0.06, 2}, habit{card, "department", 0.14, 2}, habit{checking, "cafe", 0.3, 0}, habit{checking, "fastfood", 0.25, 0}),
		online(card, 0.15),
		cash(checking, 0.05),
		autopay(card, checking, 12, 7),
		save(checking, savings, 4, 15000),
		sweep(checking, savings, 26, 60000, 450000),
		interest(savings, 2.1),
	})
}
