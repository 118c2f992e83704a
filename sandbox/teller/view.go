package teller

import (
	"slices"

	"github.com/shopspring/decimal"

	"flint/sandbox/bank"
	"flint/sandbox/world"
)

// row is one transaction as the API shows it.
type row struct {
	bank.Line
	ID       string
	Balance  decimal.Decimal // after posting
	Enriched bool
}

// view is what an account shows on a day.
type view struct {
	Account   bank.Account
	ID        string
	Rows      []row // newest first
	Ledger    decimal.Decimal
	Available decimal.Decimal
	Posted    int
	Pending   int
}

func (a *API) accountID(e *enrollment, key string) string {
	return "acc_" + world.Code(a.cfg.Seed, 20, e.ID, key)
}

// account finds an account that the enrollment shares.
func (a *API) account(e *enrollment, id string) (bank.Account, bool) {
	for _, acc := range a.shared(e) {
		if a.accountID(e, acc.Key) == id {
			return acc, true
		}
	}
	return bank.Account{}, false
}

// shared lists the accounts of an enrollment, in the bank's order.
func (a *API) shared(e *enrollment) []bank.Account {
	var out []bank.Account
	for _, acc := range a.banks.Book(e.Institution).Accounts(e.Institution) {
		if !slices.Contains(e.Accounts, acc.Key) {
			continue
		}
		if slices.Contains(e.Closed, acc.Key) {
			acc.Closed = true
		}
		if e.Username == "verify.microdeposit" {
			acc.Name = map[string]string{"checking": "Success", "savings": "Failure"}[acc.Subtype]
		}
		out = append(out, acc)
	}
	return out
}

// look lays what was done on purpose over the bank's book. Posted rows are
// added up in the order in which they posted: day by day, the book's first.
func (a *API) look(e *enrollment, acc bank.Account, on world.Day) view {
	v := view{Account: acc, ID: a.accountID(e, acc.Key), Ledger: acc.Opening}
	var posted, pending []row
	for _, line := range a.banks.Book(acc.Institution).Lines(acc.Key, on) {
		if slices.Contains(e.Hidden, acc.Key+" "+line.Entry) {
			continue
		}
		r := row{Line: line, ID: "txn_" + world.Code(a.cfg.Seed, 20, e.ID, acc.Key, line.Key), Enriched: true}
		if line.Pending {
			r.Enriched = line.Date < on // it takes a night
			pending = append(pending, r)
		} else {
			posted = append(posted, r)
		}
	}
	for _, x := range e.Extras {
		if x.Account != acc.Key || x.Day > on {
			continue
		}
		r := row{ID: x.ID, Enriched: x.Category != "", Line: bank.Line{
			Key: x.ID, Entry: x.ID, Pending: x.Posts > on, Date: x.Day,
			Amount: x.Amount, Description: x.Description, Type: x.Type, Category: x.Category, Counterparty: x.Counterparty,
		}}
		if r.Pending {
			pending = append(pending, r)
		} else {
			r.Date = x.Posts
			posted = append(posted, r)
		}
	}
	byDate := func(x, y row) int { return int(x.Date - y.Date) }
	slices.SortStableFunc(posted, byDate)
	slices.SortStableFunc(pending, byDate)
	for i := range posted {
		v.Ledger = v.Ledger.Add(posted[i].Amount)
		posted[i].Balance = v.Ledger
	}
	v.Available = v.Ledger
	for _, r := range pending {
		v.Available = v.Available.Add(r.Amount)
	}
	v.Posted, v.Pending = len(posted), len(pending)
	v.Rows = slices.Concat(posted, pending)
	slices.SortStableFunc(v.Rows, byDate) // pending after posted of the same day
	slices.Reverse(v.Rows)
	return v
}
