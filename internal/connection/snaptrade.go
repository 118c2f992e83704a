package connection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/outbound"
	"flint/internal/platform/postgres"
	"flint/internal/provider/snaptrade"
)

// SnapTradeStart is where the page goes next.
type SnapTradeStart struct {
	Attempt  id.Attempt
	Redirect config.Secret // signs the person in at the portal: for their browser alone
}

// StartSnapTrade begins a visit to SnapTrade's portal: for a new brokerage or
// exchange (broker may name which), or to repair the connection reconnect. The
// person is registered at SnapTrade the first time. It returns ErrPlanLimit
// when the plan has no room.
func (s *Service) StartSnapTrade(ctx context.Context, actor access.Actor, broker string, reconnect id.Connection) (SnapTradeStart, error) {
	if s.cfg.SnapTrade == nil {
		return SnapTradeStart{}, fault.Saying(ErrUnavailable, "Brokerages can't be connected here: SnapTrade isn't configured.")
	}
	a, old, err := s.begin(ctx, actor, SnapTrade, reconnect)
	if err != nil {
		return SnapTradeStart{}, err
	}
	u, err := s.user(ctx, s.pool, actor.User)
	if errors.Is(err, fault.ErrNotFound) {
		u, err = s.register(ctx, actor.User, "")
	}
	if err != nil {
		return SnapTradeStart{}, asked(err)
	}
	portal := snaptrade.Portal{
		Broker: broker, Reconnect: old.ProviderConnectionID, Redirect: s.cfg.Origin + "/connect/return/" + a.ID.String(),
	}
	redirect, _, err := s.cfg.SnapTrade.Login(urgent(ctx), u, portal)
	if e := outbound.Of(err); e != nil && e.Code == snaptrade.CodeUserInvalid {
		// Our secret is no longer the right one. There is no way back to the old
		// user, so a new one takes its place; see register.
		s.log.WarnContext(ctx, "snaptrade user is registered anew", "reason", e.Code)
		if u, err = s.register(ctx, actor.User, u.Secret.Reveal()); err == nil {
			portal.Reconnect = ""
			redirect, _, err = s.cfg.SnapTrade.Login(urgent(ctx), u, portal)
		}
	}
	if err != nil {
		return SnapTradeStart{}, asked(err)
	}
	return SnapTradeStart{Attempt: a.ID, Redirect: redirect}, nil
}

// FinishSnapTrade links the connection that the portal came back with. SnapTrade
// itself must say that it belongs to this person. It returns what FinishTeller
// returns.
func (s *Service) FinishSnapTrade(ctx context.Context, actor access.Actor, attempt id.Attempt, authorization string) (Connection, error) {
	if s.cfg.SnapTrade == nil {
		return Connection{}, ErrUnavailable
	}
	if _, err := uuid.Parse(authorization); err != nil || len(authorization) != 36 {
		return Connection{}, fault.BadField("body.authorizationId", "An authorization id has the form of a UUID.")
	}
	a, err := s.open(ctx, actor, SnapTrade, attempt)
	if errors.Is(err, ErrAttempt) {
		// The page of the return may be loaded again: then it shows what it linked.
		if c, err := ByProvider(ctx, s.pool, SnapTrade, authorization); err == nil && c.UserID == actor.User {
			return c, nil
		}
	}
	if err != nil {
		return Connection{}, err
	}
	o, err := s.ask(urgent(ctx), actor.User, authorization)
	if err != nil {
		return Connection{}, err
	}
	o.attempt = &a
	return s.link(ctx, actor, o)
}

// ask fetches one of the person's connections from SnapTrade.
func (s *Service) ask(ctx context.Context, owner id.User, authorization string) (offer, error) {
	u, err := s.user(ctx, s.pool, owner)
	if errors.Is(err, fault.ErrNotFound) {
		return offer{}, ErrRefused
	}
	if err != nil {
		return offer{}, err
	}
	c, err := s.cfg.SnapTrade.Connection(ctx, u, authorization)
	if err != nil {
		return offer{}, asked(err)
	}
	if c.ID != authorization {
		return offer{}, fault.Because(ErrRefused, errors.New("another connection was answered"))
	}
	o := offer{
		provider: SnapTrade, providerID: c.ID, kind: Brokerage, access: "read",
		institutionID: c.Brokerage.Slug, institutionName: c.Brokerage.DisplayName,
	}
	if o.institutionName == "" {
		o.institutionName = c.Brokerage.Name
	}
	if c.Brokerage.Crypto() {
		o.kind = Crypto
	}
	if c.Type == "trade" {
		o.access = "trade"
	}
	if c.Disabled {
		o.broken = "disabled"
	}
	return o, nil
}

