// Package ingest turns what providers say into what people see: it syncs.
//
// One sync (Sync) of one connection runs like this, whatever set it off (a
// webhook, the schedule, a person):
//
//	lease  ──> fetch ──────────> apply: one short transaction
//	fence      outside any       hold the fence
//	heartbeat  transaction,      accounts, positions and cash, swapped in whole
//	           bounded memory,   mirror and transactions (reconcile.go)
//	           progress to       balances, history, net worth, watermarks
//	           the open page     the run, the connection, the next date, events
//
// Until the transaction commits, nothing is changed but the progress that is
// shown; after it, everything is. So a crash at any point is as if the sync had
// not begun, and syncs can be repeated at will. A worker that was overtaken holds
// an old fence and is refused. A wake-up during the fetch leaves dirty_at later
// than the sync's start: the same transaction then queues one more sync, so no
// wake-up is lost and two never run at once.
//
// What a provider sends is brought to common terms by a Feed (feed_teller.go,
// feed_snaptrade.go); nothing behind it knows a vendor. What failed is sorted
// into a few classes (failure.go), each with its own next date and status.
package ingest

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/activity"
	"flint/internal/connection"
	"flint/internal/platform/queue"
	"flint/internal/portfolio"
)

// Feed reads one provider. There is one for each, and a fake bank in the tests.
type Feed interface {
	// Fetch reads what plan asks for. It uses no database. An error means that
	// nothing was read: a part is never returned as the whole.
	Fetch(ctx context.Context, c connection.Connection, plan Plan, progress func(Progress)) (Fetched, error)
}

// Plan is what a sync asks a Feed for.
type Plan struct {
	Full  bool                 // walk the whole overlap
	Fresh bool                 // also read what the provider says it hasn't changed
	Marks map[string]Watermark // by the provider's account id; none: everything
}

// Progress is how far a fetch has come: real counts.
type Progress struct {
	Phase     string `json:"phase"` // accounts, transactions, positions
	Accounts  int    `json:"accounts"`
	Fetched   int    `json:"fetched"`
	Positions int    `json:"positions"`
	Calls     int    `json:"-"` // of the provider's API
}

// The phases of a run.
const (
	PhaseAccounts     = "accounts"
	PhaseTransactions = "transactions"
	PhasePositions    = "positions"
	PhaseApplying     = "applying"
	PhaseDone         = "done"
	PhaseFailed       = "failed"
)

// Fetched is all that a Feed read.
type Fetched struct {
	Accounts []FetchedAccount
	Early    bool // the provider is still reading the institution for the first time: ask again soon
}

// FetchedAccount is what was read of one account.
type FetchedAccount struct {
	Told      portfolio.Told
	Records   []activity.Record
	Window    *Window    // what Records are all of; nil: transactions weren't asked for
	Waterline *time.Time // the provider's own, see Watermark
}

// maxRecords bounds what one sync keeps in memory per account.
const maxRecords = 20_000

// Config is what a Service needs.
type Config struct {
	Pool      *pgxpool.Pool
	Queue     queue.Inserter
	Feeds     map[string]Feed // by provider
	Portfolio *portfolio.Service
	Activity  *activity.Service
	Interval  time.Duration // between two scheduled syncs of a connection; default 12 h
	Now       func() time.Time
	Log       *slog.Logger

	// Step is told of each step of a sync and may return an error to end it
	// there: tests crash it with this. It may be nil.
	Step func(ctx context.Context, step string) error
}

// Service syncs connections.
type Service struct{ cfg Config }

// New returns a Service.
func New(cfg Config) *Service {
	if cfg.Interval <= 0 {
		cfg.Interval = 12 * time.Hour
	}
	if cfg.Step == nil {
		cfg.Step = func(context.Context, string) error { return nil }
	}
	return &Service{cfg}
}
