package envelope_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/envelope/envelopetest"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
)

// drawer is a place of the tests: owner, name and a sealed value.
var drawer = envelope.Place{Table: "drawer", Column: "value", Row: "name", Owner: "owner_id"}

func makeDrawer(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, owner := pgtest.Owned(t)
	exec(t, owner, `create table drawer (name text primary key, owner_id uuid, value bytea)`, nil)
	exec(t, owner, `grant all on drawer to flint_app; grant truncate on all tables in schema keyring to flint_app`, nil)
	return pool
}

func exec(t testing.TB, db postgres.DB, sql string, args postgres.Args) {
	t.Helper()
	if _, err := db.Exec(t.Context(), sql, args); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, pool *pgxpool.Pool, k *envelope.Keys, owner id.User, name, plain string) {
	t.Helper()
	sealed := seal(t, k, envelope.Ref{Owner: owner, Place: "drawer.value", Row: name}, plain)
	exec(t, pool, `insert into drawer (name, owner_id, value) values (@name, @owner, @value)`,
		postgres.Args{"name": name, "owner": owner, "value": sealed})
}

func get(t testing.TB, pool *pgxpool.Pool, k *envelope.Keys, owner id.User, name string) (string, error) {
	t.Helper()
	var sealed []byte
	if err := pool.QueryRow(t.Context(), `select value from drawer where name = $1`, name).Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	plain, err := k.Open(t.Context(), envelope.Ref{Owner: owner, Place: "drawer.value", Row: name}, sealed)
	return string(plain), err
}

func TestEveryPersonHasADataKey(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	k := envelopetest.New(t, pool)
	alice, bob := id.New[id.User](), id.New[id.User]()
	one := seal(t, k, envelope.Ref{Owner: alice, Place: "p", Row: "1"}, "x")
	two := seal(t, k, envelope.Ref{Owner: alice, Place: "p", Row: "2"}, "x")
	other := seal(t, k, envelope.Ref{Owner: bob, Place: "p", Row: "3"}, "x")
	apart := seal(t, k, envelope.Ref{Owner: alice, Place: "p", Row: "4", Apart: true}, "x")
	key := func(sealed []byte) string { return string(sealed[1:17]) }
	if key(one) != key(two) || key(one) == key(other) || key(one) == key(apart) {
		t.Error("a person's values share a data key, but for those sealed apart; nobody else does")
	}
}

