package identity_test

import (
	"os/exec"
	"strings"
	"testing"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
	"flint/internal/ratelimit"
)

// foreign are hashes of password, made by other programs: libxcrypt's crypt(3),
// Python's hashlib (OpenSSL). The last is argon2's own test vector.
var foreign = map[string]string{
	"bcrypt":       "$2b$06$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.",
	"scrypt":       "$scrypt$ln=14,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$ebnHHTApWa0oNoXTYCCHxLXDaejcvcTRQhZaD1OJNCE",
	"pbkdf2":       "$pbkdf2-sha256$i=10000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$rqRM8zWcxqR5JgdNH2Ukv6ZDL0xynSbmRCDsePeFnOo",
	"passlib":      "$pbkdf2-sha512$10000$MDEyMzQ1Njc4OWFiY2RlZg$k640sf0rpeG0xHKHhFQzuuzThAD4DrCknQve8BkS5ry1h1Dde6uRQneAfy7jey.MPLswpWu2LxWY7e8v0qr5bw",
	"other argon2": "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
}

func (h *house) hashOf(t *testing.T, user id.User) string {
	t.Helper()
	phc, err := postgres.Scalar[string](t.Context(), h.pool, `select password_hash from users where id = @user`, postgres.Args{"user": user})
	if err != nil {
		t.Fatal(err)
	}
	return phc
}

func TestImportedHashesAreGoodForOneSignInAndThenOurs(t *testing.T) {
	t.Parallel()
	h := setup(t)
	for name, phc := range foreign {
		email, pass := strings.ReplaceAll(name, " ", "-")+"@example.com", password
		if name == "other argon2" {
			pass = "password" // the vector's; it wasn't chosen here
		}
		p, err := h.Import(t.Context(), access.SystemActor("operator", id.User{}), identity.Immigrant{
			FirstName: "Ina", Email: email, Hash: config.NewSecret(phc), Confirmed: true,
		}, access.Free)
		if err != nil || !p.Confirmed() {
			t.Errorf("%s: %+v %v", name, p, err)
			continue
		}
		if _, refused, err := h.Check(t.Context(), email, config.NewSecret(pass+"x")); refused != identity.WrongPassword || err != nil {
			t.Errorf("%s with a wrong password: %q %v", name, refused, err)
		}
		if h.hashOf(t, p.ID) != phc {
			t.Errorf("%s: a wrong password changed the hash", name)
		}
		h.signIn(t, email, pass)
		ours := h.hashOf(t, p.ID)
		if !strings.HasPrefix(ours, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("%s: the hash is %s", name, ours)
		}
		h.signIn(t, email, pass)
		if h.hashOf(t, p.ID) != ours {
			t.Errorf("%s: hashed anew each time", name)
		}
		if got := h.verbs(t, p.ID); strings.Count(got, "password.rehash") != 1 || !strings.HasPrefix(got, "account.import email.confirm") {
			t.Errorf("%s: audit %s", name, got)
		}
	}
}

func TestHashesThatWouldTakeTheMachineDownAreNotImported(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b, s, p := foreign["bcrypt"], foreign["scrypt"], foreign["pbkdf2"]
	for _, bad := range []string{
		"", "x", "$", "password", "$1$salt$hash", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		strings.Replace(b, "$06$", "$31$", 1), strings.Replace(b, "$06$", "$15$", 1), b[:59], b + "x",
		strings.Replace(s, "ln=14", "ln=40", 1), strings.Replace(s, "ln=14", "ln=-1", 1), strings.Replace(s, "r=8", "r=4096", 1), strings.Replace(s, "p=1", "p=100000", 1),
		strings.Replace(s, "ln=14,", "", 1), strings.Replace(p, "10000", "1", 1), strings.Replace(p, "10000", "4000000000", 1), strings.Replace(p, "sha256", "md5", 1),
		p + "$more", strings.Replace(foreign["other argon2"], "m=65536", "m=4194304", 1), p[:len(p)-43],
	} {
		_, err := h.Import(t.Context(), access.SystemActor("operator", id.User{}), identity.Immigrant{
			FirstName: "Ina", Email: "ina@example.com", Hash: config.NewSecret(bad),
		}, access.Free)
		if f := fault.Of(err); f == nil || f.Kind != fault.Invalid || (len(bad) > 9 && strings.Contains(err.Error(), bad)) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestAHashIsMadeAnewWhenTheParametersChange(t *testing.T) {
	t.Parallel()
	h := setup(t)
	ana := h.register(t, "ana@example.com")
	before := h.hashOf(t, ana.ID)
	dearer := h.again(t, func(cfg *identity.Config) { cfg.HashMemory, cfg.HashPasses = 12, 3 })
	if _, refused, err := dearer.Check(t.Context(), "ana@example.com", config.NewSecret(password)); refused != "" || err != nil {
		t.Fatal(refused, err)
	}
	after := h.hashOf(t, ana.ID)
	if before == after || !strings.HasPrefix(after, "$argon2id$v=19$m=12288,t=3,p=1$") {
		t.Errorf("the hash is %s", after)
	}
	h.signIn(t, "ana@example.com", password)
}

func TestWeakParametersAreRefusedAtStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ memory, passes int }{{19, 1}, {6, 10}, {257, 2}, {19, 11}, {-1, 2}, {19, -2}} {
		cfg := identity.Config{NewUserTier: access.Free, HashMemory: c.memory, HashPasses: c.passes}
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "FLINT_HASH_MEMORY") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// The argon2 tool is the reference implementation (apt: argon2).
func TestOurHashesAgreeWithTheArgon2Tool(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("argon2")
	if err != nil {
		t.Skip("argon2 isn't installed; its own test vector is among the imported hashes")
	}
	h := setup(t)
	cmd := exec.CommandContext(t.Context(), tool, "0123456789abcdef", "-id", "-t", "2", "-k", "19456", "-p", "1", "-l", "32", "-e")
	cmd.Stdin = strings.NewReader(password)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Import(t.Context(), access.SystemActor("operator", id.User{}), identity.Immigrant{
		FirstName: "Ina", Email: "ina@example.com", Hash: config.NewSecret(strings.TrimSpace(string(out))),
	}, access.Free); err != nil {
		t.Fatal(err)
	}
	h.signIn(t, "ina@example.com", password)
}

// again starts identity once more on the same database, with other settings.
func (h *house) again(t *testing.T, change func(*identity.Config)) *identity.Service {
	t.Helper()
	o, err := config.ParseOrigin(origin)
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := queue.NewInserter(h.pool)
	if err != nil {
		t.Fatal(err)
	}
	cfg := identity.Config{Origin: o, Now: h.now}
	change(&cfg)
	s, err := identity.New(cfg, h.pool, jobs, ratelimit.New(ratelimit.NewMemory(1000, h.now)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
