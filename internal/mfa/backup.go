package mfa

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

const (
	backupCodes = 10
	codeLetters = 16 // 80 bits
	// alphabet is Crockford's: no i, l, o or u, which are misread or form words.
	alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
)

// Renew replaces actor's backup codes and returns the new ones. ErrNone: there
// is no factor that they could stand in for.
func (s *Service) Renew(ctx context.Context, actor access.Actor) ([]string, error) {
	var codes []string
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		f, err := factorsOf(ctx, tx, actor.User)
		if err != nil {
			return fmt.Errorf("look for second factors: %w", err)
		}
		if !f.Any() {
			return ErrNone
		}
		if codes, err = s.replaceBackup(ctx, tx, actor.User); err != nil {
			return err
		}
		return s.changed(ctx, tx, actor, actor.User, false, audit.Entry{Verb: "factor.renew_backup"})
	})
	return codes, err
}

// replaceBackup makes ten codes in the place of those there were.
func (s *Service) replaceBackup(ctx context.Context, tx pgx.Tx, user id.User) ([]string, error) {
	if err := deleteBackup(ctx, tx, user); err != nil {
		return nil, fmt.Errorf("remove backup codes: %w", err)
	}
	codes, hashes := make([]string, backupCodes), make([][]byte, backupCodes)
	for i := range codes {
		codes[i] = newCode()
		hashes[i] = s.backupHash(user, codes[i])
	}
	if err := insertBackup(ctx, tx, user, hashes, s.now()); err != nil {
		return nil, fmt.Errorf("store backup codes: %w", err)
	}
	return codes, nil
}

// useBackup uses a code up, in one statement: of two at once, one finds nothing.
func (s *Service) useBackup(ctx context.Context, tx pgx.Tx, user id.User, code config.Secret) error {
	f, err := factorsOf(ctx, tx, user)
	if err != nil {
		return fmt.Errorf("look for second factors: %w", err)
	}
	n := int64(0)
	if f.Any() {
		if n, err = useBackup(ctx, tx, user, s.backupHash(user, code.Reveal()), s.now()); err != nil {
			return fmt.Errorf("use backup code: %w", err)
		}
	}
	if n == 0 {
		return fault.Because(ErrCode, errors.New("no unused backup code"))
	}
	return s.cfg.People.Tell(ctx, tx, audit.Entry{
		Actor: access.Actor{User: user}, Subject: user, Verb: "factor.use_backup", Object: user.String(),
	})
}

// newCode returns a code in groups of four, "7k2m-9xqd-...".
func newCode() string {
	var b [codeLetters]byte
	_, _ = rand.Read(b[:]) // never fails; it ends the program if the system has no randomness
	var out strings.Builder
	for i, x := range b {
		if i > 0 && i%4 == 0 {
			out.WriteByte('-')
		}
		out.WriteByte(alphabet[x%32])
	}
	return out.String()
}

// backupHash is the keyed hash of a code as people may type it: with or without
// dashes, in capitals, with the letters that look like digits.
func (s *Service) backupHash(user id.User, code string) []byte {
	plain := strings.NewReplacer("-", "", " ", "", "o", "0", "i", "1", "l", "1").Replace(strings.ToLower(code))
	return s.cfg.Keys.Mac("backup_code", append(user[:], plain...))
}
