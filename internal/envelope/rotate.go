package envelope

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Each rotation begins with a new key that seals whatever is sealed from then
// on, and goes on with moving what older keys sealed, in small transactions.
// Nothing stops meanwhile: both keys open. What is done is known from the rows
// alone, so a rotation that was killed goes on where it was, by whoever starts
// it next, and two at once share the work.

// batch is how many keys or values one transaction moves.
const batch = 200

// Progress is told after each step: how many were moved, how many were left when
// it began.
type Progress func(done, total int)

// RotateMaster makes a new version of the master key and wraps the
// key-encryption keys with it.
func (k *Keys) RotateMaster(ctx context.Context) error {
	if err := k.kms.Rotate(ctx); err != nil {
		return fmt.Errorf("rotate the master key: %w", err)
	}
	return k.Move(ctx, k.kms)
}

// Move wraps the key-encryption keys with the newest version of another master
// key (or of the same). Nodes that start after it must be told of the other KMS;
// those that run go on with what they have opened.
func (k *Keys) Move(ctx context.Context, to KMS) error {
	ctx = system(ctx)
	rows, err := listKEKs(ctx, k.pool)
	if err != nil {
		return fmt.Errorf("read the key-encryption keys: %w", err)
	}
	for _, row := range rows {
		if row.DestroyedAt != nil {
			continue
		}
		b, err := k.kms.Unwrap(ctx, row.Wrapped, bindKEK(row.Version))
		if err != nil {
			return fmt.Errorf("unwrap key-encryption key %d: %w", row.Version, err)
		}
		wrapped, err := to.Wrap(ctx, b, bindKEK(row.Version))
		if err != nil {
			return fmt.Errorf("wrap key-encryption key %d: %w", row.Version, err)
		}
		// Whoever rotates at the same time has wrapped it as well: either will do.
		if _, err := rewrapKEK(ctx, k.pool, row.Version, to.Name(), row.Wrapped, wrapped); err != nil {
			return fmt.Errorf("store key-encryption key %d: %w", row.Version, err)
		}
	}
	return nil
}

// RotateKEK puts a new key-encryption key in use. RewrapDataKeys moves the data
// keys to it.
func (k *Keys) RotateKEK(ctx context.Context) (version int, err error) {
	ctx = system(ctx)
	if err := k.loadKEKs(ctx); err != nil {
		return 0, err
	}
	newest, _ := k.newestKEK()
	version = newest + 1
	if err := k.addKEK(ctx, version); err != nil { // or another rotator's of this moment
		return 0, err
	}
	if err := retireOlderKEKs(ctx, k.pool, version, k.now().UTC()); err != nil {
		return 0, fmt.Errorf("retire the older key-encryption keys: %w", err)
	}
	return version, k.loadKEKs(ctx)
}

