package app_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"flint/internal/compliance"
	"flint/internal/platform/postgres"
)

type consentRow struct {
	Document, Version, Title, Summary, URL string
	Required                               bool
	AcceptedVersion, AcceptedAt            *string
}

// TestPeopleAcceptWhatIsInForce goes through the doors.
func TestPeopleAcceptWhatIsInForce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.resident("Ann")
	list := func(p *person) map[string]consentRow {
		t.Helper()
		var out struct{ Documents []consentRow }
		p.must("GET", "/api/privacy/consents", nil).json(t, &out)
		by := map[string]consentRow{}
		for _, d := range out.Documents {
			by[d.Document] = d
		}
		return by
	}
	before := list(ann)
	for _, d := range []string{"terms", "privacy", "general", "trading", "connect", "data"} {
		is := before[d]
		required := d == "terms" || d == "privacy" || d == "general"
		if is.Required != required || is.AcceptedVersion != nil || is.AcceptedAt != nil || is.Title == "" || is.Summary == "" {
			t.Errorf("at first: %+v", is)
		}
		var text struct{ Text, SHA256, Version string }
		nobody := &person{house: h, address: "203.0.113.77"}
		nobody.must("GET", is.URL, nil).json(t, &text)
		if sum := sha256.Sum256([]byte(text.Text)); hex.EncodeToString(sum[:]) != text.SHA256 || text.Version != is.Version {
			t.Errorf("%s: its text isn't what is said of it: %+v", d, text)
		}
		nobody.must("GET", is.URL+"?version="+is.Version, nil)
		nobody.refused("GET", is.URL+"?version=1999-01-01", nil, 404, "not_found")
	}
	ann.refused("GET", "/api/privacy/documents/cookies", nil, 404, "not_found")

	terms := map[string]string{"document": "terms", "version": before["terms"].Version}
	first := ann.must("POST", "/api/privacy/consents", terms)
	if again := ann.must("POST", "/api/privacy/consents", terms); again.body != first.body || first.status != 201 {
		t.Errorf("once more: %d %s, and %s", first.status, first.body, again.body)
	}
	ann.refused("POST", "/api/privacy/consents", map[string]string{"document": "terms", "version": "1999-01-01"}, 409, "not_current")
	ann.refused("POST", "/api/privacy/consents", map[string]string{"document": "cookies", "version": "2026-11-23"}, 422, "invalid_input")
	if is := list(ann)["terms"]; is.AcceptedVersion == nil || *is.AcceptedVersion != is.Version || is.AcceptedAt == nil {
		t.Errorf("accepted, it says %+v", is)
	}
	user := h.find(ann.email).ID
	for name, want := range map[string]bool{"terms": true, "trading": false} {
		if got, err := compliance.Accepted(postgres.AsUser(t.Context(), user), h.own, user, name); err != nil || got != want {
			t.Errorf("%s: %t, %v", name, got, err)
		}
	}
	if said := ann.must("GET", "/api/security/log?area=account", nil).body; strings.Count(said, "You accepted a text") != 1 || !strings.Contains(said, "The terms of use.") {
		t.Errorf("her log: %s", said)
	}
	same := h.rows(`select count(*)::text from consents c join audit_entries e on e.object = c.id::text and e.request_id = c.request_id and e.verb = 'consent.accept' where c.user_id = $1`, user.String())
	if same[0] != "1" {
		t.Errorf("%s of her rows have their entry", same[0])
	}

	t.Run("a new version asks again", func(t *testing.T) {
		h.rows(`insert into consents (id, user_id, document, version, digest, accepted_at, occasion, request_id)
			select gen_random_uuid(), $1::uuid, 'privacy', '2020-01-01', sha256('x'), now(), 'asked', '' returning id::text`, user.String())
		if is := list(ann)["privacy"]; is.AcceptedVersion == nil || *is.AcceptedVersion != "2020-01-01" || is.Version == "2020-01-01" {
			t.Errorf("it says %+v", is)
		}
		if got, err := compliance.Accepted(postgres.AsUser(t.Context(), user), h.own, user, "privacy"); err != nil || got {
			t.Errorf("an old version counts: %t, %v", got, err)
		}
	})
	t.Run("nothing changes a row", func(t *testing.T) {
		for _, sql := range []string{`update consents set version = 'x'`, `delete from consents`} {
			if _, err := h.own.Exec(postgres.AsUser(t.Context(), user), sql); err == nil || !strings.Contains(err.Error(), "permission denied") {
				t.Errorf("%s: %v", sql, err)
			}
		}
	})
	t.Run("at registration", func(t *testing.T) {
		stranger := &person{house: h, address: "203.0.113.78", email: "new@example.com"}
		form := map[string]string{"firstName": "New", "email": stranger.email, "password": "a long password of New", "acceptedTerms": "1999-01-01"}
		stranger.refused("POST", "/api/auth/public-register", form, 409, "not_current")
		form["acceptedTerms"] = before["terms"].Version
		a := stranger.must("POST", "/api/auth/public-register", form)
		h.until("the acceptance of the required texts is kept", func() bool {
			kept := h.rows(`select document from consents where user_id = $1::uuid and occasion = 'registration' and request_id = $2 order by 1`,
				h.whoIs(stranger.email), a.header.Get("X-Request-Id"))
			return strings.Join(kept, " ") == "general privacy terms"
		})
		known := map[string]string{"firstName": "Ann", "email": ann.email, "password": "a long password of Ann", "acceptedTerms": before["terms"].Version}
		stranger.must("POST", "/api/auth/public-register", known)
		h.until("its jobs are over", func() bool {
			return len(h.rows(`select id::text from river_job where kind = 'compliance.accept' and state = 'completed'`)) == 2
		})
		if n := len(h.rows(`select id::text from consents where user_id = $1::uuid and document = 'terms'`, user.String())); n != 1 {
			t.Errorf("a stranger accepts for Ann: %d", n)
		}
	})
	t.Run("it is in the copy, and goes with her", func(t *testing.T) {
		if a := ann.must("GET", "/api/privacy/export/"+ann.copyOf()+"/download", nil); !strings.Contains(a.body, "consents.json") {
			t.Error("the copy has no consents")
		}
		ann.must("POST", "/api/privacy/deletion", nil)
		ann.due()
		h.until("Ann is erased", func() bool {
			return len(h.rows(`select id::text from account_deletions where outcome = 'erased'`)) == 1
		})
		if n := len(h.rows(`select id::text from consents where user_id = $1::uuid`, user.String())); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		if n := h.rows(`select count(*)::text from audit_entries where verb = 'consent.accept' and subject_id = $1::uuid`, user.String())[0]; n != "1" {
			t.Errorf("%s entries are left", n)
		}
	})
}
