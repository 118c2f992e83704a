package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"flint/internal/access"
	"flint/internal/app"
)

// TestTheDescriptionIsCurrent compares docs/openapi.json with the code; `make
// generate` writes it.
func TestTheDescriptionIsCurrent(t *testing.T) {
	server, err := app.Describe()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile("../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal(kept, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(server.OpenAPI(), &got); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(got)
	// The version differs from build to build.
	if !bytes.Equal(withoutVersion(a), withoutVersion(b)) {
		t.Error("docs/openapi.json is behind the code: run make generate")
	}
}

func withoutVersion(b []byte) []byte {
	var doc map[string]any
	_ = json.Unmarshal(b, &doc)
	if info, ok := doc["info"].(map[string]any); ok {
		delete(info, "version")
	}
	out, _ := json.Marshal(doc)
	return out
}

// TestNobodyGetsInWithoutASession calls every operation that isn't public as a
// stranger, with nothing and with rubbish, and expects to be turned away before
// anything else is looked at.
func TestNobodyGetsInWithoutASession(t *testing.T) {
	server, err := app.Describe()
	if err != nil {
		t.Fatal(err)
	}
	h := server.Handler()
	closed := 0
	for _, route := range server.Routes() {
		if route.Needs == access.Public {
			continue
		}
		closed++
		path := strings.NewReplacer("{", "", "}", "").Replace(route.Path)
		for name, header := range map[string]http.Header{
			"nothing":        {},
			"a bad token":    {"Authorization": {"Bearer eyJhbGciOiJub25lIn0.e30."}},
			"an empty token": {"Authorization": {"Bearer "}},
			"a bad cookie":   {"Cookie": {"accessToken=x; refreshToken=y"}},
			"a mobile call":  {"X-Mobile-App": {"true"}},
		} {
			r := httptest.NewRequest(route.Method, "http://localhost:8080"+path, strings.NewReader(`{}`))
			r.Header = header.Clone()
			r.Header.Set("Content-Type", "application/json")
			r.RemoteAddr = fmt.Sprintf("192.0.2.%d:443", closed) // each door from elsewhere: it's too much for one address
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusUnauthorized || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s %s with %s: %d %s", route.Method, route.Path, name, w.Code, w.Body)
			}
		}
	}
	if closed < 10 {
		t.Errorf("only %d operations need a session: the list of routes can't be right", closed)
	}
}

// TestPublicDoorsAreFew lists the doors that are open to anyone: a new one must
// be added here on purpose.
func TestPublicDoorsAreFew(t *testing.T) {
	open := map[string]bool{
		"GET /api/app": true, "GET /api/audit/checkpoint": true, "GET /api/audit/consistency": true, "GET /api/csrf-token": true, "GET /api/docs": true, "GET /api/openapi.json": true,
		"GET /api/privacy/retention": true,
		"GET /api/health/live":       true, "GET /api/health/ready": true,
		"POST /api/auth/public-register": true, "POST /api/auth/verify-email": true, "POST /api/auth/resend-verification": true,
		"POST /api/auth/request-reset": true, "POST /api/auth/reset-password": true, "POST /api/auth/setup-password": true,
		"POST /api/auth/password-strength": true,
		"POST /api/auth/mfa/recover":       true, "POST /api/auth/mfa/recover/cancel": true, "POST /api/auth/mfa/recover/finish": true,
		"POST /api/auth/login": true, "POST /api/auth/link": true, "POST /api/auth/mfa/challenge": true, "POST /api/auth/verify-sign-in": true,
		"POST /api/auth/passkeys/sign-in": true, "POST /api/auth/passkeys/sign-in/options": true,
		"POST /api/auth/refresh": true, "POST /api/auth/refresh-token": true, "POST /api/auth/logout": true, "POST /api/auth/magic-link": true,
		"GET /api/auth/jwks": true, "GET /api/auth/challenge": true, "POST /api/user/email/confirm": true, "POST /api/user/email/undo": true, "POST /api/teller/webhook": true,
		"GET /api/privacy/documents/{document}": true, "POST /api/privacy/deletion/undo": true, "POST /api/snaptrade/webhooks": true, "POST /api/webhooks/snaptrade": true,
	}
	server, err := app.Describe()
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range server.Routes() {
		door := route.Method + " " + route.Path
		if route.Needs == access.Public && !open[door] {
			t.Errorf("%s is open to anyone: is that meant?", door)
		}
		if route.CrossSite && !strings.Contains(door, "webhook") {
			t.Errorf("%s takes requests from other sites", door)
		}
	}
}
