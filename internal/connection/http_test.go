package connection_test

import (
	"context"
	"net/http"
	"net/netip"
	"testing"

	"flint/internal/access"
	"flint/internal/connection"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
)

const origin = "http://flint.test"

// serve serves b's operations. The bearer token is the name of an actor.
func (b *bench) serve(actors map[string]access.Actor) *webtest.Client {
	server := web.New(web.Config{
		Origin: origin, Policies: []string{"data", "write", "connect"},
		Authenticate: func(r *http.Request) (access.Actor, error) {
			if a, ok := actors[r.Header.Get("Authorization")]; ok {
				return a, nil
			}
			return access.Actor{}, fault.New(fault.Unauthenticated, "NO_TOKEN", "Sign in first.")
		},
		Limit: func(context.Context, string, access.Actor, netip.Addr) (web.Decision, error) {
			return web.Decision{Allowed: true}, nil
		},
	})
	b.service.Operations(server)
	return webtest.New(b.t, server.Handler(), origin)
}

func TestConnectionsOverHTTP(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada, eve := b.person(access.Basic), b.person(access.Free)
	unconfirmed := b.person(access.Free)
	unconfirmed.Confirmed = false
	c := b.serve(map[string]access.Actor{"Bearer ada": ada, "Bearer eve": eve, "Bearer new": unconfirmed})

	for _, path := range []string{"/api/connections", "/api/connections/" + id.New[id.Connection]().String()} {
		c.Run(t,
			webtest.Scenario{Name: "a stranger " + path, Path: path, Status: 401, Contains: []string{"NO_TOKEN"}},
			webtest.Scenario{Name: "unconfirmed " + path, Path: path, Bearer: "new", Status: 403},
		)
	}
	c.Run(t, webtest.Scenario{Name: "nothing yet", Path: "/api/connections", Bearer: "ada", Status: 200, Contains: []string{`"connections":[]`, `"limit":3`, `"used":0`}})

	var start struct{ Attempt, Nonce string }
	c.Check(t, webtest.Scenario{
		Method: "POST", Path: "/api/connections/teller/start", Bearer: "ada", Body: map[string]any{}, Status: 200,
		Contains: []string{`"applicationId":"app_test"`, `"environment":"sandbox"`, `"scriptUrl":"https://connect.test/connect.js"`, `"products":["balance","transactions"]`},
		After:    func(t *testing.T, a webtest.Answer) { a.JSON(t, &start) },
	})
	attempt, err := id.Parse[id.Attempt](start.Attempt)
	if err != nil {
		t.Fatal(err)
	}
	e := b.bank.handOver(attempt, start.Nonce, "token_secret", "enr_1")
	finish := map[string]any{
		"attempt": start.Attempt, "accessToken": "token_secret", "userId": "usr_1", "enrollmentId": "enr_1",
		"institution": map[string]any{"id": "first_example", "name": "First"}, "signatures": e.Signatures,
	}
	bad := map[string]any{}
	for k, v := range finish {
		bad[k] = v
	}
	bad["signatures"] = []string{"AAAA"}
	unknown := map[string]any{"extra": 1}
	for k, v := range finish {
		unknown[k] = v
	}
	var linked struct{ ID string }
	c.Run(t,
		webtest.Scenario{Name: "forged", Method: "POST", Path: "/api/connections/teller", Bearer: "ada", Body: bad, Status: 422, Contains: []string{"signature_invalid"}, NeverContains: []string{"token_secret"}},
		webtest.Scenario{Name: "an unknown field", Method: "POST", Path: "/api/connections/teller", Bearer: "ada", Body: unknown, Status: 422, NeverContains: []string{"token_secret"}},
		webtest.Scenario{Name: "another's attempt", Method: "POST", Path: "/api/connections/teller", Bearer: "eve", Body: finish, Status: 409, Contains: []string{"attempt_expired"}},
		webtest.Scenario{
			Name: "linked", Method: "POST", Path: "/api/connections/teller", Bearer: "ada", Body: finish, Status: 201,
			Contains: []string{`"status":"pending"`, `"action":"wait"`, `"institutionName":"Bank first_example"`, `"lastSyncedAt":null`}, NeverContains: []string{"token_secret", `"credential"`},
			After: func(t *testing.T, a webtest.Answer) { a.JSON(t, &linked) },
		},
		webtest.Scenario{Name: "twice", Method: "POST", Path: "/api/connections/teller", Bearer: "ada", Body: finish, Status: 409, Contains: []string{"attempt_expired"}},
	)
	run(t, b, ada.User, linked.ID)
	path := "/api/connections/" + linked.ID
	c.Run(t,
		webtest.Scenario{Name: "detail", Path: path, Bearer: "ada", Status: 200, Contains: []string{`"runs":[{"id"`, `"errorClass":"rate_limited"`, `"apiCalls":7`, "told to wait"}, NeverContains: []string{"token_secret"}},
		webtest.Scenario{Name: "runs", Path: path + "/runs", Bearer: "ada", Status: 200, Contains: []string{`"outcome":"failed"`}},
		webtest.Scenario{Name: "another's", Path: path, Bearer: "eve", Status: 404},
		webtest.Scenario{Name: "another's runs", Path: path + "/runs", Bearer: "eve", Status: 404},
		webtest.Scenario{Name: "no id", Path: "/api/connections/42", Bearer: "ada", Status: 422},
		webtest.Scenario{Name: "refresh", Method: "POST", Path: path + "/refresh", Bearer: "ada", Status: 202, Contains: []string{`"queued":true`}},
		webtest.Scenario{Name: "another's refresh", Method: "POST", Path: path + "/refresh", Bearer: "eve", Status: 404},
		webtest.Scenario{Name: "another's delete", Method: "DELETE", Path: path, Bearer: "eve", Status: 404},
		webtest.Scenario{Name: "bad history", Method: "DELETE", Path: path + "?history=perhaps", Bearer: "ada", Status: 422},
		webtest.Scenario{Name: "delete", Method: "DELETE", Path: path + "?history=delete", Bearer: "ada", Status: 204},
		webtest.Scenario{Name: "gone", Path: path, Bearer: "ada", Status: 404},
	)
	if len(b.removed) != 1 || b.removed[0] != linked.ID+" false" {
		t.Errorf("told %v", b.removed)
	}
}

