package session

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flint/internal/envelope"
)

// JWK is a public key as RFC 7517 and RFC 8037 write it.
type JWK struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	KeyID     string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
}

// JWKS returns the public keys that access tokens can be verified with, and
// those that will sign soon.
func (s *Service) JWKS() []JWK {
	list := []JWK{}
	for _, k := range *s.tokens.ring.Load() {
		if k.retired() {
			continue
		}
		list = append(list, JWK{
			KeyType: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(k.public),
			KeyID: k.kid, Use: "sig", Algorithm: "EdDSA",
		})
	}
	return list
}

// loadKeys makes the keys of the database those of this node. It changes
// nothing if one of them can't be opened, or if there is none.
func (s *Service) loadKeys(ctx context.Context) error {
	s.load.Lock()
	defer s.load.Unlock()
	rows, err := listKeys(ctx, s.pool, s.now().Add(-s.cfg.IdleTTL))
	if err != nil {
		return fmt.Errorf("list signing keys: %w", err)
	}
	var ring []key
	for _, row := range rows {
		k, err := s.openKey(ctx, row)
		if err != nil {
			return err
		}
		ring = append(ring, k)
	}
	if _, ok := signer(ring, s.now()); !ok {
		return errors.New("load signing keys: there is none that signs")
	}
	return s.tokens.use(ring)
}

func keyRef(kid string) envelope.Ref {
	return envelope.Ref{Place: "signing_keys.sealed_key", Row: kid}
}

func (s *Service) makeKey(ctx context.Context, tx pgx.Tx) (keyRow, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return keyRow{}, fmt.Errorf("make signing key: %w", err)
	}
	row := keyRow{Kid: thumbprint(public), PublicKey: public, CreatedAt: s.now()}
	if row.SealedKey, err = s.keys.Seal(ctx, keyRef(row.Kid), private.Seed()); err != nil {
		return keyRow{}, err
	}
	if err := insertKey(ctx, tx, row); err != nil {
		return keyRow{}, fmt.Errorf("store signing key: %w", err)
	}
	return row, nil
}

func (s *Service) openKey(ctx context.Context, row keyRow) (key, error) {
	k := key{kid: row.Kid, public: row.PublicKey, from: row.CreatedAt.Add(s.overlap())}
	if len(row.PublicKey) != ed25519.PublicKeySize || thumbprint(k.public) != row.Kid {
		return key{}, fmt.Errorf("signing key %s: its parts don't belong together", row.Kid)
	}
	if row.RetiredAt != nil {
		return k, nil
	}
	seed, err := s.keys.Open(ctx, keyRef(row.Kid), row.SealedKey)
	if err != nil {
		return key{}, fmt.Errorf("the signing key %s can't be opened with this key ring; "+
			"put the ring back that belongs to this database: %w", row.Kid, err)
	}
	if len(seed) != ed25519.SeedSize {
		return key{}, fmt.Errorf("signing key %s: %d bytes are no seed", row.Kid, len(seed))
	}
	k.private = ed25519.NewKeyFromSeed(seed)
	if !k.public.Equal(k.private.Public()) {
		return key{}, fmt.Errorf("signing key %s: its parts don't belong together", row.Kid)
	}
	return k, nil
}

// thumbprint is the key's id: RFC 7638, so that anyone can compute it.
func thumbprint(public ed25519.PublicKey) string {
	x := base64.RawURLEncoding.EncodeToString(public)
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
