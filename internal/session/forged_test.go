package session_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"flint/internal/envelope"
	"flint/internal/envelope/envelopetest"
)

// forger has a right token, the key that signed it, which no attacker has, and
// one of their own: what they make is wrong in one thing only.
type forger struct {
	good           string
	parts          []string
	header, claims map[string]any
	kid            string
	private        ed25519.PrivateKey
	stranger       ed25519.PrivateKey
	now            int64
	mallory        string // somebody else's id
}

func newForger(t *testing.T, h *house) forger {
	t.Helper()
	f := forger{good: h.signInByPhone(t).Access, now: h.now().Unix(), mallory: h.admit(t, "mallory@example.com").ID.String()}
	f.parts = strings.Split(f.good, ".")
	f.header, f.claims = decode(t, f.good)
	f.kid, f.private = h.stolen(t)
	var err error
	if _, f.stranger, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	return f
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

// sign signs two parts as they are, with key.
func sign(header, claims string, key ed25519.PrivateKey) string {
	return header + "." + claims + "." + b64(ed25519.Sign(key, []byte(header+"."+claims)))
}

// ours returns claims with the right header and signature.
func (f forger) ours(t *testing.T, claims map[string]any) string {
	t.Helper()
	return forge(t, jwt.SigningMethodEdDSA, f.header, claims, f.private)
}

// headed returns the right claims, rightly signed, with a header of its own.
func (f forger) headed(key string, value any) string {
	b, err := json.Marshal(with(f.header, key, value))
	if err != nil {
		panic(err)
	}
	return sign(b64(b), f.parts[1], f.private)
}

// raw is headed for a header that is written as it is.
func (f forger) raw(header string) string { return sign(b64([]byte(header)), f.parts[1], f.private) }

// claiming returns claims that are written as they are, all else being right.
func (f forger) claiming(claims string) string {
	return sign(f.parts[0], b64([]byte(claims)), f.private)
}

// lured returns a token that a stranger signed and whose header says where the
// stranger's key is.
func (f forger) lured(t *testing.T, key string, value any) string {
	t.Helper()
	return forge(t, jwt.SigningMethodEdDSA, with(f.header, key, value), f.claims, f.stranger)
}

// text returns the claims of the right token as they were written.
func (f forger) text(t *testing.T) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(f.parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestForgedAccessTokensAreRefused(t *testing.T) {
	t.Parallel()
	h := setup(t)
	f := newForger(t, h)
	if f.header["alg"] != "EdDSA" || f.header["typ"] != "at+jwt" || f.header["kid"] != f.kid || f.claims["iss"] != origin || f.claims["sid"] == "" {
		t.Fatalf("header %v claims %v", f.header, f.claims)
	}
	// The forger's tools work, and what they make right is accepted; from here on
	// the right token is in the cache of verified ones.
	for _, right := range []string{f.good, f.ours(t, f.claims), f.claiming(f.text(t)), f.headed("alg", "EdDSA"), f.claiming(" " + f.text(t) + " ")} {
		h.web.Check(t, bearer(right, 200))
	}
	for kind, list := range map[string]map[string]string{
		"algorithm": f.algorithms(t), "header": f.headers(t), "claims": f.says(t), "spelling": f.spellings(t),
	} {
		for name, token := range list {
			t.Run(kind+"/"+name, func(t *testing.T) { h.refuses(t, token) })
		}
	}
	h.web.Check(t, bearer(f.good, 200))
}

// refuses checks that a forged token is no token: by the service as it is, and
// over HTTP unless a header can't carry it.
func (h *house) refuses(t *testing.T, token string) {
	t.Helper()
	if err := authenticate(t, h.Service, token); err == nil {
		t.Error("the service accepts it")
	}
	if strings.ContainsAny(token, "\n\t") {
		return
	}
	a := h.web.Do(t, bearer(token, 0))
	if a.Status != 401 || a.Code() != "INVALID_TOKEN" || strings.Contains(a.Body, token) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestExpiredAccessTokensAreRefused(t *testing.T) {
	t.Parallel()
	h := setup(t)
	f := newForger(t, h)
	expired := func(token string) {
		t.Helper()
		s := bearer(token, 401)
		s.Contains = []string{"TOKEN_EXPIRED"}
		h.web.Check(t, s)
	}
	expired(f.ours(t, with(f.claims, "exp", f.now-1)))
	expired(f.ours(t, with(f.claims, "exp", f.now))) // RFC 7519: on or after
	expired(f.ours(t, with(f.claims, "exp", 0)))
	h.web.Check(t, bearer(f.good, 200))
	h.pass(20*time.Minute - time.Second)
	h.web.Check(t, bearer(f.good, 200))
	h.pass(time.Second)
	expired(f.good)
	expired(f.ours(t, f.claims)) // never seen before, so not from the cache
}

// While keys rotate there are two. Each verifies what it signed, and nothing
// that says the other did.
func TestATokenUnderTheKidOfAnotherKeyIsRefused(t *testing.T) {
	t.Parallel()
	h := setup(t)
	old := newForger(t, h)
	keys := envelopetest.Under(t, h.pool, h.ring)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + b64(public) + `"}`))
	kid := b64(sum[:])
	sealed, err := keys.Seal(t.Context(), envelope.Ref{Place: "signing_keys.sealed_key", Row: kid}, private.Seed())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.pool.Exec(t.Context(), `insert into signing_keys (kid, public_key, sealed_key, created_at) values ($1, $2, $3, $4)`,
		kid, []byte(public), sealed, h.now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	h.pass(3 * time.Minute) // until it signs
	h.node = h.start(t, origin)
	header := with(old.header, "kid", kid)
	h.web.Check(t, bearer(old.good, 200))
	h.web.Check(t, bearer(forge(t, jwt.SigningMethodEdDSA, header, old.claims, private), 200))
	if signed, _ := decode(t, h.signInByPhone(t).Access); signed["kid"] != kid || len(h.JWKS()) != 2 {
		t.Errorf("the newer key doesn't sign: %v of %d", signed, len(h.JWKS()))
	}
	h.refuses(t, forge(t, jwt.SigningMethodEdDSA, header, old.claims, old.private))
	h.refuses(t, forge(t, jwt.SigningMethodEdDSA, old.header, old.claims, private))
}
