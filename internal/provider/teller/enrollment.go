package teller

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
)

// Enrollment is what the Connect widget hands over, as far as it is signed.
type Enrollment struct {
	Nonce        string // ours, given to the widget
	AccessToken  string
	UserID       string
	EnrollmentID string
}

type signingKey = ed25519.PublicKey

// ErrSignature is returned when no signature over an enrollment verifies.
var ErrSignature = errors.New("no signature of the enrollment verifies")

// SignaturesRequired reports whether a signing key is configured, so that
// enrollments must be signed.
func (c *Client) SignaturesRequired() bool { return len(c.keys) > 0 }

// VerifyEnrollment checks that Teller signed e for our environment: one of the
// signatures must verify under one of the configured keys. Without a key it
// returns nil; Config refuses that outside the sandbox.
//
// The message is "nonce.accessToken.userId.enrollmentId.environment". Parts
// that hold a dot are refused, since two different enrollments could then read
// the same. Teller's words are "ED25519 with a SHA-256 digest"; whether the
// message is hashed first isn't said, so both forms are accepted.
func (c *Client) VerifyEnrollment(e Enrollment, signatures []string) error {
	if !c.SignaturesRequired() {
		return nil
	}
	parts := []string{e.Nonce, e.AccessToken, e.UserID, e.EnrollmentID, c.cfg.Environment}
	for _, p := range parts {
		if p == "" || strings.Contains(p, ".") {
			return ErrSignature
		}
	}
	message := []byte(strings.Join(parts, "."))
	digest := sha256.Sum256(message)
	if len(signatures) > 8 {
		signatures = signatures[:8]
	}
	for _, s := range signatures {
		signature, err := decode(s)
		if err != nil || len(signature) != ed25519.SignatureSize {
			continue
		}
		for _, key := range c.keys {
			if ed25519.Verify(key, message, signature) || ed25519.Verify(key, digest[:], signature) {
				return nil
			}
		}
	}
	return ErrSignature
}

// parseKeys reads Ed25519 public keys divided by commas, each 32 bytes in
// base64 or a PEM "PUBLIC KEY".
func parseKeys(list string) ([]signingKey, error) {
	var keys []signingKey
	for s := range strings.SplitSeq(list, ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		key, err := parseKey(s)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func parseKey(s string) (signingKey, error) {
	der, err := decode(s)
	if block, _ := pem.Decode([]byte(s)); block != nil {
		der, err = block.Bytes, nil
	}
	if err != nil {
		return nil, errors.New("neither base64 nor PEM")
	}
	if len(der) == ed25519.PublicKeySize {
		return der, nil
	}
	if key, err := x509.ParsePKIXPublicKey(der); err == nil {
		if key, ok := key.(ed25519.PublicKey); ok {
			return key, nil
		}
	}
	return nil, errors.New("not an Ed25519 public key")
}

// decode reads base64 in any of its spellings.
func decode(s string) ([]byte, error) {
	if len(s) > 1024 {
		return nil, errors.New("too long")
	}
	s = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimSpace(s)), "=")
	return base64.RawStdEncoding.DecodeString(s)
}
