package session_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/envelope/envelopetest"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/web/webtest"
	"flint/internal/session"
)

// mustToken makes a confirmation token for the person at email.
func mustToken(t *testing.T, h *house, email string) config.Secret {
	t.Helper()
	p, err := h.people.PersonByEmail(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	var token config.Secret
	err = postgres.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
		token, err = h.people.MakeToken(t.Context(), tx, p.ID, identity.ConfirmEmail, time.Hour)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// stolen returns the node's private signing key, which no attacker has: it is
// how the tests make tokens that are wrong in one thing only.
func (h *house) stolen(t *testing.T) (kid string, key ed25519.PrivateKey) {
	t.Helper()
	keys := envelopetest.Under(t, h.pool, h.ring)
	var sealed []byte
	if err := h.pool.QueryRow(t.Context(), `select kid, sealed_key from signing_keys`).Scan(&kid, &sealed); err != nil {
		t.Fatal(err)
	}
	seed, err := keys.Open(t.Context(), envelope.Ref{Place: "signing_keys.sealed_key", Row: kid}, sealed)
	if err != nil {
		t.Fatal(err)
	}
	return kid, ed25519.NewKeyFromSeed(seed)
}

func decode(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	for i, into := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

func authenticate(t *testing.T, s *session.Service, token string) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["Authorization"] = []string{"Bearer " + token}
	_, err = s.Authenticate(r)
	return err
}

func TestTheKeySetVerifiesOurTokensAndShowsNothingPrivate(t *testing.T) {
	t.Parallel()
	h := setup(t)
	token := h.signInByPhone(t).Access
	var set struct{ Keys []map[string]string }
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/jwks", Status: 200, NeverContains: []string{`"d"`}}).JSON(t, &set)
	if len(set.Keys) != 1 || len(set.Keys[0]) != 6 || set.Keys[0]["kty"] != "OKP" || set.Keys[0]["alg"] != "EdDSA" {
		t.Fatalf("keys %v", set.Keys)
	}
	x, err := base64.RawURLEncoding.DecodeString(set.Keys[0]["x"])
	if err != nil {
		t.Fatal(err)
	}
	cut := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[cut+1:])
	if err != nil || !ed25519.Verify(x, []byte(token[:cut]), signature) {
		t.Errorf("the published key doesn't verify: %v", err)
	}
}

// D3: the predecessor's key fell back to a published constant. Ours is made
// once, sealed, and without the ring nothing starts.
func TestD3SigningKeysAreMadeOnceAndNeverGuessed(t *testing.T) {
	t.Parallel()
	h := setup(t)
	second := h.start(t, origin)
	if n := h.count(t, `select count(*)::int from signing_keys`); n != 1 {
		t.Errorf("%d signing keys", n)
	}
	second.web.Check(t, bearer(h.signInByPhone(t).Access, 200)) // each node verifies the other's tokens
	_, private := h.stolen(t)
	sealed, err := postgres.Scalar[[]byte](t.Context(), h.pool, `select sealed_key from signing_keys`, nil)
	if err != nil || strings.Contains(string(sealed), string(private.Seed())) {
		t.Errorf("the key is stored in the clear (%v)", err)
	}
	other := envelopetest.New(t, pgtest.New(t))
	o, _ := config.ParseOrigin(origin)
	s, err := session.New(session.Config{Origin: o}, h.pool, other, h.people)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if err := authenticate(t, s, h.signInByPhone(t).Access); err == nil {
		t.Error("accepted before the keys were loaded")
	}
	if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "key ring") {
		t.Errorf("started with a foreign ring: %v", err)
	}
	if n := h.count(t, `select count(*)::int from signing_keys`); n != 1 {
		t.Errorf("%d signing keys", n)
	}
}

func FuzzAuthenticateNeverAcceptsOrPanics(f *testing.F) {
	o, _ := config.ParseOrigin(origin)
	s, err := session.New(session.Config{Origin: o}, nil, nil, nil) // reaches no database, or panics
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "a.b.c", "..", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat("a", 3000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if err := authenticate(t, s, token); err == nil {
			t.Errorf("%q was accepted", token)
		}
	})
}
