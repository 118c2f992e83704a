package web

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzStrictJSON holds the reader against Go's own: what passes is one value
// that the decoder takes, that has no key twice at any level, and that isn't
// deep.
func FuzzStrictJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `null`, `"x"`, `12`, `{"a":1}`, `{"a":1,"a":2}`, `{"a":1,"A":2}`, `{"a":{"a":1},"b":[{"a":1},{"a":1}]}`,
		`{"\u0061":1,"a":2}`, `{"a":"\u0000"}`, `{"a":"\\u0000"}`, `{"a":"\\\u0000"}`, `{"a":"}{[]\""}`, `{} {}`, `{"a":1}x`, `[1,]`, `{"a"}`, `{"a":}`,
		"{\"a\":\"\xff\"}", `"\ud800"`, `{"K":1,"k":2}`, `{"ſ":1,"s":2}`, strings.Repeat("[", 33) + strings.Repeat("]", 33), strings.Repeat("[", 200), `{"a":"`, `{"\`, "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := checkJSON(data)
		if err != nil {
			if text := err.Error(); len(data) > 12 && strings.Contains(text, string(data)) {
				t.Errorf("the fault quotes the input: %s", text)
			}
			return
		}
		if !utf8.Valid(data) || !json.Valid(data) {
			t.Fatalf("took %q", data)
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		oracle(t, dec, 0)
		if _, err := dec.Token(); err != io.EOF {
			t.Errorf("took more than one value: %q", data)
		}
	})
}

// oracle reads one value by Go's tokens and checks what checkJSON promises.
func oracle(t *testing.T, dec *json.Decoder, level int) {
	t.Helper()
	if level > maxDepth {
		t.Fatal("took something deep")
	}
	tok, err := dec.Token()
	if err != nil {
		t.Fatalf("Go can't read it: %v", err)
	}
	if s, ok := tok.(string); ok && strings.Contains(s, "\x00") {
		t.Errorf("took a null character in %q", s)
	}
	open, ok := tok.(json.Delim)
	if !ok {
		return
	}
	var keys []string
	for dec.More() {
		if open == '{' {
			k, err := dec.Token()
			if err != nil {
				t.Fatal(err)
			}
			name := k.(string)
			for _, seen := range keys {
				if strings.EqualFold(seen, name) {
					t.Errorf("took %q and %q in one object", seen, name)
				}
			}
			keys = append(keys, name)
		}
		oracle(t, dec, level+1)
	}
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
}
