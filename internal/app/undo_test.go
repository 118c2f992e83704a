package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// linkTo waits for a mail to an address with a link to page and returns its
// token.
func (h *house) linkTo(to, page string) string {
	h.t.Helper()
	var box struct{ Messages []struct{ Links []string } }
	found := ""
	h.until("a link to "+page+" for "+to, func() bool {
		h.order("GET", "/control/inbox?wait=1&to="+url.QueryEscape(to), nil, &box)
		for _, m := range box.Messages {
			for _, link := range m.Links {
				if _, token, ok := strings.Cut(link, page+"#"); ok {
					found = token
				}
			}
		}
		return found != ""
	})
	return found
}

// TestNothingOfAThiefOutlivesTheUndoing lets a thief with the password move in
// with all that Flint offers, and the owner take the account back from the old
// mailbox.
func TestNothingOfAThiefOutlivesTheUndoing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.resident("Ann")
	thief := *ann
	thief.address = "203.0.113.66" // next door: from farther away the sign-in would wait for the mailbox
	thief.signIn()
	var made struct{ Key string }
	thief.must("POST", "/api/keys", map[string]string{"name": "mine now"}).json(t, &made)
	thief.must("POST", "/api/user/email", map[string]string{"newEmail": "thief@evil.example"})
	thief.must("POST", "/api/user/email/confirm", map[string]string{"token": h.linkTo("thief@evil.example", "/verify-email-change")})
	ann.rows(`
		insert into passkeys (id, user_id, credential_id, public_key, sign_count, synced, transports, created_at)
		select gen_random_uuid(), id, v.name::bytea, '\x00', 0, false, '{}', now() - v.age
		from users, (values ('the owner''s', interval '30 days'), ('the thief''s', interval '1 hour')) v (name, age)
		where id = $1::uuid returning id::text`, h.whoIs("thief@evil.example"))
	ann.rows(`
		insert into totp_factors (user_id, secret, confirmed_at)
		select id, '\x00', now() from users where id = $1::uuid returning user_id::text`, h.whoIs("thief@evil.example"))

	ann.must("POST", "/api/user/email/undo", map[string]string{"token": h.linkTo(ann.email, "/undo-email-change")})
	left := ann.rows(`
		select convert_from(credential_id, 'UTF8') from passkeys k join users u on u.id = k.user_id where u.id = $1::uuid
		union all select 'an app' from totp_factors f join users u on u.id = f.user_id where u.id = $1::uuid`, h.whoIs(ann.email))
	if len(left) != 1 || left[0] != "the owner's" {
		t.Errorf("left are %v", left)
	}
	program := thief
	program.access = made.Key
	if a := program.call("GET", "/api/accounts", nil); a.status != http.StatusUnauthorized {
		t.Errorf("the thief's key: %d", a.status)
	}
	if a := thief.call("POST", "/api/auth/refresh-token", map[string]string{"refreshToken": thief.refresh}); a.status != http.StatusUnauthorized {
		t.Errorf("the thief's session: %d", a.status)
	}
	if a := thief.call("POST", "/api/auth/login", map[string]string{"email": ann.email, "password": ann.password}); a.status != http.StatusUnauthorized || strings.Contains(a.body, "mfa") {
		t.Errorf("the stolen password: %d %s", a.status, a.body)
	}
}
