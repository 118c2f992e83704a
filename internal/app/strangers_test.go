package app_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"flint/internal/access"
)

// household is what a person owns, by id.
type household struct {
	*person
	account, connection, broker, transaction, session, applied, preview, passkey, key, device, entry, export string
	enrollment                                                                                               enrollment
	ids                                                                                                      []string // all of theirs, whatever they are of
}

const statement = "Date,Description,Amount\n2026-11-02,%s COFFEE,-4.50\n2026-11-03,%s LUNCH,-14.25\n"

// furnish gives p a bank, a broker, an import and some words of their own.
func furnish(p *person, bank, broker, kind string) household {
	p.t.Helper()
	m := household{person: p}
	m.connection, m.enrollment = p.connectBank(bank)
	m.broker, _ = p.connectBroker(broker, kind, p.email)
	p.settled()
	mark := strings.ToUpper(strings.Split(p.email, "@")[0])
	p.order("POST", "/control/teller/"+m.enrollment.Enrollment.ID+"/transactions",
		map[string]string{"amount": "-77.31", "description": mark + " SECRET SHOP"}, nil)
	p.settled()
	var list struct {
		Transactions []struct{ ID, AccountID string }
	}
	p.must("GET", "/api/transactions?q="+mark+"+SECRET", nil).json(p.t, &list)
	if len(list.Transactions) != 1 {
		p.t.Fatalf("%d transactions of %s", len(list.Transactions), mark)
	}
	m.transaction, m.account = list.Transactions[0].ID, list.Transactions[0].AccountID
	p.must("PATCH", "/api/accounts/"+m.account, map[string]string{"nickname": mark + " nest egg"})
	p.must("PATCH", "/api/transactions/"+m.transaction, map[string]string{"note": mark + " note"})
	m.preview, m.applied = m.bring(mark+" one"), m.bring(mark+" two")
	p.must("POST", "/api/imports/"+m.applied+"/apply", map[string]any{"newAccount": map[string]string{"name": mark + " wallet", "kind": "manual", "currency": "USD"}})
	var sessions struct{ Sessions []struct{ ID string } }
	p.must("GET", "/api/auth/sessions", nil).json(p.t, &sessions)
	m.session = sessions.Sessions[0].ID
	m.passkey = p.rows(`
		insert into passkeys (id, user_id, credential_id, public_key, sign_count, synced, transports, created_at)
		select gen_random_uuid(), id, sha256(id::text::bytea), '\x00', 0, false, '{}', now() from users where id = $1::uuid
		returning id::text`, p.whoIs(p.email))[0]
	p.must("PATCH", "/api/auth/passkeys/"+m.passkey, map[string]string{"name": "Laptop"})
	m.device = p.rows(`
		insert into devices (token_hash, user_id, session_id, created_at, last_used_at)
		select sha256(('device ' || id)::bytea), id, gen_random_uuid(), now(), now() from users where id = $1::uuid
		returning id::text`, p.whoIs(p.email))[0]
	m.entry = p.rows(`select e.id::text from audit_entries e join users u on u.id = e.subject_id where u.id = $1::uuid order by e.at limit 1`, p.whoIs(p.email))[0]
	var made struct{ APIKey struct{ ID string } }
	p.must("POST", "/api/keys", map[string]string{"name": mark + " key"}).json(p.t, &made)
	m.key = made.APIKey.ID
	m.export = p.copyOf()
	m.ids = p.rows(`
		with me as (select id from users where id = $1::uuid)
		select id::text from me
		union select a.id::text from accounts a, me where a.user_id = me.id
		union select c.id::text from connections c, me where c.user_id = me.id
		union select c.provider_connection_id from connections c, me where c.user_id = me.id
		union select t.id::text from transactions t, me where t.user_id = me.id
		union select i.id::text from imports i, me where i.user_id = me.id
		union select s.id::text from sessions s, me where s.user_id = me.id
		union select k.id::text from passkeys k, me where k.user_id = me.id
		union select k.id::text from api_keys k, me where k.user_id = me.id
		union select r.id::text from sync_runs r, me where r.user_id = me.id`, p.whoIs(p.email))
	return m
}

// bring uploads a statement and returns the preview's id.
func (m household) bring(who string) string {
	m.t.Helper()
	var i struct{ ID string }
	m.must("POST", "/api/imports", &form{who + ".csv", strings.ReplaceAll(statement, "%s", who)}).json(m.t, &i)
	return i.ID
}

