package app_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"flint/internal/access"
	"flint/internal/compliance"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// TestDataGoesWhenItsTimeIsOver puts data on both sides of each limit, with and
// without a legal hold.
func TestDataGoesWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	people := map[string]*person{"free": h.resident("Ann"), "held": h.resident("Ben")}
	users := map[string]id.User{}
	operator := access.SystemActor("operator", id.User{})
	for who, p := range people {
		user := h.find(p.email).ID
		users[who] = user
		account := p.rows(`
			insert into accounts (id, user_id, kind, subtype, currency, opening_balance, created_at, updated_at)
			values (gen_random_uuid(), $1::uuid, 'bank', 'old', 'USD', 100, now(), now()) returning id::text`, user.String())[0]
		for _, days := range []int{1, 7*365 - 1, 7*365 + 1, 9 * 365} {
			p.rows(`
				insert into transactions (id, user_id, account_id, source, status, amount, currency, date, created_at, updated_at)
				values (gen_random_uuid(), $1::uuid, $2::uuid, 'manual', 'posted', 5, 'USD', current_date - $3::int, now(), now()) returning id::text`, user.String(), account, days)
			p.rows(`
				insert into provider_transactions (account_id, provider_id, user_id, status, amount, currency, date, first_seen, last_seen)
				values ($2::uuid, $3::int::text, $1::uuid, 'posted', 5, 'USD', current_date - $3::int, now(), now()) returning provider_id`, user.String(), account, days)
		}
	}
	if _, err := h.app.Privacy.Hold(t.Context(), operator, users["held"], "a court"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.app.Privacy.Hold(t.Context(), operator, users["held"], "a court"); !errors.Is(err, compliance.ErrHeld) {
		t.Errorf("a second hold: %v", err)
	}
	left := func(who, table string) string {
		return h.rows(`select count(*)::text from `+table+` where user_id = $1::uuid`, users[who].String())[0]
	}
	expect := func(when string, want map[string]string) {
		t.Helper()
		for who, n := range want {
			if a, b := left(who, "transactions"), left(who, "provider_transactions"); a != n || b != n {
				t.Errorf("%s: %s has %s transactions and %s of the provider's, want %s", when, who, a, b, n)
			}
		}
	}
	retain := func() map[string]compliance.Retained {
		t.Helper()
		list, err := h.app.Privacy.Retain(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		by := map[string]compliance.Retained{}
		for _, r := range list {
			by[r.Name] = r
		}
		return by
	}
	r := retain()["transactions"]
	expect("with the hold", map[string]string{"free": "2", "held": "4"})
	if r.Removed != 2 || r.Over != 2 || r.Held != 2 || r.Total != 6 {
		t.Errorf("the report says %+v", r)
	}
	if opening := h.rows(`select opening_balance::text from accounts where user_id = $1::uuid and subtype = 'old'`, users["free"].String())[0]; opening != "110.00000000" {
		t.Errorf("the account began with %s", opening)
	}
	if _, err := h.app.Privacy.Release(t.Context(), operator, users["held"], id.LegalHold{}, "it is over"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.app.Privacy.Release(t.Context(), operator, users["held"], id.LegalHold{}, "it is over"); !errors.Is(err, compliance.ErrUnheld) {
		t.Errorf("a second release: %v", err)
	}
	if r := retain()["transactions"]; r.Removed != 2 || r.Over != 0 {
		t.Errorf("after the hold the report says %+v", r)
	}
	expect("after the hold", map[string]string{"free": "2", "held": "2"})
	if r := retain()["transactions"]; r.Removed != 0 {
		t.Errorf("once more: %+v", r)
	}
	verbs := h.rows(`select verb from audit_entries where verb like 'hold.%' or verb = 'retention.run' order by at, id`)
	if !slices.Equal(verbs, []string{"hold.place", "retention.run", "hold.release", "retention.run"}) {
		t.Errorf("the log says %v", verbs)
	}
}

// TestAccountsThatNobodyUsesAreDeleted gives their owners the same fourteen days.
func TestAccountsThatNobodyUsesAreDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, ben := h.resident("Ann"), h.resident("Ben")
	h.rows(`update users set created_at = now() - interval '8 years' returning id::text`)
	owner, err := postgres.Open(t.Context(), postgres.Config{URL: config.NewSecret(h.owner(t)), MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	h.rows(`update sessions set last_used_at = now() - interval '8 years' where user_id = $1::uuid returning id::text`, h.whoIs(ann.email))
	if _, err := owner.Exec(t.Context(), `update audit_entries set at = at - interval '8 years' where subject_id = $1::uuid`, h.whoIs(ann.email)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.app.Privacy.Retain(t.Context()); err != nil {
		t.Fatal(err)
	}
	who := h.rows(`select user_id::text || ' ' || asked_by from account_deletions`)
	if !slices.Equal(who, []string{h.whoIs(ann.email) + " retention"}) {
		t.Fatalf("to be deleted: %v", who)
	}
	stranger := person{house: h, address: "203.0.113.97"}
	stranger.must("POST", "/api/privacy/deletion/undo", map[string]string{"token": h.undoing(ann)})
	if _, err := h.app.Privacy.Retain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(h.rows(`select id::text from account_deletions where ended_at is null`)); n != 0 {
		t.Error("who keeps the account isn't left in peace")
	}
	if a := ben.call("GET", "/api/privacy/deletion", nil); a.status != http.StatusOK {
		t.Errorf("Ben: %d", a.status)
	}
}
