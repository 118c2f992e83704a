package mfa

import (
	"context"
	"crypto/sha512"
	"encoding/base32"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// oathtool returns the codes that the program of that name makes from a secret:
// of n digits, for the step at unix and the ones that follow it.
func oathtool(t *testing.T, secret []byte, unix int64, n, following int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "oathtool", "--totp", "--base32", "--now", "@"+strconv.FormatInt(unix, 10),
		"--digits", strconv.Itoa(n), "--window", strconv.Itoa(following), "-")
	cmd.Stdin = strings.NewReader(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret) + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("oathtool at %d: %v: %s", unix, err, out)
	}
	return strings.Fields(string(out))
}

func TestCodesAreThoseOfOathtool(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("oathtool"); err != nil {
		t.Skip("oathtool isn't installed: scripts/setup test brings it where apt-get is root's.")
	}
	const following = 40
	times := []int64{
		0, 29, 30, 59, 1111111109, 1111111111, 1234567890, 2000000000, 20000000000, // of the RFC, and around the first step
		1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, // where 32 bits end
		time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC).Unix(), time.Date(2028, 2, 29, 23, 59, 59, 0, time.UTC).Unix(),
	}
	leading := 0
	// From one byte to more than a block of SHA-1, ours (20) most of all.
	for i, size := range []int{secretSize, 1, 10, 16, secretSize, 21, 32, 63, 64, secretSize} {
		seed := sha512.Sum512([]byte{byte(i)})
		secret := append(seed[:], 0xff)[:size]
		for _, unix := range times {
			for _, n := range []int{digits, 8} {
				want := oathtool(t, secret, unix, n, following)
				if len(want) != following+1 {
					t.Fatalf("oathtool gave %d codes", len(want))
				}
				for k, code := range want {
					if got := codeAt(secret, unix/period+int64(k), n); got != code {
						t.Errorf("secret %x, %d s, step +%d: %s, oathtool says %s", secret, unix, k, got, code)
					}
					if code[0] == '0' {
						leading++
					}
				}
			}
		}
	}
	if leading == 0 {
		t.Error("no code began with a zero, so that wasn't tried")
	}
}
