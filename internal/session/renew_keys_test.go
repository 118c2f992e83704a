package session_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/id"
)

func TestRevokedKeysAreTrustedNowhereWithinASecond(t *testing.T) {
	t.Parallel()
	h := setup(t)
	far, deaf := h.start(t, origin), h.start(t, origin)
	old := published(t, h.node)[0]
	f := newForger(t, h) // has stolen the private half
	p, b := h.signInByPhone(t), h.signIn(t)
	_, claims := decode(t, p.Access)
	nodes := map[string]*node{"near": h.node, "far": far, "deaf": deaf}
	for _, n := range nodes {
		warm(t, h, n, p.Access)
		warm(t, h, n, f.ours(t, claims))
	}
	deaf.Stop() // hears nothing from now on
	kid, err := h.RenewKeys(t.Context(), access.SystemActor("operator", id.User{}), true)
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range nodes {
		eventually(t, name+" refuses what was signed", func() bool { return authenticate(t, n.Service, p.Access) != nil })
		if authenticate(t, n.Service, f.ours(t, claims)) == nil {
			t.Errorf("%s believes the thief", name)
		}
		if kids := published(t, n); !slices.Equal(kids, []string{kid}) || kid == old {
			t.Errorf("%s publishes %v", name, kids)
		}
		s := bearer(p.Access, 401)
		s.Contains = []string{"TOKEN_EXPIRED"} // so that clients refresh
		n.web.Check(t, s)
	}
	next := h.renewPhone(t, p)
	h.web.Check(t, b.renew(200))
	for name, n := range nodes {
		if err := authenticate(t, n.Service, next.Access); err != nil || signedBy(t, next.Access) != kid {
			t.Errorf("%s on a refreshed token: %v", name, err)
		}
	}
	if n := h.count(t, `select count(*)::int from audit_entries where actor_name = 'operator' and verb in ('signing_key.rotate', 'signing_key.retire')`); n != 2 {
		t.Errorf("%d acts are recorded as the operator's", n)
	}
	if n := h.count(t, `select count(*)::int from signing_keys where retired_at is not null and length(sealed_key) = 0`); n != 1 {
		t.Errorf("%d private halves are destroyed", n)
	}
}

func TestNoTokenOfARevokedKeyIsRememberedAsGood(t *testing.T) {
	t.Parallel()
	h := setup(t)
	for range 5 {
		p := h.signInByPhone(t)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 50 {
					_ = authenticate(t, h.Service, p.Access)
				}
			})
		}
		if _, err := h.RenewKeys(t.Context(), access.SystemActor("operator", id.User{}), true); err != nil {
			t.Fatal(err)
		}
		if authenticate(t, h.Service, p.Access) == nil {
			t.Error("it is still believed")
		}
		all.Wait()
		if authenticate(t, h.Service, p.Access) == nil {
			t.Error("it is believed again")
		}
	}
}

func TestAKeyThatIsMerelyRotatedLivesOutItsTokens(t *testing.T) {
	t.Parallel()
	h := setup(t)
	old := published(t, h.node)[0]
	p := h.signInByPhone(t)
	h.pass(time.Minute)
	kid, err := h.RenewKeys(t.Context(), access.SystemActor("operator", id.User{}), false)
	if err != nil {
		t.Fatal(err)
	}
	h.web.Check(t, bearer(p.Access, 200))
	if got := signedBy(t, h.signInByPhone(t).Access); got != old {
		t.Errorf("signed by %s, before the others can know it", got)
	}
	h.pass(overlap)
	if got := signedBy(t, h.signInByPhone(t).Access); got != kid {
		t.Errorf("signed by %s", got)
	}
	h.web.Check(t, bearer(p.Access, 200))
}
