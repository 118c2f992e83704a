package app_test

import (
	"strings"
	"testing"

	"flint/internal/access"
)

// plant brings values that say something about a person into Flint, through its
// public doors, and returns them.
type plant func(h *house) []canary

// TestNobodyIsReadableInTheDatabase plants canaries wherever people and what is
// theirs come in, and then looks for them in every column of every table, the job
// queue's too, and in the log. A new kind of personal data is a plant in this list.
func TestNobodyIsReadableInTheDatabase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var canaries []canary
	for _, bring := range []plant{names, addressesGiven, lookedAfter, whence, suspected} {
		canaries = append(canaries, bring(h)...)
	}
	h.until("the mails are sent", func() bool {
		return len(h.rows(`select kind from river_job where state not in ('completed', 'scheduled')`)) == 0
	})
	places := h.dump()
	places["the log"] = h.log.String()
	for _, c := range canaries {
		if len(c.value) < 8 {
			t.Errorf("%s is %q: too short to be looked for", c.name, c.value)
		}
		for place, text := range places {
			for _, as := range []string{text, strings.ToLower(text)} { // encoded, or with a capital
				if found := c.in(as); found != "" {
					t.Errorf("%s is in %s: …%s…", c.name, place, found)
				}
			}
		}
	}
}

// names registers somebody, and has her name all that can be named.
func names(h *house) []canary {
	h.t.Helper()
	p := h.resident("Quetzalcoatl")
	passkey := p.rows(`
		insert into passkeys (id, user_id, credential_id, public_key, sign_count, synced, transports, created_at)
		values (gen_random_uuid(), $1::uuid, '\x01', '\x00', 0, false, '{}', now()) returning id::text`, p.whoIs(p.email))[0]
	p.must("PATCH", "/api/auth/passkeys/"+passkey, map[string]string{"name": "tezcatlipoca laptop"})
	p.must("POST", "/api/keys", map[string]string{"name": "huitzilopochtli sheet"})
	p.copyOf()
	return []canary{{name: "a name", value: "quetzalcoatl"}, {name: "a passkey's name", value: "tezcatlipoca"}, {name: "an API key's name", value: "huitzilopochtli"}}
}

// addressesGiven changes an address, asks for another change, undoes none, and
// types addresses at every door that strangers have.
func addressesGiven(h *house) []canary {
	h.t.Helper()
	p := h.resident("Xochiquetzal")
	p.must("POST", "/api/user/email", map[string]string{"newEmail": "tonatiuh@sun.example"})
	p.must("POST", "/api/user/email/confirm", map[string]string{"token": h.linkTo("tonatiuh@sun.example", "/verify-email-change")})
	p.email = "tonatiuh@sun.example"
	p.signIn()
	p.must("POST", "/api/user/email", map[string]string{"newEmail": "mictlantecuhtli@below.example"})
	for _, email := range []string{p.email, "ehecatl-stranger@wind.example"} {
		stranger := person{house: h, address: "203.0.113.99"}
		stranger.call("POST", "/api/auth/login", map[string]string{"email": email, "password": "not what it was"})
		stranger.call("POST", "/api/auth/request-reset", map[string]string{"email": email})
		stranger.call("POST", "/api/auth/request-link", map[string]string{"email": email})
		stranger.call("POST", "/api/auth/resend-verification", map[string]string{"email": email})
	}
	taken := person{house: h, address: "203.0.113.98"}
	taken.must("POST", "/api/auth/public-register", map[string]string{"firstName": "Chalchiuhtlicue", "email": p.email, "password": "a long enough phrase 1791"})
	return []canary{
		{name: "an earlier address", value: "xochiquetzal@example.com"}, {name: "an address", value: "tonatiuh@"},
		{name: "an address that is asked for", value: "mictlantecuhtli"}, {name: "a stranger's address", value: "ehecatl-stranger"},
		{name: "the name of who can't register", value: "chalchiuhtlicue"},
	}
}

