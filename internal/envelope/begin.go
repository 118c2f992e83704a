package envelope

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flint/internal/fault"
	"flint/internal/platform/postgres"
)

// errKeysMissing stops a node that would make new keys over what older ones
// sealed.
var errKeysMissing = errors.New("this database was sealed under keys that are not in it: restore the schema keyring from its own backup")

// begin makes the first keys of a new database. Nodes that start together may
// each make some; the database keeps the first of each.
func (k *Keys) begin(ctx context.Context, seed []byte) error {
	rows, err := listKEKs(ctx, k.pool)
	if err != nil {
		return fmt.Errorf("read the key-encryption keys: %w", err)
	}
	if len(rows) == 0 {
		before, err := made(ctx, k.pool)
		if err != nil {
			return fmt.Errorf("look for earlier keys: %w", err)
		}
		if before { // by a node that starts with us, just now?
			if rows, err = listKEKs(ctx, k.pool); err != nil {
				return fmt.Errorf("read the key-encryption keys: %w", err)
			}
			if len(rows) == 0 {
				return errKeysMissing
			}
		} else if err := k.addKEK(ctx, 1); err != nil {
			return err
		}
	}
	if err := k.loadKEKs(ctx); err != nil {
		return err
	}
	if _, err := findHashKey(ctx, k.pool); fault.KindOf(err) == fault.NotFound {
		if err := k.makeHashKey(ctx, seed); err != nil {
			return err
		}
	}
	return markMade(ctx, k.pool, k.now().UTC())
}

// addKEK stores a fresh key-encryption key, unless there is one of that version.
func (k *Keys) addKEK(ctx context.Context, version int) error {
	b := freshKey()
	wrapped, err := k.kms.Wrap(ctx, b, bindKEK(version))
	if err != nil {
		return fmt.Errorf("wrap a key-encryption key: %w", err)
	}
	if err := insertKEK(ctx, k.pool, kekRow{Version: version, KMS: k.kms.Name(), Wrapped: wrapped, CreatedAt: k.now().UTC()}); err != nil {
		return fmt.Errorf("store a key-encryption key: %w", err)
	}
	return nil
}

// makeHashKey stores the key of keyed hashes: seed, if hashes were made under it
// before there was a database to keep it, or a fresh one.
func (k *Keys) makeHashKey(ctx context.Context, seed []byte) error {
	if seed == nil {
		seed = freshKey()
	}
	version, kek := k.newestKEK()
	wrapped, err := kek.Encrypt(seed, bindHashKey(1))
	if err != nil {
		return fmt.Errorf("wrap the hashing key: %w", err)
	}
	err = postgres.InTx(ctx, k.pool, func(tx pgx.Tx) error {
		if err := holdNewest(ctx, tx, version); err != nil {
			return err
		}
		return insertHashKey(ctx, tx, hashRow{Version: 1, Kek: version, Wrapped: wrapped}, k.now().UTC())
	})
	if err != nil {
		return fmt.Errorf("store the hashing key: %w", err)
	}
	return nil
}
