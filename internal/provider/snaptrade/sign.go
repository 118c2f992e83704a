package snaptrade

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"flint/internal/config"
)

// Sign returns the Signature header of a request: the HMAC-SHA256, in base64,
// of the canonical JSON {"content","path","query"} under the consumer key.
//
// path and query are exactly what is sent. content is the parsed body; null
// without a body and also for {}. The far side parses the body and writes it
// again, so numbers must be in their shortest form, and text must be ASCII,
// because the SDKs disagree on how to write anything else.
func Sign(key config.Secret, path, query string, body []byte) (string, error) {
	canonical, err := canonicalRequest(path, query, body)
	if err != nil {
		return "", err
	}
	return seal(key, canonical), nil
}

func canonicalRequest(path, query string, body []byte) ([]byte, error) {
	var content any
	if len(body) > 0 {
		var err error
		if content, err = decodeJSON(body); err != nil {
			return nil, err
		}
		if object, ok := content.(map[string]any); ok && len(object) == 0 {
			content = nil
		}
	}
	return plainJSON(map[string]any{"content": content, "path": path, "query": query})
}

func seal(key config.Secret, message []byte) string {
	mac := hmac.New(sha256.New, []byte(key.Reveal()))
	mac.Write(message)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// plainJSON writes v with sorted keys, no spaces and no HTML escapes.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, errors.New("can't be written as JSON")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decodeJSON reads one JSON value, numbers as they are written.
func decodeJSON(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errors.New("not JSON")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

// asciiJSON is plainJSON as Python's json.dumps writes it: everything outside
// of printable ASCII is escaped.
func asciiJSON(plain []byte) []byte {
	const hexDigits = "0123456789abcdef"
	var b strings.Builder
	unit := func(u uint16) {
		b.WriteString(`\u`)
		for shift := 12; shift >= 0; shift -= 4 {
			b.WriteByte(hexDigits[u>>shift&15])
		}
	}
	for _, r := range string(plain) {
		switch {
		case r < 0x7f:
			b.WriteByte(byte(r)) // control characters are escaped already
		case r < 0x10000:
			unit(uint16(r))
		default:
			r -= 0x10000
			unit(uint16(0xd800 + r>>10))
			unit(uint16(0xdc00 + r&0x3ff))
		}
	}
	return []byte(b.String())
}
