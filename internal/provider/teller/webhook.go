package teller

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"flint/internal/config"
)

// How far the time stamp of a delivery may lie from ours.
const (
	oldest   = 180 * time.Second // Teller's own rule
	farthest = 60 * time.Second  // in the future: our clock may be slow, not that slow
)

// The reasons to refuse a delivery.
var (
	ErrUnsigned = errors.New("the webhook's signature header is missing or malformed")
	ErrForged   = errors.New("no signature of the webhook verifies")
	ErrExpired  = errors.New("the webhook's time stamp is too old or in the future")
)

// VerifyWebhook checks the header "Teller-Signature: t=<unix seconds>,v1=<hex>
// [,v1=…]" over the raw body: one v1 must be the HMAC-SHA256 of "t.body" under
// one of the secrets. Comparison takes constant time. With no secret every
// delivery is refused.
func VerifyWebhook(secrets []config.Secret, header string, body []byte, now time.Time) error {
	stamp, signatures, err := parseSignature(header)
	if err != nil {
		return err
	}
	genuine := false
	for _, secret := range secrets {
		if secret.IsZero() {
			continue
		}
		mac := hmac.New(sha256.New, []byte(secret.Reveal()))
		mac.Write([]byte(stamp + "."))
		mac.Write(body)
		want := mac.Sum(nil)
		for _, signature := range signatures {
			if hmac.Equal(signature, want) {
				genuine = true
			}
		}
	}
	if !genuine {
		return ErrForged
	}
	secs, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return ErrUnsigned
	}
	at := time.Unix(secs, 0)
	if now.Sub(at) > oldest || at.Sub(now) > farthest {
		return ErrExpired
	}
	return nil
}

// parseSignature reads the header. The stamp is returned as it stood, since
// that is what was signed.
func parseSignature(header string) (stamp string, signatures [][]byte, err error) {
	if len(header) > 2048 {
		return "", nil, ErrUnsigned
	}
	for part := range strings.SplitSeq(header, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return "", nil, ErrUnsigned
		}
		switch key {
		case "t":
			if stamp != "" || value == "" || len(value) > 12 || strings.Trim(value, "0123456789") != "" {
				return "", nil, ErrUnsigned
			}
			stamp = value
		case "v1":
			signature, err := hex.DecodeString(value)
			if err != nil || len(signature) != sha256.Size || len(signatures) == 8 {
				return "", nil, ErrUnsigned
			}
			signatures = append(signatures, signature)
		}
	}
	if stamp == "" || len(signatures) == 0 {
		return "", nil, ErrUnsigned
	}
	return stamp, signatures, nil
}

// The types of events that Flint acts on.
const (
	EventDisconnected = "enrollment.disconnected"
	EventTransactions = "transactions.processed"
	EventVerification = "account.number_verification.processed"
	EventTest         = "webhook.test"
)

// Event is a delivery whose signature was checked. What it says about
// transactions is only a hint to look; the API is the truth.
type Event struct {
	ID           string // wh_…; unique
	Type         string
	Timestamp    time.Time
	EnrollmentID string // empty in a test
	Reason       string // of a disconnection, without "disconnected."
}

// ErrEvent is returned for a body that is no event.
var ErrEvent = errors.New("the webhook's body is no event")

// ParseEvent reads a delivery's body.
func ParseEvent(body []byte) (Event, error) {
	var w struct {
		ID        string `json:"id"`
		Type      string `json:"type"`
		Timestamp string `json:"timestamp"`
		Payload   struct {
			EnrollmentID string `json:"enrollment_id"`
			Reason       string `json:"reason"`
		} `json:"payload"`
	}
	if err := json.Unmarshal(body, &w); err != nil || w.Type == "" || len(w.Type) > 100 || len(w.ID) > 200 {
		return Event{}, ErrEvent
	}
	at, err := time.Parse(time.RFC3339, w.Timestamp)
	if err != nil {
		at = time.Time{} // the signed time is in the header; this one is only shown
	}
	reason, _ := DisconnectReason(w.Payload.Reason)
	return Event{ID: w.ID, Type: w.Type, Timestamp: at, EnrollmentID: w.Payload.EnrollmentID, Reason: reason}, nil
}
