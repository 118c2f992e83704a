package activity

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
	"flint/internal/portfolio"
)

// Config is what a Service needs.
type Config struct {
	Pool      *pgxpool.Pool
	Keys      *envelope.Keys // seal what says where money went, and sign the cursors of pages
	Portfolio *portfolio.Service
	Now       func() time.Time
}

// Service keeps transactions.
type Service struct {
	cfg   Config
	reach reach // of a search
}

// New returns a Service.
func New(cfg Config) *Service { return &Service{cfg, searchReach} }

// Edit is what a person writes on a transaction; nil leaves a field as it is.
// What is written is locked: no provider changes it again.
type Edit struct {
	Merchant, Category, Note *string
}

// Edit changes a transaction of actor's. It returns ErrUnknownTransaction if
// there is none, or if it was deleted.
func (s *Service) Edit(ctx context.Context, actor access.Actor, t id.Transaction, e Edit) (Transaction, error) {
	now := s.cfg.Now()
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		account, err := edit(ctx, tx, s.cfg.Keys, actor.User, t, e, now)
		if err != nil {
			return unknown(err)
		}
		err = audit.Record(ctx, tx, now, audit.Entry{Actor: actor, Subject: actor.User, Verb: "transaction.edit", Object: t.String()})
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		return tell(ctx, tx, actor.User, account)
	})
	if err != nil {
		return Transaction{}, fmt.Errorf("edit transaction: %w", err)
	}
	return s.Find(ctx, actor.User, t)
}

// Delete hides a transaction of actor's for good: no sync and no import brings
// it back. It returns ErrUnknownTransaction if there is none.
func (s *Service) Delete(ctx context.Context, actor access.Actor, t id.Transaction) error {
	now := s.cfg.Now()
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if err := portfolio.Lock(ctx, tx, actor.User); err != nil {
			return err
		}
		account, err := bury(ctx, tx, actor.User, t, now)
		if err != nil {
			return unknown(err)
		}
		err = audit.Record(ctx, tx, now, audit.Entry{Actor: actor, Subject: actor.User, Verb: "transaction.delete", Object: t.String()})
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if err := s.Recompute(ctx, tx, actor.User, account, now); err != nil {
			return err
		}
		return tell(ctx, tx, actor.User, account)
	})
	if err != nil {
		return fmt.Errorf("delete transaction: %w", err)
	}
	return nil
}

// Recompute derives an account's past and the person's totals anew after its
// transactions changed, and tells open pages. The caller holds portfolio.Lock.
func (s *Service) Recompute(ctx context.Context, tx pgx.Tx, owner id.User, account id.Account, now time.Time) error {
	stories, err := s.Stories(ctx, tx, owner, []id.Account{account})
	if err != nil {
		return err
	}
	return s.cfg.Portfolio.Rebuild(ctx, tx, owner, stories, now)
}

// Stories tells what the posted transactions of accounts say about their past.
// A row that a person deleted still counts if the bank has it: hiding it doesn't
// change what the bank holds.
func (s *Service) Stories(ctx context.Context, db postgres.DB, owner id.User, of []id.Account) ([]portfolio.Story, error) {
	stories := make([]portfolio.Story, len(of))
	index := map[id.Account]int{}
	for i, a := range of {
		stories[i].Account, index[a] = a, i
	}
	flows, err := flowsOf(ctx, db, owner, of)
	if err != nil {
		return nil, fmt.Errorf("sum transactions by day: %w", err)
	}
	for _, f := range flows {
		st := &stories[index[f.AccountID]]
		st.Flows = append(st.Flows, portfolio.Flow{Day: f.Day, Amount: f.Amount})
	}
	trades, err := tradesOf(ctx, db, owner, of)
	if err != nil {
		return nil, fmt.Errorf("list trades: %w", err)
	}
	for _, t := range trades {
		st := &stories[index[t.AccountID]]
		st.Trades = append(st.Trades, portfolio.Trade{Day: t.Day, Symbol: t.Symbol, Quantity: t.Quantity, Price: t.Price,
			Amount: t.Amount, Currency: t.Currency, Split: t.Kind == kindSplit || t.Kind == kindReverseSplit})
	}
	return stories, nil
}

// The kinds of transactions that exchange units for others.
const (
	kindSplit        = "split"
	kindReverseSplit = "reverse_split"
)

// Want asks Load for what reconciling one account's window needs.
type Want struct {
	Account id.Account
	From    time.Time // first day of the window
	IDs     []string  // provider ids that were fetched
}

// Load returns what the mirror and people's rows hold around the windows. The
// rows stay locked until tx ends, so that a person's edit comes before or after.
func (s *Service) Load(ctx context.Context, tx pgx.Tx, owner id.User, wants []Want) ([]Mirrored, []Row, error) {
	mirror, err := mirrorAround(ctx, tx, s.cfg.Keys, owner, wants)
	if err != nil {
		return nil, nil, fmt.Errorf("read mirror: %w", err)
	}
	rows, err := rowsAround(ctx, tx, s.cfg.Keys, owner, wants, mirror)
	if err != nil {
		return nil, nil, fmt.Errorf("read transactions: %w", err)
	}
	return mirror, rows, nil
}

// Save stores new and changed records and rows, whole, in two statements. What
// people wrote isn't touched.
func (s *Service) Save(ctx context.Context, tx pgx.Tx, owner id.User, mirror []Mirrored, rows []Row, now time.Time) error {
	if err := saveMirror(ctx, tx, s.cfg.Keys, owner, mirror, now); err != nil {
		return fmt.Errorf("save mirror: %w", err)
	}
	if err := saveRows(ctx, tx, s.cfg.Keys, owner, rows, now); err != nil {
		return fmt.Errorf("save transactions: %w", err)
	}
	told := map[id.Account]bool{}
	for _, r := range rows {
		if !told[r.Account] {
			told[r.Account] = true
			if err := tell(ctx, tx, owner, r.Account); err != nil {
				return err
			}
		}
	}
	return nil
}

// Posted returns the sum of all posted records that the provider lists, by
// account; an account without any isn't there.
func (s *Service) Posted(ctx context.Context, db postgres.DB, owner id.User, of []id.Account) (map[id.Account]money.Decimal, error) {
	sums, err := postedSums(ctx, db, owner, of)
	if err != nil {
		return nil, fmt.Errorf("sum mirror: %w", err)
	}
	out := map[id.Account]money.Decimal{}
	for _, x := range sums {
		out[x.AccountID] = x.Amount
	}
	return out, nil
}

// Erase deletes the transactions of accounts for good.
func (s *Service) Erase(ctx context.Context, tx pgx.Tx, owner id.User, of []id.Account) error {
	if err := erase(ctx, tx, owner, of); err != nil {
		return fmt.Errorf("erase transactions: %w", err)
	}
	return nil
}

// tell makes open pages read an account's transactions again.
func tell(ctx context.Context, tx pgx.Tx, owner id.User, account id.Account) error {
	return portfolio.Tell(ctx, tx, owner, "transactions", struct {
		Account id.Account `json:"account"`
	}{account})
}

func unknown(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.Because(ErrUnknownTransaction, err)
	}
	return err
}
