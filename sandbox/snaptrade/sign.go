package snaptrade

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Signature returns what SnapTrade expects in the Signature header: the
// base64 of HMAC-SHA256 over a canonical form, keyed by the consumer key.
func Signature(consumerKey string, canonical []byte) string {
	mac := hmac.New(sha256.New, []byte(consumerKey))
	mac.Write(canonical)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// CanonicalRequest is the text that a request's signature covers: body, path
// as sent and raw query in one JSON object with sorted keys. No body and {}
// both count as null. ascii says how letters outside ASCII are written: raw,
// as the JavaScript SDK signs them, or as \u escapes, as the Python one does.
func CanonicalRequest(body []byte, path, query string, ascii bool) ([]byte, error) {
	content, err := parse(body)
	if err != nil {
		return nil, err
	}
	if m, ok := content.(map[string]any); ok && len(m) == 0 {
		content = nil
	}
	var out bytes.Buffer
	write(&out, map[string]any{"content": content, "path": path, "query": query}, ascii)
	return out.Bytes(), nil
}

// CanonicalWebhook is the text that a webhook's signature covers: its payload
// with sorted keys, no spaces, and letters outside ASCII escaped.
func CanonicalWebhook(body []byte) ([]byte, error) {
	payload, err := parse(body)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	write(&out, payload, true)
	return out.Bytes(), nil
}

var errTrailing = errors.New("more than one JSON value")

// parse reads one JSON value and keeps numbers as text. Nothing is nil.
func parse(body []byte) (any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errTrailing
	}
	return v, nil
}

// write prints v as Python's json.dumps does with sorted keys and no spaces.
func write(out *bytes.Buffer, v any, ascii bool) {
	switch v := v.(type) {
	case nil:
		out.WriteString("null")
	case bool:
		out.WriteString(strconv.FormatBool(v))
	case json.Number:
		out.WriteString(number(v))
	case string:
		quote(out, v, ascii)
	case []any:
		out.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				out.WriteByte(',')
			}
			write(out, e, ascii)
		}
		out.WriteByte(']')
	case map[string]any:
		out.WriteByte('{')
		for i, k := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				out.WriteByte(',')
			}
			quote(out, k, ascii)
			out.WriteByte(':')
			write(out, v[k], ascii)
		}
		out.WriteByte('}')
	}
}

// number prints a number as a server does that has parsed it: whole numbers
// as they are, others as the shortest float. A client that signs 10.00 finds
// that the server saw 10.0.
func number(n json.Number) string {
	s := n.String()
	if !strings.ContainsAny(s, ".eE") {
		if s == "-0" {
			return "0"
		}
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	if f != 0 && (f < 1e-4 && f > -1e-4 || f >= 1e16 || f <= -1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// quote prints a JSON string and escapes only what JSON demands, plus all
// beyond ASCII when told so. & < and > stay as they are.
func quote(out *bytes.Buffer, s string, ascii bool) {
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case r == '\b':
			out.WriteString(`\b`)
		case r == '\f':
			out.WriteString(`\f`)
		case r < 0x20 || ascii && r >= 0x7f && r < 0x10000:
			fmt.Fprintf(out, `\u%04x`, r)
		case ascii && r >= 0x10000:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(out, `\u%04x\u%04x`, hi, lo)
		case r == utf8.RuneError:
			out.WriteString("\uFFFD")
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
}
