package app_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"flint/internal/access"
)

// TestAKeyReadsWhatIsDeclaredAndNothingElse tries every door with an API key.
func TestAKeyReadsWhatIsDeclaredAndNothingElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.resident("Ann")
	var made struct {
		Key    string
		APIKey struct{ ID string }
	}
	ann.must("POST", "/api/keys", map[string]string{"name": "spreadsheet"}).json(t, &made)
	program := *ann
	program.access = made.Key
	reads := 0
	for _, route := range h.app.Web.Routes() {
		if route.Needs == access.Public || strings.HasSuffix(route.Path, "/sessions") && route.Method == "DELETE" {
			continue // the latter is tried at the end
		}
		path := strings.ReplaceAll(route.Path, "{id}", uuid.NewString())
		var body any
		if route.Method == "POST" || route.Method == "PATCH" || route.Method == "PUT" {
			body = struct{}{}
		}
		a := program.call(route.Method, path, body)
		switch {
		case !route.Keys && (a.status != http.StatusForbidden || !strings.Contains(a.body, "key_scope")):
			t.Errorf("%s %s: a key gets %d %.200s", route.Method, route.Path, a.status, a.body)
		case route.Keys && a.status != http.StatusOK && a.status != http.StatusNotFound:
			t.Errorf("%s %s: %d %.200s", route.Method, route.Path, a.status, a.body)
		}
		if route.Keys {
			reads++
			if route.Method != "GET" {
				t.Errorf("%s %s: a key may change something", route.Method, route.Path)
			}
		}
	}
	if reads != 7 {
		t.Errorf("keys read %d operations, not 7: is that meant?", reads)
	}
	if a := program.call("DELETE", "/api/auth/sessions?everywhere=true", nil); a.status != http.StatusForbidden {
		t.Errorf("a key signs people out: %d", a.status)
	}
	// To public doors it is nobody's: signing out with it ends nothing.
	program.call("POST", "/api/auth/logout", struct{}{})
	ann.must("GET", "/api/me", nil)

	ann.must("DELETE", "/api/keys/"+made.APIKey.ID, nil)
	if a := program.call("GET", "/api/accounts", nil); a.status != http.StatusUnauthorized || !strings.Contains(a.body, "key_invalid") {
		t.Errorf("a removed key: %d %s", a.status, a.body)
	}
	ann.must("POST", "/api/keys", map[string]string{"name": "another"}).json(t, &made)
	program.access = made.Key
	program.must("GET", "/api/accounts", nil)
	ann.must("POST", "/api/user/change-password", map[string]string{"currentPassword": ann.password, "newPassword": "quite another long phrase 71"})
	if a := program.call("GET", "/api/accounts", nil); a.status != http.StatusUnauthorized {
		t.Errorf("a key outlives the password that it was made with: %d", a.status)
	}
	if strings.Contains(h.log.String(), made.Key) {
		t.Error("the log holds a key")
	}
}
