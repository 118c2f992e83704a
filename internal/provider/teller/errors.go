package teller

import (
	"encoding/json"
	"net/http"
	"strings"

	"flint/internal/platform/outbound"
)

// explain reads Teller's error envelope, {"error":{"code","message"}}. The
// message is looked at but never kept.
func explain(status int, body []byte) outbound.Verdict {
	var envelope struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(body, &envelope) // an answer of something in between may be anything
	v := outbound.Verdict{Code: envelope.Error.Code}
	_, disconnected := DisconnectReason(v.Code)
	switch {
	case disconnected:
		v.Class = outbound.Reauth
	case strings.HasPrefix(v.Code, "account_number_verification_"):
		v.Class = outbound.Transient
	case status == http.StatusGone, strings.HasPrefix(v.Code, "account.closed"):
		v.Class = outbound.NotFound
	case status == http.StatusBadRequest && strings.Contains(strings.ToLower(envelope.Error.Message), "certificate"):
		v.Code, v.Class = "certificate", outbound.ProviderDown // our key to Teller, not this enrollment
	case status == http.StatusUnauthorized:
		v.Class = outbound.Bug // we sent no token
	case status == http.StatusBadGateway:
		v.Class, v.Institution = outbound.Transient, true // the bank is down, Teller isn't
	}
	return v
}

// DisconnectReason reads the code of an error ("enrollment.disconnected.
// account_locked") or the reason of a webhook ("disconnected.account_locked").
// It returns what follows "disconnected.", or "disconnected" when nothing does,
// and whether the code speaks of a disconnected enrollment at all.
func DisconnectReason(code string) (string, bool) {
	rest, isError := strings.CutPrefix(code, "enrollment.")
	rest, disconnected := strings.CutPrefix(rest, "disconnected")
	if !disconnected {
		// Teller may name a state of the enrollment that we don't know yet.
		return rest, isError && rest != ""
	}
	if rest == "" {
		return "disconnected", true
	}
	return strings.CutPrefix(rest, ".")
}
