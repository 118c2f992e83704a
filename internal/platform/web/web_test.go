package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/telemetry"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
)

const origin = "http://localhost:8080"

var (
	alice    = access.Actor{User: id.New[id.User](), Session: id.New[id.Session](), Tier: access.Free, Confirmed: true}
	newcomer = access.Actor{User: id.New[id.User](), Session: id.New[id.Session](), Tier: access.Free}
)

// journal collects log lines.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// house is a server with one operation of each kind.
type house struct {
	*web.Server
	log *journal
	web *webtest.Client
}

type greetIn struct {
	Body struct {
		Email    string `json:"email" format:"email" maxLength:"80"`
		Password string `json:"password" minLength:"12"`
		Nested   *struct {
			Deep []string `json:"deep,omitempty"`
		} `json:"nested,omitempty"`
	}
}

type said struct {
	Body struct {
		Text string `json:"text"`
	}
}

func authenticate(r *http.Request) (access.Actor, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		if c, err := r.Cookie("accessToken"); err == nil {
			token = c.Value
		}
	}
	switch token {
	case "":
		return access.Actor{}, fault.New(fault.Unauthenticated, "NO_TOKEN", "Sign in first.")
	case "alice":
		return alice, nil
	case "newcomer":
		return newcomer, nil
	case "old":
		return access.Actor{}, fault.New(fault.Unauthenticated, "TOKEN_EXPIRED", "Your session has ended.")
	}
	return access.Actor{}, fault.New(fault.Unauthenticated, "INVALID_TOKEN", "Sign in again.")
}

func build(t *testing.T, change func(*web.Config)) *house {
	t.Helper()
	j := &journal{}
	cfg := web.Config{
		Origin: origin, Version: "test", Policies: []string{"data", "scarce"}, Authenticate: authenticate,
		Log: telemetry.NewLogger(j, slog.LevelDebug),
		Limit: func(_ context.Context, policy string, _ access.Actor, _ netip.Addr) (web.Decision, error) {
			q := web.Quota{Name: policy, Limit: 100, Window: time.Minute, Remaining: 42, Reset: 30 * time.Second}
			if policy == "scarce" {
				q.Remaining = 0
				return web.Decision{Retry: 1500 * time.Millisecond, Quotas: []web.Quota{q}}, nil
			}
			return web.Decision{Allowed: true, Quotas: []web.Quota{q, {Name: "day", Limit: 9000, Window: 24 * time.Hour, Remaining: 8000, Reset: time.Hour}}}, nil
		},
	}
	if change != nil {
		change(&cfg)
	}
	s := web.New(cfg)
	web.Handle(s, web.Op{Method: "POST", Path: "/api/greet", Summary: "Greet", Tag: "test", Needs: access.Public, Limit: "data", MaxBody: 2048},
		func(context.Context, *greetIn) (*said, error) {
			out := &said{}
			out.Body.Text = "hello"
			return out, nil
		})
	web.Handle(s, web.Op{Method: "GET", Path: "/api/things/{id}", Summary: "Show a thing", Tag: "test", Needs: access.ManageOwn, Limit: "data"},
		func(ctx context.Context, in *struct {
			ID   id.Account `path:"id"`
			Size int        `query:"size" minimum:"1" maximum:"200"`
		}) (*struct {
			Body struct {
				Owner string        `json:"owner"`
				Worth *money.Amount `json:"worth"`
				List  []string      `json:"list"`
			}
		}, error) {
			out := &struct {
				Body struct {
					Owner string        `json:"owner"`
					Worth *money.Amount `json:"worth"`
					List  []string      `json:"list"`
				}
			}{}
			out.Body.Owner = access.From(ctx).User.String()
			return out, nil
		})
	web.Handle(s, web.Op{Method: "GET", Path: "/api/fail/{how}", Summary: "Fail", Tag: "test", Needs: access.Public, Limit: "none"},
		func(ctx context.Context, in *struct {
			How string `path:"how"`
		}) (*said, error) {
			return nil, fail(ctx, in.How)
		})
	web.Handle(s, web.Op{Method: "GET", Path: "/api/scarce", Summary: "Be scarce", Tag: "test", Needs: access.Public, Limit: "scarce"},
		func(context.Context, *struct{}) (*said, error) { return &said{}, nil })
	web.Handle(s, web.Op{Method: "POST", Path: "/api/own", Summary: "Change", Tag: "test", Needs: access.SignedIn, Limit: "none"},
		func(context.Context, *struct{}) (*struct {
			SetCookie []http.Cookie `header:"Set-Cookie"`
		}, error) {
			return &struct {
				SetCookie []http.Cookie `header:"Set-Cookie"`
			}{[]http.Cookie{{Name: "a", Value: "1", HttpOnly: true}, {Name: "b", Value: "2"}}}, nil
		})
	web.Raw(s, web.Op{Method: "POST", Path: "/api/hook", Summary: "Take a delivery", Tag: "test", Needs: access.Public, Limit: "none", MaxBody: 16, CrossSite: true},
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var b bytes.Buffer
			if _, err := b.ReadFrom(r.Body); err != nil {
				web.Problem(w, r, fmt.Errorf("read delivery: %w", err))
				return
			}
			fmt.Fprintf(w, "took %d", b.Len())
		}))
	web.Raw(s, web.Op{Method: "GET", Path: "/api/address", Summary: "Say the address", Tag: "test", Needs: access.Public, Limit: "none"},
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, telemetry.Address(r.Context())) }))
	return &house{s, j, webtest.New(t, s.Handler(), origin)}
}

