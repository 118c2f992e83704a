package app_test

import (
	"archive/zip"
	"errors"
	"io"
	"strings"
	"testing"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/platform/postgres"
	"flint/internal/screening"
)

type screened struct {
	ID, UserID, Email, Name, Occasion, List, Entry, EntryID, State, Note string
	Score                                                                float64
	DecidedAt, DecidedBy                                                 *string
}

type screenedPage struct {
	Screenings []screened
	NextCursor *string
}

// screened waits until staff find p among those who may be on a list, and
// returns the id.
func (p *person) screened(who *person) (found string) {
	p.t.Helper()
	p.until(who.email+" is compared", func() bool {
		var page screenedPage
		p.must("GET", "/api/admin/screenings", nil).json(p.t, &page)
		for _, s := range page.Screenings {
			if s.Email == who.email {
				found = s.ID
			}
		}
		return found != ""
	})
	return found
}

// TestWhoIsOnAListIsHeldAndNotTold registers somebody whose name is on the list.
func TestWhoIsOnAListIsHeldAndNotTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	igor, olga := h.resident("Igor Kasimow"), h.resident("Olga Brandt")
	ada := h.staffed("Ada", access.Admin)
	at := "/api/admin/screenings/" + ada.screened(igor) + "/decide"
	gate := func(p *person) error {
		user := h.find(p.email).ID
		return h.app.Screening.Gate(postgres.AsUser(t.Context(), user), h.own, user)
	}
	seen := func(state string) screened {
		t.Helper()
		var page screenedPage
		ada.must("GET", "/api/admin/screenings?state="+state, nil).json(t, &page)
		if len(page.Screenings) != 1 {
			t.Fatalf("%s: %+v", state, page)
		}
		return page.Screenings[0]
	}
	if s := seen("open"); s.UserID != h.find(igor.email).ID.String() || s.Name != "Igor Kasimow" || s.List != "sanctions" || s.Entry != "Igor KASIMOV" ||
		s.EntryID != "7" || s.Score < 0.88 || s.Score > 1 || s.DecidedAt != nil || s.Occasion == "transfer" {
		t.Errorf("staff see %+v", s)
	}
	clear, confirm := map[string]string{"verdict": "clear", "note": "born another year"}, map[string]string{"verdict": "confirm", "note": "the passport says so"}

	t.Run("by the whole name that was given", func(t *testing.T) {
		if a := igor.must("GET", "/api/auth/user", nil); !strings.Contains(a.body, `"firstName":"Igor","lastName":"Kasimow"`) {
			t.Errorf("%s", a.body)
		}
		if a := igor.must("GET", "/api/me", nil); !strings.Contains(a.body, `"name":"Igor Kasimow"`) {
			t.Errorf("%s", a.body)
		}
		stranger := &person{house: h, address: "203.0.113.79"}
		stranger.refused("POST", "/api/auth/public-register",
			map[string]string{"firstName": "Eve", "lastName": "Two\nlines", "email": "eve@example.com", "password": "a long password of Eve"}, 422, "invalid_input")
	})
	t.Run("staff alone decide, for a reason", func(t *testing.T) {
		olga.refused("GET", "/api/admin/screenings", nil, 403, "forbidden")
		olga.refused("POST", at, clear, 403, "forbidden")
		ada.refused("POST", at, map[string]string{"verdict": "perhaps", "note": "a test"}, 422, "invalid_input")
		ada.refused("POST", at, map[string]string{"verdict": "clear", "note": "  x  "}, 422, "invalid_input")
		ada.refused("POST", strings.Replace(at, "/decide", "x/decide", 1), clear, 422, "invalid_input")
		ada.refused("POST", "/api/admin/screenings/00000000-0000-4000-8000-000000000000/decide", clear, 404, "not_found")
		ada.refused("GET", "/api/admin/screenings?state=some", nil, 422, "invalid_input")
	})
	t.Run("the confirmed are held", func(t *testing.T) {
		if err := errors.Join(gate(igor), gate(olga)); err != nil {
			t.Errorf("while it is open: %v", err)
		}
		ada.must("POST", at, confirm)
		ada.refused("POST", at, confirm, 409, "already_decided")
		if s := seen("all"); s.State != "confirmed" || s.DecidedBy == nil || *s.DecidedBy != ada.email || s.Note != confirm["note"] {
			t.Errorf("staff see %+v", s)
		}
		if !errors.Is(gate(igor), screening.ErrHeld) || gate(olga) != nil {
			t.Errorf("the gate: %v and %v", gate(igor), gate(olga))
		}
		for p, held := range map[*person]string{igor: `"held":true`, olga: `"held":false`} {
			if a := ada.must("GET", "/api/admin/users/"+h.whoIs(p.email), nil); !strings.Contains(a.body, held) {
				t.Errorf("staff don't see %s of %s: %s", held, p.email, a.body)
			}
		}
		var page screenedPage
		ada.must("GET", "/api/admin/screenings", nil).json(t, &page)
		if len(page.Screenings) != 0 {
			t.Errorf("still open: %+v", page)
		}
	})
	t.Run("and not told", func(t *testing.T) {
		igor.must("GET", "/api/dashboard", nil)
		answers := igor.must("GET", "/api/auth/user", nil).body + igor.must("GET", "/api/security/log", nil).body +
			igor.must("GET", "/api/security/log.csv", nil).body + igor.must("GET", "/api/privacy/deletion", nil).body
		var export []string
		a := igor.must("GET", "/api/privacy/export/"+igor.copyOf()+"/download", nil)
		z, err := zip.NewReader(strings.NewReader(a.body), int64(len(a.body)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(r)
			export = append(export, f.Name, string(text))
		}
		for _, word := range []string{"screening", "sanction", "KASIMOV", "passport"} {
			if strings.Contains(answers+strings.Join(export, "\n"), word) {
				t.Errorf("he can read %q", word)
			}
		}
		lines, err := audit.ListFor(h.operator(), h.own, h.find(igor.email).ID, audit.Page{Limit: 200})
		for _, l := range lines {
			if err != nil || strings.HasPrefix(l.Verb, "screening.") {
				t.Errorf("%s is in his log, %v", l.Verb, err)
			}
		}
	})
	t.Run("until it is cleared", func(t *testing.T) {
		ada.must("POST", at, clear)
		if err := gate(igor); err != nil {
			t.Error(err)
		}
		if got := h.rows(`select string_agg(coalesce(detail->>'before', '') || ' ' || coalesce(detail->>'after', ''), ', ' order by at, id) from audit_entries where verb = 'screening.decide'`)[0]; got != "open confirmed, confirmed cleared" {
			t.Errorf("the log says %s", got)
		}
	})
}

