package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"flint/internal/access"
	"flint/internal/app"
	"flint/internal/audit"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/telemetry"
)

// operator is the context of a command line.
func (h *house) operator() context.Context {
	return postgres.AsSystem(context.WithoutCancel(h.t.Context()), "a test acts as an operator")
}

func (h *house) find(email string) identity.Person {
	h.t.Helper()
	p, err := h.app.Identity.PersonByEmail(h.operator(), email)
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// whoIs returns the id of who has an address: the database itself can't say.
func (h *house) whoIs(email string) string { return h.find(email).ID.String() }

// flag sets what `flint user role` sets.
func (p *person) flag(role access.Role) {
	p.t.Helper()
	if _, _, err := p.app.SetRole(p.operator(), access.SystemActor("operator", p.find(p.email).ID), p.find(p.email).ID, role, "a test"); err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) tier(t access.Tier) {
	p.t.Helper()
	if err := p.app.SetTier(p.operator(), access.SystemActor("operator", p.find(p.email).ID), p.find(p.email).ID, t, "a test"); err != nil {
		p.t.Fatal(err)
	}
}

// factor adds an authenticator app, which proves it too.
func (p *person) factor() {
	p.t.Helper()
	var made struct{ Secret string }
	p.must("POST", "/api/auth/mfa/setup", nil).json(p.t, &made)
	code, err := totp.GenerateCode(made.Secret, time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	p.must("POST", "/api/auth/mfa/verify-setup", map[string]string{"code": code})
}

// soon asks until the answer is as wanted, for a second at most: so long may
// the word of a change take to a node.
func (p *person) soon(method, path string, in any, status int, code string) {
	p.t.Helper()
	var a answer
	for began := time.Now(); time.Since(began) < time.Second; time.Sleep(10 * time.Millisecond) {
		if a = p.call(method, path, in); a.status == status && strings.Contains(a.body, code) {
			return
		}
	}
	p.t.Errorf("%s %s as %s: %d %.200s, want %d %s within a second", method, path, p.email, a.status, a.body, status, code)
}

func (p *person) refused(method, path string, in any, status int, code string) {
	p.t.Helper()
	if a := p.call(method, path, in); a.status != status || !strings.Contains(a.body, `"code":"`+code+`"`) {
		p.t.Errorf("%s %s as %s: %d %.300s, want %d %s", method, path, p.email, a.status, a.body, status, code)
	}
}

// staffed returns an administrator with every layer.
func (h *house) staffed(name string, role access.Role) *person {
	p := h.resident(name)
	p.flag(role)
	p.factor()
	p.soon("GET", "/api/admin/users", nil, 200, `"users"`)
	return p
}

func TestD17AnAdministratorNeedsEveryLayer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const door = "/api/admin/users"
	ada, bob := h.resident("Ada"), h.resident("Bob") // the operator's list names Ada
	ada.refused("GET", door, nil, 403, "forbidden")
	ada.flag(access.Admin)
	ada.soon("GET", door, nil, 403, "second_factor_required")
	ada.factor()
	ada.soon("GET", door, nil, 200, ada.email)
	bob.flag(access.SuperAdmin)
	bob.factor()
	bob.refused("GET", door, nil, 403, "forbidden")

	t.Run("a key is none", func(t *testing.T) {
		var made struct{ Key string }
		ada.must("POST", "/api/keys", map[string]string{"name": "script"}).json(t, &made)
		key := *ada
		key.access = made.Key
		key.must("GET", "/api/dashboard", nil)
		key.refused("GET", door, nil, 403, "key_scope")
	})
	t.Run("an old factor is none", func(t *testing.T) {
		h.rows(`with s as (update sessions set factor_at = now() - interval '61 minutes' where user_id = $1 returning 1)
			select pg_notify('flint_people', $1::text)::text from s`, h.whoIs(ada.email))
		ada.soon("GET", door, nil, 403, "step_up_required")
		h.rows(`with s as (update sessions set factor_at = now() - interval '11 minutes' where user_id = $1 returning 1)
			select pg_notify('flint_people', $1::text)::text from s`, h.whoIs(ada.email))
		ada.soon("GET", door, nil, 200, "users")
		ada.refused("POST", door+"/"+h.find(bob.email).ID.String()+"/ban", map[string]string{"reason": "a test"}, 403, "step_up_required")
	})
	t.Run("nor is who isn't in the list", func(t *testing.T) {
		var me struct{ Role string }
		bob.must("GET", "/api/auth/user", nil).json(t, &me)
		if me.Role != "user" {
			t.Errorf("the flag alone makes %s", me.Role)
		}
	})
	ada.flag("")
	ada.soon("GET", door, nil, 403, "forbidden")
}

func TestStaffChangesAccountsForAReason(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, sue := h.staffed("Ada", access.Admin), h.staffed("Sue", access.SuperAdmin)
	bob := h.resident("Bob")
	id := func(p *person) string { return h.find(p.email).ID.String() }
	at := func(p *person, what string) string { return "/api/admin/users/" + id(p) + what }
	why := map[string]string{"reason": "asked for it by phone"}
	tier := func(t string) map[string]string { return map[string]string{"reason": "asked for it", "tier": t} }

	t.Run("not without one, nor on those above or themself", func(t *testing.T) {
		for _, c := range []struct {
			p    *person
			what string
			body map[string]string
			code string
		}{
			{bob, "/ban", map[string]string{"reason": "  x  "}, "invalid_input"},
			{bob, "/ban", map[string]string{}, "invalid_input"},
			{bob, "/tier", tier("gold"), "invalid_input"},
			{ada, "/ban", why, "not_yourself"}, {ada, "/tier", tier("premium"), "not_yourself"}, {ada, "/sign-out", why, "not_yourself"}, {ada, "/unban", why, "not_yourself"},
			{sue, "/ban", why, "not_a_super_admin"}, {sue, "/tier", tier("free"), "not_a_super_admin"}, {sue, "/sign-out", why, "not_a_super_admin"},
			{bob, "/unban", why, "not_banned"},
		} {
			if a := ada.call("POST", at(c.p, c.what), c.body); a.status < 400 || !strings.Contains(a.body, c.code) {
				t.Errorf("%s %s %v: %d %s", c.p.email, c.what, c.body, a.status, a.body)
			}
		}
		sue.refused("POST", at(sue, "/ban"), why, 403, "not_yourself")
		ada.refused("POST", "/api/admin/users/00000000-0000-4000-8000-000000000000/ban", why, 404, "not_found")
	})
	t.Run("a tier", func(t *testing.T) {
		ada.must("POST", at(bob, "/tier"), tier("free"))
		bob.soon("GET", "/api/auth/user", nil, 200, `"subscriptionTier":"free"`)
		bob.refused("POST", "/api/keys", map[string]string{"name": "script"}, 403, "plan_required")
	})
	t.Run("a ban, lifted", func(t *testing.T) {
		ada.must("POST", at(bob, "/ban"), why)
		bob.soon("GET", "/api/dashboard", nil, 401, "")
		ada.refused("POST", at(bob, "/ban"), why, 409, "already_banned")
		out := *bob
		out.access = ""
		if a := out.call("POST", "/api/auth/login", map[string]string{"email": bob.email, "password": bob.password}); a.status != 401 {
			t.Errorf("a banned person signs in: %d", a.status)
		}
		ada.must("POST", at(bob, "/unban"), why)
		bob.access = ""
		bob.signIn()
	})
	t.Run("a sign-in that was somebody else's", func(t *testing.T) {
		var list struct {
			Decisions []struct {
				ID      string
				Inputs  map[string]any
				Verdict *string
			}
		}
		ada.must("GET", at(bob, "/risk"), nil).json(t, &list)
		if len(list.Decisions) == 0 || len(list.Decisions[0].Inputs) == 0 || list.Decisions[0].Verdict != nil {
			t.Fatalf("%+v", list)
		}
		review := at(bob, "/risk/"+list.Decisions[0].ID+"/review")
		verdict := func(v string) map[string]string { return map[string]string{"verdict": v, "reason": "they called"} }
		bob.refused("POST", review, verdict("owner"), 403, "forbidden")
		bob.refused("GET", at(bob, "/risk"), nil, 403, "forbidden")
		ada.refused("POST", review, verdict("both"), 422, "invalid_input")
		ada.refused("POST", at(sue, "/risk/"+list.Decisions[0].ID+"/review"), verdict("owner"), 403, "not_a_super_admin")
		ada.refused("POST", at(bob, "/risk/00000000-0000-4000-8000-000000000000/review"), verdict("owner"), 404, "not_found")
		if a := ada.must("POST", review, verdict("thief")); !strings.Contains(a.body, `"ended":1`) {
			t.Errorf("%s", a.body)
		}
		bob.soon("GET", "/api/dashboard", nil, 401, "")
		bob.access = ""
		bob.signIn()
	})
	t.Run("a sign-out", func(t *testing.T) {
		if a := ada.must("POST", at(bob, "/sign-out"), why); !strings.Contains(a.body, `"ended":1`) {
			t.Errorf("%s", a.body)
		}
		bob.soon("GET", "/api/dashboard", nil, 401, "")
	})
	t.Run("seen without what they own", func(t *testing.T) {
		one, list := ada.must("GET", at(bob, ""), nil), ada.must("GET", "/api/admin/users?q=BOB%40Example.com", nil)
		for _, a := range []answer{one, list} {
			for _, word := range []string{"balance", "netWorth", "institution", "hash", "secret"} {
				if strings.Contains(strings.ToLower(a.body), strings.ToLower(word)) {
					t.Errorf("%s shows %s: %s", a.path, word, a.body)
				}
			}
			if a.path == at(bob, "") && !strings.Contains(a.body, `"outcome":"allow"`) {
				t.Errorf("no decision about Bob's sign-ins: %s", a.body)
			}
			if !strings.Contains(a.body, bob.email) {
				t.Errorf("%s: %s", a.path, a.body)
			}
		}
		if strings.Contains(list.body, ada.email) {
			t.Errorf("a search finds what wasn't looked for: %s", list.body)
		}
		var page struct {
			Users      []struct{ Email string }
			NextCursor *string
		}
		var seen []string
		for next := ""; ; next = "&cursor=" + *page.NextCursor {
			page.NextCursor, page.Users = nil, nil
			ada.must("GET", "/api/admin/users?limit=1"+next, nil).json(t, &page)
			for _, u := range page.Users {
				seen = append(seen, u.Email)
			}
			if page.NextCursor == nil {
				break
			}
		}
		if !slices.Equal(seen, []string{bob.email, sue.email, ada.email}) {
			t.Errorf("page by page: %v", seen)
		}
	})
	t.Run("written down", func(t *testing.T) {
		lines, err := audit.ListFor(h.operator(), h.own, h.find(bob.email).ID, audit.Page{Limit: 200})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range slices.Backward(lines) {
			if l.ActorID != h.find(ada.email).ID || !strings.HasPrefix(l.Verb, "account.") {
				continue
			}
			said := l.Verb
			for _, detail := range []string{"before", "after", "reason"} {
				if v, ok := l.Detail[detail]; ok {
					said += " " + fmt.Sprint(v)
				}
			}
			got = append(got, said)
		}
		want := []string{
			"account.set_tier premium free asked for it", "account.ban open closed asked for it by phone",
			"account.unban closed open asked for it by phone", "account.look", "account.sign_out 1 0 they called",
			"account.sign_out 1 0 asked for it by phone", "account.look",
		}
		if !slices.Equal(got, want) {
			t.Errorf("the log says %q", got)
		}
		bob.access = ""
		bob.signIn()
		mine := bob.must("GET", "/api/security/log?area=account", nil)
		for _, says := range []string{"Your plan was changed", "You are on Free now.", `"by":"support"`} {
			if !strings.Contains(mine.body, says) {
				t.Errorf("Bob's log doesn't say %s: %s", says, mine.body)
			}
		}
		if strings.Contains(mine.body, ada.address) || strings.Contains(mine.body, "by phone") {
			t.Errorf("Bob's log tells of the staff: %s", mine.body)
		}
		h.mailed(bob.email, "Your Flint plan was changed")
	})
}

// mailed waits for a mail.
func (h *house) mailed(to, subject string) {
	h.t.Helper()
	h.until("a mail about "+subject, func() bool {
		var box struct{ Messages []struct{ Subject string } }
		h.order("GET", "/control/inbox?to="+url.QueryEscape(to), nil, &box)
		return slices.ContainsFunc(box.Messages, func(m struct{ Subject string }) bool { return m.Subject == subject })
	})
}

func TestSupportLooksOnlyWithConsent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.staffed("Ada", access.Admin)
	bob := furnish(h.resident("Bob"), "chase", "SCHWAB", "brokerage")
	open := func(code string) answer {
		return ada.call("POST", "/api/admin/support/sessions", map[string]string{"code": code, "reason": "a balance looks wrong"})
	}
	permit := func() string {
		var out struct{ Code string }
		bob.must("POST", "/api/support/consent", map[string]int{"hours": 2}).json(t, &out)
		return out.Code
	}
	look := func(code string) *person {
		var out struct{ ID string }
		a := open(strings.ToLower(strings.ReplaceAll(code, "-", " ")))
		if a.status != 201 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		a.json(t, &out)
		p := *ada
		p.look = out.ID
		return &p
	}
	bob.refused("POST", "/api/support/consent", map[string]int{"hours": 25}, 422, "invalid_input")
	bob.refused("POST", "/api/admin/support/sessions", map[string]string{"code": "x", "reason": "why not"}, 403, "forbidden")
	if a := open("0000-0000-0000"); a.status != 403 || !strings.Contains(a.body, "support_code_invalid") {
		t.Errorf("a guess: %d %s", a.status, a.body)
	}
	old := permit()
	code := permit()
	if a := open(old); a.status != 403 {
		t.Errorf("a code that another replaced: %d", a.status)
	}
	in := look(code)

	t.Run("and reads", func(t *testing.T) { readsOnly(t, bob, in) })
	t.Run("and is seen", func(t *testing.T) {
		if a := bob.must("GET", "/api/support/consent", nil); !strings.Contains(a.body, `"inUse":{"by":"Ada"`) {
			t.Errorf("Bob isn't told that it is in use: %s", a.body)
		}
		if a := in.must("GET", "/api/auth/user", nil); !strings.Contains(a.body, `"support":{"by":"Ada"`) || !strings.Contains(a.body, bob.email) {
			t.Errorf("no banner: %s", a.body)
		}
		if a := bob.must("GET", "/api/security/log?area=account", nil); !strings.Contains(a.body, "Support looked at your data") || !strings.Contains(a.body, "Your dashboard.") {
			t.Errorf("Bob's log: %s", a.body)
		}
		h.mailed(bob.email, "Support looks at your data")
	})
	t.Run("in one session", func(t *testing.T) {
		other := *in
		other.access = ""
		other.look = ""
		thief := *bob.person
		thief.look = in.look
		thief.refused("GET", "/api/dashboard", nil, 403, "support_over")
		bad := *in
		bad.look = "x"
		bad.refused("GET", "/api/dashboard", nil, 403, "support_over")
	})
	t.Run("until the person says no", func(t *testing.T) {
		bob.must("DELETE", "/api/support/consent", nil)
		in.refused("GET", "/api/dashboard", nil, 403, "support_over")
		if a := open(code); a.status != 403 {
			t.Errorf("a code taken back: %d", a.status)
		}
	})
	t.Run("until the staff stop", func(t *testing.T) {
		in := look(permit())
		in.must("GET", "/api/dashboard", nil)
		ada.must("DELETE", "/api/admin/support/sessions/"+in.look, nil)
		in.refused("GET", "/api/dashboard", nil, 403, "support_over")
		ada.refused("DELETE", "/api/admin/support/sessions/"+in.look, nil, 404, "not_found")
	})
	t.Run("until the time is over", func(t *testing.T) {
		in := look(permit())
		left := h.rows(`select (until <= now() + interval '1 hour')::text from support_sessions where id = $1`, in.look)
		if left[0] != "true" {
			t.Error("a look lasts longer than an hour")
		}
		h.rows(`update support_sessions set until = now() - interval '1 second' where id = $1 returning id::text`, in.look)
		in.refused("GET", "/api/dashboard", nil, 403, "support_over")
	})
	t.Run("until the flag is taken", func(t *testing.T) {
		in := look(permit())
		ada.flag("")
		in.soon("GET", "/api/dashboard", nil, 403, "support_over")
		ada.flag(access.Admin)
		in.soon("GET", "/api/dashboard", nil, 200, "")
		t.Run("or they sign out", func(t *testing.T) {
			ada.must("POST", "/api/auth/logout", map[string]string{})
			in.soon("GET", "/api/dashboard", nil, 401, "")
		})
	})
}

