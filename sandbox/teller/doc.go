// Package teller is Teller's side of the wire: the API that the product calls,
// the Connect widget that people click through, and the webhooks.
//
// An enrollment is made by Connect (or by the control API) and gives a token.
// The token opens the accounts of one customer at one bank (package bank).
// What happens there by itself comes from the bank's book; what is done on
// purpose (a purchase, a tip that posts, a removed row, a broken login) is
// kept with the enrollment and laid over the book. Ledger, running balances
// and pending sums are always of both together, to the cent.
//
// Identifiers belong to the enrollment: enrolling twice gives other accounts
// and other transactions for the same money, as with the real Teller.
//
// Payments are not offered: their paths answer 404.
package teller