// doors lists a valid call of each operation with an id in its path, in an order
// in which the owner can make them all.
func (m household) doors() []door {
	columns := map[string]any{"date": "Date", "description": "Description", "amount": "Amount"}
	return []door{
		{"GET", "/api/accounts/{id}", m.account, nil},
		{"PATCH", "/api/accounts/{id}", m.account, map[string]any{"nickname": "taken over", "hidden": true}},
		{"GET", "/api/connections/{id}", m.connection, nil},
		{"GET", "/api/connections/{id}/runs", m.connection, nil},
		{"POST", "/api/connections/{id}/refresh", m.connection, nil},
		{"GET", "/api/imports/{id}", m.preview, nil},
		{"PUT", "/api/imports/{id}/mapping", m.preview, columns},
		{"POST", "/api/imports/{id}/apply", m.preview, map[string]any{"newAccount": map[string]string{"name": "x", "kind": "manual", "currency": "USD"}}},
		{"POST", "/api/imports/{id}/undo", m.applied, nil},
		{"PATCH", "/api/transactions/{id}", m.transaction, map[string]any{"note": "taken over"}},
		{"DELETE", "/api/transactions/{id}", m.transaction, nil},
		{"DELETE", "/api/connections/{id}", m.connection, nil},
		{"PATCH", "/api/auth/passkeys/{id}", m.passkey, map[string]any{"name": "taken over"}},
		{"DELETE", "/api/auth/passkeys/{id}", m.passkey, nil},
		{"DELETE", "/api/keys/{id}", m.key, nil},
		{"GET", "/api/privacy/export/{id}/download", m.export, nil},
		{"PATCH", "/api/auth/devices/{id}", m.device, map[string]string{"name": "Mine"}},
		{"DELETE", "/api/auth/devices/{id}", m.device, nil},
		{"GET", "/api/security/log/{id}/proof", m.entry, nil},
		{"DELETE", "/api/auth/sessions/{id}", m.session, nil},
	}
}

// door is a call of an operation with an id.
type door struct {
	method, path, id string
	body             any
}

func (d door) at(id string) string { return strings.Replace(d.path, "{id}", id, 1) }

var instance = regexp.MustCompile(`"instance":"[^"]*"`)

// TestNobodyReachesWhatIsSomebodyElses walks every door with an id as somebody
// else: with the owner's true ids, the answer is the one for ids that don't
// exist, and nothing changes.
func TestNobodyReachesWhatIsSomebodyElses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, ben := furnish(h.resident("Ann"), "chase", "SCHWAB", "brokerage"), furnish(h.resident("Ben"), "citibank", "COINBASE", "crypto")
	t.Run("by listening", func(t *testing.T) { byListening(t, ann, ben) })
	before := ann.snapshot()
	t.Run("by the path", func(t *testing.T) { byThePath(t, ann, ben) })
	t.Run("by a field", func(t *testing.T) { byAField(t, ann, ben) })
	t.Run("by a list", func(t *testing.T) { byAList(t, ann, ben) })
	if after := ann.snapshot(); !slices.Equal(after, before) {
		t.Errorf("what is Ann's was %q and is %q", before, after)
	}
	t.Run("but the owner does", func(t *testing.T) {
		for _, d := range ann.doors() {
			a := ann.call(d.method, d.at(d.id), d.body)
			if a.status >= 300 && !strings.Contains(a.body, "refresh_too_soon") { // it was refreshed a moment ago
				t.Errorf("%s %s: %d %s: the calls before proved nothing", d.method, d.path, a.status, a.body)
			}
		}
	})
}

// snapshot is all that others might change.
func (m household) snapshot() []string {
	m.t.Helper()
	return m.rows(`
		with me as (select id from users where id = $1::uuid)
		select concat_ws(' ', a.id, a.sealed, a.hidden, a.deleted_at, a.status) as s from accounts a, me where a.user_id = me.id
		union all select concat_ws(' ', c.id, c.status, c.deleted_at) from connections c, me where c.user_id = me.id
		union all select concat_ws(' ', t.id, t.sealed, t.category, t.deleted_at) from transactions t, me where t.user_id = me.id
		union all select concat_ws(' ', i.id, i.status, i.sealed) from imports i, me where i.user_id = me.id
		union all select concat_ws(' ', k.id, k.sealed) from passkeys k, me where k.user_id = me.id
		union all select concat_ws(' ', k.id, k.revoked_at) from api_keys k, me where k.user_id = me.id
		union all select concat_ws(' ', s.id, s.revoked_at) from sessions s, me where s.user_id = me.id
		order by s`, m.whoIs(m.email))
}

