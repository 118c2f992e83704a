package envelope

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/tink-crypto/tink-go/v2/tink"

	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

const (
	// cached is how many data keys a node holds open, some 500 bytes each.
	cached = 20_000
	// remembered is for how long. A destroyed key opens nothing on any node after
	// that, and a retired one seals nothing.
	remembered = time.Minute
	// poolSize is how many connections the keys have to themselves: a caller in a
	// transaction holds one of the others already, so sharing could lock all up.
	poolSize = 2
)

// Config is what keys need.
type Config struct {
	KMS  KMS
	Pool *pgxpool.Pool    // of which a small one of its own is made
	Now  func() time.Time // default: time.Now
	// Release, if set, is called by Close: it lets go of the KMS.
	Release func()
}

// Keys seal and open. They are safe for use by many goroutines. Close them.
type Keys struct {
	kms     KMS
	data    *pgxpool.Pool // of whoever uses the keys
	pool    *pgxpool.Pool // of the keys alone
	now     func() time.Time
	release func()
	leave   func()    // ends that the keys go with data
	first   tink.AEAD // opens what was sealed before there were data keys; nil without a ring
	mac     []byte

	mu     sync.RWMutex
	keks   map[int]tink.AEAD // those that aren't destroyed
	newest int

	byID    *expirable.LRU[id.DataKey, dataKey]
	byOwner *expirable.LRU[slot, dataKey] // in use for sealing
}

// dataKey is one that was unwrapped.
type dataKey struct {
	id    id.DataKey
	owner id.User
	scope string
	aead  tink.AEAD
}

type slot struct {
	owner id.User
	scope string
}

// Open returns the keys that cfg.KMS opens, and makes the first ones of a new
// database. They go with the connections of cfg.Pool (Of) until they are closed.
// The schema must be up to date. The caller closes them.
func Open(ctx context.Context, cfg Config) (*Keys, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	ctx = system(ctx)
	own := cfg.Pool.Config()
	own.MaxConns, own.MinConns = poolSize, 0
	pool, err := pgxpool.NewWithConfig(ctx, own)
	if err != nil {
		return nil, fmt.Errorf("connect to the keys: %w", err)
	}
	k := &Keys{
		kms: cfg.KMS, data: cfg.Pool, pool: pool, now: cfg.Now, release: cfg.Release, keks: map[int]tink.AEAD{},
		byID:    expirable.NewLRU[id.DataKey, dataKey](cached, nil, remembered),
		byOwner: expirable.NewLRU[slot, dataKey](cached, nil, remembered),
	}
	var seed []byte // of the keyed hashes
	if ring, ok := cfg.KMS.(*Ring); ok {
		k.first, seed = ring.aead, ring.mac
	}
	if err = k.begin(ctx, seed); err == nil {
		err = k.loadHashKey(ctx)
	}
	if err == nil {
		k.leave, err = postgres.Accompany(ctx, cfg.Pool, k)
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	return k, nil
}

// errNoKeys says that something is to be sealed or opened where no keys are open.
var errNoKeys = errors.New("no keys are open for this database")

// Of returns the keys of the database that db is of, which Open opened.
func Of(ctx context.Context, db postgres.DB) (*Keys, error) {
	k, ok, err := postgres.Companion[*Keys](ctx, db)
	if err == nil && !ok {
		err = errNoKeys
	}
	return k, err
}

// system marks ctx as the keys' own business, whoever needs one.
func system(ctx context.Context) context.Context {
	return postgres.AsSystem(ctx, "a key is looked up by its id and opens nothing but its owner's values")
}

// Close lets go of the keys' connections.
func (k *Keys) Close() {
	if k.leave != nil {
		k.leave()
	}
	if k.pool != nil {
		k.pool.Close()
	}
	if k.release != nil {
		k.release()
	}
}

func (k *Keys) loadHashKey(ctx context.Context) error {
	var row hashRow
	kek, err := k.unwrapper(ctx, func() (version int, err error) {
		row, err = findHashKey(ctx, k.pool)
		return row.Kek, err
	})
	if err != nil {
		return fmt.Errorf("read the hashing key: %w", err)
	}
	if k.mac, err = kek.Decrypt(row.Wrapped, bindHashKey(row.Version)); err != nil {
		return fmt.Errorf("unwrap the hashing key: %w", err)
	}
	return nil
}

// loadKEKs asks the KMS for those that this node doesn't know yet.
func (k *Keys) loadKEKs(ctx context.Context) error {
	rows, err := listKEKs(ctx, k.pool)
	if err != nil {
		return fmt.Errorf("read the key-encryption keys: %w", err)
	}
	known, newest := map[int]tink.AEAD{}, 0
	for _, row := range rows {
		if row.DestroyedAt != nil {
			continue
		}
		k.mu.RLock()
		kek := k.keks[row.Version]
		k.mu.RUnlock()
		if kek == nil {
			if kek, err = k.unwrapKEK(ctx, row); err != nil {
				return err
			}
		}
		known[row.Version] = kek
		if row.RetiredAt == nil {
			newest = max(newest, row.Version)
		}
	}
	if newest == 0 {
		return errors.New("there is no key-encryption key in use: restore the schema keyring from its backup")
	}
	k.mu.Lock()
	k.keks, k.newest = known, newest
	k.mu.Unlock()
	return nil
}

func (k *Keys) unwrapKEK(ctx context.Context, row kekRow) (tink.AEAD, error) {
	b, err := k.kms.Unwrap(ctx, row.Wrapped, bindKEK(row.Version))
	if err != nil {
		hint := ""
		if row.KMS != k.kms.Name() {
			hint = fmt.Sprintf(" (it was wrapped by %s, and %s is configured)", row.KMS, k.kms.Name())
		}
		return nil, fmt.Errorf("unwrap key-encryption key %d%s: %w", row.Version, hint, err)
	}
	return newKey(b)
}

// kek returns one of the key-encryption keys that this node knows.
func (k *Keys) kek(version int) (tink.AEAD, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if kek := k.keks[version]; kek != nil {
		return kek, nil
	}
	return nil, fmt.Errorf("version %d: %w", version, errUnknownKEK)
}

// unwrapper returns the key-encryption key that the row hangs on which read reads.
// A row that was moved while we looked for its key is read again.
func (k *Keys) unwrapper(ctx context.Context, read func() (version int, err error)) (kek tink.AEAD, err error) {
	for range 3 {
		version, err := read()
		if err != nil {
			return nil, err
		}
		if kek, err = k.kekAgain(ctx, version); err == nil {
			return kek, nil
		}
		if !errors.Is(err, errUnknownKEK) {
			return nil, err
		}
	}
	return nil, errUnknownKEK
}

// errUnknownKEK says that a key-encryption key isn't there, or not any more.
var errUnknownKEK = errors.New("the key-encryption key isn't known here")

// kekAgain is kek, after another look at the database if need be: another node
// may have rotated.
func (k *Keys) kekAgain(ctx context.Context, version int) (tink.AEAD, error) {
	if kek, err := k.kek(version); err == nil {
		return kek, nil
	}
	if err := k.loadKEKs(ctx); err != nil {
		return nil, err
	}
	return k.kek(version)
}

func (k *Keys) newestKEK() (int, tink.AEAD) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.newest, k.keks[k.newest]
}

