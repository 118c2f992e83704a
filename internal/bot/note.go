package bot

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/audit"
	"flint/internal/platform/postgres"
	"flint/internal/platform/telemetry"
)

// What became of a form.
type outcome string

const (
	passed     outcome = "passed"
	challenged outcome = "challenged"
	failed     outcome = "failed"
	decoy      outcome = "decoy"
)

// pause is the least time between two audit entries of one form and outcome:
// whoever floods us doesn't flood the log.
const pause = time.Minute

// notes counts what became of forms, by reason, and puts the counts into the
// audit log: how many, which form and why, but never who.
type notes struct {
	pool *pgxpool.Pool
	log  *slog.Logger
	now  func() time.Time

	mu    sync.Mutex
	total map[string]int // by outcome and reason, since the start
	open  map[string]*page
}

// page is what hasn't been written down yet.
type page struct {
	count   int
	reasons map[Reason]int
	written time.Time
}

// count counts a form of action and writes an entry if it is time to. A failure
// to write is logged: the decision stands either way.
func (n *notes) count(ctx context.Context, action string, what outcome, reasons []Reason) {
	p := n.add(action, what, reasons)
	if p == nil || n.pool == nil || what == passed {
		return
	}
	detail := map[string]any{"form": action, "outcome": string(what), "count": p.count}
	for r, c := range p.reasons {
		detail["reason_"+string(r)] = c
	}
	// The entry is about a stretch of time, not about this request and its sender.
	ctx = telemetry.WithRequest(context.WithoutCancel(ctx), "", netip.Addr{})
	ctx = postgres.AsSystem(ctx, "what became of forms is nobody's")
	err := postgres.InTx(ctx, n.pool, func(tx pgx.Tx) error {
		return audit.Record(ctx, tx, n.now(), audit.Entry{Verb: "bot.refuse", Detail: detail})
	})
	if err != nil {
		n.log.ErrorContext(ctx, "write down refused forms", "error", err.Error())
	}
}

// add counts, and returns the page that is to be written, if one is.
func (n *notes) add(action string, what outcome, reasons []Reason) *page {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.total == nil {
		n.total, n.open = map[string]int{}, map[string]*page{}
	}
	n.total[string(what)]++
	key := action + " " + string(what)
	p := n.open[key]
	if p == nil {
		p = &page{reasons: map[Reason]int{}}
		n.open[key] = p
	}
	p.count++
	for _, r := range reasons {
		n.total[string(what)+" "+string(r)]++
		p.reasons[r]++
	}
	now := n.now()
	if !p.written.IsZero() && now.Sub(p.written) < pause {
		return nil
	}
	n.open[key] = &page{reasons: map[Reason]int{}, written: now}
	return p
}

// Counts returns how many forms had which outcome since the start, and how often
// for which reason ("challenged too_fast"), for metrics.
func (g *Guard) Counts() map[string]int {
	if g == nil {
		return nil
	}
	g.notes.mu.Lock()
	defer g.notes.mu.Unlock()
	return maps.Clone(g.notes.total)
}
