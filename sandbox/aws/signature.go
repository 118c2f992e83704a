package aws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const algorithm = "AWS4-HMAC-SHA256"

// signed refuses what isn't signed by whom we know (Signature Version 4, in the
// Authorization header, over a path without a query).
func (a *API) signed(r *http.Request, body []byte) *fault {
	wrong := func(kind, why string) *fault { return &fault{http.StatusBadRequest, kind, why} }
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), algorithm+" ")
	if !ok {
		return wrong("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(given, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	scope := strings.Split(parts["Credential"], "/") // key, day, region, service, aws4_request
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if len(scope) != 5 || err != nil || scope[0] != a.cfg.AccessKey || scope[2] != a.cfg.Region || scope[1] != at.Format("20060102") {
		return wrong("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	if d := a.cfg.Now().Sub(at).Abs(); d > 5*time.Minute {
		return wrong("InvalidSignatureException", "Signature expired")
	}
	names := strings.Split(parts["SignedHeaders"], ";")
	if !slices.Contains(names, "host") || !slices.Contains(names, "x-amz-target") {
		return wrong("InvalidSignatureException", "host and x-amz-target must be signed")
	}
	sum := sha256.Sum256(body)
	var canonical strings.Builder
	fmt.Fprintf(&canonical, "%s\n%s\n\n", r.Method, r.URL.EscapedPath())
	for _, name := range names {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		fmt.Fprintf(&canonical, "%s:%s\n", name, strings.TrimSpace(value))
	}
	fmt.Fprintf(&canonical, "\n%s\n%s", parts["SignedHeaders"], hex.EncodeToString(sum[:]))

	digest := sha256.Sum256([]byte(canonical.String()))
	text := algorithm + "\n" + r.Header.Get("X-Amz-Date") + "\n" + strings.Join(scope[1:], "/") + "\n" + hex.EncodeToString(digest[:])
	key := []byte("AWS4" + a.cfg.SecretKey)
	for _, step := range scope[1:] {
		key = mac(key, step)
	}
	if !hmac.Equal([]byte(hex.EncodeToString(mac(key, text))), []byte(parts["Signature"])) {
		return wrong("InvalidSignatureException", "The request signature we calculated does not match the signature you provided.")
	}
	return nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
