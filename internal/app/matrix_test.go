package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"flint/internal/access"
	"flint/internal/app"
	"flint/internal/platform/web"
	"flint/internal/ratelimit"
)

// TestTheMatrixIsCurrent compares the page with the code; `make generate` writes
// its tables.
func TestTheMatrixIsCurrent(t *testing.T) {
	server, err := app.Describe()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/security/access.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]string{
		"who may": app.Matrix(server.Routes()), "roles": app.Permissions(), "guards": app.Guards(),
	} {
		if !strings.Contains(string(page), table) {
			t.Errorf("docs/security/access.md is behind the code (%s): run make generate", name)
		}
	}
}

// TestEveryGuardHasItsLimit looks names up that access only names.
func TestEveryGuardHasItsLimit(t *testing.T) {
	for _, g := range access.Guards() {
		if !slices.ContainsFunc(ratelimit.Policies(), func(p ratelimit.Policy) bool { return p.Name == g.Limit }) {
			t.Errorf("%s: there is no limit %s", g.What, g.Limit)
		}
	}
}

// doorCodes are what the door says when it doesn't open.
var doorCodes = []string{
	"NO_TOKEN", "INVALID_TOKEN", "TOKEN_EXPIRED", "key_invalid", "forbidden", "email_unconfirmed", "plan_required", "key_scope",
	"read_only_support", "second_factor_required", "step_up_required",
}

// knock calls a door as p, with nothing in hand, and returns what the door says
// to it: one of doorCodes, or "" if it opened, whatever came of it behind.
func (p *person) knock(r web.Route, n int) string {
	p.t.Helper()
	q := *p
	q.address = fmt.Sprintf("203.0.%d.%d", n/250%250, n%250) // each from elsewhere, so that no shield is in the way
	var body any
	if r.Method != "GET" && r.Method != "DELETE" {
		body = map[string]any{}
	}
	req, err := q.request(r.Method, strings.Replace(r.Path, "{id}", uuid.NewString(), 1), body)
	if err != nil {
		p.t.Fatal(err)
	}
	w, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	if w.StatusCode != 401 && w.StatusCode != 403 {
		return ""
	}
	var problem struct{ Code string }
	text, _ := io.ReadAll(w.Body)
	if err := json.Unmarshal(text, &problem); err != nil {
		p.t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	if slices.Contains(doorCodes, problem.Code) {
		return problem.Code
	}
	return ""
}

// TestNoDoorOpensToWhomTheMatrixDenies calls every operation as everybody that
// the matrix knows, on the whole program, with an old proof and with a fresh one.
func TestNoDoorOpensToWhomTheMatrixDenies(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	people := map[string]*person{"anyone": {house: h}, "unconfirmed": h.newcomer("Una")}
	people["unconfirmed"].signIn()
	for role, tier := range map[access.Role]access.Tier{access.FreeUser: access.Free, access.BasicUser: access.Basic, access.ProUser: access.Pro} {
		people[string(role)] = h.resident("A" + strings.ToLower(string(role[:1])))
		people[string(role)].tier(tier)
	}
	people[string(access.Admin)], people[string(access.SuperAdmin)] = h.staffed("Ada", access.Admin), h.staffed("Sue", access.SuperAdmin)
	owner := h.resident("Kim")
	var key struct{ Key string }
	owner.must("POST", "/api/keys", map[string]string{"name": "script"}).json(t, &key)
	var consent struct{ Code string }
	owner.must("POST", "/api/support/consent", map[string]int{"hours": 1}).json(t, &consent)
	ned := h.staffed("Ned", access.Admin)
	var look struct{ ID string }
	ned.must("POST", "/api/admin/support/sessions", map[string]string{"code": consent.Code, "reason": "a test"}).json(t, &look)
	script, support := *owner, *ned
	script.access, support.look = key.Key, look.ID
	people["API key"], people["support"] = &script, &support
	// A key may not ask for it, so its owner does.
	owner.soon("GET", "/api/auth/user", nil, 200, "")
	time.Sleep(time.Second) // what was changed has reached the node by now

	proofs := func(at string) {
		h.rows(`update sessions set password_at = ` + at + `, factor_at = case when factor_at is null then null else ` + at + ` end returning id::text`)
		h.rows(`select pg_notify('flint_people', id::text)::text from users`)
		time.Sleep(time.Second) // likewise
	}
	routes := h.app.Web.Routes()
	last := func(r web.Route) bool { return strings.HasSuffix(r.Path, "/mfa/disable") } // nobody is left as they were
	slices.SortStableFunc(routes, func(a, b web.Route) int {
		switch {
		case last(a) == last(b):
			return 0
		case last(a):
			return 1
		}
		return -1
	})
	n := 0
	for _, fresh := range []bool{false, true} {
		if fresh {
			proofs("now()")
		} else {
			proofs("now() - interval '3 hours'")
		}
		for _, c := range app.Callers(time.Now()) {
			p := people[c.Name]
			for _, r := range routes {
				if r.Needs == access.Public {
					continue
				}
				n++
				said := p.knock(r, n)
				cell := app.Cell(r, c)
				switch {
				case cell == app.MayNot && said == "":
					t.Errorf("%s %s opens to %s, whom the matrix denies", r.Method, r.Path, c.Name)
				case cell == app.May && said != "":
					t.Errorf("%s %s says %s to %s, whom the matrix lets in", r.Method, r.Path, said, c.Name)
				case cell == app.MayOnce && fresh && said != "":
					t.Errorf("%s %s says %s to %s with a fresh proof", r.Method, r.Path, said, c.Name)
				case cell == app.MayOnce && !fresh && said != "step_up_required":
					t.Errorf("%s %s says %q to %s with an old proof", r.Method, r.Path, said, c.Name)
				}
			}
		}
	}
	if n < 2*9*40 {
		t.Errorf("only %d calls were made", n)
	}
}
