package snaptrade

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"flint/internal/platform/outbound"
)

// The codes that callers act on.
const (
	CodeUserExists         = "1010" // Register: the user is there already
	CodeUserInvalid        = "1083" // the user's id or secret is wrong
	CodeConnectionDisabled = "3003" // the person must connect again
)

// expected finds the wait in "Request was throttled. Expected available in 7 seconds."
var expected = regexp.MustCompile(`available in (\d{1,5}) second`)

// explain reads SnapTrade's error envelope, {"detail","status_code","code"}.
// Some answers name the fields default_detail and default_code, some write the
// code as a number, and 501 has {"error"}. The detail is looked at but never
// kept.
func explain(status int, body []byte) outbound.Verdict {
	var w struct {
		Detail        any `json:"detail"`
		DefaultDetail any `json:"default_detail"`
		Code          any `json:"code"`
		DefaultCode   any `json:"default_code"`
	}
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	_ = d.Decode(&w) // an answer of something in between may be anything
	detail := strings.ToLower(text(w.Detail) + text(w.DefaultDetail))
	v := outbound.Verdict{Code: text(w.Code)}
	if v.Code == "" {
		v.Code = text(w.DefaultCode)
	}
	switch status {
	case http.StatusUnauthorized:
		switch {
		case v.Code == "1076", strings.Contains(detail, "clientid"):
			v.Class = outbound.ProviderDown // our key, not this person's
		default:
			v.Class = outbound.Reauth
		}
	case http.StatusPaymentRequired:
		v.Class = outbound.Reauth
	case http.StatusForbidden:
		v.Class = outbound.Bug // a feature that isn't ours; connecting again won't mend it
	case http.StatusNotImplemented:
		v.Code, v.Class, v.Institution = "not_implemented", outbound.NotFound, true
	case http.StatusServiceUnavailable:
		v.Institution = v.Code == "3002" // the brokerage is down, SnapTrade isn't
	case http.StatusTooManyRequests:
		if m := expected.FindStringSubmatch(detail); m != nil {
			secs, _ := strconv.Atoi(m[1])
			v.RetryAfter = min(time.Duration(secs)*time.Second, 6*time.Hour)
		}
	}
	return v
}

// text is a string or a number of the envelope.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}
