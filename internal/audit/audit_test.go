package audit_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/telemetry"
)

var now = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

func TestAnEntryKeepsWhoWhatAndWhence(t *testing.T) {
	t.Parallel()
	pool := sealing(t)
	ana := id.New[id.User]()
	ctx := telemetry.WithRequest(t.Context(), "req-1", netip.MustParseAddr("203.0.113.9"))
	actors := []access.Actor{{User: ana}, access.SystemActor("connection.sync", ana), {}}
	for i, a := range actors {
		err := postgres.InTx(ctx, pool, func(tx pgx.Tx) error {
			return audit.Record(ctx, tx, now.Add(time.Duration(i)*time.Second), audit.Entry{
				Actor: a, Subject: ana, Verb: "connection.link", Object: "o", Detail: map[string]any{"n": i, "list": []string{"a"}},
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	lines, err := audit.ListFor(ctx, pool, ana, audit.Page{Limit: 10})
	if err != nil || len(lines) != 3 {
		t.Fatalf("%d lines, error %v", len(lines), err)
	}
	anonymous, system, person := lines[0], lines[1], lines[2]
	if person.ActorKind != "person" || person.ActorID != ana || person.RequestID != "req-1" || person.Address != "203.0.113.9" {
		t.Errorf("person: %+v", person)
	}
	if system.ActorKind != "system" || system.ActorName != "connection.sync" || !system.ActorID.IsZero() {
		t.Errorf("system: %+v", system)
	}
	if anonymous.ActorKind != "anonymous" || !anonymous.ActorID.IsZero() || anonymous.Detail["n"] != 2.0 {
		t.Errorf("anonymous: %+v", anonymous)
	}
	if others, err := audit.ListFor(ctx, pool, id.New[id.User](), audit.Page{Limit: 10}); err != nil || len(others) != 0 {
		t.Errorf("somebody else sees %d lines, error %v", len(others), err)
	}
}

func TestWithoutAnEntryThereIsNoChange(t *testing.T) {
	t.Parallel()
	pool := sealing(t)
	ana := id.New[id.User]()
	secret := config.NewSecret("canary")
	for name, e := range map[string]audit.Entry{
		"no verb":          {},
		"one word":         {Verb: "link"},
		"capitals":         {Verb: "Connection.Link"},
		"three words":      {Verb: "a.b.c"},
		"a huge object":    {Verb: "a.b", Object: strings.Repeat("x", 500)},
		"a huge detail":    {Verb: "a.b", Detail: map[string]any{"x": strings.Repeat("x", 10_000)}},
		"a secret":         {Verb: "a.b", Detail: map[string]any{"x": secret}},
		"a secret's place": {Verb: "a.b", Detail: map[string]any{"x": &secret}},
		"a hidden secret":  {Verb: "a.b", Detail: map[string]any{"x": []any{map[string]any{"y": secret}}}},
		"a struct":         {Verb: "a.b", Detail: map[string]any{"x": struct{ Password string }{"canary"}}},
		"bytes":            {Verb: "a.b", Detail: map[string]any{"x": []byte("canary")}},
	} {
		err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			if err := audit.Record(t.Context(), tx, now, audit.Entry{Subject: ana, Verb: "a.b"}); err != nil {
				t.Fatal(err)
			}
			return audit.Record(t.Context(), tx, now, e)
		})
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if lines, err := audit.ListFor(t.Context(), pool, ana, audit.Page{Limit: 10}); err != nil || len(lines) != 0 {
		t.Errorf("%d entries stayed, error %v", len(lines), err)
	}
}

func TestPagesNeitherSkipNorRepeat(t *testing.T) {
	t.Parallel()
	pool := sealing(t)
	ana := id.New[id.User]()
	err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		var errs []error
		for i := range 10 { // several in one moment
			errs = append(errs, audit.Record(t.Context(), tx, now.Add(time.Duration(i/4)*time.Second), audit.Entry{Subject: ana, Verb: "a.b"}))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		t.Fatal(err)
	}
	seen, page := map[id.Entry]bool{}, audit.Page{Limit: 3}
	for range 4 {
		lines, err := audit.ListFor(t.Context(), pool, ana, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if seen[l.ID] {
				t.Errorf("%v came twice", l.ID)
			}
			seen[l.ID], page.Before = true, l.ID
		}
	}
	if len(seen) != 10 {
		t.Errorf("saw %d of 10", len(seen))
	}
}
