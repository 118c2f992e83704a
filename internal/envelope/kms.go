package envelope

import "context"

// KMS holds the master key. It wraps the key-encryption keys and nothing else,
// so it is asked when a node starts and when keys are rotated, never for a
// request. Another provider is one more file like ring.go.
type KMS interface {
	// Name says which master key this is, as it is stored beside what it wrapped:
	// "ring", "vault:transit/flint". It names a key, not a version of it.
	Name() string
	// Wrap seals a key under the newest version of the master key.
	Wrap(ctx context.Context, key, bound []byte) ([]byte, error)
	// Unwrap opens what Wrap sealed, under whichever version. What was altered, or
	// bound to something else, is an error.
	Unwrap(ctx context.Context, wrapped, bound []byte) ([]byte, error)
	// Rotate makes a new version of the master key. What older ones wrapped
	// still opens.
	Rotate(ctx context.Context) error
}