// readsOnly walks every door in support's place.
func readsOnly(t *testing.T, bob household, in *person) {
	ids := map[string]string{}
	for _, d := range bob.doors() {
		ids[d.path] = d.id
	}
	before := bob.snapshot()
	reads := 0
	words := map[string]string{}
	for _, n := range audit.Names() {
		if n.Verb == "support.read" {
			words = n.Words["what"]
		}
	}
	for _, route := range bob.app.Web.Routes() {
		if route.Needs == access.Public {
			continue
		}
		id := ids[route.Path]
		if id == "" {
			id = bob.ids[0]
		}
		path := strings.Replace(route.Path, "{id}", id, 1)
		if !route.Support {
			in.refused(route.Method, path, map[string]any{}, 403, "read_only_support")
			continue
		}
		reads++
		if a := in.must(route.Method, path, nil); strings.Contains(a.body, "Ada") && route.Path != "/api/auth/user" {
			t.Errorf("%s shows who looks: %s", route.Path, a.body)
		}
		if words[route.Method+" "+route.Path] == "" {
			t.Errorf("%s %s has no words in the person's log", route.Method, route.Path)
		}
		n := bob.rows(`select count(*)::text from audit_entries where verb = 'support.read' and subject_id = $1 and detail->>'what' = $2 and object = $3`,
			bob.find(bob.email).ID.String(), route.Method+" "+route.Path, in.look)
		if n[0] != "1" {
			t.Errorf("%s %s is recorded %s times", route.Method, route.Path, n[0])
		}
	}
	if reads < 10 || reads != len(words) {
		t.Errorf("%d doors are open to support, %d have words", reads, len(words))
	}
	if after := bob.snapshot(); !slices.Equal(after, before) {
		t.Errorf("what was %q is %q", before, after)
	}
}

