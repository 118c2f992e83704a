// Package portfolio holds what a person owns and owes: accounts, balances,
// positions, and how their sum moved from day to day.
package portfolio

// Kind is what an account is.
type Kind string

// The kinds of accounts.
const (
	Bank       Kind = "bank"
	Card       Kind = "card"
	Loan       Kind = "loan"
	Investment Kind = "investment"
	Crypto     Kind = "crypto"
	Manual     Kind = "manual"
)
