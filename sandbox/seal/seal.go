// Package seal makes the keys of those far ends of the sandbox that seal for
// others. They live in memory and end with the program.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
)

// NewKey returns a fresh key: AES-256-GCM with a random nonce for each value.
func NewKey() cipher.AEAD {
	var b [32]byte
	_, _ = rand.Read(b[:])
	block, err := aes.NewCipher(b[:])
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return gcm
}