func secretRef(owner id.User) envelope.Ref {
	return envelope.Ref{Owner: owner, Place: placeSecret, Row: owner.String(), Apart: true}
}

// user returns the person's identity at SnapTrade, or fault.ErrNotFound.
func (s *Service) user(ctx context.Context, db postgres.DB, owner id.User) (snaptrade.User, error) {
	row, err := findUser(ctx, db, owner)
	if err != nil {
		return snaptrade.User{}, err
	}
	secret, err := s.keys.Open(ctx, secretRef(owner), row.Secret)
	if err != nil {
		return snaptrade.User{}, fmt.Errorf("open user secret: %w", err)
	}
	return snaptrade.User{ID: row.SnaptradeUserID, Secret: config.NewSecret(string(secret))}, nil
}

// registerTime bounds the one transaction that waits for a provider.
const registerTime = 20 * time.Second

// register makes the person's identity at SnapTrade. The secret is shown once,
// so it is sealed and stored before anybody uses it.
//
// This is the one place where the network is used inside a transaction: two
// tabs must not register twice, since the second would have to delete what the
// first made, and across nodes only the database can make them wait. It happens
// once in a person's life.
//
// If the answer or the commit is lost, the user exists at SnapTrade and nobody
// knows the secret; the next registration then fails with code 1010. The same
// holds when our secret turns out wrong (code 1083): stale is that secret. Both
// times the user is deleted there, with all connections, and registered again.
// The person's SnapTrade connections here keep their data and ask to be
// connected anew.
func (s *Service) register(ctx context.Context, owner id.User, stale string) (snaptrade.User, error) {
	ctx, cancel := context.WithTimeout(urgent(ctx), registerTime)
	defer cancel()
	var u snaptrade.User
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := postgres.Serialize(ctx, tx, "snaptrade_user:"+owner.String()); err != nil {
			return err
		}
		var err error
		u, err = s.user(ctx, tx, owner)
		switch {
		case err == nil && u.Secret.Reveal() != stale:
			return nil // another tab was first
		case err != nil && !errors.Is(err, fault.ErrNotFound):
			return err
		}
		if u, err = s.registerAt(ctx, owner.String(), stale != ""); err != nil {
			return err
		}
		sealed, err := s.keys.Seal(ctx, secretRef(owner), []byte(u.Secret.Reveal()))
		if err != nil {
			return fmt.Errorf("seal user secret: %w", err)
		}
		if err := storeUser(ctx, tx, owner, u.ID, sealed, s.now()); err != nil {
			return fmt.Errorf("store user: %w", err)
		}
		return s.orphaned(ctx, tx, owner)
	})
	if err != nil {
		return snaptrade.User{}, fmt.Errorf("register at snaptrade: %w", err)
	}
	return u, nil
}

// registerAt registers userID at SnapTrade, after deleting the one that is there.
func (s *Service) registerAt(ctx context.Context, userID string, exists bool) (snaptrade.User, error) {
	if !exists {
		u, err := s.cfg.SnapTrade.Register(ctx, userID)
		if e := outbound.Of(err); e == nil || e.Code != snaptrade.CodeUserExists {
			return u, err
		}
	}
	if err := s.cfg.SnapTrade.DeleteUser(ctx, userID); err != nil {
		return snaptrade.User{}, err
	}
	// Deleting happens in the background there; give it a moment.
	for wait := 250 * time.Millisecond; ; wait *= 2 {
		u, err := s.cfg.SnapTrade.Register(ctx, userID)
		if e := outbound.Of(err); e == nil || e.Code != snaptrade.CodeUserExists {
			return u, err
		}
		if wait > 4*time.Second {
			return snaptrade.User{}, fault.After(fault.Because(ErrUnavailable, err), time.Minute)
		}
		select {
		case <-ctx.Done():
			return snaptrade.User{}, fault.After(fault.Because(ErrUnavailable, ctx.Err()), time.Minute)
		case <-time.After(wait):
		}
	}
}

// orphaned asks for repair of the connections that a former user had.
func (s *Service) orphaned(ctx context.Context, tx pgx.Tx, owner id.User) error {
	orphans, err := liveOf(ctx, tx, owner, SnapTrade)
	if err != nil {
		return fmt.Errorf("list connections: %w", err)
	}
	for _, c := range orphans {
		if _, err := SetStatus(ctx, tx, owner, c, Reauth, "registered_anew"); err != nil {
			return err
		}
	}
	return nil
}

// SnapTradeOwner returns who is known at SnapTrade as userID, or
// fault.ErrNotFound.
func SnapTradeOwner(ctx context.Context, db postgres.DB, userID string) (id.User, error) {
	return ownerOf(ctx, db, userID)
}
