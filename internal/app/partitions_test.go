package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"flint/internal/access"
	"flint/internal/compliance"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/webhook"
)

// years lets the clocks of a house's database and of its retention go on.
func (h *house) years(owner *pgxpool.Pool, n int) *compliance.Service {
	h.t.Helper()
	at := time.Now().AddDate(n, 0, 0)
	_, err := owner.Exec(h.t.Context(), fmt.Sprintf(
		`create or replace function flint_clock() returns timestamptz language sql stable return timestamptz '%s'`, at.Format(time.RFC3339)))
	if err != nil {
		h.t.Fatal(err)
	}
	return compliance.New(compliance.Config{Pool: h.own, Jobs: h.app.Jobs, People: h.app.Identity, Now: func() time.Time { return at }})
}

func (h *house) asOwner() *pgxpool.Pool {
	h.t.Helper()
	owner, err := postgres.Open(h.t.Context(), postgres.Config{URL: config.NewSecret(h.owner(h.t)), MaxConns: 1})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(owner.Close)
	return owner
}

// TestEightYearsLaterPartitionsAreDropped looks at two people with real banks, one
// of them under a legal hold, eight years after.
func TestEightYearsLaterPartitionsAreDropped(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, ben := furnish(h.resident("Ann"), "chase", "SCHWAB", "brokerage"), furnish(h.resident("Ben"), "citibank", "COINBASE", "crypto")
	who := h.find(ben.email).ID
	free, held := h.find(ann.email).ID.String(), who.String()
	if _, err := h.app.Privacy.Hold(t.Context(), access.SystemActor("operator", id.User{}), who, "a court"); err != nil {
		t.Fatal(err)
	}
	count := func(table, user string) string {
		return h.rows(`select count(*)::text from `+table+` where user_id = $1::uuid`, user)[0]
	}
	tables := []string{"transactions", "transaction_keys", "sync_runs", "risk_decisions"}
	before := map[string]string{}
	for _, table := range tables {
		before[table] = count(table, held)
		if n := count(table, free); n == "0" || before[table] == "0" {
			t.Fatalf("there are no %s to begin with", table)
		}
	}
	list, err := h.years(h.asOwner(), 8).Retain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if n := count(table, free); n != "0" {
			t.Errorf("%s of %s are left", n, table)
		}
		if n := count(table, held); n != before[table] {
			t.Errorf("of %s %s are left of who is held, there were %s", table, n, before[table])
		}
	}
	for _, r := range list {
		if r.Name == "transactions" && (len(r.Dropped) == 0 || r.Removed == 0 || fmt.Sprint(r.Held) != before["transactions"] || r.Parts.Strays != 0) {
			t.Errorf("the report says %+v", r)
		}
	}
	if runs := h.rows(`select rule from retention_runs where partitions > 0 and removed > 0 order by rule`); !slices.Equal(runs, []string{"decisions about sign-ins", "sync runs", "transactions"}) {
		t.Errorf("runs: %q", runs)
	}
	if said := h.rows(`select detail::text from audit_entries where verb = 'retention.run' and detail ? 'partitions' order by at desc, id desc limit 1`); len(said) != 1 || !strings.Contains(said[0], `"rows"`) {
		t.Errorf("the log says %q", said)
	}
	// What is held is still read where it always was, and exported.
	if list := ben.must("GET", "/api/transactions?limit=5", nil).body; !strings.Contains(list, `"amount"`) {
		t.Error("who is held doesn't see their transactions")
	}
	if _, err := h.app.Privacy.Release(t.Context(), access.SystemActor("operator", id.User{}), who, id.LegalHold{}, "it is over"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.years(h.asOwner(), 8).Retain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if n := count(table, held); n != "0" {
			t.Errorf("after the hold %s of %s are left", n, table)
		}
	}
}

// TestALegalHoldStopsEverySweep puts what is long past its time, of one who is held
// and of one who isn't, before every job that removes.
func TestALegalHoldStopsEverySweep(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	old := `now() - interval '2 years'`
	users := map[string]string{}
	for who, p := range map[string]*person{"free": h.resident("Ann"), "held": h.resident("Ben")} {
		u := h.find(p.email).ID.String()
		users[who] = u
		id := `gen_random_uuid()`
		for _, sql := range []string{
			`insert into sessions (id, user_id, delivery, created_at, last_used_at, expires_at) values (` + id + `, $1::uuid, 'web', ` + old + `, ` + old + `, ` + old + `)`,
			`insert into devices (token_hash, user_id, session_id, created_at, last_used_at) values (` + id + `::text::bytea, $1::uuid, ` + id + `, ` + old + `, ` + old + `)`,
			`insert into webhook_inbox (id, provider, event_id, event_type, body, received_at, processed_at, sealed_for) values (` + id + `, 'teller', ` + id + `::text, 'old', '', ` + old + `, ` + old + `, $1::uuid)`,
			`insert into risk_decisions (id, user_id, at, action, score, outcome, enforced, reasons)
				values (` + id + `, $1::uuid, ` + old + `, 'link', 0, 'allow', true, '[]')`,
			`insert into support_consents (id, user_id, code_hash, created_at, until, revoked_at) values (` + id + `, $1::uuid, ` + id + `::text::bytea, ` + old + `, ` + old + `, ` + old + `)`,
			`with i as (insert into imports (id, user_id, format, sha256, status, created_at, applied_at) values (` + id + `, $1::uuid, 'csv', '', 'applied', ` + old + `, ` + old + `) returning id)
				insert into import_rows (import_id, user_id, ordinal, currency, verdict) select id, $1::uuid, 0, 'USD', 'skipped' from i`,
			`insert into imports (id, user_id, format, sha256, status, created_at) values (` + id + `, $1::uuid, 'csv', '', 'preview', ` + old + `)`,
		} {
			p.rows(sql+` returning 'x'`, u)
		}
	}
	who, err := id.Parse[id.User](users["held"])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.app.Privacy.Hold(t.Context(), access.SystemActor("operator", id.User{}), who, "a court"); err != nil {
		t.Fatal(err)
	}
	sweeper := &webhook.SweepWorker{Service: webhook.New(h.own, nil, nil, webhook.Config{Now: time.Now})}
	if err := sweeper.Work(t.Context(), &river.Job[webhook.SweepArgs]{}); err != nil {
		t.Fatal(err)
	}
	if err := h.app.Sessions.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := h.app.Privacy.Retain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for what, sql := range map[string]string{
		"sessions": `sessions where created_at < now() - interval '1 year' and user_id`, "devices": `devices where last_used_at < now() - interval '1 year' and user_id`,
		"messages": `webhook_inbox where event_type = 'old' and sealed_for`, "decisions": `risk_decisions where at < now() - interval '1 year' and user_id`,
		"consents": `support_consents where user_id`, "lines": `import_rows where user_id`, "previews": `imports where status = 'preview' and user_id`,
	} {
		for w, want := range map[string]string{"free": "0", "held": "1"} {
			if n := h.rows(`select count(*)::text from `+sql+` = $1::uuid`, users[w])[0]; n != want {
				t.Errorf("%s of who is %s: %s, want %s", what, w, n, want)
			}
		}
	}
	for _, r := range list {
		if slices.Contains([]string{"sessions", "decisions about sign-ins", "providers' messages", "support's looks and codes", "imported files' lines"}, r.Name) && (r.Held != 1 || r.Over != 1) {
			t.Errorf("%s: the report says %+v", r.Name, r.Count)
		}
	}
}
