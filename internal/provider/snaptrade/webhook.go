package snaptrade

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"flint/internal/config"
)

// How far the time of an event may lie from ours. SnapTrade names 300 seconds,
// but its own retries come half an hour and more later, so a true signature is
// good for a day; storing each event once is what stops replays.
const (
	oldest   = 24 * time.Hour
	farthest = 5 * time.Minute
)

// The reasons to refuse a delivery.
var (
	ErrUnsigned = errors.New("the webhook's signature header is missing or malformed")
	ErrForged   = errors.New("the webhook's signature doesn't verify")
	ErrExpired  = errors.New("the webhook's time is missing, too old or in the future")
	ErrEvent    = errors.New("the webhook's body is no event")
)

// VerifyWebhook checks the Signature header of a delivery and its age. The
// signature is the HMAC-SHA256, in base64, of the payload's canonical JSON
// under one of the consumer keys. The documentation's sample escapes what isn't
// ASCII, other SDKs don't, and some deliveries are signed as they are sent:
// all three forms are accepted. Comparison takes constant time. With no key
// every delivery is refused.
func VerifyWebhook(keys []config.Secret, header string, body []byte, now time.Time) error {
	if len(header) > 128 {
		return ErrUnsigned
	}
	signature, err := base64.StdEncoding.DecodeString(header)
	if err != nil || len(signature) != sha256.Size {
		return ErrUnsigned
	}
	forms := [][]byte{body}
	if payload, err := decodeJSON(body); err == nil {
		if plain, err := plainJSON(payload); err == nil {
			forms = append(forms, plain, asciiJSON(plain))
		}
	}
	genuine := false
	for _, key := range keys {
		if key.IsZero() {
			continue
		}
		for _, form := range forms {
			mac := hmac.New(sha256.New, []byte(key.Reveal()))
			mac.Write(form)
			if hmac.Equal(signature, mac.Sum(nil)) {
				genuine = true
			}
		}
	}
	if !genuine {
		return ErrForged
	}
	event, err := ParseEvent(body)
	if err != nil {
		return err
	}
	if event.Timestamp.IsZero() || now.Sub(event.Timestamp) > oldest || event.Timestamp.Sub(now) > farthest {
		return ErrExpired
	}
	return nil
}

// The types of events that Flint acts on.
const (
	EventConnectionAdded   = "CONNECTION_ADDED"
	EventConnectionDeleted = "CONNECTION_DELETED"
	EventConnectionBroken  = "CONNECTION_BROKEN"
	EventConnectionFixed   = "CONNECTION_FIXED"
	EventUserDeleted       = "USER_DELETED"
)

// Event is a delivery whose signature was checked. It is only a hint to look;
// the API is the truth.
type Event struct {
	ID           string // unique; may be empty
	Type         string
	Timestamp    time.Time
	UserID       string
	ConnectionID string // brokerage authorization; empty for events about a user
	AccountID    string
}

// ParseEvent reads a delivery's body. The field webhookSecret, which is
// deprecated and unsigned of old, is ignored.
func ParseEvent(body []byte) (Event, error) {
	var w struct {
		WebhookID       string `json:"webhookId"`
		MisspeltID      string `json:"webookId"` // so in the API's own description
		EventType       string `json:"eventType"`
		EventTimestamp  string `json:"eventTimestamp"`
		UserID          string `json:"userId"`
		AuthorizationID string `json:"brokerageAuthorizationId"`
		ConnectionID    string `json:"connectionId"` // OAuth applications
		AccountID       string `json:"accountId"`
	}
	if err := json.Unmarshal(body, &w); err != nil || w.EventType == "" || len(w.EventType) > 100 {
		return Event{}, ErrEvent
	}
	e := Event{ID: w.WebhookID, Type: w.EventType, UserID: w.UserID, ConnectionID: w.AuthorizationID, AccountID: w.AccountID}
	if e.ID == "" {
		e.ID = w.MisspeltID
	}
	if e.ConnectionID == "" {
		e.ConnectionID = w.ConnectionID
	}
	if len(e.ID) > 200 {
		return Event{}, ErrEvent
	}
	if at, err := parseTime(w.EventTimestamp); err == nil {
		e.Timestamp = at
	}
	return e, nil
}
