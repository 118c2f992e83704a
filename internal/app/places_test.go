package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/app"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// place is where an operation takes the id of something: "GET
// /api/transactions query.accountId".
type place = string

// named says of a field by its name alone that it holds an id.
var named = regexp.MustCompile(`^(id|account|attempt|connection|cursor|device|import|passkey|reconnect|session|transaction)$|I[dD]$`)

// places reads the list of operations, with all that they take, and returns where
// those that people can call take ids.
func places(t *testing.T, a *app.App) []place {
	t.Helper()
	type schema struct {
		Ref        string `json:"$ref"`
		Type       any
		Format     string
		Properties map[string]json.RawMessage
		Items      json.RawMessage
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				In, Name string
				Schema   schema
			}
			RequestBody struct {
				Content map[string]struct{ Schema json.RawMessage }
			}
		}
		Components struct{ Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal(a.Web.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	staff := map[string]bool{}
	for _, r := range a.Web.Routes() {
		staff[r.Method+" "+r.Path] = r.Needs.Staff()
	}
	var found []place
	var walk func(op, at string, raw json.RawMessage, depth int)
	walk = func(op, at string, raw json.RawMessage, depth int) {
		var s schema
		if len(raw) == 0 || depth > 6 || json.Unmarshal(raw, &s) != nil {
			return
		}
		if s.Ref != "" {
			walk(op, at, doc.Components.Schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]], depth+1)
			return
		}
		name := at[strings.LastIndex(at, ".")+1:]
		if s.Format == "uuid" || named.MatchString(name) && s.Properties == nil && s.Items == nil {
			found = append(found, op+" "+at)
		}
		walk(op, at, s.Items, depth+1)
		for name, p := range s.Properties {
			walk(op, at+"."+name, p, depth+1)
		}
	}
	for path, ops := range doc.Paths {
		for method, o := range ops {
			op := strings.ToUpper(method) + " " + path
			if staff[op] {
				continue
			}
			for _, p := range o.Parameters {
				if p.In == "path" || p.In == "query" && (p.Schema.Format == "uuid" || named.MatchString(p.Name)) {
					found = append(found, op+" "+p.In+"."+p.Name)
				}
			}
			for _, c := range o.RequestBody.Content {
				walk(op, "body", c.Schema, 0)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// others are places that take an id of somebody else's, not of the person's.
var others = map[place]string{
	"POST /api/connections/teller body.enrollmentId":      "Teller's, under Teller's signature",
	"POST /api/connections/teller body.institution.id":    "Teller's, the same for everybody",
	"POST /api/connections/teller body.userId":            "Teller's, under Teller's signature",
	"PUT /api/imports/{id}/mapping body.id":               "the name of a column in the person's file",
	"GET /api/privacy/documents/{document} path.document": "the name of a text, the same for everybody",
	"GET /api/transactions query.cursor":                  "sealed for its person; walked by TestNobodyReachesWhatIsSomebodyElses",
}

// attempt is a call with an id in one place. The owner has trueID there.
type attempt struct {
	method string
	path   func(id string) string
	body   func(id string) any
	trueID string
	abroad bool // asks a provider: how long that takes says nothing of ours
}

// attempts returns how to call each place as stranger with an id of owner's.
func attempts(t *testing.T, owner, stranger household) map[place]attempt {
	t.Helper()
	fixed := func(path string) func(string) string { return func(string) string { return path } }
	field := func(name string, more map[string]any) func(string) any {
		return func(id string) any {
			body := map[string]any{name: id}
			for k, v := range more {
				body[k] = v
			}
			return body
		}
	}
	none := func(string) any { return nil }
	var start struct{ Attempt string }
	owner.must("POST", "/api/connections/teller/start", struct{}{}).json(t, &start)
	var portal, own struct{ Attempt string }
	owner.must("POST", "/api/connections/snaptrade/start", map[string]string{"kind": "brokerage"}).json(t, &portal)
	stranger.must("POST", "/api/connections/snaptrade/start", map[string]string{"kind": "brokerage"}).json(t, &own)
	entry := owner.rows(`select a.id::text from audit_entries a join users u on u.id = a.subject_id where u.id = $1::uuid order by at limit 1`, owner.whoIs(owner.email))[0]
	decision := owner.rows(`select d.id::text from risk_decisions d join users u on u.id = d.user_id where u.id = $1::uuid order by at limit 1`, owner.whoIs(owner.email))[0]
	authorization := owner.rows(`select provider_connection_id from connections where id = $1::uuid`, owner.broker)[0]
	enrolled, _ := stranger.enroll("pnc")
	unapplied := stranger.bring("stranger three")
	all := map[place]attempt{
		"POST /api/imports/{id}/apply body.accountId": {"POST", fixed("/api/imports/" + unapplied + "/apply"), field("accountId", nil), owner.account, false},
		"POST /api/imports body.account":              {"POST", fixed("/api/imports"), func(id string) any { return upload(t, id) }, owner.account, false},
		"GET /api/transactions query.accountId":       {"GET", func(id string) string { return "/api/transactions?accountId=" + id }, none, owner.account, false},
		"GET /api/security/log query.cursor":          {"GET", func(id string) string { return "/api/security/log?cursor=" + id }, none, entry, false},
		"GET /api/security/decisions query.cursor":    {"GET", func(id string) string { return "/api/security/decisions?cursor=" + id }, none, decision, false},
		"POST /api/connections/teller/start body.reconnect": {"POST", fixed("/api/connections/teller/start"),
			field("reconnect", nil), owner.connection, false},
		"POST /api/connections/snaptrade/start body.reconnect": {"POST", fixed("/api/connections/snaptrade/start"),
			field("reconnect", map[string]any{"kind": "brokerage"}), owner.broker, false},
		"POST /api/connections/teller body.attempt": {"POST", fixed("/api/connections/teller"), field("attempt", without(enrolled, "attempt")), start.Attempt, false},
		"POST /api/connections/snaptrade body.attempt": {"POST", fixed("/api/connections/snaptrade"),
			field("attempt", map[string]any{"authorizationId": uuid.NewString()}), portal.Attempt, false},
		"POST /api/connections/snaptrade body.authorizationId": {"POST", fixed("/api/connections/snaptrade"),
			field("authorizationId", map[string]any{"attempt": own.Attempt}), authorization, true},
	}
	for _, d := range owner.doors() {
		name := d.path[strings.Index(d.path, "{")+1 : strings.Index(d.path, "}")]
		all[d.method+" "+d.path+" path."+name] = attempt{d.method, d.at, func(string) any { return d.body }, d.id, false}
	}
	return all
}

// without copies a body without one of its fields.
func without(body map[string]any, field string) map[string]any {
	rest := map[string]any{}
	for k, v := range body {
		if k != field {
			rest[k] = v
		}
	}
	return rest
}

// file is a form whose type must be told.
type file struct {
	kind string
	body []byte
}

// upload is a statement for an account.
func upload(t *testing.T, account string) file {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary("a-boundary-that-is-always-the-same"); err != nil {
		t.Fatal(err)
	}
	_ = w.WriteField("account", account)
	part, err := w.CreateFormFile("file", "x.csv")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte("Date,Description,Amount\n2026-11-02,COFFEE,-4.50\n"))
	_ = w.Close()
	return file{w.FormDataContentType(), b.Bytes()}
}

// TestStrangersLearnNothing calls whatever takes an id as somebody else, with the
// true id and with one that nobody has: the answers are the same to the last
// header, so is the time that they take, and nothing changes.
func TestStrangersLearnNothing(t *testing.T) {
	h := newHouse(t) // not parallel: time is measured
	ann, ben := furnish(h.resident("Ann"), "chase", "SCHWAB", "brokerage"), furnish(h.resident("Ben"), "citibank", "COINBASE", "crypto")
	t.Run("nor do mistakes", func(t *testing.T) { byMistake(t, ann, ben) })
	tries := attempts(t, ann, ben)
	all := places(t, h.app)
	before, rows := ann.snapshot(), fingerprint(ann)
	patient := ben.atHome(t)
	for _, p := range all {
		try, ok := tries[p]
		if _, other := others[p]; !ok && !other {
			t.Errorf("%s takes an id: add how a stranger would try it to attempts, or why it is no one's to others", p)
		}
		if ok {
			patient.compare(t, p, try)
		}
	}
	for p := range tries {
		if !slices.Contains(all, p) {
			t.Errorf("%s takes no id any more: drop it", p)
		}
	}
	t.Run("by the clock", func(t *testing.T) { patient.time(t, tries) })
	if after := ann.snapshot(); !slices.Equal(after, before) {
		t.Errorf("what is Ann's was %q and is %q", before, after)
	}
	for table, sum := range fingerprint(ann) {
		if sum != rows[table] {
			t.Errorf("%s of Ann's has changed", table)
		}
	}
}

// fingerprint sums up the rows of m's in the tables that nothing in the
// background writes to.
func fingerprint(m household) map[string]string {
	m.t.Helper()
	sums := map[string]string{}
	for _, table := range []string{"mail_tokens", "password_history", "totp_factors", "backup_codes", "sign_in_challenges", "devices", "email_changes",
		"passkeys", "api_keys", "snaptrade_users", "connect_attempts", "imports", "import_rows", "transactions"} {
		sums[table] = m.rows(`select coalesce(md5(string_agg(r::text, '|' order by r::text)), '') from `+table+
			` r where user_id = $1::uuid`, m.whoIs(m.email))[0]
	}
	return sums
}

// caller calls operations without the network between, and without limits that
// refuse.
type caller struct {
	household
	handler http.Handler
}

func (m household) atHome(t *testing.T) caller {
	t.Helper()
	cfg := m.cfg
	cfg.Limits.Shadow = []string{"data", "write", "connect"}
	a, err := app.Build(t.Context(), cfg, m.own, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	if err := a.Sessions.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Sessions.Stop)
	return caller{m, a.Web.Handler()}
}

// try calls with an id and says how long it took.
func (c caller) try(t *testing.T, a attempt, id string) (*httptest.ResponseRecorder, time.Duration) {
	t.Helper()
	in := a.body(id)
	form, isForm := in.(file)
	if isForm {
		in = form.body
	}
	r, err := c.request(a.method, a.path(id), in)
	if err != nil {
		t.Fatal(err)
	}
	if isForm {
		r.Header.Set("Content-Type", form.kind)
	}
	r.RemoteAddr, r.RequestURI = "127.0.0.1:1", r.URL.RequestURI()
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.18.%d.%d", rand.IntN(256), rand.IntN(256))) // each address may do only so much
	w := httptest.NewRecorder()
	began := time.Now()
	c.handler.ServeHTTP(w, r)
	return w, time.Since(began)
}

// own headers of an answer: its id, and what is counted.
var ownHeader = regexp.MustCompile(`^(X-Request-Id|Date|Ratelimit.*|X-Ratelimit-.*)$`)

// compare wants one answer for the true id and for nobody's.
func (c caller) compare(t *testing.T, p place, a attempt) {
	t.Helper()
	theirs, _ := c.try(t, a, a.trueID)
	nobodys, _ := c.try(t, a, uuid.NewString())
	if x, y := instance.ReplaceAllString(theirs.Body.String(), ""), instance.ReplaceAllString(nobodys.Body.String(), ""); theirs.Code != nobodys.Code || x != y {
		t.Errorf("%s tells what exists: %d %s, for nothing %d %s", p, theirs.Code, x, nobodys.Code, y)
	}
	for name := range theirs.Header() {
		if x, y := theirs.Header().Values(name), nobodys.Header().Values(name); !ownHeader.MatchString(name) && !slices.Equal(x, y) {
			t.Errorf("%s tells what exists by %s: %q, for nothing %q", p, name, x, y)
		}
	}
	if len(theirs.Header()) != len(nobodys.Header()) {
		t.Errorf("%s tells what exists by its headers: %v, for nothing %v", p, theirs.Header(), nobodys.Header())
	}
	if strings.Contains(p, "{id} path.") && theirs.Code != http.StatusNotFound {
		t.Errorf("%s: %d %s", p, theirs.Code, theirs.Body)
	}
	if theirs.Code == http.StatusTooManyRequests {
		t.Errorf("%s: a limit spoils the comparison: %s", p, theirs.Body)
	}
}

// samples is how many calls of a kind are timed.
const samples = 300

// time wants the same time for the true id and for nobody's. The medians may
// differ by what noise makes of them, or by a twentieth; a place that seems to
// tell is measured once more, for other programs may have made that up.
func (c caller) time(t *testing.T, tries map[place]attempt) {
	began := time.Now()
	// So that it isn't the clock that notices nothing: one's own account takes
	// longer than one that nobody has.
	own := attempt{method: "GET", path: func(id string) string { return "/api/accounts/" + id }, body: func(string) any { return nil }, trueID: c.account}
	if l := c.lag(t, own); !l.tells() || l.by < 0 {
		t.Errorf("the clock doesn't tell an account of one's own from none: %s", l)
	}
	n := 0
	for p, a := range tries {
		if a.abroad {
			continue
		}
		n++
		first := c.lag(t, a)
		if !first.tells() {
			continue
		}
		if second := c.lag(t, a); second.tells() && (first.by > 0) == (second.by > 0) {
			t.Errorf("%s tells what exists by the time that it takes: %s, and again %s", p, first, second)
		}
	}
	t.Logf("%d places, %d calls of a kind each, in %s", n, samples, time.Since(began).Round(time.Millisecond))
}

// lag is by how much the true id's median is above nobody's.
type lag struct {
	median, by, noise time.Duration // noise: one standard error of by
}

func (l lag) tells() bool {
	by := l.by.Abs()
	return by > l.median/20 && by > 5*l.noise
}

func (l lag) String() string { return fmt.Sprintf("%s ± %s of %s", l.by, l.noise, l.median) }

func (c caller) lag(t *testing.T, a attempt) lag {
	t.Helper()
	var took [2][]time.Duration
	for len(took[0]) < samples {
		// In pairs whose order is drawn: what slows the machine slows both.
		first := rand.IntN(2)
		for _, kind := range []int{first, 1 - first} {
			id := a.trueID
			if kind == 1 {
				id = uuid.NewString()
			}
			w, d := c.try(t, a, id)
			if w.Code == http.StatusTooManyRequests {
				t.Fatalf("a limit spoils the measurement: %s", w.Body)
			}
			took[kind] = append(took[kind], d)
		}
	}
	m0, e0 := middle(took[0])
	m1, e1 := middle(took[1])
	return lag{median: min(m0, m1), by: m0 - m1, noise: time.Duration(math.Hypot(float64(e0), float64(e1)))}
}

// middle returns the median and its standard error, by the median deviation.
func middle(d []time.Duration) (median, noise time.Duration) {
	median = half(d)
	off := make([]time.Duration, len(d))
	for i, v := range d {
		off[i] = (v - median).Abs()
	}
	return median, time.Duration(1.2533 * 1.4826 * float64(half(off)) / math.Sqrt(float64(len(d))))
}

func half(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[len(s)/2]
}

// byMistake runs SQL without any owner as Ben, on the program's own connections,
// in every table that has a policy.
func byMistake(t *testing.T, ann, ben household) {
	type table struct{ Name, Owner string }
	tables, err := postgres.Many[table](t.Context(), ben.pool, `
		select c.oid::regclass::text as name, coalesce((select a.attname::text from pg_attribute a
			where a.attrelid = c.oid and a.attname = case c.relname when 'users' then 'id' when 'audit_entries' then 'subject_id' else 'user_id' end), '') as owner
		from pg_class c where relrowsecurity and not relispartition and relnamespace = 'public'::regnamespace`, nil)
	if err != nil {
		t.Fatal(err)
	}
	user := func(m household) id.User { return m.find(m.email).ID }
	me, her := user(ben), user(ann)
	ctx := access.With(t.Context(), access.Actor{User: me})
	mine, hers := 0, 0
	for _, tab := range tables {
		count := func(where string) int {
			n, err := postgres.Scalar[int](ctx, ben.own, `select count(*)::int from `+tab.Name+where, nil)
			if err != nil {
				t.Errorf("%s: %v", tab.Name, err)
			}
			return n
		}
		if tab.Owner == "" {
			all, err := postgres.Scalar[int](t.Context(), ben.pool, `select count(*)::int from `+tab.Name, nil)
			if err != nil || all > 0 && count("") >= all {
				t.Errorf("Ben sees all %d of %s, %v", all, tab.Name, err)
			}
			continue
		}
		if n := count(` where ` + tab.Owner + ` is distinct from '` + me.String() + `'`); n != 0 {
			t.Errorf("Ben sees %d of %s that aren't his", n, tab.Name)
		}
		theirs, err := postgres.Scalar[int](t.Context(), ben.pool, `select count(*)::int from `+tab.Name+` where `+tab.Owner+` = '`+her.String()+`'`, nil)
		if err != nil {
			t.Error(err)
		}
		n := count("")
		mine, hers = mine+min(n, 1), hers+min(theirs, 1)
		if tab.Name == "audit_entries" || tab.Name == "consents" {
			continue // can't be changed at all
		}
		undo := pgx.ErrTxClosed // any error rolls back
		err = postgres.InTx(ctx, ben.own, func(tx pgx.Tx) error {
			changed, err := postgres.Touch(ctx, tx, `update `+tab.Name+` set `+tab.Owner+` = `+tab.Owner, nil)
			if err != nil {
				return err
			}
			if int(changed) != n {
				t.Errorf("Ben changes %d of %s where he has %d", changed, tab.Name, n)
			}
			return undo
		})
		if err != undo { //nolint:errorlint // the very one
			t.Errorf("%s: %v", tab.Name, err)
		}
	}
	if mine < 15 || hers < 15 {
		t.Errorf("only %d tables hold something of Ben's and %d of Ann's: this proves little", mine, hers)
	}
}
