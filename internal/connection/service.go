package connection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/outbound"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
	"flint/internal/provider/snaptrade"
	"flint/internal/provider/teller"
)

// Config is what a Service needs besides the database, the keys and the queue.
type Config struct {
	Origin       string // where people reach Flint; the portal returns there
	Teller       *teller.Client
	TellerConfig teller.Config
	SnapTrade    *snaptrade.Client // nil: switched off; so is Teller

	// RoleOf returns what a person is now, as db sees it; how many institutions
	// they may connect follows from it.
	RoleOf func(ctx context.Context, db postgres.DB, user id.User) (access.Role, error)
	// Removed is told in the transaction that deletes a connection. It closes
	// the accounts, and deletes their history unless it is to be kept.
	Removed func(ctx context.Context, tx pgx.Tx, owner id.User, connection id.Connection, keepHistory bool) error

	Now func() time.Time // default time.Now
	Log *slog.Logger     // default slog.Default()
}

// Service links institutions and keeps their health.
type Service struct {
	pool  *pgxpool.Pool
	keys  *envelope.Keys
	queue queue.Inserter
	cfg   Config
	now   func() time.Time
	log   *slog.Logger
}

// New returns a Service.
func New(pool *pgxpool.Pool, keys *envelope.Keys, q queue.Inserter, cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Service{pool: pool, keys: keys, queue: q, cfg: cfg, now: cfg.Now, log: cfg.Log}
}

// Credential is what a provider wants to see: Teller's token or SnapTrade's
// user, by the connection's provider.
type Credential struct {
	Token config.Secret
	User  snaptrade.User
}

// The places that credentials are sealed to.
const (
	placeToken  = "connections.credential"
	placeSecret = "snaptrade_users.secret"
	placeRevoke = "river_job.connection_revoke"
)

// Places are where connections keep sealed values. What waits in a job isn't
// among them.
func Places() []envelope.Place {
	return []envelope.Place{
		{Table: "connections", Column: "credential", Row: "id", Owner: "user_id", Apart: true},
		{Table: "snaptrade_users", Column: "secret", Row: "user_id", Owner: "user_id", Apart: true},
	}
}

// Each credential has a data key of its own, which goes with the connection.
func tokenRef(owner id.User, connection id.Connection) envelope.Ref {
	return envelope.Ref{Owner: owner, Place: placeToken, Row: connection.String(), Apart: true}
}

// Credential opens the credential of c. Use it and drop it; it must not be
// stored or logged.
func (s *Service) Credential(ctx context.Context, db postgres.DB, c Connection) (Credential, error) {
	if c.Provider == SnapTrade {
		u, err := s.user(ctx, db, c.UserID)
		if err != nil {
			return Credential{}, fmt.Errorf("open credential: %w", err)
		}
		return Credential{User: u}, nil
	}
	sealed, err := sealedToken(ctx, db, c.UserID, c.ID)
	if err != nil {
		return Credential{}, fmt.Errorf("open credential: %w", err)
	}
	token, err := s.keys.Open(ctx, tokenRef(c.UserID, c.ID), sealed)
	if err != nil {
		return Credential{}, fmt.Errorf("open credential: %w", err)
	}
	return Credential{Token: config.NewSecret(string(token))}, nil
}

// begin stores an attempt. When it is to repair a connection, that connection
// is returned; else the plan must have room for one more. (The room is counted
// again when the visit ends; this only spares people a visit in vain.)
func (s *Service) begin(ctx context.Context, actor access.Actor, provider string, reconnect id.Connection) (attempt, Connection, error) {
	a := attempt{
		ID: id.New[id.Attempt](), UserID: actor.User, Provider: provider, Nonce: nonce(),
		ExpiresAt: s.now().Add(attemptTime),
	}
	var old Connection
	var err error
	if reconnect.IsZero() {
		if err := s.room(ctx, s.pool, actor); err != nil {
			return a, old, err
		}
	} else {
		if old, err = byOwner(ctx, s.pool, actor.User, reconnect); err != nil {
			return a, old, fmt.Errorf("find the connection to repair: %w", err)
		}
		if old.Provider != provider {
			return a, old, fault.BadField("body.reconnect", "That connection belongs to another provider.")
		}
		a.Reconnect = &reconnect
	}
	if err := insertAttempt(ctx, s.pool, a, s.now()); err != nil {
		return a, old, fmt.Errorf("store the attempt: %w", err)
	}
	return a, old, nil
}

// room returns ErrPlanLimit when the actor's role allows no more connections. The
// role is read as db sees it now: what the actor came with may be a moment old.
func (s *Service) room(ctx context.Context, db postgres.DB, actor access.Actor) error {
	role, err := s.cfg.RoleOf(ctx, db, actor.User)
	if err != nil {
		return fmt.Errorf("read the role: %w", err)
	}
	limit := role.Connections()
	if limit == access.Unlimited {
		return nil
	}
	n, err := count(ctx, db, actor.User)
	if err != nil {
		return fmt.Errorf("count connections: %w", err)
	}
	if n >= limit {
		return ErrPlanLimit
	}
	return nil
}

// open returns an attempt that may still be used. It is spent later, in the
// transaction that links.
func (s *Service) open(ctx context.Context, actor access.Actor, provider string, attempt id.Attempt) (attempt, error) {
	a, err := findAttempt(ctx, s.pool, actor.User, provider, attempt, s.now())
	if errors.Is(err, fault.ErrNotFound) {
		return a, ErrAttempt
	}
	if err != nil {
		return a, fmt.Errorf("find the attempt: %w", err)
	}
	return a, nil
}

// asked turns a provider's failure into what the person is told.
func asked(err error) error {
	e := outbound.Of(err)
	if e == nil {
		return err
	}
	switch e.Class {
	case outbound.Reauth, outbound.NotFound:
		return fault.Because(ErrRefused, err)
	case outbound.Bug:
		return err
	}
	return fault.After(fault.Because(ErrUnavailable, err), e.RetryAfter)
}

// urgent marks calls that a person waits for.
func urgent(ctx context.Context) context.Context {
	return outbound.WithPriority(ctx, outbound.Interactive)
}
