package session_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"

	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
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
	keys, err := envelope.OpenRing(h.ring)
	if err != nil {
		t.Fatal(err)
	}
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

func forge(t *testing.T, method jwt.SigningMethod, header, claims map[string]any, key any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	alg := token.Header["alg"]
	token.Header = maps.Clone(header)
	if _, set := token.Header["alg"]; !set {
		token.Header["alg"] = alg
	}
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func with(m map[string]any, key string, value any) map[string]any {
	c := maps.Clone(m)
	if c[key] = value; value == nil {
		delete(c, key)
	}
	return c
}

func TestForgedAccessTokensAreRefused(t *testing.T) {
	t.Parallel()
	h := setup(t)
	good := h.signInByPhone(t).Access
	header, claims := decode(t, good)
	kid, private := h.stolen(t)
	public := private.Public().(ed25519.PublicKey)
	if header["alg"] != "EdDSA" || header["typ"] != "at+jwt" || header["kid"] != kid || claims["iss"] != origin || claims["tier"] != "basic" || claims["confirmed"] != true || claims["sid"] == "" {
		t.Fatalf("header %v claims %v", header, claims)
	}
	_, stranger, _ := ed25519.GenerateKey(rand.Reader)
	real := func(claims map[string]any) string { return forge(t, jwt.SigningMethodEdDSA, header, claims, private) }
	if real(claims) == "" || h.web.Do(t, bearer(real(claims), 0)).Status != 200 {
		t.Fatal("the forger's tools don't work: a right token is refused")
	}
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	now := h.now().Unix()
	tampered := with(claims, "tier", "premium")
	tamperedJSON, _ := json.Marshal(tampered)
	noneHeader := b64([]byte(`{"alg":"none","typ":"at+jwt","kid":"` + kid + `"}`))
	forged := map[string]string{
		"alg none":                   noneHeader + "." + parts[1] + ".",
		"alg none with signature":    noneHeader + "." + parts[1] + "." + parts[2],
		"HS256 with the public key":  forge(t, jwt.SigningMethodHS256, with(header, "alg", "HS256"), claims, []byte(public)),
		"another key":                forge(t, jwt.SigningMethodEdDSA, header, claims, stranger),
		"unknown kid":                forge(t, jwt.SigningMethodEdDSA, with(header, "kid", "x"), claims, private),
		"kid as a path":              forge(t, jwt.SigningMethodEdDSA, with(header, "kid", "../../dev/null"), claims, private),
		"kid as SQL":                 forge(t, jwt.SigningMethodEdDSA, with(header, "kid", "' or 1=1 --"), claims, private),
		"no kid":                     forge(t, jwt.SigningMethodEdDSA, with(header, "kid", nil), claims, private),
		"jwk in the header":          forge(t, jwt.SigningMethodEdDSA, with(header, "jwk", map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(stranger.Public().(ed25519.PublicKey))}), claims, stranger),
		"jku in the header":          forge(t, jwt.SigningMethodEdDSA, with(header, "jku", "https://evil.example/jwks"), claims, private),
		"x5c in the header":          forge(t, jwt.SigningMethodEdDSA, with(header, "x5c", []string{"x"}), claims, private),
		"crit in the header":         forge(t, jwt.SigningMethodEdDSA, with(header, "crit", []string{"b64"}), claims, private),
		"another type":               forge(t, jwt.SigningMethodEdDSA, with(header, "typ", "JWT"), claims, private),
		"no type":                    forge(t, jwt.SigningMethodEdDSA, with(header, "typ", nil), claims, private),
		"another audience":           real(with(claims, "aud", []string{"other-api"})),
		"no audience":                real(with(claims, "aud", nil)),
		"another issuer":             real(with(claims, "iss", "https://evil.example")),
		"no issuer":                  real(with(claims, "iss", nil)),
		"no expiry":                  real(with(claims, "exp", nil)),
		"not valid yet":              real(with(claims, "nbf", now+60)),
		"no start":                   real(with(claims, "nbf", nil)),
		"expired and other audience": real(with(with(claims, "exp", now-60), "aud", "other-api")),
		"no session":                 real(with(claims, "sid", nil)),
		"no subject":                 real(with(claims, "sub", nil)),
		"another subject":            real(with(claims, "sub", h.admit(t, "mallory@example.com").ID.String())),
		"a subject that is no id":    real(with(claims, "sub", "1")),
		"no delivery":                real(with(claims, "dlv", nil)),
		"the other delivery":         real(with(claims, "dlv", "web")),
		"claims tampered":            parts[0] + "." + b64(tamperedJSON) + "." + parts[2],
		"signature cut":              good[:len(good)-4],
		"signature gone":             parts[0] + "." + parts[1] + ".",
		"signature empty":            parts[0] + "." + parts[1],
		"one part more":              good + ".x",
		"padding":                    good + "==",
		"another last bit":           good[:len(good)-1] + flip(good[len(good)-1]),
		"a line break in it":         parts[0] + "." + parts[1] + ".\n" + parts[2],
		"huge":                       strings.Repeat("A", 10_000),
		"dots":                       "..",
		"a refresh token":            strings.Repeat("A", 43),
	}
	for name, token := range forged {
		if strings.ContainsAny(token, "\n") {
			if err := authenticate(t, h.Service, token); err == nil {
				t.Errorf("%s: accepted", name)
			}
			continue
		}
		a := h.web.Do(t, bearer(token, 0))
		if a.Status != 401 || a.Code() != "INVALID_TOKEN" || strings.Contains(a.Body, token) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	h.web.Check(t, bearer(good, 200))
	h.pass(20*time.Minute - time.Second)
	h.web.Check(t, bearer(good, 200))
	h.pass(time.Second)
	s := bearer(good, 401)
	s.Contains = []string{"TOKEN_EXPIRED"}
	h.web.Check(t, s)
	s.Bearer = real(claims) + "" // never seen before, so not from the cache
	h.web.Check(t, s)
}

// flip changes the lowest bit of the last base64 digit, which no byte uses.
func flip(digit byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(digits[strings.IndexByte(digits, digit)^1])
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
	other, err := envelope.OpenRing(filepath.Join(t.TempDir(), "other"))
	if err != nil {
		t.Fatal(err)
	}
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
