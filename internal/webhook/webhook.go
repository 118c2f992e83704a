// Package webhook takes what providers tell us.
//
// A delivery lives like this: its raw body (64 KiB at most) is verified in
// constant time under the current or the previous secret; then, in one
// transaction, it is stored, sealed and once only, the connection it speaks of
// is marked dirty and its sync queued; then the answer is 200. No provider is
// called on the way, so that takes milliseconds.
//
//	bad or missing signature, too old          401
//	no secret configured                       503: never open for want of one
//	signed, but unreadable                     400
//	known before (by its id, else its body)    200, and nothing happens
//	of an unknown connection or type           200, and it is only stored
//	the database fails                         5xx: the provider delivers again
//
// Deliveries are hints. They may be late, doubled or out of order, so they never
// bring data: they make us look. They change a connection's status at most, and
// the sync that follows has the last word on that too.
package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/config"
	"flint/internal/connection"
	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
	"flint/internal/platform/web"
)

// The faults of this package.
var (
	ErrSignature     = fault.New(fault.Unauthenticated, "webhook_signature", "The delivery's signature is missing, wrong or too old.")
	ErrNotConfigured = fault.New(fault.Unavailable, "not_configured", "Deliveries of this provider aren't configured here.")
	ErrUnreadable    = fault.New(fault.Malformed, "webhook_unreadable", "The delivery can't be read.")
)

// Config says which secrets deliveries are signed with: the current ones and,
// while they are rotated, the previous ones.
type Config struct {
	Teller    []config.Secret
	SnapTrade []config.Secret

	Now func() time.Time // default time.Now
	Log *slog.Logger     // default slog.Default()
}

// Service takes deliveries.
type Service struct {
	pool  *pgxpool.Pool
	keys  *envelope.Keys
	queue queue.Inserter
	cfg   Config
	valid atomic.Pointer[signing]
}

// New returns a Service.
func New(pool *pgxpool.Pool, keys *envelope.Keys, q queue.Inserter, cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Service{pool: pool, keys: keys, queue: q, cfg: cfg}
	s.valid.Store(&signing{teller: cfg.Teller, snapTrade: cfg.SnapTrade})
	return s
}

// event is a verified delivery.
type event struct {
	provider   string
	id         string // unique with its provider
	kind       string
	connection string // the provider's id of it; may be empty
	// apply does what the event asks for. c is nil for an unknown connection.
	apply func(ctx context.Context, tx pgx.Tx, c *connection.Connection) error
}

// source is one provider's way of delivering.
type source struct {
	provider   string
	configured func() bool
	read       func(r *http.Request, body []byte) (event, error)
}

// handler takes deliveries of a source.
func (s *Service) handler(from source) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !from.configured() {
			web.Problem(w, r, ErrNotConfigured)
			return
		}
		body, err := read(r)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		e, err := from.read(r, body)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		if e.connection != printable(e.connection) {
			e.connection = "" // none that we could know
		}
		if e.id == "" || e.id != printable(e.id) {
			sum := sha256.Sum256(body)
			e.id = "sha256:" + hex.EncodeToString(sum[:])
		}
		fresh, err := s.take(r.Context(), e, body)
		if err != nil {
			web.Problem(w, r, fmt.Errorf("take a %s webhook: %w", e.provider, err))
			return
		}
		s.cfg.Log.DebugContext(r.Context(), "webhook", "provider", e.provider, "type", printable(e.kind), "fresh", fresh)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"received":true}`)
	})
}

// read returns the raw body, which must be JSON if it says what it is.
func read(r *http.Request) ([]byte, error) {
	if said := r.Header.Get("Content-Type"); said != "" {
		if kind, _, err := mime.ParseMediaType(said); err != nil || kind != "application/json" {
			return nil, web.ErrMediaType
		}
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		return body, nil
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, err // Problem knows it
	}
	return nil, fault.Because(ErrUnreadable, err)
}

// Places are where deliveries keep sealed values.
func Places() []envelope.Place {
	return []envelope.Place{{Table: "webhook_inbox", Column: "body", Row: "id", Owner: "sealed_for"}}
}

// take stores e and does what it asks for, once. fresh is false when it was
// known before.
func (s *Service) take(ctx context.Context, e event, body []byte) (fresh bool, err error) {
	ctx = postgres.AsSystem(ctx, "a provider speaks: the connection says whose it is")
	err = postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		var known *connection.Connection
		owner := id.User{}
		if e.connection != "" {
			c, err := connection.LockByProvider(ctx, tx, e.provider, e.connection)
			switch {
			case err == nil:
				known, owner = &c, c.UserID
			case !errors.Is(err, fault.ErrNotFound):
				return fmt.Errorf("look for the connection: %w", err)
			}
		}
		delivery := id.New[id.Delivery]()
		sealed, err := s.keys.Seal(ctx, envelope.Ref{Owner: owner, Place: "webhook_inbox.body", Row: delivery.String()}, body)
		if err != nil {
			return err
		}
		if fresh, err = store(ctx, tx, delivery, e, known, sealed, s.cfg.Now()); err != nil || !fresh {
			return err
		}
		return e.apply(ctx, tx, known)
	})
	return fresh, err
}

// wake queues a sync of c.
func (s *Service) wake(ctx context.Context, tx pgx.Tx, c *connection.Connection) error {
	_, err := connection.Wake(ctx, tx, s.queue, c.ID, connection.TriggerWebhook, s.cfg.Now())
	return err
}

// mark changes c's status, unless it has ended for good, and queues a sync that
// finds out whether it is true: the event may be late.
func (s *Service) mark(ctx context.Context, tx pgx.Tx, c *connection.Connection, status connection.Status, reason string) error {
	if c.Status == connection.Disconnected {
		return nil
	}
	if _, err := connection.SetStatus(ctx, tx, c.UserID, c.ID, status, printable(reason)); err != nil {
		return err
	}
	return s.wake(ctx, tx, c)
}

// printable bounds what others wrote before it goes to a log or a column.
func printable(s string) string {
	if len(s) > 100 {
		s = s[:100]
	}
	out := []byte(s)
	for i, b := range out {
		if b < 0x20 || b > 0x7e {
			out[i] = '?'
		}
	}
	return string(out)
}
