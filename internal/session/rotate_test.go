package session_test

import (
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"flint/internal/config"
	"flint/internal/envelope/envelopetest"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
	"flint/internal/session"
)

const (
	month   = 30 * 24 * time.Hour
	overlap = 2 * time.Minute
)

func (h *house) rotate(t *testing.T, s *session.Service) {
	t.Helper()
	w := &session.KeysWorker{Service: s}
	if err := w.Work(t.Context(), &river.Job[session.KeysArgs]{}); err != nil {
		t.Fatal(err)
	}
}

// signedBy returns the kid of a token.
func signedBy(t *testing.T, token string) string {
	t.Helper()
	header, _ := decode(t, token)
	kid, _ := header["kid"].(string)
	return kid
}

// published returns the kids of the key set, as the world sees it.
func published(t *testing.T, n *node) []string {
	t.Helper()
	var set struct{ Keys []struct{ Kid string } }
	n.web.Check(t, webtest.Scenario{Path: "/api/auth/jwks", Status: 200}).JSON(t, &set)
	var kids []string
	for _, k := range set.Keys {
		kids = append(kids, k.Kid)
	}
	return kids
}

func TestSigningKeysRotateByTheClock(t *testing.T) {
	t.Parallel()
	h := setup(t)
	first := published(t, h.node)[0]
	h.pass(month - time.Second)
	h.rotate(t, h.Service)
	if kids := published(t, h.node); len(kids) != 1 {
		t.Fatalf("rotated before its time: %v", kids)
	}
	h.pass(time.Second)
	h.rotate(t, h.Service)
	h.rotate(t, h.Service) // nothing more to do
	kids := published(t, h.node)
	if len(kids) != 2 || kids[1] != first {
		t.Fatalf("published %v after a month with %s", kids, first)
	}
	second := kids[0]
	h.pass(overlap - time.Second)
	last := h.signInByPhone(t).Access
	if signedBy(t, last) != first {
		t.Error("the new key signs before everybody can know it")
	}
	h.pass(time.Second)
	if signedBy(t, h.signInByPhone(t).Access) != second {
		t.Error("the new key doesn't sign when its time has come")
	}
	h.pass(20*time.Minute - 2*time.Second) // the last second of the last token
	h.rotate(t, h.Service)
	if err := authenticate(t, h.Service, last); err != nil || len(published(t, h.node)) != 2 {
		t.Errorf("the old key is gone while a token of it lives: %v", err)
	}
	h.pass(2*30*time.Second + 2*time.Second) // clocks that differ
	h.rotate(t, h.Service)
	if kids := published(t, h.node); !slices.Equal(kids, []string{second}) {
		t.Errorf("published %v, want %s alone", kids, second)
	}
	verbs, err := postgres.Scalar[string](t.Context(), h.pool,
		`select string_agg(verb || ' ' || actor_kind || ' ' || actor_name || ' ' || object, E'\n' order by at, id) from audit_entries where verb like 'signing_key.%'`, nil)
	if want := "signing_key.create system session.start " + first + "\nsigning_key.rotate system session.keys " + second +
		"\nsigning_key.retire system session.keys " + first; err != nil || verbs != want {
		t.Errorf("recorded\n%s\nwant\n%s (%v)", verbs, want, err)
	}
}

// What remains of a retired key tells an expired token from a wrong one, since
// clients refresh for the first and give up for the second.
func TestRetiredKeysHaveNoPrivateHalfAndMakeNoTokenValid(t *testing.T) {
	t.Parallel()
	h := setup(t)
	f := newForger(t, h) // has the private half, from before
	old := f.kid
	h.pass(month)
	h.rotate(t, h.Service)
	h.pass(time.Hour)
	h.rotate(t, h.Service)
	if n := h.count(t, `select count(*)::int from signing_keys where retired_at is not null and length(sealed_key) = 0 and length(public_key) = 32`); n != 1 {
		t.Errorf("%d keys are retired without a private half", n)
	}
	if n := h.count(t, `select count(*)::int from signing_keys where retired_at is null and length(sealed_key) > 32`); n != 1 {
		t.Errorf("%d keys are alive", n)
	}
	far := h.start(t, origin) // starts with a retired key in the table
	p := h.signInByPhone(t)
	_, claims := decode(t, p.Access)
	for name, n := range map[string]*node{"the node that retired it": h.node, "a node started since": far} {
		if slices.Contains(published(t, n), old) {
			t.Errorf("%s publishes a retired key", name)
		}
		if err := authenticate(t, n.Service, p.Access); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := authenticate(t, n.Service, f.ours(t, claims)); err == nil || !strings.Contains(err.Error(), "retired") {
			t.Errorf("%s on a token of the retired key: %v", name, err)
		}
		s := bearer(f.good, 401)
		s.Contains = []string{"TOKEN_EXPIRED"}
		n.web.Check(t, s)
	}
}

