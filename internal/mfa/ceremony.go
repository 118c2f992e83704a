package mfa

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
)

// Challenges of passkey ceremonies are not stored: a page shown to a stranger
// must cost no row. Each is random, carries its own end and purpose under a
// keyed hash, and is noted only once it was answered rightly.

const (
	ceremonyTTL   = 5 * time.Minute
	nonceSize     = 16
	challengeSize = nonceSize + 8 + sha256.Size
)

// purpose is what a challenge may be answered with.
type purpose string

// The purposes.
const (
	register purpose = "passkey.register" // a new passkey, of one person
	assert   purpose = "passkey.assert"   // an existing one, of whoever it is
)

// pose returns a new challenge.
func (s *Service) pose(p purpose, user id.User) string {
	b := make([]byte, nonceSize, challengeSize)
	_, _ = rand.Read(b) // never fails; it ends the program if the system has no randomness
	b = binary.BigEndian.AppendUint64(b, uint64(s.now().Add(ceremonyTTL).Unix()))
	return base64.RawURLEncoding.EncodeToString(append(b, s.sealChallenge(p, user, b)...))
}

func (s *Service) sealChallenge(p purpose, user id.User, b []byte) []byte {
	return s.cfg.Keys.Mac(string(p), append(user[:], b...))
}

// posed returns when a challenge of ours ends, if it is one and hasn't ended.
func (s *Service) posed(p purpose, user id.User, challenge string) (time.Time, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(challenge)
	if err != nil || len(b) != challengeSize {
		return time.Time{}, errors.New("no challenge of ours")
	}
	body, mac := b[:nonceSize+8], b[nonceSize+8:]
	if !hmac.Equal(mac, s.sealChallenge(p, user, body)) {
		return time.Time{}, errors.New("a challenge of somebody else, or for something else")
	}
	end := time.Unix(int64(binary.BigEndian.Uint64(body[nonceSize:])), 0)
	if now := s.now(); !now.Before(end) || end.Sub(now) > ceremonyTTL+time.Second {
		return time.Time{}, errors.New("a challenge of another time")
	}
	return end, nil
}

// spend notes in tx that a challenge was answered. Of two answers at once, one
// finds it spent.
func (s *Service) spend(ctx context.Context, tx pgx.Tx, challenge string, end time.Time) error {
	sum := sha256.Sum256([]byte(challenge))
	n, err := insertSpent(ctx, tx, sum[:], end)
	if err != nil {
		return fmt.Errorf("note answered challenge: %w", err)
	}
	if n == 0 {
		return errors.New("a challenge that was answered before")
	}
	return nil
}

// Sweep removes what is remembered of challenges that have ended.
func (s *Service) Sweep(ctx context.Context) error {
	// An hour more, for a clock that is set back.
	if err := sweepSpent(ctx, s.cfg.Pool, s.now().Add(-time.Hour)); err != nil {
		return fmt.Errorf("remove answered challenges: %w", err)
	}
	now := s.now()
	if err := sweepRecoveries(ctx, s.cfg.Pool, now.Add(-recoveryLife), now.AddDate(0, -1, 0), now); err != nil {
		return fmt.Errorf("remove old recoveries: %w", err)
	}
	return nil
}
