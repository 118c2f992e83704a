// Package envelopetest gives tests keys of their own.
package envelopetest

import (
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/config"
	"flint/internal/envelope"
)

// New returns the keys of the database behind pool, under a ring made for t.
func New(t testing.TB, pool *pgxpool.Pool) *envelope.Keys {
	t.Helper()
	return Under(t, pool, filepath.Join(t.TempDir(), "ring"))
}

// Under returns the keys of the database behind pool, under the ring at path.
func Under(t testing.TB, pool *pgxpool.Pool, path string) *envelope.Keys {
	t.Helper()
	ring, err := envelope.OpenRing(path, config.Secret{})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := envelope.Open(t.Context(), envelope.Config{KMS: ring, Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keys.Close)
	return keys
}
