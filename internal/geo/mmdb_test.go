package geo_test

import (
	"encoding/binary"
	"math"
	"testing"
)

// value encodes v as MaxMind's format has it, as far as tests need.
func value(t *testing.T, v any) []byte {
	t.Helper()
	head := func(kind, size int) []byte {
		if size > 28 {
			size, rest := 29, size-29
			if kind > 7 {
				return []byte{byte(size), byte(kind - 7), byte(rest)}
			}
			return []byte{byte(kind<<5 | size), byte(rest)}
		}
		if kind > 7 {
			return []byte{byte(size), byte(kind - 7)}
		}
		return []byte{byte(kind<<5 | size)}
	}
	switch v := v.(type) {
	case string:
		return append(head(2, len(v)), v...)
	case float64:
		return binary.BigEndian.AppendUint64(head(3, 8), math.Float64bits(v))
	case uint16:
		return binary.BigEndian.AppendUint16(head(5, 2), v)
	case uint32:
		return binary.BigEndian.AppendUint32(head(6, 4), v)
	case uint64:
		return binary.BigEndian.AppendUint64(head(9, 8), v)
	case []any:
		return head(11, len(v))
	case map[string]any:
		out := head(7, len(v))
		for name, each := range v {
			out = append(append(out, value(t, name)...), value(t, each)...)
		}
		return out
	}
	t.Fatalf("no encoding of %T", v)
	return nil
}
