package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Purpose is what a single-use token is good for. A token for one purpose is
// nothing to any other.
type Purpose string

// The purposes.
const (
	ConfirmEmail  Purpose = "confirm_email"
	SignInLink    Purpose = "sign_in_link"
	ResetPassword Purpose = "reset_password"
	SetupPassword Purpose = "setup_password"
)

// newToken returns 256 random bits as 43 characters.
func newToken() config.Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails; it ends the program if the system has no randomness
	return config.NewSecret(base64.RawURLEncoding.EncodeToString(b[:]))
}

func tokenHash(t config.Secret) []byte {
	h := sha256.Sum256([]byte(t.Reveal()))
	return h[:]
}

// MakeToken returns a token that user may use once for purpose within ttl, and
// ends those made earlier for the same purpose. Only its hash is stored.
func (s *Service) MakeToken(ctx context.Context, tx pgx.Tx, user id.User, purpose Purpose, ttl time.Duration) (config.Secret, error) {
	now := s.now()
	if err := endTokens(ctx, tx, user, purpose, now); err != nil {
		return config.Secret{}, fmt.Errorf("end earlier tokens: %w", err)
	}
	t := newToken()
	if err := insertToken(ctx, tx, tokenHash(t), user, purpose, now, now.Add(ttl)); err != nil {
		return config.Secret{}, fmt.Errorf("store token: %w", err)
	}
	return t, nil
}

// UseToken ends token and returns whose it was. An unknown, used or expired
// token, and one for another purpose, is ErrLink. Of several calls at once with
// one token, one succeeds.
func (s *Service) UseToken(ctx context.Context, tx pgx.Tx, purpose Purpose, token config.Secret) (id.User, error) {
	user, err := useToken(ctx, tx, tokenHash(token), purpose, s.now())
	if fault.KindOf(err) == fault.NotFound {
		return id.User{}, fault.Because(ErrLink, err)
	}
	if err != nil {
		return id.User{}, fmt.Errorf("use token: %w", err)
	}
	return user, nil
}

// Sweep removes tokens that expired a week ago or earlier, and changes of
// addresses that were over a month ago. Until then a used token still answers
// "already confirmed" to the person who opens it twice.
func (s *Service) Sweep(ctx context.Context) error {
	ctx = postgres.AsSystem(ctx, "a sweep over everybody's mail tokens")
	if err := sweepTokens(ctx, s.pool, s.now().AddDate(0, 0, -7)); err != nil {
		return fmt.Errorf("remove expired mail tokens: %w", err)
	}
	if err := sweepChanges(ctx, s.pool, s.now().AddDate(0, -1, 0)); err != nil {
		return fmt.Errorf("remove old changes of addresses: %w", err)
	}
	return nil
}
