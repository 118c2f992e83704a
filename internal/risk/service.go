package risk

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/envelope"
	"flint/internal/geo"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Service is risk at work, over the database. A nil one judges nothing. It is
// safe for use by many goroutines.
type Service struct {
	*Engine
	pool *pgxpool.Pool
	keys *envelope.Keys
	now  func() time.Time
}

// New returns a Service; nil, which allows everything, if cfg switches it off.
func New(cfg Config, pool *pgxpool.Pool, keys *envelope.Keys, atlas *geo.Atlas, now func() time.Time, log *slog.Logger) (*Service, error) {
	e, err := NewEngine(cfg, atlas, log)
	if err != nil || cfg.Mode == "off" {
		return nil, err
	}
	return &Service{e, pool, keys, now}, nil
}

// account is what an address of an account is counted by: a keyed hash, so that
// the table names nobody.
func (s *Service) account(email string) string {
	return string(s.keys.Mac("risk.account", []byte(strings.ToLower(strings.TrimSpace(email))))[:16])
}

// Judge decides about a, in tx, and keeps the decision.
func (s *Service) Judge(ctx context.Context, tx pgx.Tx, a Attempt) (Decision, error) {
	if s == nil {
		return Decision{Outcome: Allow}, nil
	}
	d, f, err := s.judge(ctx, book{tx}, a, s.account(a.Email))
	if err != nil {
		return Decision{}, err
	}
	r := row{
		ID: d.ID, At: a.At, Action: a.Action, Score: d.Score, Outcome: d.Outcome, Enforced: d.Enforced,
		from: circumstances{
			Network: f.network, Agent: a.Agent,
			Country: f.place.Country, Latitude: f.place.Latitude, Longitude: f.place.Longitude, Reach: f.place.Reach,
		},
	}
	if a.Address.IsValid() {
		r.from.Address = a.Address.String()
	}
	reasons, err := json.Marshal(append([]Reason{}, d.Reasons...))
	if err != nil {
		return Decision{}, fmt.Errorf("write reasons: %w", err)
	}
	if r.from.Inputs, err = json.Marshal(d.Inputs); err != nil {
		return Decision{}, fmt.Errorf("write inputs: %w", err)
	}
	if err := insertDecision(ctx, tx, a.User, r, reasons); err != nil {
		return Decision{}, fmt.Errorf("store decision: %w", err)
	}
	return d, nil
}

// Began notes in tx that a decision's sign-in became a session: later ones are
// compared with it.
func (s *Service) Began(ctx context.Context, tx pgx.Tx, user id.User, decision id.Decision, at time.Time) error {
	if s == nil || decision.IsZero() {
		return nil
	}
	if err := markBegun(ctx, tx, user, decision, at); err != nil {
		return fmt.Errorf("note that a session began: %w", err)
	}
	return nil
}

// Failed notes in tx that a password was wrong, for an account that exists or
// doesn't: the work is the same.
func (s *Service) Failed(ctx context.Context, tx pgx.Tx, email string, from netip.Addr) error {
	if s == nil {
		return nil
	}
	if err := insertFailure(ctx, tx, s.account(email), block(from), s.now().UTC()); err != nil {
		return fmt.Errorf("note a wrong password: %w", err)
	}
	return nil
}

// Sweep removes the wrong passwords of days before. Decisions go with their
// partitions (package compliance).
func (s *Service) Sweep(ctx context.Context) error {
	if s == nil {
		return nil
	}
	ctx = postgres.AsSystem(ctx, "a sweep over everybody's wrong passwords")
	if _, err := sweepFailures(ctx, s.pool, s.now().Add(-24*time.Hour)); err != nil {
		return fmt.Errorf("remove old failures: %w", err)
	}
	return nil
}