// RewrapDataKeys moves all data keys to the newest key-encryption key, and
// destroys those on which nothing hangs any more.
func (k *Keys) RewrapDataKeys(ctx context.Context, tell Progress) error {
	ctx = system(ctx)
	if err := k.loadKEKs(ctx); err != nil {
		return err
	}
	newest, _ := k.newestKEK()
	total, err := countStaleDataKeys(ctx, k.pool, newest)
	if err != nil {
		return fmt.Errorf("count data keys: %w", err)
	}
	for done := 0; ; {
		n, err := k.rewrapSome(ctx)
		if errors.Is(err, errRetired) { // another rotator went on: so do we, to its key
			if err = k.loadKEKs(ctx); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if done += n; tell != nil {
			tell(min(done, total), total)
		}
		if n == 0 {
			break
		}
	}
	if err := k.rewrapHashKey(ctx); err != nil && !errors.Is(err, errRetired) { // then the other does it
		return err
	}
	if _, err := destroyIdleKEKs(ctx, k.pool, k.now().UTC()); err != nil {
		return fmt.Errorf("destroy idle key-encryption keys: %w", err)
	}
	return k.loadKEKs(ctx)
}

// errRetired says that the key-encryption key that we move things to has retired
// meanwhile.
var errRetired = errors.New("the key-encryption key has retired")

// holdNewest keeps the key that things are moved to in use until tx ends.
func holdNewest(ctx context.Context, tx pgx.Tx, version int) error {
	held, err := holdKEK(ctx, tx, version)
	if err == nil && !held {
		return errRetired
	}
	return err
}

// rewrapSome moves one batch and returns how many those were. None means that
// none is left, or that others are at the last of them.
func (k *Keys) rewrapSome(ctx context.Context) (n int, err error) {
	version, kek := k.newestKEK()
	err = postgres.InTx(ctx, k.pool, func(tx pgx.Tx) error {
		if err := holdNewest(ctx, tx, version); err != nil {
			return err
		}
		rows, err := lockStaleDataKeys(ctx, tx, version, batch)
		if err != nil {
			return fmt.Errorf("find data keys: %w", err)
		}
		ids, wrapped := make([]id.DataKey, len(rows)), make([][]byte, len(rows))
		for i, row := range rows {
			old, err := k.kekAgain(ctx, row.Kek)
			if err != nil {
				return err
			}
			bound := bindDataKey(row.ID, row.UserID, row.Scope)
			b, err := old.Decrypt(row.Wrapped, bound)
			if err != nil {
				return fmt.Errorf("unwrap data key %s: %w", row.ID, err)
			}
			ids[i] = row.ID
			if wrapped[i], err = kek.Encrypt(b, bound); err != nil {
				return fmt.Errorf("wrap data key %s: %w", row.ID, err)
			}
		}
		n = len(rows)
		if n == 0 {
			return nil
		}
		return rewrapDataKeys(ctx, tx, version, ids, wrapped)
	})
	return n, err
}

func (k *Keys) rewrapHashKey(ctx context.Context) error {
	row, err := findHashKey(ctx, k.pool)
	if err != nil {
		return fmt.Errorf("read the hashing key: %w", err)
	}
	version, kek := k.newestKEK()
	if row.Kek == version {
		return nil
	}
	wrapped, err := kek.Encrypt(k.mac, bindHashKey(row.Version))
	if err != nil {
		return fmt.Errorf("wrap the hashing key: %w", err)
	}
	err = postgres.InTx(ctx, k.pool, func(tx pgx.Tx) error {
		if err := holdNewest(ctx, tx, version); err != nil {
			return err
		}
		_, err := rewrapHashKey(ctx, tx, row.Version, version, row.Wrapped, wrapped)
		return err
	})
	if err != nil {
		return fmt.Errorf("store the hashing key: %w", err)
	}
	return nil
}

// RetireDataKeys lets everybody's data keys seal nothing new, or those of one
// person (owner not nil): the next value gets a fresh one. Other nodes follow
// within a minute. Reseal moves what the old ones sealed.
func (k *Keys) RetireDataKeys(ctx context.Context, owner *id.User) (int64, error) {
	ctx = system(ctx)
	now := k.now().UTC()
	var of *uuid.UUID
	if owner != nil {
		u := owned(*owner)
		of = &u
	}
	n, err := retireDataKeys(ctx, k.pool, of, now, now)
	if err != nil {
		return 0, fmt.Errorf("retire data keys: %w", err)
	}
	k.byOwner.Purge()
	return n, nil
}

// Shred destroys every data key of owner: nothing that was sealed for them opens
// again, in no copy of the data. Nodes that hold one open forget it within a
// minute. It returns how many keys those were; none is no error.
func (k *Keys) Shred(ctx context.Context, tx pgx.Tx, owner id.User) (int64, error) {
	n, err := shredOwner(ctx, tx, owner)
	if err != nil {
		return 0, fmt.Errorf("destroy data keys: %w", err)
	}
	k.forget(func(key dataKey) bool { return key.owner == owner })
	return n, nil
}

// ShredOne destroys the data key of a value that was sealed Apart.
func (k *Keys) ShredOne(ctx context.Context, tx pgx.Tx, ref Ref) error {
	if !ref.Apart {
		return fmt.Errorf("shred %s: it shares its data key with others", ref.Place)
	}
	if _, err := shredScope(ctx, tx, ref.Owner, ref.scope()); err != nil {
		return fmt.Errorf("destroy the data key of %s: %w", ref.Place, err)
	}
	k.forget(func(key dataKey) bool { return key.owner == ref.Owner && key.scope == ref.scope() })
	return nil
}

// forget drops what this node holds open.
func (k *Keys) forget(which func(dataKey) bool) {
	for _, key := range k.byID.Values() {
		if which(key) {
			k.byID.Remove(key.id)
			k.byOwner.Remove(slot{key.owner, key.scope})
		}
	}
}

// Layer is how one layer of keys stands, for operators.
type Layer struct {
	Name    string // "key-encryption key 3", "data keys"
	State   string // in use, retired, destroyed
	Made    time.Time
	Under   string // what wraps it
	Holding int    // keys that hang on it, or that it counts
}

// List says how every layer stands, from the top.
func (k *Keys) List(ctx context.Context) ([]Layer, error) {
	ctx = system(ctx)
	rows, err := listKEKs(ctx, k.pool)
	if err != nil {
		return nil, fmt.Errorf("read the key-encryption keys: %w", err)
	}
	holding, err := keysByKEK(ctx, k.pool)
	if err != nil {
		return nil, err
	}
	var list []Layer
	for _, row := range rows {
		l := Layer{Name: fmt.Sprintf("key-encryption key %d", row.Version), State: "in use", Made: row.CreatedAt, Under: row.KMS, Holding: holding[row.Version]}
		switch {
		case row.DestroyedAt != nil:
			l.State = "destroyed"
		case row.RetiredAt != nil:
			l.State = "retired"
		}
		list = append(list, l)
	}
	a, err := dataKeyAges(ctx, k.pool)
	if err != nil {
		return nil, fmt.Errorf("count data keys: %w", err)
	}
	l := Layer{Name: "data keys", State: "in use", Under: "key-encryption keys", Holding: a.InUse}
	if a.Oldest != nil {
		l.Made = *a.Oldest
	}
	list = append(list, l)
	if a.Retired > 0 {
		list = append(list, Layer{Name: "data keys", State: "retired", Under: "key-encryption keys", Holding: a.Retired})
	}
	return list, nil
}
