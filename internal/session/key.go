package session

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/platform/postgres"
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

// JWKS returns the public keys that access tokens can be verified with.
func (s *Service) JWKS() []JWK {
	list := []JWK{}
	for _, k := range *s.tokens.ring.Load() {
		list = append(list, JWK{
			KeyType: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(k.public),
			KeyID: k.kid, Use: "sig", Algorithm: "EdDSA",
		})
	}
	return list
}

// loadKeys reads the signing keys and, at the very first start, makes one. Nodes
// that start together wait for each other here and end up with the same.
func (s *Service) loadKeys(ctx context.Context) error {
	var ring []key
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		ring = nil
		if err := postgres.Serialize(ctx, tx, "session.signing_keys"); err != nil {
			return err
		}
		rows, err := listKeys(ctx, tx)
		if err != nil {
			return fmt.Errorf("list signing keys: %w", err)
		}
		if len(rows) == 0 {
			row, err := s.makeKey(ctx, tx)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		for _, row := range rows {
			k, err := s.openKey(ctx, row)
			if err != nil {
				return err
			}
			ring = append(ring, k)
		}
		return nil
	})
	if err != nil {
		return err
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
	row := keyRow{Kid: thumbprint(public), PublicKey: public}
	if row.SealedKey, err = s.keys.Seal(ctx, keyRef(row.Kid), private.Seed()); err != nil {
		return keyRow{}, err
	}
	now := s.now()
	if err := insertKey(ctx, tx, row, now); err != nil {
		return keyRow{}, fmt.Errorf("store signing key: %w", err)
	}
	return row, audit.Record(ctx, tx, now, audit.Entry{
		Actor: access.SystemActor("session.start", id.User{}), Verb: "signing_key.create", Object: row.Kid,
	})
}

func (s *Service) openKey(ctx context.Context, row keyRow) (key, error) {
	seed, err := s.keys.Open(ctx, keyRef(row.Kid), row.SealedKey)
	if err != nil {
		return key{}, fmt.Errorf("the signing key %s can't be opened with this key ring; "+
			"put the ring back that belongs to this database: %w", row.Kid, err)
	}
	if len(seed) != ed25519.SeedSize {
		return key{}, fmt.Errorf("signing key %s: %d bytes are no seed", row.Kid, len(seed))
	}
	private := ed25519.NewKeyFromSeed(seed)
	public, ok := private.Public().(ed25519.PublicKey)
	if !ok || !public.Equal(ed25519.PublicKey(row.PublicKey)) || thumbprint(public) != row.Kid {
		return key{}, fmt.Errorf("signing key %s: its parts don't belong together", row.Kid)
	}
	return key{kid: row.Kid, public: public, private: private}, nil
}

// thumbprint is the key's id: RFC 7638, so that anyone can compute it.
func thumbprint(public ed25519.PublicKey) string {
	x := base64.RawURLEncoding.EncodeToString(public)
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
