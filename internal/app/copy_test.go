package app_test

import (
	"archive/zip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// copyOf asks for a copy of p's data and waits for it.
func (p *person) copyOf() string {
	p.t.Helper()
	var e struct{ ID string }
	p.must("POST", "/api/privacy/export", nil).json(p.t, &e)
	p.until("the export is ready", func() bool {
		return len(p.rows(`select id::text from privacy_exports where id = $1::uuid and ready_at is not null`, e.ID)) == 1
	})
	return e.ID
}

// TestACopyOfOnesDataIsFetchedOnce looks into the archive, and for what must not
// be in it.
func TestACopyOfOnesDataIsFetchedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, ben := furnish(h.resident("Ann"), "chase", "SCHWAB", "brokerage"), h.resident("Ben")
	at := "/api/privacy/export/" + ann.export + "/download"
	if a := ben.call("GET", at, nil); a.status != http.StatusNotFound {
		t.Errorf("somebody else: %d", a.status)
	}
	raw := h.rows(`select encode(archive, 'escape') from privacy_exports where id = $1::uuid`, ann.export)[0]
	if raw == "" || strings.Contains(raw, "transactions.csv") {
		t.Error("the archive lies there in clear")
	}
	a := ann.must("GET", at, nil)
	z, err := zip.NewReader(strings.NewReader(a.body), int64(len(a.body)))
	if err != nil || a.header.Get("Content-Type") != "application/zip" || !strings.Contains(a.header.Get("Cache-Control"), "no-store") {
		t.Fatalf("%v %v", err, a.header)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r)
		files[strings.TrimPrefix(f.Name, "flint/")] = string(text)
	}
	for file, wanted := range map[string]string{
		"profile.json": ann.email, "transactions.csv": "ANN SECRET SHOP", "transactions.json": "ANN note", "accounts.csv": "ANN nest egg",
		"connections.json": "teller", "holdings.json": "quantity", "sessions.csv": ann.address, "passkeys.json": "Laptop", "api_keys.json": "ANN key", "README.txt": "copy",
	} {
		if !strings.Contains(files[file], wanted) {
			t.Errorf("%s lacks %q: %.200s", file, wanted, files[file])
		}
	}
	for name, text := range files {
		for _, secret := range []string{"$argon2", ann.enrollment.AccessToken, "ben@example.com"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q", name, secret)
			}
		}
	}
	ann.must("GET", at, nil) // a download that broke off can be tried again
	if a := ann.call("GET", "/api/privacy/export/"+uuid.NewString()+"/download", nil); a.status != http.StatusNotFound {
		t.Errorf("none such: %d", a.status)
	}

	late := ann.copyOf()
	h.rows(`update privacy_exports set expires_at = now() where id = $1::uuid returning id::text`, late)
	if a := ann.call("GET", "/api/privacy/export/"+late+"/download", nil); a.status != http.StatusGone {
		t.Errorf("after its day: %d", a.status)
	}
	third := ann.copyOf()
	if a := ann.call("POST", "/api/privacy/export", nil); a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
		t.Errorf("a fourth: %d %s", a.status, a.body)
	}
	h.rows(`update sessions set password_at = now() - interval '1 hour' returning id::text`)
	h.rows(`select pg_notify('flint_people', id::text)::text from users`)
	ann.soon("POST", "/api/privacy/export", nil, http.StatusForbidden, "step_up_required")
	ann.refused("GET", "/api/privacy/export/"+third+"/download", nil, http.StatusForbidden, "step_up_required")
	var list struct{ Exports []struct{ Status string } }
	ann.must("GET", "/api/privacy/export", nil).json(t, &list)
	if len(list.Exports) != 3 || list.Exports[0].Status != "ready" || list.Exports[1].Status != "expired" || list.Exports[2].Status != "ready" {
		t.Errorf("the list says %+v", list)
	}
	verbs := strings.Join(h.rows(`select verb from audit_entries where verb like 'export.%' order by at, id`), " ")
	if verbs != "export.ask export.fetch export.fetch export.ask export.ask" {
		t.Errorf("the log says %s", verbs)
	}
}
