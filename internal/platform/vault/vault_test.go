package vault_test

import (
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flint/internal/config"
	"flint/internal/platform/vault"
	far "flint/sandbox/vault"
)

func open(t *testing.T, a *far.API, cfg vault.Config) *vault.Client {
	t.Helper()
	server := httptest.NewServer(a.Handler())
	t.Cleanup(server.Close)
	cfg.Address = server.URL
	c, err := vault.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestTransitWrapsAndRotates(t *testing.T) {
	t.Parallel()
	a := far.New(far.Config{Token: "root"})
	key := open(t, a, vault.Config{Token: config.NewSecret("root")}).Transit("transit", "flint")
	if key.Name() != "vault:transit/flint" {
		t.Error(key.Name())
	}
	old, err := key.Wrap(t.Context(), []byte("a key"), []byte("bound"))
	if err != nil || strings.Contains(string(old), "a key") {
		t.Fatalf("%q, %v", old, err)
	}
	if err := key.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh, err := key.Wrap(t.Context(), []byte("a key"), []byte("bound"))
	if err != nil || !strings.HasPrefix(string(old), "vault:v1:") || !strings.HasPrefix(string(fresh), "vault:v2:") {
		t.Errorf("%q then %q, %v", old, fresh, err)
	}
	for _, wrapped := range [][]byte{old, fresh} {
		if got, err := key.Unwrap(t.Context(), wrapped, []byte("bound")); err != nil || string(got) != "a key" {
			t.Errorf("%q, %v", got, err)
		}
		if got, err := key.Unwrap(t.Context(), wrapped, []byte("elsewhere")); err == nil || got != nil {
			t.Errorf("bound to something else it opened: %q", got)
		}
	}
	if _, err := key.Unwrap(t.Context(), []byte("vault:v9:AAAA"), nil); err == nil {
		t.Error("a version that isn't there")
	}
}

func TestSecretsAreReadWithTheirVersion(t *testing.T) {
	t.Parallel()
	a := far.New(far.Config{Token: "root"})
	c := open(t, a, vault.Config{Token: config.NewSecret("root")})
	if _, err := c.Fetch(t.Context(), "secret/flint/prod"); !errors.Is(err, vault.ErrNoSecret) {
		t.Error(err)
	}
	a.Put("secret", "flint/prod", map[string]string{"STRIPE_SECRET_KEY": "one"})
	a.Put("secret", "flint/prod", map[string]string{"STRIPE_SECRET_KEY": "two"})
	kept, err := c.Fetch(t.Context(), "secret/flint/prod")
	if err != nil || kept.Version != "2" || kept.Made.IsZero() || kept.Fields["STRIPE_SECRET_KEY"].Reveal() != "two" {
		t.Errorf("%v, %v", kept, err)
	}
	a.Seal(true)
	if _, err := c.Fetch(t.Context(), "secret/flint/prod"); err == nil || errors.Is(err, vault.ErrNoSecret) {
		t.Errorf("a sealed Vault has no secret missing: %v", err)
	}
}

func TestARoleSignsInAgainWhenItsTokenHasEnded(t *testing.T) {
	t.Parallel()
	a := far.New(far.Config{RoleID: "flint", SecretID: "s", TokenTTL: 2 * time.Second})
	a.Put("secret", "x", map[string]string{"k": "v"})
	c := open(t, a, vault.Config{RoleID: "flint", SecretID: config.NewSecret("s")})
	a.Expire()
	deadline := time.Now().Add(20 * time.Second)
	for a.Calls("login") == 0 || a.Calls("read") == 0 {
		_, err := c.Fetch(t.Context(), "secret/x")
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still signed out: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestWhoMayNotIsRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(far.New(far.Config{Token: "root", RoleID: "flint", SecretID: "s"}).Handler())
	t.Cleanup(server.Close)
	for name, cfg := range map[string]vault.Config{
		"a wrong token":     {Token: config.NewSecret("guess")},
		"a wrong secret id": {RoleID: "flint", SecretID: config.NewSecret("guess")},
		"no credential":     {},
		"both":              {Token: config.NewSecret("root"), RoleID: "flint", SecretID: config.NewSecret("s")},
	} {
		cfg.Address = server.URL
		c, err := vault.Open(t.Context(), cfg)
		if err == nil {
			c.Close()
			t.Errorf("%s was let in", name)
		} else if strings.Contains(err.Error(), "guess") {
			t.Errorf("%s is quoted: %v", name, err)
		}
	}
}

// users stand in for those of a database; the pool's own test has a real one.
type users map[string]bool

func (u users) Create(name, _ string, _ time.Time) error { u[name] = true; return nil }
func (u users) Drop(name string) error                   { delete(u, name); return nil }

func TestDatabaseUsersAreBorrowed(t *testing.T) {
	t.Parallel()
	known := users{}
	c := open(t, far.New(far.Config{Token: "root", Users: known, LoanTTL: time.Hour, LoanMax: 24 * time.Hour}), vault.Config{Token: config.NewSecret("root")})
	l, err := c.Borrow(t.Context(), "database", "flint")
	if err != nil || !known[l.Name] || l.Password.IsZero() || l.Lease != time.Hour {
		t.Fatalf("%+v, %v", l, err)
	}
	if l, err = c.Renew(t.Context(), l, time.Hour); err != nil || l.Lease != time.Hour {
		t.Errorf("%+v, %v", l, err)
	}
	if err := c.GiveBack(t.Context(), l); err != nil || known[l.Name] {
		t.Errorf("%v, %v", known, err)
	}
	if _, err := c.Renew(t.Context(), l, time.Hour); err == nil {
		t.Error("a user that was given back was renewed")
	}
}

func TestALenderOutlivesAVaultThatIsAway(t *testing.T) {
	t.Parallel()
	a := far.New(far.Config{Token: "root", Users: users{}, LoanTTL: time.Second, LoanMax: time.Hour})
	c := open(t, a, vault.Config{Token: config.NewSecret("root")})
	lent := make(chan vault.Login, 9)
	l, err := c.Lend(t.Context(), "database", "flint", vault.LenderConfig{
		Use: func(l vault.Login) { lent <- l }, Retry: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	first := <-lent
	a.Seal(true)
	time.AfterFunc(2*time.Second, func() { a.Seal(false) }) // longer than the loan
	select {
	case next := <-lent:
		if next.Name == first.Name {
			t.Error("the same user again")
		}
	case <-time.After(30 * time.Second):
		t.Error("Vault is back, and nobody asks it")
	}
}
