package access_test

import (
	"context"
	"testing"

	"flint/internal/access"
	"flint/internal/id"
)

func TestWhatIsNotKnownIsDenied(t *testing.T) {
	person := access.Actor{User: id.New[id.User](), Confirmed: true, Admin: true, Tier: access.Premium}
	for _, need := range []access.Need{"", "root", "Public"} {
		if v := access.Decide(person, need); v != access.Deny {
			t.Errorf("need %q: %v, want Deny", need, v)
		}
	}
}

func TestDecisions(t *testing.T) {
	nobody := access.Actor{}
	fresh := access.Actor{User: id.New[id.User]()}
	confirmed := access.Actor{User: id.New[id.User](), Confirmed: true}
	for _, c := range []struct {
		who  string
		a    access.Actor
		need access.Need
		want access.Verdict
	}{
		{"nobody", nobody, access.Public, access.Allow},
		{"nobody", nobody, access.SignedIn, access.SignInFirst},
		{"nobody", nobody, access.ManageOwn, access.SignInFirst},
		{"unconfirmed", fresh, access.SignedIn, access.Allow},
		{"unconfirmed", fresh, access.ManageOwn, access.ConfirmFirst},
		{"confirmed", confirmed, access.ManageOwn, access.Allow},
	} {
		if got := access.Decide(c.a, c.need); got != c.want {
			t.Errorf("%s, %s: %v, want %v", c.who, c.need, got, c.want)
		}
	}
}

func TestAContextWithoutAnActorHoldsNobody(t *testing.T) {
	if a := access.From(context.Background()); !a.User.IsZero() {
		t.Errorf("got %v", a)
	}
}
