package web

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"flint/internal/fault"
)

const maxDepth = 32

// checkJSON refuses JSON that two readers could understand differently, or
// that is built to hurt: invalid UTF-8, more than one value, a key given twice
// in one object (in whatever case, since Go's decoder doesn't care about case),
// nesting deeper than 32, and text with a NUL, which the database can't store.
// Its faults never quote the input.
func checkJSON(data []byte) error {
	if !utf8.Valid(data) {
		return fault.About(ErrMalformed, "body", "must be UTF-8")
	}
	// The depth comes first: json.Valid follows any nesting up to 10,000.
	if depth(data) > maxDepth {
		return fault.About(ErrMalformed, "body", "is nested too deeply")
	}
	if !json.Valid(data) {
		return fault.About(ErrMalformed, "body", "must be one JSON value, with nothing after it")
	}
	return checkTokens(data)
}

// depth returns the deepest nesting of brackets outside strings.
func depth(data []byte) int {
	now, deepest := 0, 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i = endOfString(data, i)
		case '{', '[':
			now++
			deepest = max(deepest, now)
		case '}', ']':
			now--
		}
	}
	return deepest
}

// endOfString returns the index of the quote that ends the string begun at i,
// or the last index if it never ends.
func endOfString(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(data) - 1
}

// checkTokens walks over valid JSON and looks at its keys and strings.
func checkTokens(data []byte) error {
	var open []map[string]bool // keys seen so far, one per open bracket; nil for arrays
	key := false               // the next string in an object is a key
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{':
			open, key = append(open, map[string]bool{}), true
		case '[':
			open, key = append(open, nil), false
		case '}', ']':
			open, key = open[:len(open)-1], false
		case ',':
			key = len(open) > 0 && open[len(open)-1] != nil
		case ':':
			key = false
		case '"':
			end := endOfString(data, i)
			text := data[i : end+1]
			i = end
			if nul(text) {
				return fault.About(ErrMalformed, "body", "must not contain a null character")
			}
			if !key {
				continue
			}
			name, err := fold(text)
			if err != nil {
				return fault.Because(fault.About(ErrMalformed, "body", "must be JSON"), err)
			}
			seen := open[len(open)-1]
			if seen[name] {
				return fault.About(ErrMalformed, "body", "names one field twice")
			}
			seen[name] = true
		}
	}
	return nil
}

// nul reports whether the quoted text holds an escaped NUL. A backslash that is
// itself escaped doesn't begin an escape.
func nul(text []byte) bool {
	for i := 0; i+6 <= len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if bytes.Equal(text[i:i+6], []byte(`\u0000`)) {
			return true
		}
		i++
	}
	return false
}

// fold returns a key in the form in which Go's decoder compares it.
func fold(quoted []byte) (string, error) {
	var name string
	if bytes.IndexByte(quoted, '\\') < 0 {
		name = string(quoted[1 : len(quoted)-1])
	} else if err := json.Unmarshal(quoted, &name); err != nil {
		return "", err
	}
	return strings.ToLower(strings.ToUpper(name)), nil
}
