package connection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Refresh queues a sync of one of the actor's connections. It returns ErrEnded
// for a disconnected one and ErrTooSoon, with the time to wait, when the newest
// sync began less than a minute ago.
func (s *Service) Refresh(ctx context.Context, actor access.Actor, connection id.Connection) error {
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		c, err := lockOwned(ctx, tx, actor.User, connection)
		if err != nil {
			return err
		}
		if c.Status == Disconnected {
			return ErrEnded
		}
		if c.LastAttemptAt != nil {
			if wait := c.LastAttemptAt.Add(time.Minute).Sub(s.now()); wait > 0 {
				return fault.After(ErrTooSoon, wait)
			}
		}
		err = audit.Record(ctx, tx, s.now(), audit.Entry{Actor: actor, Subject: actor.User, Verb: "connection.refresh", Object: c.ID.String()})
		if err != nil {
			return err
		}
		_, err = Wake(ctx, tx, s.queue, c.ID, TriggerPerson, s.now())
		return err
	})
	if err != nil {
		return fmt.Errorf("refresh connection: %w", err)
	}
	return nil
}

// Remove deletes one of the actor's connections: the credential is destroyed, a
// running sync can store nothing more, and a job tells the provider. The history
// stays unless keepHistory is false.
func (s *Service) Remove(ctx context.Context, actor access.Actor, connection id.Connection, keepHistory bool) error {
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := postgres.Serialize(ctx, tx, "connections:"+actor.User.String()); err != nil {
			return err
		}
		c, err := lockOwned(ctx, tx, actor.User, connection)
		if err != nil {
			return err
		}
		if err := s.queueRevoke(ctx, tx, c); err != nil {
			return err
		}
		return s.remove(ctx, tx, actor, c, keepHistory)
	})
	if err != nil {
		return fmt.Errorf("remove connection: %w", err)
	}
	return nil
}

// remove deletes c here; the job that tells its provider is queued already.
func (s *Service) remove(ctx context.Context, tx pgx.Tx, actor access.Actor, c Connection, keepHistory bool) error {
	if err := remove(ctx, tx, c.UserID, c.ID, s.now()); err != nil {
		return err
	}
	if err := s.keys.ShredOne(ctx, tx, tokenRef(c.UserID, c.ID)); err != nil {
		return err
	}
	if err := s.cfg.Removed(ctx, tx, c.UserID, c.ID, keepHistory); err != nil {
		return fmt.Errorf("close its accounts: %w", err)
	}
	err := audit.Record(ctx, tx, s.now(), audit.Entry{
		Actor: actor, Subject: c.UserID, Verb: "connection.remove", Object: c.ID.String(),
		Detail: map[string]any{"provider": c.Provider, "institution": c.InstitutionName, "kept_history": keepHistory},
	})
	if err != nil {
		return err
	}
	return announce(ctx, tx, c.UserID, c.ID, Disconnected)
}

// queueRevoke queues the job that ends c at the provider.
func (s *Service) queueRevoke(ctx context.Context, tx pgx.Tx, c Connection) error {
	if c.Status == Disconnected {
		return nil // it has ended there already
	}
	args := RevokeArgs{Connection: c.ID, Owner: c.UserID, Provider: c.Provider, ProviderID: c.ProviderConnectionID}
	if c.Provider == Teller {
		credential, err := s.Credential(ctx, tx, c)
		if err != nil {
			// A token that can't be opened can't be given back either. That must
			// not keep the person from deleting it.
			s.log.WarnContext(ctx, "token can't be revoked", "connection", c.ID.String(), "error", err)
			return nil
		}
		if err := s.sealForJob(ctx, &args, credential.Token); err != nil {
			return err
		}
	}
	if _, err := s.queue.InsertTx(ctx, tx, args, nil); err != nil {
		return fmt.Errorf("queue revocation: %w", err)
	}
	return nil
}

func revokeRef(a RevokeArgs) envelope.Ref {
	return envelope.Ref{Owner: a.Owner, Place: placeRevoke, Row: a.Connection.String()}
}

// sealForJob seals token into the job's arguments: they outlive the
// connection's own copy for as long as the provider needs to be told.
func (s *Service) sealForJob(ctx context.Context, a *RevokeArgs, token config.Secret) error {
	if token.IsZero() {
		return nil
	}
	sealed, err := s.keys.Seal(ctx, revokeRef(*a), []byte(token.Reveal()))
	if err != nil {
		return fmt.Errorf("seal token for its revocation: %w", err)
	}
	a.Sealed = sealed
	return nil
}

// revoke ends a connection at its provider. That it is gone there is no error.
func (s *Service) revoke(ctx context.Context, a RevokeArgs) error {
	ctx = postgres.AsUser(ctx, a.Owner)
	switch {
	case a.Provider == Teller && s.cfg.Teller != nil:
		token, err := s.keys.Open(ctx, revokeRef(a), a.Sealed)
		if err != nil {
			return fmt.Errorf("open token: %w", err)
		}
		return s.cfg.Teller.DeleteEnrollment(ctx, config.NewSecret(string(token)))
	case a.Provider == SnapTrade && s.cfg.SnapTrade != nil:
		u, err := s.user(ctx, s.pool, a.Owner)
		if errors.Is(err, fault.ErrNotFound) {
			return nil // and with the user all connections went
		}
		if err != nil {
			return fmt.Errorf("open user: %w", err)
		}
		return s.cfg.SnapTrade.DeleteConnection(ctx, u, a.ProviderID)
	}
	return fmt.Errorf("provider %s is switched off", a.Provider)
}
