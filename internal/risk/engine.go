package risk

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"flint/internal/geo"
	"flint/internal/id"
)

// memory is how far back sign-ins are compared, and how long they are kept.
const memory = 90 * 24 * time.Hour

// mostPast is how many sign-ins are compared.
const mostPast = 200

// Book is where the past is read.
type Book interface {
	// Past returns the sign-ins of user since then that became sessions, newest
	// first, at most mostPast.
	Past(ctx context.Context, user id.User, since time.Time) ([]Past, error)
	// Failed counts the wrong passwords before at.
	Failed(ctx context.Context, account, network string, at time.Time) (Failures, error)
}

// Engine judges. It is safe for use by many goroutines.
type Engine struct {
	cfg   Config
	atlas *geo.Atlas
	lists *lists
}

// NewEngine returns an Engine. atlas may be nil: then no place is known.
func NewEngine(cfg Config, atlas *geo.Atlas, log *slog.Logger) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l, err := openLists(cfg.Lists, log)
	if err != nil {
		return nil, err
	}
	return &Engine{cfg, atlas, l}, nil
}

// judge decides about a. account names the account in the book of failures.
func (e *Engine) judge(ctx context.Context, b Book, a Attempt, account string) (Decision, facts, error) {
	f := facts{Attempt: a, network: e.network(a.Address), tag: e.lists.tag(a.Address, a.At)}
	f.place, f.placed = e.atlas.Place(a.Address)
	var err error
	if f.past, err = b.Past(ctx, a.User, a.At.Add(-memory)); err != nil {
		return Decision{}, f, fmt.Errorf("read earlier sign-ins: %w", err)
	}
	if f.failures, err = b.Failed(ctx, account, block(a.Address), a.At); err != nil {
		return Decision{}, f, fmt.Errorf("count wrong passwords: %w", err)
	}
	total, reasons := score(f)
	trusted := a.Device.Known && a.Device.Trusted && !Changed(a.Device.Agent, a.Agent)
	return Decision{
		ID: id.New[id.Decision](), Score: total, Outcome: e.cfg.decide(a, total, trusted), Enforced: e.cfg.Mode == "on",
		Reasons: reasons, Inputs: f.inputs(),
	}, f, nil
}

// network names the neighbourhood of an address: its autonomous system if an
// operator's database knows it, else a block about as large as what one provider
// hands out in one region.
func (e *Engine) network(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	if n, ok := e.atlas.Network(a); ok {
		return fmt.Sprintf("AS%d", n.Number)
	}
	return networkOf(a)
}

func networkOf(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	bits := 16
	if a.Is6() {
		bits = 32
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// Neighbourhood is the part of an address that one attacker has: an IPv4 /24, an
// IPv6 /48. It is empty for no address.
func Neighbourhood(a netip.Addr) string { return block(a) }

// block is the part of an address that one attacker has: what failures are
// counted by.
func block(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	a = a.Unmap().WithZone("")
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}
