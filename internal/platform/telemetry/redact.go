package telemetry

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
)

const masked = "[masked]"

// hidden lists what a key may not contain, in lower case and without
// separators. "accessToken", "access_token" and "X-Access-Token" all match
// "token".
var hidden = []string{
	"password", "passwd", "passphrase", "secret", "token", "authorization", "cookie",
	"credential", "apikey", "privatekey", "signingkey", "consumerkey", "signature", "otp", "email",
	"accountnumber", "routingnumber", "iban", "ssn", "cardnumber",
}

// shown lists keys that look hidden but aren't.
var shown = []string{"tokenkind", "tokensleft"}

// joined writes a key as one word. It is made once: a log line asks about each key.
var joined = strings.NewReplacer("_", "", "-", "", ".", "", " ", "")

func isHidden(key string) bool {
	k := strings.ToLower(key)
	if strings.ContainsAny(k, "_-. ") {
		k = joined.Replace(k)
	}
	if slices.Contains(shown, k) {
		return false
	}
	return slices.ContainsFunc(hidden, func(h string) bool { return strings.Contains(k, h) })
}

// redact is slog's ReplaceAttr: the last word on everything that is written.
func redact(_ []string, a slog.Attr) slog.Attr {
	if isHidden(a.Key) {
		return slog.String(a.Key, masked)
	}
	switch a.Value.Kind() {
	case slog.KindString:
		return slog.String(a.Key, scrub(a.Value.String()))
	case slog.KindAny:
		return slog.Any(a.Key, plain(a.Value.Any()))
	default:
		return a
	}
}

// plain turns any value into one that holds nothing hidden.
func plain(v any) any {
	switch v := v.(type) {
	case nil, *slog.Source:
		return v
	case error:
		return scrub(v.Error())
	case []byte:
		return fmt.Sprintf("[%d bytes]", len(v))
	case fmt.Stringer:
		return scrub(v.String())
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("[%T]", v)
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		return fmt.Sprintf("[%T]", v)
	}
	return prune(tree)
}

// prune masks hidden keys and texts all the way down.
func prune(v any) any {
	switch v := v.(type) {
	case string:
		return scrub(v)
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	case map[string]any:
		for k := range v {
			if isHidden(k) {
				v[k] = masked
			} else {
				v[k] = prune(v[k])
			}
		}
	}
	return v
}

var (
	mailAddress = regexp.MustCompile(`[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)+`)
	bearer      = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=\-]{8,}`)
	jwt         = regexp.MustCompile(`\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]*`)
	urlPassword = regexp.MustCompile(`(://[^/\s:@]*):[^/\s@]+@`)
	queryValue  = regexp.MustCompile(`(?i)([?&#](?:[a-z_\-]*(?:token|secret|password|signature|key|code))=)[^&\s"']+`)
)

// scrub masks what looks like a secret or a mail address within a text.
func scrub(s string) string {
	if strings.ContainsAny(s, "@:") || strings.Contains(s, "=") || strings.Contains(s, "ey") || strings.Contains(s, " ") {
		s = urlPassword.ReplaceAllString(s, "$1:"+masked+"@")
		s = queryValue.ReplaceAllString(s, "${1}"+masked)
		s = bearer.ReplaceAllString(s, "$1 "+masked)
		s = jwt.ReplaceAllString(s, masked)
		s = mailAddress.ReplaceAllString(s, masked)
	}
	return s
}
