// Package envelope seals what must be unreadable when the database is stolen:
// provider credentials, signing keys, other people's secrets.
//
// A sealed value opens only where it was sealed. The place (owner, table and
// column, row) is bound to the ciphertext as associated data, so that one moved
// to another row, another column or another person doesn't open. Nothing that
// was changed, cut short or sealed under another key ring opens either; all of
// these are ErrSealed, and the caller gets no bytes.
//
// The life of the keys: OpenRing makes a ring file at the first start and reads
// it at every later one. The ring holds a Tink keyset for sealing (AES-256-GCM,
// each value with its own nonce) and one for keyed hashes. Both are keysets
// rather than keys, so a newer key can join while older values still open.
// Losing the ring means losing what was sealed under it: back it up, apart from
// the database.
package envelope

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/tink"

	"flint/internal/fault"
	"flint/internal/id"
)

// ErrSealed says that a sealed value doesn't open here: it was altered, moved
// from another place, or sealed under another key ring.
var ErrSealed = fault.New(fault.Internal, "sealed", "A stored secret can't be opened.")

// format is the first byte of every sealed value. Another layout takes another
// number, and Open tells them apart before it trusts anything else.
const format byte = 1

// Ref says where a sealed value lives.
type Ref struct {
	Owner id.User // the person it belongs to; zero for Flint's own
	Place string  // table and column: "connections.credential"
	Row   string  // the row's key
}

// Keys seal and open. They are safe for use by many goroutines.
type Keys struct {
	aead tink.AEAD
	mac  []byte
}

// Seal returns plain sealed for ref. It fails when ref names no place, since a
// value bound to nothing could be moved anywhere.
func (k *Keys) Seal(_ context.Context, ref Ref, plain []byte) ([]byte, error) {
	if ref.Place == "" || ref.Row == "" {
		return nil, fmt.Errorf("seal: the reference needs a place and a row, got %q and %q", ref.Place, ref.Row)
	}
	body, err := k.aead.Encrypt(plain, ref.bind())
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", ref.Place, err)
	}
	return append([]byte{format}, body...), nil
}

// Open returns what was sealed for ref, or ErrSealed.
func (k *Keys) Open(_ context.Context, ref Ref, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, fault.Because(ErrSealed, fmt.Errorf("open %s: nothing is stored", ref.Place))
	}
	if sealed[0] != format {
		return nil, fault.Because(ErrSealed, fmt.Errorf("open %s: format %d is not known", ref.Place, sealed[0]))
	}
	plain, err := k.aead.Decrypt(sealed[1:], ref.bind())
	if err != nil {
		return nil, fault.Because(ErrSealed, fmt.Errorf("open %s: %w", ref.Place, err))
	}
	return plain, nil
}

// Mac returns the 32-byte keyed hash of data. Hashes of one purpose say nothing
// about those of another, and none can be computed without the ring.
func (k *Keys) Mac(purpose string, data []byte) []byte {
	h := hmac.New(sha256.New, k.mac)
	h.Write(frame(nil, []byte(purpose)))
	h.Write(data)
	return h.Sum(nil)
}

// bind encodes ref as associated data. Each part goes with its length, so that
// no two references have one encoding.
func (r Ref) bind() []byte {
	b := append([]byte("flint.envelope"), format)
	b = frame(b, r.Owner[:])
	b = frame(b, []byte(r.Place))
	return frame(b, []byte(r.Row))
}

func frame(b, part []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
	return append(b, part...)
}
