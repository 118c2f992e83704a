package identity

import (
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"flint/internal/fault"
)

// maxEmail is the longest address that fits an SMTP path, in bytes.
const maxEmail = 254

var errEmail = fault.BadField("body.email", "must be an e-mail address such as ana@example.com")

// CanonicalEmail returns the one form in which Flint stores and compares an
// address: without white space around it, in Unicode's NFKC form, in lower case
// and with the domain in ASCII (IDNA). "Ana@BÜCHER.example", typed with wide or
// decomposed letters or not, is one person: ana@xn--bcher-kva.example.
//
// Lower case also for the part before the @: the standard lets servers tell
// "Ana" from "ana", none of any size does, and two accounts for one mailbox
// would be worse. Dots and +tags stay: what they mean is the server's business.
//
// Letters that only look alike (Cyrillic а, Latin a) stay different, since they
// are different mailboxes; what a look-alike address opens is its own account
// and no other.
func CanonicalEmail(typed string) (string, error) {
	if len(typed) > 4*maxEmail {
		return "", errEmail
	}
	s := norm.NFKC.String(strings.ToLower(norm.NFKC.String(strings.TrimSpace(typed))))
	at := strings.LastIndexByte(s, '@')
	if at < 1 {
		return "", errEmail
	}
	local, domain := s[:at], s[at+1:]
	ascii, err := domains().ToASCII(domain)
	if err != nil || !strings.Contains(ascii, ".") || strings.HasSuffix(ascii, ".") {
		return "", errEmail
	}
	if !plainLocal(local) {
		return "", errEmail
	}
	canonical := local + "@" + ascii
	// Whatever net/mail would read differently could reach another mailbox.
	if a, err := mail.ParseAddress(canonical); err != nil || a.Address != canonical || len(canonical) > maxEmail {
		return "", errEmail
	}
	return canonical, nil
}

// domains reads names as a look-up does, and holds them to DNS's lengths too.
func domains() *idna.Profile {
	return idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))
}

// plainLocal accepts letters, digits and the signs of RFC 5322's dot-atom.
// Quoted forms, comments and control characters are refused.
func plainLocal(s string) bool {
	if s == "" || len(s) > 64 || strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") || strings.Contains(s, "..") {
		return false
	}
	for _, r := range s {
		switch {
		case r < 0x80 && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r)):
		case r >= 0x80 && r != unicode.ReplacementChar && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)):
		default:
			return false
		}
	}
	return true
}
