// Package bank is what happens at the sandbox's banks: accounts, and the
// entries on them, day after day.
//
// A Book is one or more banks whose customers are one household, so that money
// which leaves one account reaches another: salaries come in, cards are paid
// from checking, savings grow by transfers and interest. Three banks share the
// book of the demo's household; every other bank has a small book of its own.
//
// A book is played from its first day to the day that is asked for, and goes
// on from there. A day's events come from chance that is keyed by the stream
// and the day, and from balances at its beginning, so the past never changes
// and asking in other steps gives the same entries.
//
// An entry is authorised on one day and posts on a workday soon after. Until
// then it is pending, without a running balance. A restaurant's pending entry
// lacks the tip and posts under another identity; a few authorisations are
// dropped and never post.
//
// Signs are Teller's: on a depository account money out is negative, on a
// credit account a purchase is positive and the balance is what is owed.
package bank
