package teller

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// keys are the secrets of the application, made at the first start.
type keys struct {
	Signing []byte   // ed25519 seed of the token signing key
	Secrets []string // webhook signing secrets, the newest first
}

func newKeys() keys {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed) // never fails
	return keys{Signing: seed, Secrets: []string{"whsec_" + rand.Text(), "whsec_" + rand.Text()}}
}

// SignEnrollment signs nonce.token.user.enrollment.environment, so that a
// server knows that the token was made for this nonce. Base64.
func SignEnrollment(seed []byte, nonce, token, user, enrollment, environment string) string {
	message := strings.Join([]string{nonce, token, user, enrollment, environment}, ".")
	return base64.StdEncoding.EncodeToString(ed25519.Sign(ed25519.NewKeyFromSeed(seed), []byte(message)))
}

// Signature is the value of the Teller-Signature header: the time, and one
// signature for each secret that hasn't expired.
func Signature(now time.Time, body []byte, secrets ...string) string {
	t := strconv.FormatInt(now.Unix(), 10)
	var out strings.Builder
	fmt.Fprintf(&out, "t=%s", t)
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "%s.%s", t, body)
		fmt.Fprintf(&out, ",v1=%s", hex.EncodeToString(mac.Sum(nil)))
	}
	return out.String()
}

func signer(secrets []string) func(time.Time, []byte) http.Header {
	return func(now time.Time, body []byte) http.Header {
		return http.Header{"Teller-Signature": {Signature(now, body, secrets...)}}
	}
}
