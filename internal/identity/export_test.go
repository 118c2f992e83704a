package identity

import (
	"context"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Lighten makes hashes cheap, so that a test of times sees what else takes time
// and doesn't take minutes. It returns the hash of a password that nobody has.
func (s *Service) Lighten() (string, error) {
	h, err := newHasher(1, &argon2id.Params{Memory: 512, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}, nil)
	if err != nil {
		return "", err
	}
	s.hasher, s.beat = h, time.Millisecond
	return argon2id.CreateHash("whatever it was", h.params)
}

// Crowd fills the line of those who wait to have a password hashed, until leave.
func (s *Service) Crowd() (leave func()) {
	n := cap(s.hasher.line)
	for range n {
		s.hasher.line <- struct{}{}
	}
	return func() {
		for range n {
			<-s.hasher.line
		}
	}
}

// Populate stores somebody with each of these addresses, whose password hash is
// phc, confirmed and banned or not.
func (s *Service) Populate(ctx context.Context, phc string, confirmed, banned bool, emails ...string) error {
	return postgres.InTx(postgres.AsSystem(ctx, "a test"), s.pool, func(tx pgx.Tx) error {
		for _, email := range emails {
			p := Person{ID: id.New[id.User](), Email: email, FirstName: "Ana", Tier: access.Free, CreatedAt: s.now()}
			if err := admit(ctx, tx, p, chosen{hash: phc}); err != nil {
				return err
			}
			if confirmed {
				if err := setConfirmed(ctx, tx, p.ID, s.now()); err != nil {
					return err
				}
			}
			if banned {
				if err := setBanned(ctx, tx, p.ID, s.now()); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
