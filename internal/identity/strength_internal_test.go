package identity

import (
	"strings"
	"testing"

	"flint/internal/config"
)

func FuzzTheEstimateTakesAnything(f *testing.F) {
	for _, s := range []string{"", "password", "Tr0ub4dour&3", "1985-04-12", "qwertyuiop", "ß\u0301\u202e", "İİİİ", "\xff\xfe", "((((((((", "aaaabbbbcccc", "😀😀😀😀", strings.Repeat("a1", 200)} {
		f.Add(s, "Ana")
		f.Add("Ana", s)
	}
	common, err := readCommon()
	if err != nil {
		f.Fatal(err)
	}
	s := &Service{common: common}
	f.Fuzz(func(t *testing.T, password, word string) {
		e := s.strength(config.NewSecret(password), []string{word})
		if e.Score < 0 || e.Score > 4 || e.Message == "" || (e.Common || e.Own) != (e.Guessable() && (e.Common || e.Own)) {
			t.Errorf("%q: %+v", password, e)
		}
		_ = s.checkChoice("body.password", config.NewSecret(password), word)
	})
}

func TestTheListOfCommonPasswordsIsWhole(t *testing.T) {
	t.Parallel()
	list, err := readCommon()
	if err != nil || len(list) < 10_000 {
		t.Fatalf("%d passwords, error %v", len(list), err)
	}
	for _, p := range list {
		if len([]rune(p)) < minPassword || p != strings.ToLower(p) {
			t.Errorf("%q has no place in it", p)
		}
	}
}
