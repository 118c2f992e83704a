package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"flint/internal/connection"
	"flint/internal/fault"
	"flint/internal/provider/snaptrade"
	"flint/internal/provider/teller"
)

// teller reads Teller's deliveries.
func (s *Service) teller() source {
	return source{provider: connection.Teller, configured: func() bool { return len(s.ofTeller()) > 0 }, read: func(r *http.Request, body []byte) (event, error) {
		if err := teller.VerifyWebhook(s.ofTeller(), single(r, "Teller-Signature"), body, s.cfg.Now()); err != nil {
			return event{}, fault.Because(ErrSignature, err)
		}
		e, err := teller.ParseEvent(body)
		if err != nil {
			return event{}, fault.Because(ErrUnreadable, err)
		}
		return event{
			provider: connection.Teller, id: e.ID, kind: e.Type, connection: e.EnrollmentID,
			apply: func(ctx context.Context, tx pgx.Tx, c *connection.Connection) error {
				return s.applyTeller(ctx, tx, e, c)
			},
		}, nil
	}}
}

func (s *Service) applyTeller(ctx context.Context, tx pgx.Tx, e teller.Event, c *connection.Connection) error {
	if c == nil {
		return nil
	}
	switch e.Type {
	case teller.EventDisconnected:
		return s.mark(ctx, tx, c, connection.Reauth, e.Reason)
	case teller.EventTransactions, teller.EventVerification:
		return s.wake(ctx, tx, c)
	}
	return nil // a test, or something new
}

// snaptrade reads SnapTrade's deliveries.
func (s *Service) snaptrade() source {
	return source{provider: connection.SnapTrade, configured: func() bool { return len(s.ofSnapTrade()) > 0 }, read: func(r *http.Request, body []byte) (event, error) {
		err := snaptrade.VerifyWebhook(s.ofSnapTrade(), single(r, "Signature"), body, s.cfg.Now())
		if errors.Is(err, snaptrade.ErrEvent) {
			return event{}, fault.Because(ErrUnreadable, err)
		}
		if err != nil {
			return event{}, fault.Because(ErrSignature, err)
		}
		e, err := snaptrade.ParseEvent(body)
		if err != nil {
			return event{}, fault.Because(ErrUnreadable, err)
		}
		return event{
			provider: connection.SnapTrade, id: e.ID, kind: e.Type, connection: e.ConnectionID,
			apply: func(ctx context.Context, tx pgx.Tx, c *connection.Connection) error {
				return s.applySnapTrade(ctx, tx, e, c)
			},
		}, nil
	}}
}

func (s *Service) applySnapTrade(ctx context.Context, tx pgx.Tx, e snaptrade.Event, c *connection.Connection) error {
	switch {
	case e.Type == snaptrade.EventUserDeleted:
		return connection.UserDeleted(ctx, tx, e.UserID, e.Timestamp)
	case e.Type == snaptrade.EventConnectionAdded && c == nil:
		return s.adopt(ctx, tx, e)
	case c == nil:
		return nil
	}
	switch e.Type {
	case snaptrade.EventConnectionBroken:
		return s.mark(ctx, tx, c, connection.Reauth, "broken")
	case snaptrade.EventConnectionFixed:
		if c.Status != connection.Reauth {
			return s.wake(ctx, tx, c)
		}
		return s.mark(ctx, tx, c, connection.Healthy, "")
	case snaptrade.EventConnectionDeleted:
		_, err := connection.SetStatus(ctx, tx, c.UserID, c.ID, connection.Disconnected, "deleted_at_provider")
		return err
	case "CONNECTION_ATTEMPTED", "CONNECTION_FAILED":
		return nil // a visit to the portal that didn't end well; the person saw it
	}
	return s.wake(ctx, tx, c)
}

// adopt queues the linking of a connection whose browser hasn't come back yet,
// if we know the person.
func (s *Service) adopt(ctx context.Context, tx pgx.Tx, e snaptrade.Event) error {
	owner, err := connection.SnapTradeOwner(ctx, tx, e.UserID)
	if errors.Is(err, fault.ErrNotFound) || e.ConnectionID == "" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for the person: %w", err)
	}
	return connection.QueueAdopt(ctx, tx, s.queue, owner, e.ConnectionID, s.cfg.Now())
}

// single returns a header's value, or nothing when it was sent more than once:
// which one was checked must not depend on who reads it.
func single(r *http.Request, name string) string {
	if values := r.Header.Values(name); len(values) == 1 {
		return values[0]
	}
	return ""
}
