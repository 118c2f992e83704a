package portfolio

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
)

// Told is what a provider says of one account. Balances are signed towards net
// worth.
type Told struct {
	ProviderID  string
	Name        string
	Institution string
	Kind        Kind
	Subtype     string
	Currency    money.Currency // "": not told; what was known stays
	Mask        string         // last four digits
	Closed      bool

	Balance     *money.Decimal // banks, cards, loans; nil: not told, the old one stays
	Available   *money.Decimal
	CreditLimit *money.Decimal
	AsOf        time.Time

	// Investment and crypto accounts: the whole of what they hold. Holds is nil
	// when the provider didn't tell, and the old snapshot stays.
	Holds *Holds
}

// Holds is what an investment or crypto account holds.
type Holds struct {
	Positions []Position
	Cash      []Cash         // as the provider tells it; see NetCash
	Total     *money.Decimal // the provider's own total; kept only to show a difference
}

// matchKey tells the same account apart from others when a new connection lists
// it under a new id. Without a mask the name must do.
func (t Told) matchKey() string {
	mark := t.Mask
	if mark == "" {
		mark = strings.ToLower(t.Name)
	}
	return strings.Join([]string{strings.ToLower(t.Institution), string(t.Kind), string(t.Currency), mark}, "|")
}

// Lock makes whoever changes owner's accounts, transactions or totals wait for
// each other until the transaction ends. Take it first.
func Lock(ctx context.Context, tx pgx.Tx, owner id.User) error {
	return postgres.Serialize(ctx, tx, "wealth:"+owner.String())
}

// OfConnection lists the accounts of a connection.
func (s *Service) OfConnection(ctx context.Context, db postgres.DB, owner id.User, connection id.Connection) ([]Account, error) {
	all, err := s.accounts(ctx, db, owner)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return slices.DeleteFunc(all, func(a Account) bool { return a.ConnectionID != connection }), nil
}

// Absorb stores what a provider told about a connection's accounts: what they
// are, what they hold, their balances. An account that was known under another
// provider id goes on as it was, if that is beyond doubt. It returns the accounts
// in the order of told. Totals are stale until Rebuild.
//
// The caller holds Lock.
func (s *Service) Absorb(ctx context.Context, tx pgx.Tx, owner id.User, connection id.Connection, told []Told, now time.Time) ([]Account, error) {
	known, err := s.accounts(ctx, tx, owner)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	matched := match(connection, known, told, func(t Told) string { return string(mark(s.cfg.Keys, owner, t.matchKey())) })
	rows := make([]Account, len(told))
	for i, t := range told {
		rows[i] = update(matched[i], t, connection, now)
		t.Currency = rows[i].Currency
		rows[i].MatchMac = mark(s.cfg.Keys, owner, t.matchKey())
	}
	if err := s.saveAccounts(ctx, tx, owner, rows, now); err != nil {
		return nil, fmt.Errorf("save accounts: %w", err)
	}
	if err := s.swapSnapshots(ctx, tx, owner, rows, told, now); err != nil {
		return nil, fmt.Errorf("swap snapshots: %w", err)
	}
	return rows, nil
}

// match finds the account that each told one is: by the provider's id within the
// connection, else by match key among the accounts that are orphaned now: those
// of the same connection that are no longer listed, and those whose connection
// is gone or dead. Two candidates, or two that claim one, are none.
//
// The match key is known to the database as a keyed hash alone, which mac makes.
func match(connection id.Connection, known []Account, told []Told, mac func(Told) string) []*Account {
	out := make([]*Account, len(told))
	taken := map[id.Account]bool{}
	for i, t := range told {
		for j := range known {
			k := &known[j]
			if k.ConnectionID == connection && k.ProviderAccountID != nil && *k.ProviderAccountID == t.ProviderID {
				out[i], taken[k.ID] = k, true
			}
		}
	}
	claims := map[string][]int{}
	for i, t := range told {
		if out[i] == nil {
			claims[mac(t)] = append(claims[mac(t)], i)
		}
	}
	orphans := map[string][]*Account{}
	for j := range known {
		k := &known[j]
		if !taken[k.ID] && k.ProviderAccountID != nil && (k.ConnectionID == connection || k.orphaned()) {
			orphans[string(k.MatchMac)] = append(orphans[string(k.MatchMac)], k)
		}
	}
	for key, of := range claims {
		if len(of) == 1 && len(orphans[key]) == 1 {
			out[of[0]] = orphans[key][0]
		}
	}
	return out
}

// orphaned reports whether a's own connection can't list it any more.
func (a Account) orphaned() bool {
	if a.ConnectionStatus == nil {
		return true
	}
	switch *a.ConnectionStatus {
	case "disconnected", "reauth":
		return true
	}
	return a.Status == Closed
}