func run(t *testing.T, b *bench, owner id.User, connection string) {
	t.Helper()
	err := postgres.Exec(t.Context(), b.pool, `
		insert into sync_runs (id, user_id, connection_id, trigger, fence, started_at, finished_at, outcome, api_calls, error_class)
		values (@id, @owner, @connection, 'link', 1, now(), now(), 'failed', 7, 'rate_limited')`,
		postgres.Args{"id": id.New[id.Run](), "owner": owner, "connection": connection})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSnapTradeOverHTTP(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ada := b.person(access.Pro)
	c := b.serve(map[string]access.Actor{"Bearer ada": ada})
	var start struct{ Attempt, RedirectURL string }
	c.Run(t,
		webtest.Scenario{Name: "no kind", Method: "POST", Path: "/api/connections/snaptrade/start", Bearer: "ada", Body: map[string]any{}, Status: 422},
		webtest.Scenario{Name: "odd broker", Method: "POST", Path: "/api/connections/snaptrade/start", Bearer: "ada", Body: map[string]any{"kind": "crypto", "broker": "a b"}, Status: 422},
		webtest.Scenario{
			Name: "start", Method: "POST", Path: "/api/connections/snaptrade/start", Bearer: "ada", Body: map[string]any{"kind": "crypto", "broker": "COINBASE"}, Status: 200,
			Contains: []string{`"redirectUrl":"https://portal.test/?t=1"`}, NeverContains: []string{"user-secret"},
			After: func(t *testing.T, a webtest.Answer) { a.JSON(t, &start) },
		},
		webtest.Scenario{Name: "no uuid", Method: "POST", Path: "/api/connections/snaptrade", Bearer: "ada", Body: map[string]any{"attempt": start.Attempt, "authorizationId": "x"}, Status: 422},
	)
	authorization := b.broker.connect(ada.User, "COINBASE", "Cryptocurrency Exchange", false)
	c.Run(t,
		webtest.Scenario{Name: "finish", Method: "POST", Path: "/api/connections/snaptrade", Bearer: "ada", Body: map[string]any{"attempt": start.Attempt, "authorizationId": authorization}, Status: 201, Contains: []string{`"kind":"crypto"`}},
		webtest.Scenario{Name: "no limit", Path: "/api/connections", Bearer: "ada", Status: 200, Contains: []string{`"limit":null`, `"used":1`}},
	)
	b.broker.down = 500
	c.Run(t, webtest.Scenario{Name: "down", Method: "POST", Path: "/api/connections/snaptrade/start", Bearer: "ada", Body: map[string]any{"kind": "crypto"}, Status: 503, Contains: []string{"provider_unavailable"}})
}

func TestEveryStateHasOneSentenceAndOneAction(t *testing.T) {
	t.Parallel()
	class := func(s string) *string { return &s }
	for _, tc := range []struct {
		line   connection.Line
		action connection.Action
		silent bool
	}{
		{connection.Line{Connection: connection.Connection{Status: connection.Healthy}}, connection.None, true},
		{connection.Line{Connection: connection.Connection{Status: connection.Pending}}, connection.Wait, false},
		{connection.Line{Connection: connection.Connection{Status: connection.Degraded}, LastError: class("provider_down")}, connection.Wait, false},
		{connection.Line{Connection: connection.Connection{Status: connection.Degraded}}, connection.Wait, false},
		{connection.Line{Connection: connection.Connection{Status: connection.Reauth, StatusReason: "account_locked"}}, connection.Reconnect, false},
		{connection.Line{Connection: connection.Connection{Status: connection.Disconnected}}, connection.Reconnect, false},
		{connection.Line{Connection: connection.Connection{Status: connection.Quarantined}}, connection.Retry, false},
	} {
		message, action := tc.line.Explain()
		if action != tc.action || (message == "") != tc.silent {
			t.Errorf("%s: %q, %s", tc.line.Status, message, action)
		}
	}
}
