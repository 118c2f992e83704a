package connection

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// offer is a connection whose owner and truth are established.
type offer struct {
	provider        string
	providerID      string
	kind            Kind
	institutionID   string
	institutionName string
	access          string
	token           config.Secret // Teller's; empty for SnapTrade
	broken          string        // reason, if the provider says already that it needs repair
	attempt         *attempt      // nil: nobody came back, the provider told
}

// link stores an offer for actor and queues its first sync. All of it happens
// or nothing does. What is linked already is repaired instead; what somebody
// else has linked is refused with ErrElsewhere, which tells nothing. When the
// plan has no room the provider is told to forget the new connection.
func (s *Service) link(ctx context.Context, actor access.Actor, o offer) (Connection, error) {
	ctx = postgres.AsSystem(ctx, "somebody else may have linked the same connection")
	var c Connection
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := postgres.Serialize(ctx, tx, "connections:"+actor.User.String()); err != nil {
			return err // else two tabs could each take the last place
		}
		if o.attempt != nil {
			if n, err := spendAttempt(ctx, tx, actor.User, o.attempt.ID, s.now()); err != nil || n == 0 {
				return errors.Join(err, ErrAttempt)
			}
		}
		old, err := s.known(ctx, tx, actor, o)
		if err != nil {
			return err
		}
		verb := "connection.reconnect"
		if old == nil {
			verb = "connection.link"
			c, err = s.add(ctx, tx, actor, o)
		} else {
			c, err = s.repair(ctx, tx, *old, o)
		}
		if err != nil {
			return err
		}
		err = audit.Record(ctx, tx, s.now(), audit.Entry{
			Actor: actor, Subject: actor.User, Verb: verb, Object: c.ID.String(),
			Detail: map[string]any{"provider": c.Provider, "institution": c.InstitutionName},
		})
		if err != nil {
			return err
		}
		if _, err := Wake(ctx, tx, s.queue, c.ID, TriggerLink, s.now()); err != nil {
			return err
		}
		return announce(ctx, tx, c.UserID, c.ID, c.Status)
	})
	if errors.Is(err, ErrPlanLimit) {
		return c, errors.Join(err, s.refuse(ctx, actor, o))
	}
	if err != nil {
		return c, fmt.Errorf("link connection: %w", err)
	}
	return c, nil
}

// known finds the connection that o repairs: the one with the same id at the
// provider, or the one that the attempt was started for. nil means that o is
// new.
func (s *Service) known(ctx context.Context, tx pgx.Tx, actor access.Actor, o offer) (*Connection, error) {
	same, err := byProvider(ctx, tx, o.provider, o.providerID)
	switch {
	case err == nil && same.UserID != actor.User:
		return nil, ErrElsewhere
	case err == nil:
		return &same, nil
	case !errors.Is(err, fault.ErrNotFound):
		return nil, fmt.Errorf("look for the connection: %w", err)
	case o.attempt == nil || o.attempt.Reconnect == nil:
		return nil, nil
	}
	old, err := lockOwned(ctx, tx, actor.User, *o.attempt.Reconnect)
	if errors.Is(err, fault.ErrNotFound) {
		return nil, nil // deleted meanwhile: then it is a new one, and counts as such
	}
	if err != nil {
		return nil, fmt.Errorf("look for the connection to repair: %w", err)
	}
	if old.InstitutionID != o.institutionID {
		return nil, nil // they went to another bank instead
	}
	return &old, nil
}

// add inserts o if the plan has room.
func (s *Service) add(ctx context.Context, tx pgx.Tx, actor access.Actor, o offer) (Connection, error) {
	if err := s.room(ctx, tx, actor); err != nil {
		return Connection{}, err
	}
	c := id.New[id.Connection]()
	sealed, err := s.seal(ctx, actor.User, c, o.token)
	if err != nil {
		return Connection{}, err
	}
	made, err := insert(ctx, tx, c, actor.User, o, sealed, s.now())
	return made, postgres.Conflict(err, "connections_provider_key", ErrElsewhere)
}

// repair gives an existing connection its new credential and another chance.
// When the person came back with a new connection in place of the old one, the
// provider is told to forget the old one.
func (s *Service) repair(ctx context.Context, tx pgx.Tx, old Connection, o offer) (Connection, error) {
	if old.ProviderConnectionID != o.providerID {
		if err := s.queueRevoke(ctx, tx, old); err != nil {
			return Connection{}, err
		}
	}
	sealed, err := s.seal(ctx, old.UserID, old.ID, o.token)
	if err != nil {
		return Connection{}, err
	}
	c, err := reconnect(ctx, tx, old, o, sealed, s.now())
	return c, postgres.Conflict(err, "connections_provider_key", ErrElsewhere)
}

// seal seals a token to its connection; no token stays none.
func (s *Service) seal(ctx context.Context, owner id.User, c id.Connection, token config.Secret) ([]byte, error) {
	if token.IsZero() {
		return nil, nil
	}
	sealed, err := s.keys.Seal(ctx, tokenRef(owner, c), []byte(token.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("seal token: %w", err)
	}
	return sealed, nil
}

// refuse has the provider forget a connection that the plan has no room for.
// It would be billed and read for nobody.
func (s *Service) refuse(ctx context.Context, actor access.Actor, o offer) error {
	args := RevokeArgs{Connection: id.New[id.Connection](), Owner: actor.User, Provider: o.provider, ProviderID: o.providerID}
	if err := s.sealForJob(ctx, &args, o.token); err != nil {
		return err
	}
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := s.queue.InsertTx(ctx, tx, args, nil)
		return err
	})
}
