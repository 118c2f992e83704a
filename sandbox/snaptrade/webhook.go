package snaptrade

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"flint/sandbox/hook"
)

// event is something to tell the client's webhook.
type event struct {
	User       string
	Type       string
	Broker     string // slug
	Connection string
	Account    string
	Result     string         // of CONNECTION_ATTEMPTED
	Details    map[string]any // of ACCOUNT_HOLDINGS_UPDATED
}

// microseconds is how SnapTrade writes a moment in a webhook.
const microseconds = "2006-01-02T15:04:05.000000-07:00"

// payload is a webhook's body. Samples of the live service carry a misspelt
// webookId beside webhookId, so both are here; webhookSecret is deprecated.
type payload struct {
	WebhookID     string         `json:"webhookId"`
	WebookID      string         `json:"webookId"`
	ClientID      string         `json:"clientId"`
	EventTime     string         `json:"eventTimestamp"`
	UserID        string         `json:"userId"`
	EventType     string         `json:"eventType"`
	BrokerageID   string         `json:"brokerageId,omitempty"`
	Authorization string         `json:"brokerageAuthorizationId,omitempty"`
	AccountID     string         `json:"accountId,omitempty"`
	Result        string         `json:"connectionAttemptedResult,omitempty"`
	Details       map[string]any `json:"details,omitempty"`
	WebhookSecret string         `json:"webhookSecret"`
}

// tell sends events in order. The signature covers the canonical payload, not
// the bytes that are sent: those have their own key order and spaces, as
// Python prints them, so that a verifier which hashes them is found out.
func (s *API) tell(events ...event) {
	if s.cfg.Hooks == nil {
		return
	}
	for _, e := range events {
		id := s.fresh("webhook")
		p := payload{
			WebhookID: id, WebookID: id, ClientID: s.cfg.ClientID, UserID: e.User, EventType: e.Type,
			EventTime: s.now().UTC().Format(microseconds), Authorization: e.Connection, AccountID: e.Account,
			Result: e.Result, Details: e.Details, WebhookSecret: "deprecated",
		}
		if e.Broker != "" {
			p.BrokerageID = s.brokerID(e.Broker)
		}
		body, err := python(p)
		if err != nil {
			s.log.Error("write a webhook", "err", err)
			return
		}
		s.cfg.Hooks.Send(hook.Delivery{Provider: Provider, ID: id, Type: e.Type, Body: body, Sign: s.signWebhook})
	}
}

func (s *API) signWebhook(_ time.Time, body []byte) http.Header {
	canonical, err := CanonicalWebhook(body)
	if err != nil {
		return nil
	}
	return http.Header{"Signature": {Signature(s.cfg.ConsumerKey, canonical)}}
}

// python prints v as json.dumps does by default: in its own order, with a
// space after every colon and comma.
func python(v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	quoted := false
	for i, c := range plain {
		out.WriteByte(c)
		if c == '"' && !escaped(plain[:i]) {
			quoted = !quoted
		}
		if !quoted && (c == ':' || c == ',') {
			out.WriteByte(' ')
		}
	}
	return out.Bytes(), nil
}

// escaped reports whether before ends in an odd number of backslashes.
func escaped(before []byte) bool {
	n := len(before) - len(bytes.TrimRight(before, `\`))
	return n%2 == 1
}

// holdingsUpdated is the event of a finished holdings sync.
func holdingsUpdated(c connection, accountID string) event {
	fine := map[string]any{"success": true, "error": nil}
	return event{
		User: c.User, Type: "ACCOUNT_HOLDINGS_UPDATED", Broker: c.Broker, Connection: c.ID, Account: accountID,
		Details: map[string]any{"total_value": fine, "positions": fine, "balances": fine, "orders": fine},
	}
}
