package inbox

import (
	"testing"
	"unicode/utf8"
)

func FuzzParse(f *testing.F) {
	f.Add([]byte("Subject: hello\r\n\r\nworld http://localhost/x.\r\n"))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n"))
	f.Add([]byte("Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!"))
	f.Add([]byte("no mail at all"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := parse(raw)
		for _, s := range []string{m.Subject, m.Text, m.HTML} {
			if !utf8.ValidString(s) || len(s) > 4*maxText {
				t.Errorf("%d bytes, valid %v", len(s), utf8.ValidString(s))
			}
		}
	})
}
