// Package envelope seals what must be unreadable when the database is stolen:
// provider credentials, signing keys, other people's secrets.
//
// A sealed value opens only where it was sealed. The place (owner, table and
// column, row) and the data key are bound to the ciphertext as associated data,
// so that one moved to another row, another column or another person doesn't
// open. Nothing that was changed, cut short or sealed under other keys opens
// either; all of these are ErrSealed, and the caller gets no bytes.
//
// Keys come in three layers, each sealing the next (AES-256-GCM):
//
//	master key           in a KMS: a file on this machine (ring.go), Vault, AWS
//	  key-encryption key  one in use, older ones until nothing hangs on them
//	    data key          one for each person, one for each provider credential
//	      sealed values   each with its own nonce
//
// All but the master key are rows of the schema keyring, wrapped by the layer
// above. The master key is asked when a node starts and when keys are rotated;
// a request costs at most one row, and nothing while its data key is cached.
//
// To destroy a data key is to destroy all that it sealed, in every copy of the
// data (Shred). That is why the schema keyring is backed up apart, and only its
// latest state is kept: docs/security/keys.md.
//
// The life of a key: made when first needed, in use, retired by rotation (it
// still opens, and seals nothing new), destroyed once nothing hangs on it. Each
// layer rotates by itself and without stopping: see rotate.go and reseal.go.
package envelope

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"flint/internal/fault"
	"flint/internal/id"
)

// ErrSealed says that a sealed value doesn't open here: it was altered, moved
// from another place, sealed under other keys, or its key was destroyed.
var ErrSealed = fault.New(fault.Internal, "sealed", "A stored secret can't be opened.")

// ErrErased is the cause of an ErrSealed whose data key was destroyed.
var ErrErased = errors.New("its data key is not there")

// The first byte of every sealed value is its format. Another layout takes
// another number, and Open tells them apart before it trusts anything else.
const (
	oldest byte = 1 // by the ring's own key, before there were data keys
	format byte = 2 // the id of the data key, then nonce, ciphertext and tag
)

const header = 1 + 16 // bytes before the nonce

// Ref says where a sealed value lives.
type Ref struct {
	Owner id.User // the person it belongs to; zero for Flint's own
	Place string  // table and column: "connections.credential"
	Row   string  // the row's key
	// Apart gives the value a data key of its own, so that it can be destroyed
	// without the person's other secrets: for what opens another house.
	Apart bool
}

// scope names the data key among those of the owner.
func (r Ref) scope() string {
	if r.Apart {
		return r.Place + "/" + r.Row
	}
	return ""
}

// Seal returns plain sealed for ref. It fails when ref names no place, since a
// value bound to nothing could be moved anywhere.
func (k *Keys) Seal(ctx context.Context, ref Ref, plain []byte) ([]byte, error) {
	if ref.Place == "" || ref.Row == "" {
		return nil, fmt.Errorf("seal: the reference needs a place and a row, got %q and %q", ref.Place, ref.Row)
	}
	key, err := k.current(ctx, ref.Owner, ref.scope())
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", ref.Place, err)
	}
	body, err := key.aead.Encrypt(plain, ref.bind(key.id))
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", ref.Place, err)
	}
	sealed := make([]byte, 0, header+len(body))
	sealed = append(sealed, format)
	sealed = append(sealed, key.id[:]...)
	return append(sealed, body...), nil
}

// Open returns what was sealed for ref, or ErrSealed. Another error says that
// the keys couldn't be read: the value may be fine.
func (k *Keys) Open(ctx context.Context, ref Ref, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, fault.Because(ErrSealed, fmt.Errorf("open %s: nothing is stored", ref.Place))
	}
	switch {
	case sealed[0] == oldest && k.first != nil:
		plain, err := k.first.Decrypt(sealed[1:], ref.bindOldest())
		if err != nil {
			return nil, fault.Because(ErrSealed, fmt.Errorf("open %s: %w", ref.Place, err))
		}
		return plain, nil
	case sealed[0] != format:
		return nil, fault.Because(ErrSealed, fmt.Errorf("open %s: format %d is not known", ref.Place, sealed[0]))
	case len(sealed) < header:
		return nil, fault.Because(ErrSealed, fmt.Errorf("open %s: cut short", ref.Place))
	}
	key, err := k.named(ctx, id.DataKey(sealed[1:header]), ref)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", ref.Place, err)
	}
	plain, err := key.aead.Decrypt(sealed[header:], ref.bind(key.id))
	if err != nil {
		return nil, fault.Because(ErrSealed, fmt.Errorf("open %s: %w", ref.Place, err))
	}
	return plain, nil
}

// Mac returns the 32-byte keyed hash of data. Hashes of one purpose say nothing
// about those of another, and none can be computed without the keys.
func (k *Keys) Mac(purpose string, data []byte) []byte {
	h := hmac.New(sha256.New, k.mac)
	h.Write(frame(nil, []byte(purpose)))
	h.Write(data)
	return h.Sum(nil)
}

// bindOldest is bind as it was before there were data keys.
func (r Ref) bindOldest() []byte {
	b := append([]byte("flint.envelope"), oldest)
	b = frame(b, r.Owner[:])
	b = frame(b, []byte(r.Place))
	return frame(b, []byte(r.Row))
}