// whence signs in from addresses and with a browser that nobody else has, as
// browsers and as apps do.
func whence(h *house) []canary {
	h.t.Helper()
	p := h.newcomer("Nanahuatzin")
	p.must("POST", "/api/auth/verify-email", map[string]string{"token": p.confirmation})
	for _, step := range []struct {
		address string
		status  int
	}{{"198.51.100.203", 200}, {"198.51.100.203", 200}, {"133.11.0.203", 401}} { // from so far away it waits for a code
		p.address = step.address
		r, err := p.request("POST", "/api/auth/login", map[string]string{"email": p.email, "password": p.password})
		if err != nil {
			h.t.Fatal(err)
		}
		r.Header.Del("X-Mobile-App")
		r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Xolotlbrowser/7.1")
		if a, err := h.do(r); err != nil || a.status != step.status {
			h.t.Fatalf("%d %s %v", a.status, a.body, err)
		}
	}
	p.address = "198.51.100.203"
	p.signIn()
	p.must("POST", "/api/auth/refresh-token", map[string]string{"refreshToken": p.refresh})
	var made struct{ Key string }
	p.must("POST", "/api/keys", map[string]string{"name": "sheet"}).json(h.t, &made)
	program := *p
	program.access = made.Key
	program.must("GET", "/api/accounts", nil)
	for _, table := range []string{"sessions", "devices", "sign_in_holds", "risk_decisions"} {
		if n := h.rows(`select count(*)::text from ` + table + ` where user_id = '` + p.whoIs(p.email) + `' and sealed is not null`)[0]; n == "0" {
			h.t.Errorf("%s has nothing to look for", table)
		}
	}
	return []canary{{name: "an IP address", value: "198.51.100.203"}, {name: "another", value: "133.11.0.203"}, {name: "a browser", value: "xolotlbrowser"}}
}

// lookedAfter has staff look for somebody and say why.
func lookedAfter(h *house) []canary {
	h.t.Helper()
	ada, p := h.staffed("Ada", access.Admin), h.resident("Coyolxauhqui")
	ada.must("GET", "/api/admin/users?q="+p.email, nil)
	ada.refused("GET", "/api/admin/users?q=coyolxauh", nil, 422, "invalid_input")
	var consent struct{ Code string }
	p.must("POST", "/api/support/consent", map[string]int{"hours": 1}).json(h.t, &consent)
	ada.must("POST", "/api/admin/support/sessions", map[string]string{"code": consent.Code, "reason": "itzpapalotl asked for it"})
	ada.must("POST", "/api/admin/users/"+p.whoIs(p.email)+"/ban", map[string]string{"reason": "centzonhuitznahua wrote"})
	return []canary{
		{name: "the name of who was banned", value: "coyolxauh"}, {name: "why support looked", value: "itzpapalotl"},
		{name: "why somebody was banned", value: "centzonhuitznahua"},
	}
}

// suspected has somebody compared with the list, and staff decide and hold.
func suspected(h *house) []canary {
	h.t.Helper()
	ada := h.staffed("Sue", access.Admin)
	p := h.register("Igor", "Kasimovsson-Tezcacoatl", "suspect@example.com")
	whom := h.register("Igor", "Kasimov", "match@example.com")
	ada.must("POST", "/api/admin/screenings/"+ada.screened(whom)+"/decide", map[string]string{"verdict": "confirm", "note": "huehuecoyotl knows him"})
	ada.must("POST", "/api/admin/users/"+p.whoIs(p.email)+"/holds", map[string]string{"reason": "cihuacoatl wrote from court"})
	return []canary{
		{name: "a last name", value: "tezcacoatl"}, {name: "whom somebody is taken for", value: "igor kasimov"}, {name: "the list that somebody is on", value: "sanctions"},
		{name: "why it was decided", value: "huehuecoyotl"}, {name: "why there is a hold", value: "cihuacoatl"},
	}
}
