package identity_test

import (
	"errors"
	"testing"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/identity"
)

// In a flood of sign-ins people are sent away and try again. Those tries found
// nothing out about a password, so they count against nobody.
func TestWhoIsSentAwayBusyIsNotLockedOut(t *testing.T) {
	t.Parallel()
	h := setup(t)
	who := identity.Newcomer{FirstName: "Ana", Email: "ana@example.com", Password: config.NewSecret(password)}
	if _, err := h.Admit(t.Context(), access.SystemActor("test", id.User{}), who, access.Free); err != nil {
		t.Fatal(err)
	}
	leave := h.Crowd()
	for i := range 40 { // more than any limit on wrong passwords
		if _, _, err := h.Check(t.Context(), who.Email, who.Password); !errors.Is(err, identity.ErrBusy) {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	leave()
	if p, refused, err := h.Check(t.Context(), who.Email, who.Password); err != nil || refused != identity.NotRefused || p.Email != who.Email {
		t.Errorf("%v, refused %q, error %v", p, refused, err)
	}
}