// node is one more server on the same database.
func (h *house) node() string {
	h.t.Helper()
	ln, err := new(net.ListenConfig).Listen(h.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	at := "http://localhost:" + strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
	cfg := h.cfg
	cfg.Web.Hosts = append(cfg.Web.Hosts, strings.TrimPrefix(at, "http://"))
	a, err := app.Build(h.t.Context(), cfg, h.own, telemetry.NewLogger(h.log, slog.LevelDebug))
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	served, ready := make(chan error, 1), make(chan struct{})
	go func() { served <- a.Run(ctx, ln, func() { close(ready) }) }()
	h.t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			h.t.Error(err)
		}
	})
	<-ready
	return at
}

// TestD16PermissionsAreCurrentOnEveryNode changes who somebody is on one node and
// asks both: within a second the next request is decided by it.
func TestD16PermissionsAreCurrentOnEveryNode(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada := h.staffed("Ada", access.Admin)
	there := *ada
	there.house = &house{t: t, app: h.app, pool: h.pool, world: h.world, url: h.node(), state: h.state, log: h.log, tape: h.tape}
	nodes := []*person{ada, &there}
	each := func(method, path string, in any, status int, code string) {
		t.Helper()
		for _, p := range nodes {
			p.soon(method, path, in, status, code)
		}
	}
	each("GET", "/api/admin/users", nil, 200, "users") // both have it cached now
	for _, tier := range []access.Tier{access.Free, access.Pro, access.Basic} {
		ada.tier(tier)
		each("GET", "/api/dashboard", nil, 200, `"subscriptionTier":"`+string(tier)+`"`)
	}
	ada.flag("")
	each("GET", "/api/admin/users", nil, 403, "forbidden")
	each("GET", "/api/connections", nil, 200, `"limit":3`)
	ada.flag(access.Admin)
	each("GET", "/api/admin/users", nil, 200, "users")
	sue := h.staffed("Sue", access.Admin)
	sue.must("POST", "/api/admin/users/"+h.whoIs(ada.email)+"/ban", map[string]string{"reason": "left the company"})
	each("GET", "/api/admin/users", nil, 401, "INVALID_TOKEN")
}

