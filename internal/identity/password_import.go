package identity

import (
	"context"
	"errors"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Immigrant is a person who comes from another system with their password's
// hash: bcrypt, or scrypt, PBKDF2 or Argon2id as a PHC string.
type Immigrant struct {
	FirstName string
	LastName  string // may be empty
	Email     string
	Hash      config.Secret
	Confirmed bool // the other system knew that the address is theirs
}

// Check reports what would keep n from being imported, but for an address that is
// known. It returns the address as it would be stored.
func (n Immigrant) Check(tier access.Tier) (email string, err error) {
	p, err := n.clean(tier)
	return p.Email, err
}

// clean returns who n is to be.
func (n Immigrant) clean(tier access.Tier) (Person, error) {
	email, emailErr := CanonicalEmail(n.Email)
	first, nameErr := cleanName(n.FirstName)
	last, lastErr := cleanLastName(n.LastName)
	if err := errors.Join(emailErr, nameErr, lastErr); err != nil {
		return Person{}, err
	}
	if !tier.Valid() {
		return Person{}, fault.BadField("tier", "must be free, basic, pro or premium")
	}
	if err := checkHash(n.Hash); err != nil {
		return Person{}, fault.Because(fault.BadField("hash", "must be a bcrypt hash, or a scrypt, PBKDF2 or Argon2id one as a PHC string, of bearable cost"), err)
	}
	return Person{Email: email, FirstName: first, LastName: last, Tier: tier}, nil
}

// Import stores an immigrant on behalf of actor, an operator. They sign in with
// the password that they have; that first sign-in replaces the hash by one of
// ours. If the address is known it returns ErrKnown. No mail leaves.
func (s *Service) Import(ctx context.Context, actor access.Actor, n Immigrant, tier access.Tier) (Person, error) {
	ctx = postgres.AsSystem(ctx, "an operator brings somebody who may be known already")
	p, err := n.clean(tier)
	if err != nil {
		return Person{}, err
	}
	p.ID, p.CreatedAt = id.New[id.User](), s.now()
	err = postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := admit(ctx, tx, p, chosen{hash: n.Hash.Reveal()}); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, p.CreatedAt, audit.Entry{
			Actor: actor, Subject: p.ID, Verb: "account.import", Object: p.ID.String(), Detail: map[string]any{"tier": string(tier)},
		}); err != nil {
			return err
		}
		if err := s.joined(ctx, tx, p.ID, ""); err != nil || !n.Confirmed {
			return err
		}
		return s.confirm(access.With(ctx, actor), tx, p.ID)
	})
	if err != nil {
		return Person{}, err
	}
	return s.Person(ctx, p.ID)
}

// rehash replaces a hash that was made elsewhere, or with other parameters than
// today's, by ours; p has just proven to fit it. When that fails the sign-in
// goes on, and the next one tries again.
func (s *Service) rehash(ctx context.Context, a account, p config.Secret) {
	if !s.hasher.stale(a.PasswordHash) {
		return
	}
	phc, err := s.hasher.hash(ctx, p)
	if err == nil {
		err = postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
			done, err := replaceHash(ctx, tx, a.ID, a.PasswordHash, phc, s.now())
			if err != nil || !done {
				return err
			}
			return audit.Record(ctx, tx, s.now(), audit.Entry{
				Actor: access.SystemActor("identity.rehash", a.ID), Subject: a.ID, Verb: "password.rehash", Object: a.ID.String(),
			})
		})
	}
	if err != nil {
		s.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "hash a password anew", slog.Any("person", a.Person), slog.String("error", err.Error()))
	}
}