func byThePath(t *testing.T, ann, ben household) {
	doors := ann.doors()
	for _, route := range ann.app.Web.Routes() {
		_, after, ok := strings.Cut(route.Path, "{")
		name, _, _ := strings.Cut(after, "}")
		if _, other := others[route.Method+" "+route.Path+" path."+name]; !ok || other {
			continue
		}
		if route.Needs.Staff() {
			path := func(id string) string { return strings.Replace(route.Path, "{id}", id, 1) }
			body := map[string]string{"tier": "free", "reason": "out of spite"}
			theirs, nobodys := ben.call(route.Method, path(ann.ids[0]), body), ben.call(route.Method, path(uuid.NewString()), body)
			if same(t, route.Method+" "+route.Path, theirs, nobodys); theirs.status != http.StatusForbidden {
				t.Errorf("%s %s: %d", route.Method, route.Path, theirs.status)
			}
			continue
		}
		i := slices.IndexFunc(doors, func(d door) bool { return d.method == route.Method && d.path == route.Path })
		if i < 0 {
			t.Errorf("%s %s isn't walked: add a valid call of it to doors", route.Method, route.Path)
			continue
		}
		d := doors[i]
		theirs, nobodys := ben.call(d.method, d.at(d.id), d.body), ben.call(d.method, d.at(uuid.NewString()), d.body)
		same(t, d.method+" "+d.path, theirs, nobodys)
		if theirs.status != http.StatusNotFound {
			t.Errorf("%s %s: %d", d.method, d.path, theirs.status)
		}
		if h := theirs.header.Get("Content-Type"); h != "application/problem+json" {
			t.Errorf("%s %s is answered with %s", d.method, d.path, h)
		}
	}
}

// same fails unless the answers are one but for the request's id.
func same(t *testing.T, what string, theirs, nobodys answer) {
	t.Helper()
	a, b := instance.ReplaceAllString(theirs.body, ""), instance.ReplaceAllString(nobodys.body, "")
	if theirs.status != nobodys.status || a != b {
		t.Errorf("%s tells what exists: %d %s, for nothing %d %s", what, theirs.status, a, nobodys.status, b)
	}
}