// TestD12NobodyRaisesThemself sends what the predecessor took: a plan, a role, a
// status, wherever something is taken.
func TestD12NobodyRaisesThemself(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	eve := h.resident("Eve")
	eve.tier(access.Free)
	for _, field := range []string{"tier", "subscriptionTier", "isAdmin", "role", "plan", "subscriptionStatus"} {
		for _, door := range []string{"POST /api/auth/public-register", "POST /api/user/change-password", "POST /api/user/email", "POST /api/keys", "POST /api/support/consent"} {
			method, path, _ := strings.Cut(door, " ")
			a := eve.call(method, path, map[string]any{field: "premium"})
			if a.status < 400 {
				t.Errorf("%s takes %s: %d %s", door, field, a.status, a.body)
			}
		}
	}
	for _, path := range []string{"/api/confirm-subscription", "/api/trades", "/api/transfers", "/api/admin/snaptrade/audit", "/api/debug/repair-user", "/api/snaptrade/user/lookup"} {
		if a := eve.call("POST", path, map[string]string{"tier": "premium", "status": "completed"}); a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			t.Errorf("D12, D14, D18: %s is there: %d %s", path, a.status, a.body)
		}
	}
	if p := h.find(eve.email); p.Tier != access.Free || p.IsAdmin {
		t.Errorf("Eve is %s, admin %v", p.Tier, p.IsAdmin)
	}
}

