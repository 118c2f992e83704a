package envelope_test

import (
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"flint/internal/envelope"
	"flint/internal/envelope/envelopetest"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
)

// TestKeysAreLookedUpAheadAndNotAgain takes the keyring away once the keys were
// looked up: what then still opens, opens without asking the database.
func TestKeysAreLookedUpAheadAndNotAgain(t *testing.T) {
	t.Parallel()
	pool, owner := pgtest.Owned(t)
	path := filepath.Join(t.TempDir(), "ring")
	writer := envelopetest.Under(t, pool, path)
	refs, values := make([]envelope.Ref, 50), make([][]byte, 50)
	for i := range refs {
		refs[i] = envelope.Ref{Owner: id.New[id.User](), Place: "users.sealed", Row: "x"}
		var err error
		if values[i], err = writer.Seal(t.Context(), refs[i], []byte("ana@example.com")); err != nil {
			t.Fatal(err)
		}
	}
	reader := envelopetest.Under(t, pool, path)
	if err := reader.Ahead(t.Context(), append(values, nil, []byte{2}, make([]byte, 100))...); err != nil {
		t.Fatal(err)
	}
	exec(t, owner, `delete from keyring.data_keys`, nil)
	for i, ref := range refs {
		for range 3 {
			if plain, err := reader.Open(t.Context(), ref, values[i]); err != nil || string(plain) != "ana@example.com" {
				t.Fatalf("%q, %v", plain, err)
			}
		}
	}
}

func TestADiscardedKeyIsReplaced(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	k := envelopetest.New(t, pool)
	ref := envelope.Ref{Owner: id.New[id.User](), Place: "users.sealed", Row: "x"}
	before, err := k.Seal(t.Context(), ref, []byte("nobody"))
	if err != nil {
		t.Fatal(err)
	}
	if err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error { return k.Discard(t.Context(), tx, ref.Owner) }); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Open(t.Context(), ref, before); err == nil {
		t.Error("what a discarded key sealed opens")
	}
	after, err := k.Seal(t.Context(), ref, []byte("somebody"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := k.Open(t.Context(), ref, after); err != nil || string(plain) != "somebody" {
		t.Errorf("%q, %v", plain, err)
	}
}