// current returns the data key that seals for owner, made now if there is none.
func (k *Keys) current(ctx context.Context, owner id.User, scope string) (dataKey, error) {
	if key, ok := k.byOwner.Get(slot{owner, scope}); ok {
		return key, nil
	}
	ctx = system(ctx)
	for range 3 { // more than one round only if somebody rotates at this very moment
		row, err := findCurrent(ctx, k.pool, owner, scope)
		if fault.KindOf(err) == fault.NotFound {
			row, err = k.makeDataKey(ctx, owner, scope)
		}
		if fault.KindOf(err) == fault.NotFound {
			if err = k.loadKEKs(ctx); err != nil {
				return dataKey{}, err
			}
			continue
		}
		if err != nil {
			return dataKey{}, fmt.Errorf("find the data key: %w", err)
		}
		key, err := k.unwrap(ctx, row)
		if errors.Is(err, errUnknownKEK) {
			continue
		}
		if err == nil {
			k.byOwner.Add(slot{owner, scope}, key)
		}
		return key, err
	}
	return dataKey{}, errors.New("no data key could be made: the key-encryption keys change too fast")
}

// makeDataKey stores a fresh one, or finds the one that somebody else has just
// stored. It returns fault.ErrNotFound if our key-encryption key has retired.
func (k *Keys) makeDataKey(ctx context.Context, owner id.User, scope string) (keyRow, error) {
	version, kek := k.newestKEK()
	b := freshKey()
	row := keyRow{ID: id.New[id.DataKey](), UserID: owner, Scope: scope, Kek: version}
	wrapped, err := kek.Encrypt(b, bindDataKey(row.ID, owner, scope))
	if err != nil {
		return keyRow{}, fmt.Errorf("wrap a data key: %w", err)
	}
	row.Wrapped = wrapped
	n, err := insertDataKey(ctx, k.pool, row, k.now().UTC())
	if err != nil {
		return keyRow{}, fmt.Errorf("store a data key: %w", err)
	}
	if n == 1 {
		return row, nil
	}
	return findCurrent(ctx, k.pool, owner, scope)
}

// named returns the data key with this id, if it is one that ref may use. Who
// asks for another's learns only that the value doesn't open.
func (k *Keys) named(ctx context.Context, key id.DataKey, ref Ref) (dataKey, error) {
	found, ok := k.byID.Get(key)
	if !ok {
		ctx = system(ctx)
		var row keyRow
		kek, err := k.unwrapper(ctx, func() (version int, err error) {
			row, err = findDataKey(ctx, k.pool, key)
			return row.Kek, err
		})
		if fault.KindOf(err) == fault.NotFound {
			return dataKey{}, fault.Because(ErrSealed, ErrErased)
		}
		if err != nil {
			return dataKey{}, fmt.Errorf("find the data key: %w", err)
		}
		if found, err = k.openDataKey(row, kek); err != nil {
			return dataKey{}, err
		}
	}
	if found.owner != ref.Owner || found.scope != ref.scope() {
		return dataKey{}, fault.Because(ErrSealed, errors.New("its data key is another's"))
	}
	return found, nil
}

func (k *Keys) unwrap(ctx context.Context, row keyRow) (dataKey, error) {
	kek, err := k.kekAgain(ctx, row.Kek)
	if err != nil {
		return dataKey{}, err
	}
	return k.openDataKey(row, kek)
}

func (k *Keys) openDataKey(row keyRow, kek tink.AEAD) (dataKey, error) {
	b, err := kek.Decrypt(row.Wrapped, bindDataKey(row.ID, row.UserID, row.Scope))
	if err != nil {
		return dataKey{}, fault.Because(ErrSealed, fmt.Errorf("unwrap its data key: %w", err))
	}
	aead, err := newKey(b)
	if err != nil {
		return dataKey{}, err
	}
	key := dataKey{id: row.ID, owner: row.UserID, scope: row.Scope, aead: aead}
	k.byID.Add(row.ID, key)
	return key, nil
}
