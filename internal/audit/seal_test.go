package audit_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/envelope"
	"flint/internal/envelope/envelopetest"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/telemetry"
)

// sealing returns a pool that the keys of its database go with.
func sealing(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := pgtest.New(t)
	envelopetest.New(t, pool)
	return pool
}

// personally records what says much about ana.
func personally(t *testing.T, pool *pgxpool.Pool, ana id.User) id.Entry {
	t.Helper()
	ctx := telemetry.WithRequest(t.Context(), "req-1", netip.MustParseAddr("203.0.113.77"))
	var entry id.Entry
	err := postgres.InTx(ctx, pool, func(tx pgx.Tx) (err error) {
		entry, err = audit.Write(ctx, tx, now, audit.Entry{
			Actor: access.Actor{User: ana}, Subject: ana, Verb: "session.start", Object: "thing-1", Detail: map[string]any{
				"how": "password", "sessions": 2, "device": "Canary/1.0", "institution": "Canary Bank", "reason": "canary said so",
				"nickname": "canary", "before": "Canary Street 7", "names": []string{"canary"}, "amount": 7777,
			},
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

func TestWhatIsPersonalIsSealedAndTheRestIsNot(t *testing.T) {
	t.Parallel()
	pool := sealing(t)
	ana := id.New[id.User]()
	entry := personally(t, pool, ana)
	row, err := postgres.Scalar[string](t.Context(), pool, `select row_to_json(e)::text || encode(e.sealed, 'escape') from audit_entries e`, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"anary", "203.0.113.77", "7777"} {
		if strings.Contains(row, word) {
			t.Errorf("%q is in clear: %s", word, row)
		}
	}
	for _, word := range []string{`"how":"password"`, `"sessions":2`, "session.start", "thing-1", "req-1", ana.String()} {
		if !strings.Contains(strings.ReplaceAll(row, " ", ""), word) {
			t.Errorf("%q isn't in clear: %s", word, row)
		}
	}
	lines, err := audit.ListFor(t.Context(), pool, ana, audit.Page{Limit: 10})
	if err != nil || len(lines) != 1 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	found, err := audit.Find(t.Context(), pool, entry)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []audit.Line{lines[0], found} {
		if l.Address != "203.0.113.77" || l.Detail["device"] != "Canary/1.0" || l.Detail["reason"] != "canary said so" || l.Detail["how"] != "password" ||
			l.Detail["amount"] != 7777.0 || l.Lost != "" {
			t.Errorf("read %+v", l)
		}
	}
}

func TestWithoutKeysNothingPersonalIsKept(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		return audit.Record(t.Context(), tx, now, audit.Entry{Verb: "session.start", Detail: map[string]any{"device": "Canary"}})
	})
	if err == nil {
		t.Error("it was kept in clear")
	}
}

func TestAnEntryOpensOnlyWhereItWasWritten(t *testing.T) {
	t.Parallel()
	pool, owner := pgtest.Owned(t)
	envelopetest.New(t, pool)
	ana, bob := id.New[id.User](), id.New[id.User]()
	personally(t, pool, ana)
	personally(t, pool, bob)
	if err := postgres.Exec(t.Context(), owner, `
		with s as (select set_config('flint.user', 'system', false))
		update audit_entries e set sealed = o.sealed from audit_entries o, s where o.id <> e.id`, nil); err != nil {
		t.Fatal(err)
	}
	for _, who := range []id.User{ana, bob} {
		lines, err := audit.ListFor(t.Context(), pool, who, audit.Page{Limit: 10})
		if err != nil || len(lines) != 1 || lines[0].Lost != audit.Unreadable || lines[0].Address != "" || len(lines[0].Detail) != 2 {
			t.Errorf("read %+v, %v", lines, err)
		}
	}
}

func TestWithTheKeyThePersonalIsErasedAndTheActStays(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	keys := envelopetest.New(t, pool)
	c := door(t, pool)
	ana, bob := id.New[id.User](), id.New[id.User]()
	personally(t, pool, ana)
	personally(t, pool, bob)
	if err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := keys.Shred(t.Context(), tx, ana)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	s := asking(ana, "")
	s.Contains, s.NeverContains = []string{"Signed in", "What was personal here was erased."}, []string{"203.0.113.77", "anary"}
	c.Check(t, s)
	found, err := keys.Verify(t.Context(), audit.Places())
	if err != nil || found[0].Values != 2 || found[0].Erased != 1 || found[0].Failed != 0 {
		t.Errorf("verified %+v, %v", found, err)
	}
	if lines, err := audit.ListFor(t.Context(), pool, bob, audit.Page{Limit: 1}); err != nil || lines[0].Address == "" {
		t.Errorf("bob's: %+v, %v", lines, err)
	}
}

func TestRotationLeavesEntriesAsTheyAre(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	keys := envelopetest.New(t, pool)
	ana := id.New[id.User]()
	entry := personally(t, pool, ana)
	sealed := func() string {
		s, err := postgres.Scalar[string](t.Context(), pool, `select encode(sealed, 'hex') from audit_entries where id = @id`, postgres.Args{"id": entry})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := sealed()
	time.Sleep(time.Millisecond) // a key made now isn't older than now
	if _, err := keys.RetireDataKeys(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := keys.Reseal(t.Context(), audit.Places(), 0, nil); err != nil {
		t.Fatal(err)
	}
	if sealed() != before {
		t.Error("an entry was sealed anew: the log doesn't vouch for it any more")
	}
	if l, err := audit.Find(t.Context(), pool, entry); err != nil || l.Address != "203.0.113.77" {
		t.Errorf("after the rotation: %+v, %v", l, err)
	}
	if _, err := keys.Open(t.Context(), envelope.Ref{Owner: id.New[id.User](), Place: "audit_entries.sealed", Row: entry.String()}, nil); fault.KindOf(err) != fault.Internal {
		t.Errorf("another's: %v", err)
	}
}
