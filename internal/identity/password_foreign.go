package identity

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"

	"flint/internal/config"
)

// Hashes that were made elsewhere come in with their owners, and stay until the
// first sign-in, which replaces them by our own (see Service.rehash):
//
//	$2b$12$…                          bcrypt, also $2a and $2y
//	$scrypt$ln=16,r=8,p=1$salt$hash   PHC
//	$pbkdf2-sha256$i=600000$salt$hash PHC, also -sha512; or passlib's, without "i="
//
// Neither these nor our own are believed about how much work to do: a stored
// hash out of bounds is an error, and takes no time.
var errStored = errors.New("read stored hash: it isn't of a kind that is known, or its parameters are out of bounds")

// The bounds of stored hashes. The dearest of each takes a second or three.
const (
	maxBcrypt     = 14
	maxScryptMem  = 256 << 20 // bytes: 128·N·r
	maxScryptWork = 1 << 22   // N·r·p
	minPBKDF2     = 1_000
	maxPBKDF2     = 2_000_000
)

// comparer tells whether a password fits a stored hash.
type comparer func(password []byte) (bool, error)

// read understands a stored hash, or returns an error that doesn't repeat it.
func read(phc string) (comparer, error) {
	switch kind, _, _ := strings.Cut(strings.TrimPrefix(phc, "$"), "$"); kind {
	case "argon2id":
		return readArgon2(phc)
	case "2a", "2b", "2y":
		return readBcrypt(phc)
	case "scrypt":
		return readScrypt(phc)
	case "pbkdf2-sha256":
		return readPBKDF2(phc, sha256.New)
	case "pbkdf2-sha512":
		return readPBKDF2(phc, sha512.New)
	}
	return nil, errStored
}

func readArgon2(phc string) (comparer, error) {
	p, _, _, err := argon2id.DecodeHash(phc)
	if err != nil || p.Memory < 8 || p.Memory > maxMemory*1024 || p.Iterations < 1 || p.Iterations > maxPasses || p.Parallelism < 1 || p.Parallelism > 8 ||
		p.SaltLength < 8 || p.SaltLength > 64 || p.KeyLength < 16 || p.KeyLength > 64 {
		return nil, errStored
	}
	return func(password []byte) (bool, error) {
		return argon2id.ComparePasswordAndHash(string(password), phc)
	}, nil
}

func readBcrypt(phc string) (comparer, error) {
	if cost, err := bcrypt.Cost([]byte(phc)); err != nil || cost > maxBcrypt || len(phc) != 60 {
		return nil, errStored
	}
	return func(password []byte) (bool, error) {
		// It never looked beyond 72 bytes; our own hash of all of them follows.
		err := bcrypt.CompareHashAndPassword([]byte(phc), password[:min(len(password), 72)])
		if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			return false, nil
		}
		return err == nil, err
	}, nil
}

func readScrypt(phc string) (comparer, error) {
	parameters, salt, key, err := fields(phc)
	if err != nil {
		return nil, err
	}
	var ln, r, p int
	if n, err := fmt.Sscanf(parameters, "ln=%d,r=%d,p=%d", &ln, &r, &p); n != 3 || err != nil || ln < 1 || ln > 20 || r < 1 || r > 64 || p < 1 || p > 16 ||
		128*r<<ln > maxScryptMem || r*p<<ln > maxScryptWork {
		return nil, errStored
	}
	return func(password []byte) (bool, error) {
		got, err := scrypt.Key(password, salt, 1<<ln, r, p, len(key))
		return subtle.ConstantTimeCompare(got, key) == 1, err
	}, nil
}

func readPBKDF2(phc string, h func() hash.Hash) (comparer, error) {
	parameters, salt, key, err := fields(phc)
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(parameters, "i="), ",") // l= says what the key's length says, too
	rounds, err := strconv.Atoi(first)
	if err != nil || rounds < minPBKDF2 || rounds > maxPBKDF2 {
		return nil, errStored
	}
	return func(password []byte) (bool, error) {
		got, err := pbkdf2.Key(h, string(password), salt, rounds, len(key))
		return subtle.ConstantTimeCompare(got, key) == 1, err
	}, nil
}

// fields takes "$kind$parameters$salt$key" apart. Salt and key are base64
// without padding, "." standing for "+" in passlib's.
func fields(phc string) (parameters string, salt, key []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 5 || parts[0] != "" {
		return "", nil, nil, errStored
	}
	decode := func(s string) []byte {
		b, err := base64.RawStdEncoding.Strict().DecodeString(strings.ReplaceAll(s, ".", "+"))
		if err != nil {
			return nil
		}
		return b
	}
	salt, key = decode(parts[3]), decode(parts[4])
	if len(salt) < 4 || len(salt) > 64 || len(key) < 16 || len(key) > 64 {
		return "", nil, nil, errStored
	}
	return parts[2], salt, key, nil
}

// stale reports whether a stored hash isn't what hash makes today: made
// elsewhere, or with other parameters.
func (h *hasher) stale(phc string) bool {
	p, _, _, err := argon2id.DecodeHash(phc)
	return err != nil || *p != *h.params
}

// checkHash refuses a hash that nobody could sign in with.
func checkHash(phc config.Secret) error {
	_, err := read(phc.Reveal())
	return err
}
