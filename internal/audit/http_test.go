package audit_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/geo"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/telemetry"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
)

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// door serves the log to whom the header X-Test-User names.
func door(t *testing.T, pool *pgxpool.Pool) *webtest.Client {
	t.Helper()
	api := web.New(web.Config{
		Origin: "https://flint.example", Policies: []string{"data", "write"}, Log: slog.New(slog.DiscardHandler),
		Authenticate: func(r *http.Request) (access.Actor, error) {
			user, err := id.Parse[id.User](r.Header.Get("X-Test-User"))
			actor := access.Actor{User: user}
			if r.Header.Get("X-Test-Fresh") != "" {
				actor.Proofs.PasswordAt = time.Now()
			}
			return actor, err
		},
		Limit: func(context.Context, string, access.Actor, netip.Addr) (web.Decision, error) {
			return web.Decision{Allowed: true}, nil
		},
	})
	atlas, err := geo.Open(geo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	audit.NewLog(pool, atlas, time.Now).Operations(api)
	return webtest.New(t, api.Handler(), "https://flint.example")
}

func record(t *testing.T, pool *pgxpool.Pool, at time.Time, e audit.Entry) {
	t.Helper()
	ctx := telemetry.WithRequest(t.Context(), "req-1", netip.MustParseAddr("203.0.113.9"))
	if err := postgres.InTx(ctx, pool, func(tx pgx.Tx) error { return audit.Record(ctx, tx, at, e) }); err != nil {
		t.Fatal(err)
	}
}

func asking(user id.User, query string) webtest.Scenario {
	return webtest.Scenario{Path: "/api/security/log" + query, Header: map[string]string{"X-Test-User": user.String()}, Status: 200}
}

type logPage struct {
	Entries    []struct{ ID, Event, Title, Detail, Area, By, Device, Address string }
	NextCursor *string
}

func TestPeopleReadWhatConcernsThemInPlainWords(t *testing.T) {
	t.Parallel()
	pool := sealing(t)
	c := door(t, pool)
	ana, bob, operator := id.New[id.User](), id.New[id.User](), id.New[id.User]()
	for i, e := range []audit.Entry{
		{Actor: access.Actor{User: ana}, Subject: ana, Verb: "session.start", Detail: map[string]any{"how": "link", "device": firefox, "hint": "inner-matter"}},
		{Subject: ana, Verb: "session.refuse", Detail: map[string]any{"reason": "password", "device": "<script>" + firefox}},
		{Actor: access.SystemActor("session.reuse", ana), Subject: ana, Verb: "session.end", Detail: map[string]any{"reason": "reuse"}},
		{Actor: access.Actor{User: operator}, Subject: ana, Verb: "account.ban", Detail: map[string]any{"reason": "a suspicion of ours"}},
		{Actor: access.Actor{User: ana}, Subject: ana, Verb: "connection.link", Detail: map[string]any{"institution": "Platypus Bank"}},
		{Actor: access.Actor{User: ana}, Subject: ana, Verb: "future.thing", Detail: map[string]any{"x": "inner-matter"}},
		{Actor: access.Actor{User: ana}, Subject: bob, Verb: "session.start", Detail: map[string]any{"device": "bobs"}},
	} {
		record(t, pool, now.Add(time.Duration(i)*time.Second), e)
	}
	s := asking(ana, "")
	s.NeverContains = []string{"bobs", "inner-matter", "suspicion", operator.String(), ana.String(), "<script", "Mozilla", "req-1"}
	var got logPage
	c.Check(t, s).JSON(t, &got)
	var lines []string
	for _, e := range got.Entries {
		lines = append(lines, fmt.Sprintf("%s|%s|%s|%s|%s|%s", e.Title, e.Detail, e.Area, e.By, e.Device, e.Address))
	}
	want := []string{
		"Something was changed||account|you||203.0.113.9",
		"An institution was connected|Platypus Bank|connections|you||203.0.113.9",
		"The account was closed to sign-ins||account|support||",
		"A device was signed out|Its key was used twice, so it may have been copied.|sign-in|flint||203.0.113.9",
		"A sign-in was refused|The password was wrong.|sign-in|unknown|Firefox on Linux|203.0.113.9",
		"Signed in|with a link from a mail|sign-in|you|Firefox on Linux|203.0.113.9",
	}
	if g, w := strings.Join(lines, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("the log says\n%s\nnot\n%s", g, w)
	}

	s = asking(ana, "?area=connections")
	s.Contains, s.NeverContains = []string{"Platypus"}, []string{"session"}
	c.Check(t, s)
	for _, bad := range []string{"?area=all", "?limit=0", "?limit=101", "?cursor=x", "?user=" + bob.String()} {
		s := asking(ana, bad)
		s.Status = 422
		if a := c.Do(t, s); a.Status != 422 && a.Status != 400 {
			t.Errorf("%s: %d %s", bad, a.Status, a.Body)
		}
	}
}

func TestTheLogSaysWhereAnAddressIsIfThatIsKnown(t *testing.T) {
	t.Parallel()
	pool := sealing(t)
	c := door(t, pool)
	ana := id.New[id.User]()
	for i, address := range []string{"81.2.69.142", "203.0.113.9"} {
		ctx := telemetry.WithRequest(t.Context(), "req-1", netip.MustParseAddr(address))
		if err := postgres.InTx(ctx, pool, func(tx pgx.Tx) error {
			return audit.Record(ctx, tx, now.Add(time.Duration(i)*time.Second), audit.Entry{Subject: ana, Verb: "session.refuse"})
		}); err != nil {
			t.Fatal(err)
		}
	}
	s := asking(ana, "")
	s.Contains = []string{`"place":{"country":"GB","name":"the United Kingdom"}`, `"place":null`}
	c.Check(t, s)
}

func TestPagesOfTheLogMissNothingAndLeakNothing(t *testing.T) {
	t.Parallel()
	pool := sealing(t)
	c := door(t, pool)
	ana, bob := id.New[id.User](), id.New[id.User]()
	for i := range 25 {
		who := ana
		if i%5 == 4 {
			who = bob
		}
		record(t, pool, now.Add(time.Duration(i/10)*time.Second), audit.Entry{Actor: access.Actor{User: who}, Subject: who, Verb: "email.confirm"})
	}
	seen, pages, query := map[string]bool{}, 0, "?limit=7"
	var foreign string
	for {
		var got logPage
		c.Check(t, asking(ana, query)).JSON(t, &got)
		for _, e := range got.Entries {
			if seen[e.ID] {
				t.Errorf("%s comes twice", e.ID)
			}
			seen[e.ID] = true
		}
		pages++
		if pages == 1 { // what comes in the meantime changes no later page
			record(t, pool, now.Add(time.Hour), audit.Entry{Actor: access.Actor{User: ana}, Subject: ana, Verb: "email.confirm"})
		}
		if got.NextCursor == nil {
			break
		}
		foreign, query = *got.NextCursor, "?limit=7&cursor="+*got.NextCursor
	}
	if len(seen) != 20 || pages != 3 {
		t.Errorf("%d entries on %d pages, not 20 on 3", len(seen), pages)
	}
	var got logPage
	c.Check(t, asking(bob, "?cursor="+foreign)).JSON(t, &got)
	if len(got.Entries) != 0 {
		t.Errorf("a cursor of somebody else's shows %+v", got.Entries)
	}
}