// TestStaffPlaceLegalHolds goes through the doors, and looks whether a deletion waits.
func TestStaffPlaceLegalHolds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ada, bob := h.staffed("Ada", access.Admin), h.resident("Bob")
	at := "/api/admin/users/" + h.find(bob.email).ID.String() + "/holds"
	why := map[string]string{"reason": "a court asks for it"}
	type held struct {
		ID, Reason, CreatedBy string
		EndedAt               *string
	}
	list := func() []held {
		t.Helper()
		var out struct{ Holds []held }
		ada.must("GET", at, nil).json(t, &out)
		return out.Holds
	}
	bob.refused("GET", at, nil, 403, "forbidden")
	bob.refused("POST", at, why, 403, "forbidden")
	ada.refused("POST", at, map[string]string{"reason": "  x  "}, 422, "invalid_input")
	ada.refused("POST", "/api/admin/users/"+h.find(ada.email).ID.String()+"/holds", why, 403, "not_yourself")
	ada.refused("POST", "/api/admin/users/00000000-0000-4000-8000-000000000000/holds", why, 404, "not_found")
	ada.refused("GET", "/api/admin/users/00000000-0000-4000-8000-000000000000/holds", nil, 404, "not_found")
	if len(list()) != 0 {
		t.Error("there is a hold already")
	}
	var made held
	if a := ada.must("POST", at, why); a.status != 201 {
		t.Errorf("%d", a.status)
	} else {
		a.json(t, &made)
	}
	ada.refused("POST", at, why, 409, "already_held")
	if got := list(); len(got) != 1 || got[0] != (held{made.ID, why["reason"], ada.email, nil}) {
		t.Errorf("staff see %+v", got)
	}

	bob.must("POST", "/api/privacy/deletion", nil)
	bob.due()
	h.until("the hold is found", func() bool {
		return len(h.rows(`select id::text from river_job where kind = 'compliance.erase' and state = 'scheduled' and scheduled_at > now() + interval '30 minutes'`)) == 1
	})
	if said := bob.must("GET", "/api/security/log", nil).body; strings.Contains(said, "hold") || strings.Contains(said, "court") {
		t.Errorf("Bob is told: %s", said)
	}
	ada.refused("POST", at+"/00000000-0000-4000-8000-000000000000/end", why, 404, "not_held")
	ada.refused("POST", at+"/"+made.ID+"/end", map[string]string{}, 422, "invalid_input")
	ada.must("POST", at+"/"+made.ID+"/end", why)
	ada.refused("POST", at+"/"+made.ID+"/end", why, 404, "not_held")
	if got := list(); len(got) != 1 || got[0].EndedAt == nil {
		t.Errorf("afterwards staff see %+v", got)
	}
	bob.due()
	h.until("Bob is erased", func() bool {
		return len(h.rows(`select id::text from account_deletions where outcome = 'erased'`)) == 1
	})
	if got := h.rows(`select string_agg(verb, ' ' order by at, id) from audit_entries where verb in ('hold.place', 'hold.release')`)[0]; got != "hold.place hold.release" {
		t.Errorf("the log says %s", got)
	}
}
