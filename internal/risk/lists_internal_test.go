package risk

import (
	"strings"
	"testing"
)

func FuzzListsAreReadOrRefused(f *testing.F) {
	f.Add("198.51.100.0/24 hosting\n2001:db8::7 tor # an exit\n\n# nothing\n")
	f.Add("198.51.100.0/99 hosting")
	f.Add("::ffff:1.2.3.4 vpn")
	f.Add("fe80::1%eth0 x")
	f.Fuzz(func(t *testing.T, text string) {
		tags, err := readLists(strings.NewReader(text))
		if err != nil {
			return
		}
		for p, tag := range tags {
			if !p.IsValid() || tag == "" || p != p.Masked() {
				t.Errorf("%v %q", p, tag)
			}
		}
	})
}
