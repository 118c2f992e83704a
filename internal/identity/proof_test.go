package identity_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
)

func TestCheckSaysTheSameForEveryRefusalAndDoesTheSameWork(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.register(t, "ana@example.com")
	mallory := h.register(t, "mallory@example.com")
	err := postgres.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
		return h.Ban(t.Context(), tx, access.SystemActor("test", mallory.ID), mallory.ID, "fraud")
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		email, password string
		want            identity.Refusal
		who             id.User
	}{
		{"Ana@Example.com", password, identity.NotRefused, ana.ID},
		{"ana@example.com", password + " ", identity.WrongPassword, ana.ID},
		{"ana@example.com", "Correct horse battery", identity.WrongPassword, ana.ID},
		{"nobody@example.com", password, identity.Unknown, id.User{}},
		{"not an address", password, identity.Unknown, id.User{}},
		{"", "", identity.Unknown, id.User{}},
		{"mallory@example.com", password, identity.IsBanned, mallory.ID},
	} {
		start := time.Now()
		p, got, err := h.Check(t.Context(), c.email, config.NewSecret(c.password))
		if err != nil || got != c.want || p.ID != c.who {
			t.Errorf("%q: %q, person %v, error %v", c.email, got, p.ID, err)
		}
		if took := time.Since(start); took < 5*time.Millisecond {
			t.Errorf("%q: %v is too short for a hash", c.email, took)
		}
	}
}

func TestGuessingOneAccountFromEverywhereIsSlowed(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.register(t, "ana@example.com")
	for _, email := range []string{"ana@example.com", "nobody@example.com"} { // known or not, the same
		var limited error
		for range 12 {
			if _, _, err := h.Check(t.Context(), email, config.NewSecret("guess guess")); err != nil {
				limited = err
			}
		}
		if fault.KindOf(limited) != fault.TooMany || fault.Of(limited).Retry <= 0 {
			t.Errorf("%s: error %v", email, limited)
		}
	}
	h.pass(16 * time.Minute)
	if _, reason, err := h.Check(t.Context(), "ana@example.com", config.NewSecret(password)); err != nil || reason != "" {
		t.Errorf("the owner stays out: %q %v", reason, err)
	}
}

func TestPasswordsAreComparedExactly(t *testing.T) {
	t.Parallel()
	h := setup(t)
	const long = "the quick brown fox of Gdansk jumps over eleven lazy dogs in Lisbon and sleeps"
	for i, c := range []struct{ password, other string }{
		{"k7#qz!9v", "k7#qz!9"},
		{long[:71] + "ab", long[:71] + "ac"}, // beyond bcrypt's 72 bytes
		{long + strings.Repeat("ü", 256-len(long)), long + strings.Repeat("ü", 255-len(long)) + "u"},
		{"e\u0301 decomposed", "\u00e9 decomposed"},
		{" spaces around ", "spaces around"},
		{"😀😀😀😀😀😀😀😀", "😀😀😀😀😀😀😀😁"},
	} {
		email := fmt.Sprintf("p%d@example.com", i)
		if err := h.Register(t.Context(), identity.Newcomer{FirstName: "P", Email: email, Password: config.NewSecret(c.password)}); err != nil {
			t.Errorf("%q: %v", c.password, err)
			continue
		}
		if _, reason, err := h.Check(t.Context(), email, config.NewSecret(c.password)); reason != "" || err != nil {
			t.Errorf("%q isn't itself: %q %v", c.password, reason, err)
		}
		if _, reason, _ := h.Check(t.Context(), email, config.NewSecret(c.other)); reason != identity.WrongPassword {
			t.Errorf("%q passes as %q", c.other, c.password)
		}
	}
}

func TestBadRegistrationsNameTheFieldAndNeverTheInput(t *testing.T) {
	t.Parallel()
	h := setup(t)
	body := func(name, email, pass string) map[string]string {
		return map[string]string{"firstName": name, "email": email, "password": pass}
	}
	for _, s := range []webtest.Scenario{
		{Name: "short password", Body: body("Ana", "a@example.com", "canary1"), Contains: []string{"body.password"}, Status: 422},
		{Name: "long password", Body: body("Ana", "a@example.com", strings.Repeat("canary", 60)), Contains: []string{"body.password"}, Status: 422},
		{Name: "no address", Body: body("Ana", "canary.example.com", password), Contains: []string{"body.email"}, Status: 422},
		{Name: "no name", Body: body(" ", "a@example.com", password), Contains: []string{"body.firstName"}, Status: 422},
		{Name: "name with a line break", Body: body("Ana\nBcc: canary", "a@example.com", password), Contains: []string{"body.firstName"}, Status: 422},
		{Name: "name that runs backwards", Body: body("Ana\u202ecanary", "a@example.com", password), Contains: []string{"body.firstName"}, Status: 422},
		{Name: "everything", Body: body("\t", "canary", "canary1"), Contains: []string{"body.password"}, Status: 422},
		{Name: "surplus field", Body: map[string]any{"firstName": "A", "email": "a@example.com", "password": password, "tier": "premium"}, Status: 422},
		{Name: "no body", Method: "POST", Status: 400},
	} {
		s.Path, s.NeverContains = "/api/auth/public-register", []string{"canary", password}
		h.web.Run(t, s)
	}
	if n, err := postgres.Scalar[int](t.Context(), h.pool, `select count(*)::int from users`, nil); n != 0 || err != nil {
		t.Errorf("%d people were stored, error %v", n, err)
	}
}
