package statement

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// decode turns the file into text. Declared is the encoding that the file claims
// ("", if it claims none); a byte order mark overrules it, and so does the
// evidence: bytes that are valid UTF-8 and more than ASCII are UTF-8, whatever a
// bank's header says.
func decode(data []byte, declared string) (string, error) {
	var text string
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
		if !utf8.Valid(data) {
			return "", refuse("The file says that it is UTF-8, but byte %d isn't.", 3+firstInvalid(data))
		}
		text = string(data)
	case bytes.HasPrefix(data, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(data, []byte("\x00\x00\xfe\xff")):
		return "", refuse("The file is UTF-32, which no bank writes. Save it as UTF-8.")
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		s, err := wide(data, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM))
		if err != nil {
			return "", err
		}
		text = s
	case wideWithoutMark(data, 0):
		s, err := wide(data, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM))
		if err != nil {
			return "", err
		}
		text = s
	case wideWithoutMark(data, 1):
		s, err := wide(data, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM))
		if err != nil {
			return "", err
		}
		text = s
	case utf8.Valid(data):
		text = string(data)
	default:
		s, err := narrow(data, declared)
		if err != nil {
			return "", err
		}
		text = s
	}
	if i := strings.IndexByte(text, 0); i >= 0 {
		return "", refuse("The file contains a NUL character on line %d: it is damaged, or not a text file.", 1+strings.Count(text[:i], "\n"))
	}
	return text, nil
}

// narrow decodes bytes that aren't UTF-8, one byte a letter.
func narrow(data []byte, declared string) (string, error) {
	table := charmap.Windows1252
	switch name := strings.ToUpper(strings.NewReplacer("-", "", "_", "", " ", "").Replace(declared)); name {
	case "", "1252", "WINDOWS1252", "CP1252", "NONE", "ISO88591", "88591", "LATIN1", "USASCII", "ASCII", "ANSI":
	case "1250", "WINDOWS1250", "CP1250":
		table = charmap.Windows1250
	case "1251", "WINDOWS1251", "CP1251":
		table = charmap.Windows1251
	case "ISO885915", "LATIN9":
		table = charmap.ISO8859_15
	case "UTF8", "UNICODE":
		i := firstInvalid(data)
		return "", refuse("The file says that it is UTF-8, but on line %d it isn't.", 1+bytes.Count(data[:i], []byte("\n")))
	default:
		return "", refuse("The file says that it is written in %.20q, which isn't known here. Save it as UTF-8.", declared)
	}
	out, err := table.NewDecoder().Bytes(data)
	if err != nil {
		return "", refuse("The file's letters can't be read. Save it as UTF-8.")
	}
	// Undefined bytes come out as U+FFFD: a few are a slip, many mean that the
	// file is no text in this encoding at all.
	if bad := bytes.Count(out, []byte("\uFFFD")); bad*200 > len(out) {
		return "", refuse("The file is not text that can be read. Save it as UTF-8.")
	}
	return string(out), nil
}

func wide(data []byte, enc encoding.Encoding) (string, error) {
	if len(data)%2 != 0 {
		return "", refuse("The file looks like UTF-16, but ends in the middle of a letter.")
	}
	out, err := enc.NewDecoder().Bytes(data)
	if err != nil || bytes.Contains(out, []byte("\uFFFD")) {
		return "", refuse("The file looks like UTF-16, but can't be read as that.")
	}
	return string(out), nil
}

// wideWithoutMark reports whether data looks like UTF-16 without a byte order
// mark: in western text every other byte, beginning with byte first, is zero.
func wideWithoutMark(data []byte, first int) bool {
	sample := data[:min(len(data), 400)]
	if len(sample) < 8 {
		return false
	}
	zero, other := 0, 0
	for i, b := range sample {
		switch {
		case b == 0 && i%2 == first:
			zero++
		case b == 0:
			other++
		}
	}
	return other == 0 && zero*10 >= len(sample)/2*9
}

func firstInvalid(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(data)
}
