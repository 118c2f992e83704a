package envelope

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"flint/internal/id"
)

// keySize is that of every key of the hierarchy, in bytes: AES-256.
const keySize = 32

// freshKey returns the bytes of a new key, which the caller wraps and forgets.
func freshKey() []byte {
	b := make([]byte, keySize)
	_, _ = rand.Read(b) // never fails; it ends the program if the system has no randomness
	return b
}

// newKey returns AES-256-GCM with a random nonce for each value.
func newKey(b []byte) (tink.AEAD, error) {
	if len(b) != keySize {
		return nil, fmt.Errorf("a key has %d bytes, not %d", keySize, len(b))
	}
	k, err := subtle.NewAESGCM(b)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return k, nil
}

// What is bound to each ciphertext, so that none opens as another. Each kind
// begins with a word of its own.

func bindKEK(version int) []byte {
	return frame([]byte("flint.kek"), []byte(strconv.Itoa(version)))
}

func bindDataKey(key id.DataKey, owner id.User, scope string) []byte {
	b := frame([]byte("flint.datakey"), key[:])
	b = frame(b, owner[:])
	return frame(b, []byte(scope))
}

func bindHashKey(version int) []byte {
	return frame([]byte("flint.hashkey"), []byte(strconv.Itoa(version)))
}

// bind encodes ref and the data key as associated data. Each part goes with its
// length, so that no two references have one encoding.
func (r Ref) bind(key id.DataKey) []byte {
	b := append([]byte("flint.envelope"), format)
	b = frame(b, key[:])
	b = frame(b, r.Owner[:])
	b = frame(b, []byte(r.Place))
	return frame(b, []byte(r.Row))
}

func frame(b, part []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
	return append(b, part...)
}
