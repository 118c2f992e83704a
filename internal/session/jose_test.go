package session_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

const joseFolder = "../../sandbox/sdktest"

// readByJose is what sandbox/sdktest/jose.mjs found in a token and the key set.
type readByJose struct {
	Header, Claims    map[string]any
	Kids, Thumbprints []string
	Refused           map[string]string
}

// jose has token read by an implementation that isn't ours. Without it the test
// is skipped on a developer's machine, and fails in CI.
func (h *house) jose(t *testing.T, token string) readByJose {
	t.Helper()
	if _, err := os.Stat(joseFolder + "/node_modules/jose"); err != nil {
		if os.Getenv("CI") == "" {
			t.Skip("jose isn't installed: run npm ci in sandbox/sdktest.")
		}
		t.Fatal("jose isn't installed: run npm ci in sandbox/sdktest.")
	}
	// Flint answers to the host of its origin only, as behind a proxy.
	inner, err := url.Parse(h.web.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(inner)
		r.Out.Host = strings.TrimPrefix(origin, "https://")
	}})
	defer proxy.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "jose.mjs")
	cmd.Dir = joseFolder
	cmd.Env = append(os.Environ(), "JWKS_URL="+proxy.URL+"/api/auth/jwks", "ISSUER="+origin, "TOKEN="+token,
		"NOW="+strconv.FormatInt(h.now().Unix(), 10), "TTL=1200")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("jose.mjs: %v\n%s", err, stderr.Bytes())
	}
	var got readByJose
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return got
}

func TestTokensAndKeySetVerifyInAnotherImplementation(t *testing.T) {
	t.Parallel()
	h := setup(t)
	kid, _ := h.stolen(t)
	refused := map[string]string{
		"audience": "ERR_JWT_CLAIM_VALIDATION_FAILED", "issuer": "ERR_JWT_CLAIM_VALIDATION_FAILED", "type": "ERR_JWT_CLAIM_VALIDATION_FAILED",
		"algorithm": "ERR_JOSE_ALG_NOT_ALLOWED", "expired": "ERR_JWT_EXPIRED", "early": "ERR_JWT_CLAIM_VALIDATION_FAILED",
		"tampered": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED", "unsigned": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
	}
	for delivery, token := range map[string]string{"mobile": h.signInByPhone(t).Access, "web": h.signIn(t).access.Value} {
		got := h.jose(t, token)
		header, claims := decode(t, token)
		if want := map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": kid}; !reflect.DeepEqual(got.Header, want) || !reflect.DeepEqual(header, want) {
			t.Errorf("%s: header %v, want %v", delivery, got.Header, want)
		}
		now := float64(h.now().Unix())
		want := map[string]any{
			"iss": origin, "sub": h.ana.ID.String(), "aud": []any{"flint-api"}, "iat": now, "nbf": now - 30, "exp": now + 1200,
			"jti": claims["jti"], "sid": claims["sid"], "dlv": delivery, "tier": "basic", "confirmed": true, "acr": "aal1", "amr": []any{"pwd"},
		}
		if !reflect.DeepEqual(got.Claims, want) {
			t.Errorf("%s: claims %v, want %v", delivery, got.Claims, want)
		}
		if !reflect.DeepEqual(got.Kids, []string{kid}) || !reflect.DeepEqual(got.Thumbprints, got.Kids) {
			t.Errorf("%s: keys %v with thumbprints %v, want %s", delivery, got.Kids, got.Thumbprints, kid)
		}
		if !maps.Equal(got.Refused, refused) {
			t.Errorf("%s: refused %v", delivery, got.Refused)
		}
	}
}
