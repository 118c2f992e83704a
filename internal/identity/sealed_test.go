package identity_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"flint/internal/config"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
)

// TestAPersonIsReadWithoutAskingForTheirKeyAgain takes the keyring away: whoever was
// read a moment ago is read again all the same, so a request costs no round trip
// more than it did when addresses were in clear.
func TestAPersonIsReadWithoutAskingForTheirKeyAgain(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.register(t, "ana@example.com")
	if _, err := h.pool.Exec(t.Context(), `delete from keyring.data_keys`); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if p, err := h.Person(t.Context(), ana.ID); err != nil || p.Email != "ana@example.com" || p.FirstName != "Ana" {
			t.Fatalf("%q %q, %v", p.Email, p.FirstName, err)
		}
	}
}

// TestOfManyWithOneAddressOneIsStored races for an address that is written in many
// ways. Those who came too late leave nothing behind, not even a key.
func TestOfManyWithOneAddressOneIsStored(t *testing.T) {
	t.Parallel()
	h := setup(t)
	var racers sync.WaitGroup
	for i := range 8 {
		racers.Go(func() {
			email := []string{"ana@bücher.example", "ANA@xn--bcher-kva.example", " Ana@Bücher.Example"}[i%3]
			if err := h.Register(t.Context(), identity.Newcomer{FirstName: fmt.Sprint("Ana ", i), Email: email, Password: config.NewSecret(password)}); err != nil && !strings.Contains(err.Error(), "busy") {
				t.Error(err)
			}
		})
	}
	racers.Wait()
	for what, sql := range map[string]string{
		"people": `select count(*)::int from users`, "keys": `select count(*)::int from keyring.data_keys where user_id <> '00000000-0000-0000-0000-000000000000'`,
	} {
		if n, err := postgres.Scalar[int](t.Context(), h.pool, sql, nil); err != nil || n != 1 {
			t.Errorf("%d %s, %v", n, what, err)
		}
	}
	if p, err := h.PersonByEmail(t.Context(), "ana@xn--bcher-kva.example"); err != nil || p.Email != "ana@xn--bcher-kva.example" {
		t.Errorf("%q, %v", p.Email, err)
	}
}

// TestAListIsFoundByWholeAddressesAlone.
func TestAListIsFoundByWholeAddressesAlone(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana, bob := h.register(t, "ana@example.com"), h.register(t, "bob@example.com")
	for _, c := range []struct {
		search identity.Search
		want   []string
	}{
		{identity.Search{Limit: 10}, []string{"bob@example.com", "ana@example.com"}},
		{identity.Search{Limit: 1}, []string{"bob@example.com"}},
		{identity.Search{Limit: 10, After: bob.ID}, []string{"ana@example.com"}},
		{identity.Search{Limit: 10, Email: "ana@example.com"}, []string{"ana@example.com"}},
		{identity.Search{Limit: 10, User: ana.ID}, []string{"ana@example.com"}},
		{identity.Search{Limit: 10, Email: "ana@example"}, nil},
	} {

		found, err := h.List(t.Context(), h.pool, c.search)
		var got []string
		for _, p := range found {
			got = append(got, p.Email)
		}
		if err != nil || strings.Join(got, " ") != strings.Join(c.want, " ") {
			t.Errorf("%+v finds %v, %v", c.search, got, err)
		}
	}
}
