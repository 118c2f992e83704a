package identity

import (
	"context"
	"encoding/base64"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"flint/internal/config"
)

// argon2Tool returns the PHC string that the program argon2 makes of a password.
// It takes the salt as an argument, so it can't do one with a zero byte, and
// reads no more than 127 bytes of password.
func argon2Tool(t *testing.T, password, salt string, p argon2id.Params) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "argon2", salt, "-id", "-e", "-k", strconv.Itoa(int(p.Memory)), "-t", strconv.Itoa(int(p.Iterations)),
		"-p", strconv.Itoa(int(p.Parallelism)), "-l", strconv.Itoa(int(p.KeyLength)))
	cmd.Stdin = strings.NewReader(password)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("argon2 with %+v: %v: %s", p, err, out)
	}
	return strings.TrimSpace(string(out))
}

func needArgon2Tool(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("argon2"); err != nil {
		t.Skip("argon2 isn't installed: scripts/setup test brings it where apt-get is root's.")
	}
}

func toolPasswords() []string {
	return []string{
		"x", "correct horse battery", "  spaces kept  ", "пароль на дълъг ден", "密码🔑 e\u0301 \u00e9", "tab\tand\nline", "$argon2id$v=19$", strings.Repeat("long ", 25),
	}
}

// What we store, the tool makes too, from the same password, salt and
// parameters: all that an operator may choose, at its bounds.
func TestOurHashesAreThoseOfTheArgon2Tool(t *testing.T) {
	t.Parallel()
	needArgon2Tool(t)
	for i, params := range []*argon2id.Params{
		hashing(19, 2), hashing(minMemory, 5), hashing(9, 4), hashing(12, 3), hashing(46, 1), hashing(minMemory, maxPasses), hashing(maxMemory, 1),
	} {
		h, err := newHasher(1, params, nil)
		if err != nil {
			t.Fatal(err)
		}
		passwords := toolPasswords()
		if i > 0 {
			passwords = passwords[i : i+1]
		}
		for _, password := range passwords {
			phc, salt := "", "\x00"
			for tries := 0; strings.Contains(salt, "\x00"); tries++ { // one in sixteen
				if tries == 20 {
					t.Fatal("twenty salts with a zero byte: they aren't random")
				}
				if phc, err = h.hash(t.Context(), config.NewSecret(password)); err != nil {
					t.Fatal(err)
				}
				b, err := base64.RawStdEncoding.DecodeString(strings.Split(phc, "$")[4])
				if err != nil {
					t.Fatal(err)
				}
				salt = string(b)
			}
			if want := argon2Tool(t, password, salt, *params); phc != want {
				t.Errorf("%q: %s, the tool says %s", password, phc, want)
			}
		}
	}
}

// What the tool made, we verify, also with lanes and lengths that ours don't
// have; and what is off by a letter we don't.
func TestHashesOfTheArgon2ToolVerify(t *testing.T) {
	t.Parallel()
	needArgon2Tool(t)
	h, err := newHasher(1, hashing(minMemory, 5), nil)
	if err != nil {
		t.Fatal(err)
	}
	passwords := toolPasswords()
	tries := 0
	for _, memory := range []uint32{64, 1000, 4096} {
		for _, passes := range []uint32{1, 3, maxPasses} {
			for _, lanes := range []uint8{1, 4, 8} {
				p := argon2id.Params{Memory: memory, Iterations: passes, Parallelism: lanes, KeyLength: []uint32{16, 32, 64}[(tries+tries/3+tries/9)%3]}
				password := passwords[tries%len(passwords)]
				salt := strings.Repeat("a salt of 64 by", 5)[:8+tries*2]
				tries++
				phc := argon2Tool(t, password, salt, p)
				if ok, err := h.verify(t.Context(), config.NewSecret(password), phc); err != nil || !ok {
					t.Errorf("%q against %s: %v %v", password, phc, ok, err)
				}
				if ok, err := h.verify(t.Context(), config.NewSecret(password+"x"), phc); err != nil || ok {
					t.Errorf("%q against %s: %v %v", password+"x", phc, ok, err)
				}
			}
		}
	}
}