// update returns the row for t, based on what was known.
func update(known *Account, t Told, connection id.Connection, now time.Time) Account {
	a := Account{ID: id.New[id.Account](), CreatedAt: now, Watermark: json.RawMessage(`{}`)}
	if known != nil {
		a = *known
	}
	a.ConnectionID, a.ProviderAccountID = connection, &t.ProviderID
	a.Name, a.InstitutionName, a.Kind, a.Subtype = unnumbered(t.Name), t.Institution, t.Kind, t.Subtype
	t.Currency = cmp.Or(t.Currency, a.Currency, "USD")
	a.Currency, a.Mask, a.Status = t.Currency, lastFour(t.Mask), Open
	if t.Closed {
		a.Status = Closed
	}
	if t.Balance != nil {
		a.Balance = t.Balance
	}
	if t.Balance != nil || t.Available != nil {
		a.Available = t.Available
	}
	if t.CreditLimit != nil {
		a.CreditLimit = t.CreditLimit
	}
	if t.Balance != nil || t.Available != nil || t.Holds != nil {
		a.BalanceAsOf = &t.AsOf
	}
	return a
}

// swapSnapshots stores what investment accounts hold and points them to it. The
// first snapshot of an account and the current one are kept, those between go.
func (s *Service) swapSnapshots(ctx context.Context, tx pgx.Tx, owner id.User, rows []Account, told []Told, now time.Time) error {
	var with []int
	for i, t := range told {
		if t.Holds != nil {
			with = append(with, i)
		}
	}
	if len(with) == 0 {
		return nil
	}
	var snaps []snapshot
	for _, i := range with {
		h := told[i].Holds
		sn := snapshot{ID: id.New[id.Snapshot](), Account: rows[i].ID, AsOf: told[i].AsOf, Total: h.Total,
			Positions: h.Positions, Cash: NetCash(h.Cash, h.Positions)}
		rows[i].SnapshotID = sn.ID
		snaps = append(snaps, sn)
	}
	if err := insertSnapshots(ctx, tx, owner, snaps, now); err != nil {
		return err
	}
	return pruneSnapshots(ctx, tx, owner, snaps)
}

// Mark is what a sync leaves at an account for the next one.
type Mark struct {
	Account   id.Account
	Watermark json.RawMessage
	Opening   *money.Decimal // balance before the first posted transaction; set once
	Drift     *money.Decimal // the provider's ledger minus what the transactions say
	Closed    bool           // the provider no longer lists the account
}

// Remark stores marks.
func (s *Service) Remark(ctx context.Context, tx pgx.Tx, owner id.User, marks []Mark, now time.Time) error {
	if err := saveMarks(ctx, tx, owner, marks, now); err != nil {
		return fmt.Errorf("save watermarks: %w", err)
	}
	return nil
}

// Retire ends the accounts of a connection that is being removed. With keep they
// are closed and their past stays; else they are deleted. It returns them, and
// leaves their transactions to the caller. The caller holds Lock and calls
// Rebuild.
func (s *Service) Retire(ctx context.Context, tx pgx.Tx, owner id.User, connection id.Connection, keep bool, now time.Time) ([]id.Account, error) {
	gone, err := retireAccounts(ctx, tx, owner, connection, keep, now)
	if err != nil {
		return nil, fmt.Errorf("retire accounts: %w", err)
	}
	if keep || len(gone) == 0 {
		return gone, nil
	}
	if err := erasePast(ctx, tx, owner, gone); err != nil {
		return nil, fmt.Errorf("erase accounts: %w", err)
	}
	return gone, nil
}

// NewManual describes an account that a person keeps by hand or by imports.
type NewManual struct {
	Name        string
	Institution string
	Kind        Kind
	Currency    money.Currency
	Mask        string
	Balance     *money.Decimal // signed towards net worth; nil: not known
	AsOf        *time.Time     // when Balance was so
}

// Open makes an account without a connection. The caller holds Lock and calls
// Rebuild.
func (s *Service) Open(ctx context.Context, tx pgx.Tx, owner id.User, n NewManual, now time.Time) (Account, error) {
	a := Account{
		ID: id.New[id.Account](), Name: n.Name, InstitutionName: n.Institution, Kind: n.Kind, Currency: n.Currency,
		Mask: lastFour(n.Mask), Status: Open, Balance: n.Balance, BalanceAsOf: n.AsOf, Watermark: json.RawMessage(`{}`), CreatedAt: now, UpdatedAt: now,
	}
	if err := s.saveAccounts(ctx, tx, owner, []Account{a}, now); err != nil {
		return Account{}, fmt.Errorf("open account: %w", err)
	}
	return a, nil
}

// State sets the balance of an account without a connection, as a statement
// says. A statement older than what is known changes nothing.
func (s *Service) State(ctx context.Context, tx pgx.Tx, owner id.User, a id.Account, balance money.Decimal, asOf, now time.Time) error {
	if err := stateBalance(ctx, tx, owner, a, balance, asOf, now); err != nil {
		return fmt.Errorf("state balance: %w", err)
	}
	return nil
}

// Drop deletes an account without a connection, and its past. The caller holds
// Lock and calls Rebuild.
func (s *Service) Drop(ctx context.Context, tx pgx.Tx, owner id.User, a id.Account, now time.Time) error {
	if err := dropManual(ctx, tx, owner, a, now); err != nil {
		return fmt.Errorf("drop account: %w", err)
	}
	return erasePast(ctx, tx, owner, []id.Account{a})
}

// Find returns one account of owner, or ErrUnknownAccount.
func (s *Service) Find(ctx context.Context, db postgres.DB, owner id.User, a id.Account) (Account, error) {
	found, err := s.account(ctx, db, owner, a)
	if err != nil {
		return Account{}, unknown(err)
	}
	return found, nil
}
