package envelope

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"

	"flint/internal/config"
)

// lockedFile is a ring under a passphrase: the salt and the cost by which the
// key comes from it (Argon2id), and the content sealed under that key.
type lockedFile struct {
	Version int    `json:"version"`
	KDF     string `json:"kdf"`
	Salt    []byte `json:"salt"`
	Time    uint32 `json:"time"`   // passes
	Memory  uint32 `json:"memory"` // KiB
	Sealed  []byte `json:"sealed"`
}

// The cost of one try at the passphrase: some 100 ms and 64 MiB (RFC 9106's
// second choice). Files may ask for more, within reason.
const (
	lockedVersion = 2
	kdfName       = "argon2id"
	kdfTime       = 3
	kdfMemory     = 64 << 10
	kdfMost       = 1 << 20
)

// minPassphrase is how short a passphrase may be, in bytes.
const minPassphrase = 16

var lockedBound = []byte("flint.ring")

// isLocked reports whether b is under a passphrase.
func isLocked(b []byte) bool {
	var head struct {
		Version int `json:"version"`
	}
	return json.Unmarshal(b, &head) == nil && head.Version == lockedVersion
}

// lock puts content under a passphrase, if there is one.
func lock(content []byte, passphrase config.Secret) ([]byte, error) {
	if passphrase.IsZero() {
		return content, nil
	}
	if len(passphrase.Reveal()) < minPassphrase {
		return nil, fmt.Errorf("FLINT_KEYRING_PASSPHRASE: at least %d characters", minPassphrase)
	}
	file := lockedFile{Version: lockedVersion, KDF: kdfName, Salt: make([]byte, 16), Time: kdfTime, Memory: kdfMemory}
	_, _ = rand.Read(file.Salt)
	key, err := newKey(file.derive(passphrase))
	if err != nil {
		return nil, err
	}
	if file.Sealed, err = key.Encrypt(content, lockedBound); err != nil {
		return nil, fmt.Errorf("seal it: %w", err)
	}
	b, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return append(b, '\n'), nil
}

// unlock returns the content of b, which may be under a passphrase or not.
func unlock(b []byte, passphrase config.Secret) ([]byte, error) {
	if !isLocked(b) {
		return b, nil
	}
	if passphrase.IsZero() {
		return nil, errors.New("it is locked: set FLINT_KEYRING_PASSPHRASE or FLINT_KEYRING_PASSPHRASE_FILE")
	}
	var file lockedFile
	if err := strictly(b, &file); err != nil {
		return nil, err
	}
	if file.KDF != kdfName || len(file.Salt) < 16 || file.Time < 1 || file.Time > 64 || file.Memory < 12<<10 || file.Memory > kdfMost {
		return nil, errors.New("its passphrase is used in a way that this program doesn't know")
	}
	key, err := newKey(file.derive(passphrase))
	if err != nil {
		return nil, err
	}
	content, err := key.Decrypt(file.Sealed, lockedBound)
	if err != nil {
		return nil, errors.New("the passphrase is wrong, or the file was altered")
	}
	return bytes.Clone(content), nil
}

func (f lockedFile) derive(passphrase config.Secret) []byte {
	return argon2.IDKey([]byte(passphrase.Reveal()), f.Salt, f.Time, f.Memory, 1, keySize)
}