func TestNodesThatStartTogetherHaveOneSetOfKeys(t *testing.T) {
	t.Parallel()
	pool, path := pgtest.New(t), filepath.Join(t.TempDir(), "ring")
	nodes := make([]*envelope.Keys, 6)
	var wg sync.WaitGroup
	for i := range nodes {
		wg.Go(func() {
			ring, err := envelope.OpenRing(path, config.Secret{})
			if err == nil {
				nodes[i], err = envelope.Open(t.Context(), envelope.Config{KMS: ring, Pool: pool})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	owner := id.New[id.User]()
	ref := envelope.Ref{Owner: owner, Place: "p", Row: "r"}
	for i, from := range nodes {
		defer from.Close()
		sealed := seal(t, from, ref, "x")
		for j, to := range nodes {
			if _, err := to.Open(t.Context(), ref, sealed); err != nil {
				t.Errorf("what %d sealed, %d can't open: %v", i, j, err)
			}
			if string(from.Mac("p", []byte("x"))) != string(to.Mac("p", []byte("x"))) {
				t.Errorf("%d and %d hash differently", i, j)
			}
		}
	}
}

func TestRotationsKeepEverythingReadable(t *testing.T) {
	t.Parallel()
	pool, path := makeDrawer(t), filepath.Join(t.TempDir(), "ring")
	k, other := envelopetest.Under(t, pool, path), envelopetest.Under(t, pool, path)
	owners := []id.User{id.New[id.User](), id.New[id.User](), {}}
	for i, owner := range owners {
		put(t, pool, k, owner, fmt.Sprint("before ", i), "old")
	}
	mac := string(k.Mac("p", []byte("x")))
	ring, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	if err := k.RotateMaster(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now, _ := os.ReadFile(path); len(now) <= len(ring) {
		t.Error("the ring got no new key")
	}
	version, err := k.RotateKEK(t.Context())
	if err != nil || version != 2 {
		t.Fatalf("version %d, %v", version, err)
	}
	if err := k.RewrapDataKeys(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if n, err := k.RetireDataKeys(t.Context(), nil); err != nil || n != 3 {
		t.Fatalf("%d data keys retired, %v", n, err)
	}
	if err := k.Reseal(t.Context(), []envelope.Place{drawer}, 0, nil); err != nil {
		t.Fatal(err)
	}

	fresh := envelopetest.Under(t, pool, path)
	for i, owner := range owners {
		for name, node := range map[string]*envelope.Keys{"this": k, "another": other, "a new": fresh} {
			if got, err := get(t, pool, node, owner, fmt.Sprint("before ", i)); err != nil || got != "old" {
				t.Errorf("%s node: %q, %v", name, got, err)
			}
		}
		put(t, pool, other, owner, fmt.Sprint("after ", i), "new") // a node that knew the old keys only
	}
	if string(fresh.Mac("p", []byte("x"))) != mac {
		t.Error("keyed hashes changed")
	}
	layers, err := k.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(layers) != 3 || layers[0].State != "destroyed" || layers[1].State != "in use" || layers[1].Holding != 3 {
		t.Errorf("keys after the rotation: %+v", layers)
	}
	found, err := k.Verify(t.Context(), []envelope.Place{drawer})
	if err != nil || found[0].Values != 6 || found[0].Failed != 0 {
		t.Errorf("found %+v, %v", found, err)
	}
}

// TestANodeBehindNeverWrapsUnderARetiredKey holds two nodes, of which one has
// not heard of the rotation.
func TestANodeBehindNeverWrapsUnderARetiredKey(t *testing.T) {
	t.Parallel()
	pool, path := pgtest.New(t), filepath.Join(t.TempDir(), "ring")
	k, behind := envelopetest.Under(t, pool, path), envelopetest.Under(t, pool, path)
	if _, err := k.RotateKEK(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := k.RewrapDataKeys(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	ref := envelope.Ref{Owner: id.New[id.User](), Place: "p", Row: "r"}
	sealed := seal(t, behind, ref, "x")
	if _, err := envelopetest.Under(t, pool, path).Open(t.Context(), ref, sealed); err != nil {
		t.Error(err)
	}
}

func TestShreddedIsGone(t *testing.T) {
	t.Parallel()
	pool, path := makeDrawer(t), filepath.Join(t.TempDir(), "ring")
	k := envelopetest.Under(t, pool, path)
	alice, bob := id.New[id.User](), id.New[id.User]()
	put(t, pool, k, alice, "hers", "secret")
	put(t, pool, k, bob, "his", "secret")
	apart := envelope.Ref{Owner: bob, Place: "connections.credential", Row: "1", Apart: true}
	credential := seal(t, k, apart, "token")
	err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		if _, err := k.Shred(t.Context(), tx, alice); err != nil {
			return err
		}
		return k.ShredOne(t.Context(), tx, apart)
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, node := range map[string]*envelope.Keys{"this": k, "a new": envelopetest.Under(t, pool, path)} {
		if got, err := get(t, pool, node, alice, "hers"); !errors.Is(err, envelope.ErrSealed) {
			t.Errorf("%s node: %q, %v", name, got, err)
		}
		if _, err := node.Open(t.Context(), apart, credential); !errors.Is(err, envelope.ErrSealed) {
			t.Errorf("%s node opens the credential: %v", name, err)
		}
		if got, err := get(t, pool, node, bob, "his"); err != nil || got != "secret" {
			t.Errorf("%s node: %q, %v", name, got, err)
		}
	}
	// What can't be read stops no rotation of what can.
	if _, err := k.RetireDataKeys(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := k.Reseal(t.Context(), []envelope.Place{drawer}, 0, nil); err != nil {
		t.Error(err)
	}
	found, err := k.Verify(t.Context(), []envelope.Place{drawer})
	if err != nil || found[0].Failed != 1 || found[0].Broken[0] != "hers" {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestADatabaseWithoutItsKeyringIsRefused(t *testing.T) {
	t.Parallel()
	pool, path := makeDrawer(t), filepath.Join(t.TempDir(), "ring")
	envelopetest.Under(t, pool, path)
	exec(t, pool, `truncate keyring.key_encryption_keys cascade`, nil)
	ring, err := envelope.OpenRing(path, config.Secret{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = envelope.Open(t.Context(), envelope.Config{KMS: ring, Pool: pool}); err == nil || !strings.Contains(err.Error(), "restore") {
		t.Errorf("new keys were made over old values: %v", err)
	}
}

func TestAnotherMasterKeyOpensNothing(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	envelopetest.New(t, pool)
	ring, err := envelope.OpenRing(filepath.Join(t.TempDir(), "other"), config.Secret{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = envelope.Open(t.Context(), envelope.Config{KMS: ring, Pool: pool}); err == nil {
		t.Error("another ring opened the keys")
	}
}

func TestMovedAndAlteredKeysOpenNothing(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]string{
		"a data key given to another":     `update keyring.data_keys set user_id = gen_random_uuid()`,
		"a data key moved to a scope":     `update keyring.data_keys set scope = 'other'`,
		"a data key with one bit less":    `update keyring.data_keys set wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)`,
		"a data key under another name":   `update keyring.data_keys set id = gen_random_uuid()`,
		"a wrapped key that is cut off":   `update keyring.data_keys set wrapped = substring(wrapped from 1 for 20)`,
		"a value named for another's key": `update drawer set value = set_byte(value, 5, get_byte(value, 5) # 1)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, path := makeDrawer(t), filepath.Join(t.TempDir(), "ring")
			owner := id.New[id.User]()
			put(t, pool, envelopetest.Under(t, pool, path), owner, "x", "secret")
			exec(t, pool, harm, nil)
			if got, err := get(t, pool, envelopetest.Under(t, pool, path), owner, "x"); fault.KindOf(err) != fault.Internal || got != "" {
				t.Errorf("opened %q, %v", got, err)
			}
		})
	}
}

func TestALockedRingNeedsItsPassphrase(t *testing.T) {
	t.Parallel()
	path, right := filepath.Join(t.TempDir(), "ring"), config.NewSecret("correct horse battery")
	if _, err := envelope.OpenRing(path, config.Secret{}); err != nil { // without one, at first
		t.Fatal(err)
	}
	r, err := envelope.OpenRing(path, right)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); strings.Contains(string(b), "primaryKeyId") {
		t.Error("the ring was left open")
	}
	wrapped, err := r.Wrap(t.Context(), []byte("key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := envelope.OpenRing(path, right)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.Unwrap(t.Context(), wrapped, nil); err != nil || string(got) != "key" {
		t.Errorf("%q, %v", got, err)
	}
	for what, wrong := range map[string]config.Secret{"none": {}, "another": config.NewSecret("correct horse batterz"), "a short one": config.NewSecret("x")} {
		if _, err := envelope.OpenRing(path, wrong); err == nil {
			t.Errorf("%s opened it", what)
		}
	}
	if _, err := envelope.OpenRing(filepath.Join(t.TempDir(), "new"), config.NewSecret("short")); err == nil {
		t.Error("a short passphrase was taken")
	}
}

// TestTwoRotatorsAndWritersAtOnce moves values while others are written and read.
func TestTwoRotatorsAndWritersAtOnce(t *testing.T) {
	t.Parallel()
	pool, path := makeDrawer(t), filepath.Join(t.TempDir(), "ring")
	first, second := envelopetest.Under(t, pool, path), envelopetest.Under(t, pool, path)
	owners := make([]id.User, 40)
	for i := range owners {
		owners[i] = id.New[id.User]()
		put(t, pool, first, owners[i], fmt.Sprint("old ", i), "x")
	}
	ctx, stop := context.WithCancel(t.Context())
	var readers, rotators sync.WaitGroup
	readers.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			n := i % len(owners)
			if got, err := get(t, pool, second, owners[n], fmt.Sprint("old ", n)); err != nil || got != "x" {
				t.Errorf("while rotating: %q, %v", got, err)
				return
			}
		}
	})
	for _, k := range []*envelope.Keys{first, second} {
		rotators.Go(func() {
			for range 2 {
				if _, err := k.RotateKEK(t.Context()); err != nil {
					t.Error(err)
				}
				if err := k.RewrapDataKeys(t.Context(), nil); err != nil {
					t.Error(err)
				}
				if _, err := k.RetireDataKeys(t.Context(), nil); err != nil {
					t.Error(err)
				}
				// Keys that another rotator has just retired may still be named by what it is moving.
				if err := k.Reseal(t.Context(), []envelope.Place{drawer}, time.Hour, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	rotators.Wait()
	stop()
	readers.Wait()
	found, err := envelopetest.Under(t, pool, path).Verify(t.Context(), []envelope.Place{drawer})
	if err != nil || found[0].Values != len(owners) || found[0].Failed != 0 {
		t.Errorf("found %+v, %v", found, err)
	}
}
