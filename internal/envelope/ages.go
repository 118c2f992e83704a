package envelope

import (
	"context"
	"fmt"
	"time"

	"flint/internal/platform/postgres"
)

// What package rotation needs: how old each layer is, and each step of a rotation
// by itself, so that one which was killed goes on where it was.

// Ages is when what is in use was made.
type Ages struct {
	Begun time.Time  // when this database got its first keys
	KEK   time.Time  // the key-encryption key that wraps new data keys
	Data  *time.Time // the oldest data key that seals; nil if there is none
	Hash  time.Time  // the key of keyed hashes
}

// Ages returns them.
func (k *Keys) Ages(ctx context.Context) (Ages, error) {
	a, err := findAges(system(ctx), k.pool)
	if err != nil {
		return a, fmt.Errorf("read the ages of keys: %w", err)
	}
	return a, nil
}

// KMS names the master key: see KMS.Name.
func (k *Keys) KMS() string { return k.kms.Name() }

// NewMaster makes a version of the master key, and Remaster wraps the
// key-encryption keys with the newest one.
func (k *Keys) NewMaster(ctx context.Context) error {
	if err := k.kms.Rotate(ctx); err != nil {
		return fmt.Errorf("rotate the master key: %w", err)
	}
	return nil
}

// Remaster wraps the key-encryption keys with the newest version of the master key.
func (k *Keys) Remaster(ctx context.Context) error { return k.Move(ctx, k.kms) }

// KEKSince makes sure that a key-encryption key made at that time or later is the
// only one in use. It returns its version.
func (k *Keys) KEKSince(ctx context.Context, at time.Time) (int, error) {
	ctx = system(ctx)
	a, err := k.Ages(ctx)
	if err != nil {
		return 0, err
	}
	if a.KEK.Before(at) {
		return k.RotateKEK(ctx)
	}
	if err := k.loadKEKs(ctx); err != nil {
		return 0, err
	}
	version, _ := k.newestKEK()
	if err := retireOlderKEKs(ctx, k.pool, version, k.now().UTC()); err != nil {
		return 0, fmt.Errorf("retire the older key-encryption keys: %w", err)
	}
	return version, k.loadKEKs(ctx)
}

// RetireDataKeysOf lets data keys made before a time seal nothing new.
func (k *Keys) RetireDataKeysOf(ctx context.Context, before time.Time) (int64, error) {
	n, err := retireDataKeys(system(ctx), k.pool, nil, before, k.now().UTC())
	if err != nil {
		return 0, fmt.Errorf("retire data keys: %w", err)
	}
	k.byOwner.Purge()
	return n, nil
}

func findAges(ctx context.Context, db postgres.DB) (Ages, error) {
	return postgres.One[Ages](ctx, db, `
		select (select min(at) from keyring_made) as begun,
		       (select created_at from keyring.key_encryption_keys where retired_at is null and destroyed_at is null order by version desc limit 1) as kek,
		       (select min(created_at) from keyring.data_keys where retired_at is null) as data,
		       (select created_at from keyring.hash_keys order by version desc limit 1) as hash`, nil)
}
