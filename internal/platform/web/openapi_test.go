package web_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"flint/internal/platform/web/webtest"
)

func TestTheDescriptionIsStableAndOurs(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	spec := h.OpenAPI()
	if !bytes.Equal(spec, build(t, nil).OpenAPI()) {
		t.Error("the same operations give two descriptions")
	}
	if _, err := openapi3.NewLoader().LoadFromData(spec); err != nil {
		t.Errorf("it isn't OpenAPI: %v", err)
	}
	for _, want := range []string{`"openapi": "3.1.0"`, `"/api/things/{id}"`, `"/api/hook"`, `"#/components/schemas/Problem"`, `"application/problem+json"`,
		`"x-flint-needs": "manage-own"`, `"x-flint-limit": "scarce"`, `"bearerFormat": "JWT"`, `"in": "cookie"`, `"type": "null"`} {
		if !bytes.Contains(spec, []byte(want)) {
			t.Errorf("it lacks %s", want)
		}
	}
	for _, never := range []string{"ErrorModel", "ErrorDetail", "$schema", `"array",`} {
		if bytes.Contains(spec, []byte(never)) {
			t.Errorf("it has %s", never)
		}
	}
	h.web.Run(t,
		webtest.Scenario{Name: "served", Path: "/api/openapi.json", Status: 200, Contains: []string{string(spec)}, Headers: map[string]string{"Content-Type": "application/openapi+json"}},
		webtest.Scenario{Name: "for people", Path: "/api/docs", Status: 200, Contains: []string{"/api/things/{id}", "needs: manage-own", "type-Problem"}, NeverContains: []string{"<script", "http://", "onclick"},
			Headers: map[string]string{"Content-Type": "text/html", "Content-Security-Policy": "script-src 'self'"}},
	)
	if path := os.Getenv("FLINT_DOCS_OUT"); path != "" { // to look at the page
		_ = os.WriteFile(path, []byte(h.web.Do(t, webtest.Scenario{Path: "/api/docs"}).Body), 0o644)
	}
}

func TestRoutesListEveryDoor(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	for _, r := range build(t, nil).Routes() {
		list.WriteString(strings.Join([]string{r.Method, r.Path, string(r.Needs), r.Limit}, " ") + "\n")
	}
	want := `GET /api/address public none
GET /api/docs public none
GET /api/fail/{how} public none
POST /api/greet public data
POST /api/hook public none
GET /api/openapi.json public none
POST /api/own signed-in none
GET /api/scarce public scarce
GET /api/things/{id} manage-own data
`
	if list.String() != want {
		t.Errorf("routes:\n%s", &list)
	}
}
