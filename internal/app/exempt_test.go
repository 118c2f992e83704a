package app_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"flint/internal/app"
)

// TestExemptionsAreExact compares the one list of what takes requests from other
// sites with the doors that do, both ways, and with the page that shows it.
func TestExemptionsAreExact(t *testing.T) {
	server, err := app.Describe()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/security/front-door.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, e := range app.Exemptions() {
		if _, twice := listed[e.Door]; twice {
			t.Errorf("%s is listed twice", e.Door)
		}
		listed[e.Door] = e.Exempt
		answer := "no"
		if e.Exempt {
			answer = "**yes**"
		}
		if row := "| `" + e.Door + "` | " + answer + " | " + e.Why + " |"; !strings.Contains(string(page), row) {
			t.Errorf("docs/security/front-door.md lacks the row\n%s", row)
		}
		if e.Exempt && (strings.ContainsAny(e.Door, "*{?") || e.Why == "") {
			t.Errorf("%s isn't exact, or has no reason", e.Door)
		}
	}
	doors := map[string]bool{}
	for _, r := range server.Routes() {
		door := r.Method + " " + r.Path
		doors[door] = true
		if r.CrossSite != listed[door] {
			t.Errorf("%s: takes requests of other sites: %t, listed: %t", door, r.CrossSite, listed[door])
		}
	}
	for door, exempt := range listed {
		if exempt && !doors[door] {
			t.Errorf("%s is exempt, but no such door is there", door)
		}
	}
}

// TestD22ReadingALogOutAddressDoesNothing: the predecessor signed people out when
// any page made their browser load that address as a picture.
func TestD22ReadingALogOutAddressDoesNothing(t *testing.T) {
	server, err := app.Describe()
	if err != nil {
		t.Fatal(err)
	}
	h := server.Handler()
	for _, path := range []string{"/api/auth/logout", "/api/logout", "/api/login"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "http://localhost:8080"+path, nil)
		r.Header.Set("Cookie", "accessToken=x; refreshToken=y")
		h.ServeHTTP(w, r)
		if w.Code < 400 || len(w.Result().Cookies()) != 0 || w.Header().Get("Clear-Site-Data") != "" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
}
