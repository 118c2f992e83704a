package identity_test

import (
	"strings"
	"testing"

	"flint/internal/fault"
	"flint/internal/identity"
)

func TestOneMailboxHasOneAddress(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"ana@example.com":           "ana@example.com",
		"  Ana@EXAMPLE.com\n":       "ana@example.com",
		"ANA+tag@example.com":       "ana+tag@example.com",
		"a.n.a@example.com":         "a.n.a@example.com",
		"ana@bücher.example":        "ana@xn--bcher-kva.example",
		"ana@BU\u0308CHER.example":  "ana@xn--bcher-kva.example",
		"ana@xn--bcher-kva.example": "ana@xn--bcher-kva.example",
		"ａｎａ＠example.com":           "ana@example.com", // wide letters and sign
		"ana@example。com":           "ana@example.com", // ideographic full stop
		"jürgen@example.com":        "jürgen@example.com",
		"JU\u0308RGEN@example.com":  "jürgen@example.com",
		"o'neil@example.co.uk":      "o'neil@example.co.uk",
		"аna@example.com":           "аna@example.com", // Cyrillic а: another mailbox
	} {
		if got, err := identity.CanonicalEmail(typed); err != nil || got != want {
			t.Errorf("%q became %q (%v), want %q", typed, got, err, want)
		}
	}
}

func TestWhatIsNoAddressIsRefused(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{
		"", "@", "ana", "ana@", "@example.com", "ana@localhost", "ana@example", "ana@.com", "ana@example.com.", "ana@exa mple.com",
		"a na@example.com", ".ana@example.com", "ana.@example.com", "a..na@example.com", `"ana"@example.com`, "ana@[127.0.0.1]",
		"Ana <ana@example.com>", "ana@example.com, bea@example.com", "ana@example.com\r\nBcc: x@example.com", "ana\x00@example.com",
		"ana@@example.com", "ana(comment)@example.com", "an\u200ba@example.com", "ana\u202e@example.com", "ana@-example.com",
		"ana@exam_ple.com", strings.Repeat("a", 65) + "@example.com", "ana@" + strings.Repeat("a", 64) + ".com",
		"ana@" + strings.Repeat("a.", 130) + "com", strings.Repeat("x", 5000), "ana@xn--zzzzzz9999.example",
	} {
		if got, err := identity.CanonicalEmail(typed); err == nil || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q became %q (%v)", typed, got, err)
		}
	}
}

func FuzzCanonicalEmailIsStable(f *testing.F) {
	for _, s := range []string{"ana@example.com", "ANA@BÜCHER.example", "ａｎａ＠example。com", "x@y.z", "İ@example.com", "ß@ß.example", "ﬁ@example.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		once, err := identity.CanonicalEmail(typed)
		if err != nil {
			return
		}
		if twice, err := identity.CanonicalEmail(once); err != nil || twice != once {
			t.Errorf("%q became %q and then %q (%v)", typed, once, twice, err)
		}
		if strings.ContainsAny(once, " \r\n\t<>,;\"") {
			t.Errorf("%q holds what a header could be bent with", once)
		}
	})
}