// byAField sends the owner's ids in bodies and queries.
func byAField(t *testing.T, ann, ben household) {
	body, _ := ben.enroll("pnc")
	var annStart struct{ Attempt string }
	ann.must("POST", "/api/connections/teller/start", struct{}{}).json(t, &annStart)
	spoilt := ben.bring("ben three")
	for what, try := range map[string]func(id string) answer{
		"apply an import to their account": func(id string) answer {
			return ben.call("POST", "/api/imports/"+spoilt+"/apply", map[string]string{"accountId": id})
		},
		"list their account": func(id string) answer { return ben.call("GET", "/api/transactions?accountId="+id, nil) },
	} {
		same(t, what, try(ann.account), try(uuid.NewString()))
	}
	for what, try := range map[string]func(id string) answer{
		"repair their bank": func(id string) answer {
			return ben.call("POST", "/api/connections/teller/start", map[string]string{"reconnect": id})
		},
		"repair their broker": func(id string) answer {
			return ben.call("POST", "/api/connections/snaptrade/start", map[string]string{"kind": "brokerage", "reconnect": id})
		},
	} {
		a := try(ann.connection)
		same(t, what, a, try(uuid.NewString()))
		if a.status < 400 {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	for what, id := range map[string]string{"their attempt": annStart.Attempt, "no attempt": uuid.NewString()} {
		body["attempt"] = id
		if a := ben.call("POST", "/api/connections/teller", body); a.status < 400 {
			t.Errorf("finish %s: %d %s", what, a.status, a.body)
		}
	}
	// Ann's cursor is nothing to Ben.
	var page struct{ NextCursor *string }
	ann.must("GET", "/api/transactions?limit=1", nil).json(t, &page)
	if a := ben.call("GET", "/api/transactions?limit=1&cursor="+*page.NextCursor, nil); a.status < 400 {
		t.Errorf("their cursor: %d %s", a.status, a.body)
	}
}

// byAList reads all that Ben can read and looks for what is Ann's.
func byAList(t *testing.T, ann, ben household) {
	words := append([]string{ann.email, "ANN", "Chase", "Schwab", ann.enrollment.Enrollment.ID}, ann.ids...)
	read := 0
	for _, route := range ann.app.Web.Routes() {
		if route.Method != "GET" || strings.Contains(route.Path, "{") || route.Needs == access.Public || route.Needs.Staff() || route.Path == "/api/events" {
			continue
		}
		a := ben.must("GET", route.Path, nil)
		read++
		for _, w := range words {
			if strings.Contains(a.body, w) {
				t.Errorf("GET %s shows Ben %q", route.Path, w)
			}
		}
	}
	for _, query := range []string{"/api/transactions?q=ANN", "/api/transactions?q=77.31", "/api/transactions?limit=200"} {
		a := ben.must("GET", query, nil)
		for _, w := range words {
			if strings.Contains(a.body, `"`+w+`"`) || strings.Contains(a.body, "ANN SECRET") {
				t.Errorf("GET %s shows Ben %q", query, w)
			}
		}
	}
	if read < 9 {
		t.Errorf("only %d lists were read", read)
	}
}

// byListening lets things happen to one person while another listens.
func byListening(t *testing.T, ann, ben household) {
	hers, his := ann.listen(), ben.listen()
	ann.order("POST", "/control/teller/"+ann.enrollment.Enrollment.ID+"/transactions", map[string]string{"amount": "-1.23"}, nil)
	ann.settled() // so that the sync was heard of
	ann.must("PATCH", "/api/accounts/"+ann.account, map[string]any{"hidden": true})
	ann.must("PATCH", "/api/accounts/"+ann.account, map[string]any{"hidden": false})
	ann.must("DELETE", "/api/connections/"+ann.broker, nil)
	ann.settled()
	ben.must("PATCH", "/api/accounts/"+ben.account, map[string]any{"hidden": true}) // comes last
	heard := his.until("wealth")
	for _, event := range heard {
		for _, id := range ann.ids {
			if strings.Contains(event, id) {
				t.Errorf("Ben hears %s", event)
			}
		}
	}
	if got := strings.Join(hers.until("connection"), "\n"); !strings.Contains(got, "event: sync") || !strings.Contains(got, ann.connection) {
		t.Errorf("Ann hears only %s", got)
	}
}

// ear is an open stream.
type ear struct {
	t      *testing.T
	events chan string // "event: x\ndata: y"
}

func (p *person) listen() *ear {
	p.t.Helper()
	r, err := p.request("GET", "/api/events", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = w.Body.Close() })
	e := &ear{p.t, make(chan string, 10_000)}
	go func() {
		defer close(e.events)
		event := ""
		for in := bufio.NewScanner(w.Body); in.Scan(); {
			if in.Text() != "" {
				event += in.Text() + "\n"
				continue
			}
			if strings.HasPrefix(event, "event:") {
				e.events <- event
			}
			event = ""
		}
	}()
	e.until("hello")
	return e
}

// until returns what came up to the first event about topic, with it.
func (e *ear) until(topic string) []string {
	e.t.Helper()
	var heard []string
	for {
		select {
		case event, open := <-e.events:
			heard = append(heard, event)
			if strings.HasPrefix(event, "event: "+topic) {
				return heard
			}
			if !open {
				e.t.Fatalf("the stream ended before an event about %s: %q", topic, heard)
			}
		case <-time.After(patience):
			e.t.Fatalf("no event about %s: %q", topic, heard)
		}
	}
}

// TestWhoHasNotConfirmedReachesNothing signs somebody in whose address isn't
// confirmed, and somebody who isn't signed in at all.
func TestWhoHasNotConfirmedReachesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	eve := h.newcomer("Eve")
	eve.signIn()
	tried := 0
	for _, route := range h.app.Web.Routes() {
		if route.Needs != access.ManageOwn && route.Needs != access.ViewOwn {
			continue
		}
		tried++
		a := eve.call(route.Method, strings.Replace(route.Path, "{id}", uuid.NewString(), 1), map[string]any{})
		var problem struct{ Code string }
		if err := json.Unmarshal([]byte(a.body), &problem); a.status != http.StatusForbidden || err != nil || problem.Code == "" {
			t.Errorf("%s %s: %d %s", route.Method, route.Path, a.status, a.body)
		}
	}
	if tried < 20 {
		t.Errorf("only %d doors were tried", tried)
	}
	eve.must("GET", "/api/auth/user", nil)
}
