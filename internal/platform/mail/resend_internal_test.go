package mail

import (
	"strings"
	"testing"
)

func FuzzExplain(f *testing.F) {
	for _, s := range []string{"", "{}", `{"statusCode":422,"name":"validation_error","message":"m"}`, `{"name":"re_key"}`, `{"name":7}`, "[]", "<html>"} {
		f.Add(422, []byte(s))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if v := explain(status, body); strings.Trim(v.Code, "abcdefghijklmnopqrstuvwxyz_") != "" || strings.HasPrefix(v.Code, "re_") {
			t.Errorf("code %q", v.Code)
		}
	})
}