var errTaken = fault.New(fault.Conflict, "taken", "That one is taken.")

func fail(ctx context.Context, how string) error {
	switch how {
	case "leak":
		return errors.New(`select user: FATAL: password authentication failed for user "flint" host=10.0.0.5`)
	case "panic":
		panic("kaboom 10.0.0.5")
	case "taken":
		return fmt.Errorf("insert: %w", fault.Because(errTaken, errors.New("unique violation on secret_idx")))
	case "internal":
		return fault.New(fault.Internal, "made_up", "host=10.0.0.5 is down")
	case "later":
		return fault.After(fault.New(fault.Unavailable, "provider_unavailable", "The bank doesn't answer."), 90*time.Second)
	case "slow":
		return context.DeadlineExceeded
	}
	return fault.ErrNotFound
}

func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	h.web.Run(t,
		webtest.Scenario{Name: "an unknown error says one fixed sentence", Path: "/api/fail/leak", Status: 500,
			Contains: []string{`"code":"internal"`, "Something went wrong on our side"}, NeverContains: []string{"FATAL", "10.0.0.5", "flint\""}},
		webtest.Scenario{Name: "so does a panic", Path: "/api/fail/panic", Status: 500,
			Contains: []string{`"code":"internal"`}, NeverContains: []string{"kaboom", "10.0.0.5", "goroutine"}},
		webtest.Scenario{Name: "and an internal fault, whatever it says", Path: "/api/fail/internal", Status: 500,
			Contains: []string{`"code":"internal"`}, NeverContains: []string{"10.0.0.5", "made_up"}},
		webtest.Scenario{Name: "a fault's cause stays inside", Path: "/api/fail/taken", Status: 409,
			Contains: []string{`"code":"taken"`, "That one is taken."}, NeverContains: []string{"secret_idx"}},
		webtest.Scenario{Name: "a short password isn't sent back", Path: "/api/greet", Body: `{"email":"a@b.example","password":"hunter2"}`, Status: 422,
			Contains: []string{`"where":"body.password"`, "must have at least 12 characters"}, NeverContains: []string{"hunter2"}},
		webtest.Scenario{Name: "nor with a missing neighbour", Path: "/api/greet", Body: `{"password":"hunter2hunter2"}`, Status: 422,
			Contains: []string{`"where":"body.email"`, "is required"}, NeverContains: []string{"hunter2"}},
		webtest.Scenario{Name: "nor an address that isn't one", Path: "/api/greet", Body: `{"email":"hunter2","password":"hunter2hunter2"}`, Status: 422,
			Contains: []string{"must be an e-mail address"}, NeverContains: []string{"hunter2"}},
		webtest.Scenario{Name: "nor broken JSON", Path: "/api/greet", Body: `{"password":"hunter2`, Status: 400,
			Contains: []string{`"code":"malformed"`}, NeverContains: []string{"hunter2"}},
		webtest.Scenario{Name: "nor the wrong type", Path: "/api/greet", Body: `{"email":{"x":"hunter2"},"password":"hunter2hunter2"}`, Status: 422,
			Contains: []string{"must be text"}, NeverContains: []string{"hunter2"}},
		webtest.Scenario{Name: "nor the name of an unknown field that isn't a name", Path: "/api/greet", Body: `{"email":"a@b.example","password":"hunter2hunter2","hunter2 <b>":1}`, Status: 422,
			Contains: []string{"isn't known here"}, NeverContains: []string{"hunter2", "<b>"}},
		webtest.Scenario{Name: "nor a path", Path: "/api/things/hunter2", Bearer: "alice", Status: 422, NeverContains: []string{"hunter2"}, Contains: []string{"path.id"}},
		webtest.Scenario{Name: "nor a query", Path: "/api/things/" + id.New[id.Account]().String() + "?size=hunter2", Bearer: "alice", Status: 422,
			NeverContains: []string{"hunter2"}, Contains: []string{"query.size", "whole number"}},
	)
	if n := strings.Count(h.log.String(), "FATAL"); n != 1 {
		t.Errorf("the cause is in the log %d times, not once:\n%s", n, h.log)
	}
	if strings.Contains(h.log.String(), "hunter2") {
		t.Errorf("rejected input is in the log:\n%s", h.log)
	}
}
