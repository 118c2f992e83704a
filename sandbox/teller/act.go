package teller

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"flint/sandbox/bank"
	"flint/sandbox/world"
)

// What can go wrong with an order. The text says what to do.
var (
	ErrNotFound = errors.New("there is no such enrollment, account or transaction")
	ErrInvalid  = errors.New("invalid")
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// change alters one enrollment that wasn't deleted.
func (a *API) change(id string, fn func(*book, *enrollment) error) error {
	return a.book.Write(func(b *book) error {
		e := b.Enrollments[id]
		if e == nil || e.Deleted {
			return ErrNotFound
		}
		return fn(b, e)
	})
}

func (a *API) snapshot(id string) (enrollment, error) {
	var out *enrollment
	a.book.Read(func(b *book) {
		if e := b.Enrollments[id]; e != nil && !e.Deleted {
			c := e.copy()
			out = &c
		}
	})
	if out == nil {
		return enrollment{}, ErrNotFound
	}
	return *out, nil
}

// PostOrder is a new entry on an account.
type PostOrder struct {
	Account      string `json:"account,omitempty"`     // id, key or end of a key; default the first
	Amount       string `json:"amount"`                // with Teller's sign: out of checking is negative, a card purchase positive
	Description  string `json:"description,omitempty"` //
	Type         string `json:"type,omitempty"`        // default card_payment
	Category     string `json:"category,omitempty"`    // default general; "none" leaves it to a later enrichment
	Counterparty string `json:"counterparty,omitempty"`
	Date         string `json:"date,omitempty"` // default today; not in the future
	Pending      bool   `json:"pending,omitempty"`
}

// Post puts a new entry on an account and tells about it, unless quiet. It
// returns the transaction.
func (a *API) Post(id string, o PostOrder, quiet bool) (any, error) {
	amount, err := parseAmount(o.Amount)
	if err != nil {
		return nil, err
	}
	if len(o.Description) > 200 || len(o.Counterparty) > 100 || len(o.Type) > 40 || len(o.Category) > 40 {
		return nil, invalid("a text is too long")
	}
	e, err := a.snapshot(id)
	if err != nil {
		return nil, err
	}
	acc, err := a.named(&e, o.Account)
	if err != nil {
		return nil, err
	}
	day := a.cfg.Clock.Today()
	if o.Date != "" {
		if day, err = world.ParseDay(o.Date); err != nil || day > a.cfg.Clock.Today() || day < a.cfg.Clock.Start {
			return nil, invalid("date is a day from %s to today", a.cfg.Clock.Start)
		}
	}
	x := extra{
		Account: acc.Key, Day: day, Posts: day, Amount: amount, Description: orDefault(o.Description, "SIMULATED PURCHASE "+strings.ToUpper(world.Code(a.cfg.Seed, 4, "shop", e.ID, len(e.Extras)))),
		Type: orDefault(o.Type, "card_payment"), Category: orDefault(o.Category, "general"), Counterparty: o.Counterparty,
	}
	if x.Category == "none" {
		x.Category = ""
	}
	if o.Pending {
		x.Posts = world.Never
	}
	made, err := a.addExtra(id, x, nil)
	if err != nil {
		return nil, err
	}
	return a.tell(id, acc.Key, []string{made}, quiet)
}

// addExtra stores an entry under a new id; before is done in the same step.
func (a *API) addExtra(id string, x extra, before func(*enrollment)) (string, error) {
	err := a.change(id, func(b *book, e *enrollment) error {
		if len(e.Extras) >= maxExtras {
			return invalid("there are %d simulated transactions already", maxExtras)
		}
		if before != nil {
			before(e)
		}
		x.Serial = b.next()
		x.ID = "txn_" + world.Code(a.cfg.Seed, 20, "extra", x.Serial)
		e.Extras = append(e.Extras, &x)
		return nil
	})
	return x.ID, err
}

// SettleOrder posts a pending transaction.
type SettleOrder struct {
	Transaction string `json:"transaction,omitempty"` // default: the newest pending one that isn't on a closed account
	Amount      string `json:"amount,omitempty"`      // default: a fifth more
	SameID      bool   `json:"sameId,omitempty"`      // default: a new id, as after a tip
}

// PostPending posts a pending transaction with another amount and a new id,
// and tells about it, unless quiet. The pending one is gone. It returns the
// posted transaction.
func (a *API) PostPending(id string, o SettleOrder, quiet bool) (any, error) {
	e, err := a.snapshot(id)
	if err != nil {
		return nil, err
	}
	acc, r, err := a.find(&e, o.Transaction)
	if err != nil {
		return nil, err
	}
	if !r.Pending {
		return nil, invalid("the transaction isn't pending")
	}
	amount := r.Amount.Mul(decimal.New(120, -2)).Round(2)
	if o.Amount != "" {
		if amount, err = parseAmount(o.Amount); err != nil {
			return nil, err
		}
	}
	x := extra{
		Account: acc.Key, Day: r.Date, Posts: a.cfg.Clock.Today(), Amount: amount, Description: r.Description,
		Type: r.Type, Category: orDefault(r.Category, "general"), Counterparty: r.Counterparty,
	}
	made, err := a.addExtra(id, x, func(e *enrollment) { hide(e, acc.Key, r) })
	if err != nil {
		return nil, err
	}
	if o.SameID {
		err = a.change(id, func(_ *book, e *enrollment) error { e.Extras[len(e.Extras)-1].ID = r.ID; return nil })
		made = r.ID
	}
	if err != nil {
		return nil, err
	}
	return a.tell(id, acc.Key, []string{made}, quiet)
}

// Remove takes a transaction away, as banks do with a dropped authorisation.
// No webhook says that something is gone; Teller has none.
func (a *API) Remove(id, transaction string) error {
	e, err := a.snapshot(id)
	if err != nil {
		return err
	}
	acc, r, err := a.find(&e, transaction)
	if err != nil {
		return err
	}
	return a.change(id, func(_ *book, e *enrollment) error { hide(e, acc.Key, r); return nil })
}

// hide drops an entry: one made on purpose, or one of the bank's book.
func hide(e *enrollment, account string, r row) {
	n := len(e.Extras)
	e.Extras = slices.DeleteFunc(e.Extras, func(x *extra) bool { return x.ID == r.ID })
	if len(e.Extras) == n {
		e.Hidden = append(e.Hidden, account+" "+r.Entry)
	}
}

// Disconnect breaks an enrollment for one of Reasons and tells about it,
// unless quiet.
func (a *API) Disconnect(id, reason string, quiet bool) error {
	reason = orDefault(reason, "disconnected")
	if !strings.HasPrefix(reason, "disconnected") {
		reason = "disconnected." + reason
	}
	if !slices.Contains(reasons, reason) {
		return invalid("reason is one of %s", strings.Join(reasons, ", "))
	}
	err := a.change(id, func(_ *book, e *enrollment) error { e.Health, e.Breaks = reason, ""; return nil })
	if err != nil || quiet {
		return err
	}
	return a.send("enrollment.disconnected", disconnected{id, reason})
}

// Repair mends an enrollment, as Connect in update mode does, and tells what
// is new since it broke, unless quiet.
func (a *API) Repair(id string, quiet bool) error {
	e, err := a.renew(id, "")
	if err != nil || quiet {
		return err
	}
	today := a.cfg.Clock.Today()
	fresh := a.fresh(&e, min(e.Seen, today-1), today)
	return a.send("transactions.processed", processed{id, fresh})
}

// CloseAccount closes an account at its bank: its data is then gone (410).
func (a *API) CloseAccount(id, account string) error {
	e, err := a.snapshot(id)
	if err != nil {
		return err
	}
	acc, err := a.named(&e, account)
	if err != nil {
		return err
	}
	return a.change(id, func(_ *book, e *enrollment) error { e.Closed = append(e.Closed, acc.Key); return nil })
}

// named finds an account by id, key or end of key; an empty name is the first.
func (a *API) named(e *enrollment, name string) (bank.Account, error) {
	for _, acc := range a.shared(e) {
		if name == "" || acc.Key == name || a.accountID(e, acc.Key) == name || strings.HasSuffix(acc.Key, "/"+name) {
			return acc, nil
		}
	}
	return bank.Account{}, ErrNotFound
}

// find finds a transaction by id; an empty id is the newest pending one.
func (a *API) find(e *enrollment, id string) (bank.Account, row, error) {
	var best row
	var where bank.Account
	for _, acc := range a.shared(e) {
		for _, r := range a.look(e, acc, a.cfg.Clock.Today()).Rows {
			if id != "" && r.ID == id {
				return acc, r, nil
			}
			if id == "" && r.Pending && !acc.Closed && (best.ID == "" || r.Date > best.Date) {
				best, where = r, acc
			}
		}
	}
	if best.ID == "" {
		return where, best, ErrNotFound
	}
	return where, best, nil
}

// tell returns the transactions with the given ids and sends them, unless
// quiet. A broken enrollment sends nothing.
func (a *API) tell(id, account string, ids []string, quiet bool) (any, error) {
	e, err := a.snapshot(id)
	if err != nil {
		return nil, err
	}
	acc, err := a.named(&e, account)
	if err != nil {
		return nil, err
	}
	v := a.look(&e, acc, a.cfg.Clock.Today())
	var out []transactionObject
	for _, r := range v.Rows {
		if slices.Contains(ids, r.ID) {
			out = append(out, a.transactionObject(v.ID, r))
		}
	}
	if len(out) == 0 {
		return nil, ErrNotFound
	}
	if !quiet && e.Health == "" {
		err = a.send("transactions.processed", processed{id, out})
	}
	return out[0], err
}

func parseAmount(s string) (decimal.Decimal, error) {
	if len(s) > 16 || strings.ContainsAny(s, "eE") {
		return decimal.Zero, invalid("amount is a figure such as -12.34")
	}
	d, err := decimal.NewFromString(s)
	if err != nil || d.Exponent() < -2 || d.IsZero() {
		return decimal.Zero, invalid("amount is a figure such as -12.34, not nought, with at most two decimals")
	}
	return d, nil
}

func orDefault(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
