package app_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"flint/internal/access"
)

func TestOneReadAnswersAsManyDo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.resident("Ann")
	ann.factor()
	ann.must("POST", "/api/keys", map[string]string{"name": "script"})
	ann.must("POST", "/api/support/consent", map[string]int{"hours": 1})
	parts := func(path string) map[string]json.RawMessage {
		var out map[string]json.RawMessage
		ann.must("GET", path, nil).json(t, &out)
		delete(out, "$schema")
		return out
	}
	all := parts("/api/security")
	for part, path := range map[string]string{
		"factors": "/api/auth/mfa", "sessions": "/api/auth/sessions", "devices": "/api/auth/devices", "keys": "/api/keys",
		"support": "/api/support/consent", "log": "/api/security/log?limit=10", "decisions": "/api/security/decisions?limit=50",
	} {
		var single, together map[string]json.RawMessage
		ann.must("GET", path, nil).json(t, &single)
		if err := json.Unmarshal(all[part], &together); err != nil {
			t.Fatalf("%s: %v in %s", part, err, all[part])
		}
		delete(single, "$schema")
		delete(together, "$schema")
		if want, got := text(t, single), text(t, together); want != got {
			t.Errorf("%s\nalone:    %s\ntogether: %s", part, want, got)
		}
		delete(all, part)
	}
	if len(all) > 0 {
		t.Errorf("parts that nothing else answers: %v", all)
	}

	if said := text(t, parts("/api/notices")); !strings.Contains(said, `"consent":{"createdAt"`) || !strings.Contains(said, `"deletion":null`) {
		t.Errorf("notices: %s", said)
	}
	for _, open := range []string{"terms", "privacy", "general"} {
		ann.awaits(open, true)
		version := struct{ Version string }{}
		ann.must("GET", "/api/privacy/documents/"+open, nil).json(t, &version)
		ann.must("POST", "/api/privacy/consents", map[string]string{"document": open, "version": version.Version})
		ann.awaits(open, false)
	}
	ann.must("POST", "/api/privacy/deletion", nil)
	if said := text(t, parts("/api/notices")); !strings.Contains(said, `"begun":false`) {
		t.Errorf("notices of a deletion: %s", said)
	}
	nobody := &person{house: h, address: "203.0.113.250"}
	for _, path := range []string{"/api/security", "/api/notices"} {
		nobody.refused("GET", path, nil, 401, "NO_TOKEN")
	}
	if a := nobody.must("GET", "/api/privacy/retention", nil); !strings.Contains(a.body, `"days":2555`) {
		t.Errorf("retention: %s", a.body)
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestTheSecurityPageFitsTheFreePlan opens it in three tabs at one moment: each
// reads who somebody is, the notices and the page's own.
func TestTheSecurityPageFitsTheFreePlan(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	cay := h.resident("Cay")
	cay.tier(access.Free)
	var key struct{ Code string }
	for key.Code != "plan_required" { // until the node has heard of it; a write, which the reads below don't share a limit with
		cay.call("POST", "/api/keys", map[string]string{"name": "script"}).json(t, &key)
	}
	var tabs sync.WaitGroup
	answers := make(chan answer, 9)
	for range 3 {
		tabs.Go(func() {
			for _, path := range []string{"/api/auth/user", "/api/notices", "/api/security"} {
				if a, err := cay.send("GET", path, nil); err == nil {
					answers <- a
				}
			}
		})
	}
	tabs.Wait()
	close(answers)
	n := 0
	for a := range answers {
		if n++; a.status != 200 || !strings.Contains(a.header.Get("RateLimit-Policy"), `"data-minute";q=50`) {
			t.Errorf("%s: %d %s %.200s", a.path, a.status, a.header.Get("RateLimit-Policy"), a.body)
		}
	}
	if n != 9 {
		t.Errorf("%d answers", n)
	}
}

// awaits checks whether the notices name a text that p has yet to accept.
func (p *person) awaits(document string, want bool) {
	p.house.t.Helper()
	var said struct {
		Documents []struct {
			Document, Title string
			Changed         bool
		}
	}
	p.must("GET", "/api/notices", nil).json(p.house.t, &said)
	got := false
	for _, d := range said.Documents {
		got = got || d.Document == document && d.Title != "" && !d.Changed
	}
	if got != want || said.Documents == nil {
		p.house.t.Errorf("%s waits: %t, want %t, in %+v", document, got, want, said.Documents)
	}
}