func TestANodeThatWasNotToldVerifiesWhatTheNewKeySigned(t *testing.T) {
	t.Parallel()
	h := setup(t)
	far := h.start(t, origin)
	warm(t, h, far, h.signInByPhone(t).Access) // it has looked at the keys, and hears
	h.pass(month)
	h.rotate(t, h.Service) // far isn't told, and its minute isn't over
	h.pass(overlap - time.Minute)
	old := h.signInByPhone(t).Access
	h.pass(time.Minute)
	token := h.signInByPhone(t).Access
	if signedBy(t, token) == signedBy(t, old) || len(published(t, far)) != 1 {
		t.Fatal("the test shows nothing")
	}
	for name, n := range map[string]*node{"near": h.node, "far": far} {
		for _, token := range []string{token, old} {
			if err := authenticate(t, n.Service, token); err != nil {
				t.Errorf("%s refuses a token: %v", name, err)
			}
		}
	}
	if len(published(t, far)) != 2 {
		t.Error("the far node has met the new key and doesn't publish it")
	}
	h.pass(19*time.Minute - time.Second)
	for _, n := range []*node{h.node, far} {
		h.rotate(t, n.Service)
		if err := authenticate(t, n.Service, old); err != nil {
			t.Errorf("an old token is refused before it expires: %v", err)
		}
	}
	h.pass(time.Second)
	if authenticate(t, h.Service, old) == nil || authenticate(t, far.Service, old) == nil {
		t.Error("an old token outlives its time")
	}
}

func TestEveryNodeLooksForNewerKeysByItself(t *testing.T) {
	t.Parallel()
	h := setup(t)
	keys := envelopetest.Under(t, h.pool, h.ring)
	o, _ := config.ParseOrigin(origin)
	far, err := session.New(session.Config{Origin: o, Now: h.now, KeyReload: 5 * time.Millisecond}, h.pool, keys, h.people)
	if err != nil {
		t.Fatal(err)
	}
	if err := far.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(far.Stop)
	h.pass(month)
	h.rotate(t, h.Service)
	eventually(t, "the new key is published elsewhere", func() bool { return len(far.JWKS()) == 2 })
}

func TestTwoRotatorsAtOnceMakeOneKey(t *testing.T) {
	t.Parallel()
	h := setup(t)
	nodes := []*node{h.node, h.start(t, origin)}
	h.pass(month)
	var all sync.WaitGroup
	for range 5 {
		for _, n := range nodes {
			all.Go(func() {
				if err := n.RotateKeys(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	if n := h.count(t, `select count(*)::int from signing_keys`); n != 2 {
		t.Errorf("%d signing keys, want the old and one new", n)
	}
	if n := h.count(t, `select count(*)::int from audit_entries where verb = 'signing_key.rotate'`); n != 1 {
		t.Errorf("%d rotations are recorded", n)
	}
	if a, b := published(t, nodes[0]), published(t, nodes[1]); len(a) != 2 || !slices.Equal(a, b) {
		t.Errorf("published %v and %v", a, b)
	}
}

func TestAFloodOfUnknownKeysCostsOneQueryASecond(t *testing.T) {
	t.Parallel()
	h := setup(t)
	parts := strings.Split(h.signInByPhone(t).Access, ".")
	flood := func(kid func() string) int64 {
		before := h.pool.Stat().AcquireCount()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 250 {
					header, err := json.Marshal(map[string]string{"alg": "EdDSA", "kid": kid(), "typ": "at+jwt"})
					if err != nil {
						t.Error(err)
					}
					if err := authenticate(t, h.Service, b64(header)+"."+parts[1]+"."+parts[2]); err == nil {
						t.Error("a token of no key was accepted")
					}
				}
			})
		}
		all.Wait()
		return h.pool.Stat().AcquireCount() - before
	}
	made := func() string {
		var b [32]byte
		_, _ = rand.Read(b[:])
		return b64(b[:])
	}
	const others = 2 // that the service makes on its own account on a machine that is this busy
	for second := range 3 {
		if n := flood(made); n < 1 || n > 1+others {
			t.Errorf("second %d: 2000 forged tokens made %d queries", second, n)
		}
		h.pass(time.Second - time.Millisecond)
		if n := flood(made); n > others {
			t.Errorf("second %d isn't over: 2000 forged tokens made %d queries", second, n)
		}
		h.pass(time.Millisecond)
	}
	if n := flood(func() string { return "short" }); n > others {
		t.Errorf("what can't be a kid of any node made %d queries", n)
	}
}