// TestD18NobodyWritesTheirOwnHistory sends amounts and statuses where a note is
// taken.
func TestD18NobodyWritesTheirOwnHistory(t *testing.T) {
	server, err := app.Describe()
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range server.Routes() {
		if route.Method == "POST" && (strings.HasSuffix(route.Path, "/transactions") || strings.Contains(route.Path, "trade") && !strings.Contains(route.Path, "snaptrade") || strings.Contains(route.Path, "transfer")) {
			t.Errorf("%s %s: is it guarded by access.Orders or access.Transfers?", route.Method, route.Path)
		}
	}
	var doc struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					}
				}
			}
		}
		Components struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage
			}
		}
	}
	if err := json.NewDecoder(bytes.NewReader(server.OpenAPI())).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	ref := doc.Paths["/api/transactions/{id}"]["patch"].RequestBody.Content["application/json"].Schema.Ref
	fields := doc.Components.Schemas[ref[strings.LastIndexByte(ref, '/')+1:]].Properties
	if len(fields) == 0 {
		t.Fatalf("what %q is, isn't known", ref)
	}
	for _, money := range []string{"amount", "status", "date", "currency", "accountId", "quantity", "price"} {
		if _, ok := fields[money]; ok {
			t.Errorf("a person may write the %s of a transaction", money)
		}
	}
}
