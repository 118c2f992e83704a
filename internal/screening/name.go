package screening

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// What of a name counts. A name is at most mostTokens words; what is longer is
// cut, since nobody's is.
const (
	mostTokens = 12
	mostRunes  = 300
	mostJoined = 6 // names of more words aren't written together and apart in every way
)

// token is a word of a name.
type token struct {
	raw  string // in Latin letters, lower case, without marks
	fold string // as it sounds, roughly, however it was transliterated
}

func (t token) initial() bool { return len(t.raw) == 1 }

// particle reports whether t says little about whose name it is.
func (t token) particle() bool {
	_, ok := particles[t.raw]
	return ok
}

// particles are the small words of names.
var particles = func() map[string]struct{} {
	set := map[string]struct{}{}
	for _, w := range strings.Fields("al el ul bin ibn ben bint abu van von der den ter de da do dos das del della di la le du san y e mr mrs ms dr jr sr") {
		set[w] = struct{}{}
	}
	return set
}()

// letters are those that Unicode doesn't take apart into a Latin letter and a mark.
var letters = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'ł': "l", 'đ': "d", 'ð': "d", 'þ': "th", 'ı': "i", 'ŋ': "n", 'ħ': "h", 'ə': "a",
	// Cyrillic, roughly as passports have it.
	'а': "a", 'б': "b", 'в': "v", 'г': "g", 'д': "d", 'е': "e", 'ж': "zh", 'з': "z", 'и': "i", 'к': "k", 'л': "l", 'м': "m", 'н': "n",
	'о': "o", 'п': "p", 'р': "r", 'с': "s", 'т': "t", 'у': "u", 'ф': "f", 'х': "kh", 'ц': "ts", 'ч': "ch", 'ш': "sh", 'щ': "shch",
	'ъ': "", 'ы': "y", 'ь': "", 'э': "e", 'ю': "yu", 'я': "ya", 'і': "i", 'є': "ye", 'ґ': "g", 'ј': "j", 'љ': "lj", 'њ': "nj", 'ћ': "c", 'ђ': "dj", 'џ': "dz",
	// Greek.
	'α': "a", 'β': "v", 'γ': "g", 'δ': "d", 'ε': "e", 'ζ': "z", 'η': "i", 'θ': "th", 'ι': "i", 'κ': "k", 'λ': "l", 'μ': "m", 'ν': "n",
	'ξ': "x", 'ο': "o", 'π': "p", 'ρ': "r", 'σ': "s", 'ς': "s", 'τ': "t", 'υ': "y", 'φ': "f", 'χ': "ch", 'ψ': "ps", 'ω': "o",
}

// tokens returns the words of a name in whatever script. Apostrophes belong to a
// word; everything else that is no letter ends it.
func tokens(name string) []token {
	var words []token
	var b strings.Builder
	end := func() {
		if b.Len() > 0 && len(words) < mostTokens {
			raw := b.String()
			words = append(words, token{raw, fold(raw)})
		}
		b.Reset()
	}
	n := 0
	for _, r := range strings.ReplaceAll(norm.NFKD.String(strings.ToLower(name)), "ου", "u") {
		if n++; n > mostRunes {
			break
		}
		switch r = unicode.ToLower(r); {
		case unicode.Is(unicode.Mn, r), strings.ContainsRune("'’ʼ`´ʻʹ", r), unicode.Is(unicode.Lm, r):
		case 'a' <= r && r <= 'z':
			b.WriteRune(r)
		case unicode.IsLetter(r):
			if latin, ok := letters[r]; ok {
				b.WriteString(latin)
			} else {
				b.WriteRune(r) // another script: compared as it is
			}
		default:
			end()
		}
	}
	end()
	return words
}

// sounds are spellings of one sound, replaced from left to right, the first that
// fits: those that transliterations of Cyrillic, Arabic and Greek differ in, and
// some of the Latin alphabets themselves.
var sounds = strings.NewReplacer(
	"shch", "s", "tsch", "C", "tch", "C", "sch", "s", "dzh", "j",
	"iou", "u", "you", "u", "yu", "u", "iu", "u", "ju", "u", "ou", "u", "oo", "u", "oy", "ui",
	"ya", "a", "ia", "a", "ye", "i", "ie", "i", "ee", "i", "ei", "i", "ey", "i", "ai", "i", "ay", "i", "ej", "i", "ij", "i", "iy", "i", "yi", "i",
	"ae", "i", "oe", "u", "ue", "u",
	"sh", "s", "ch", "C", "kh", "h", "gh", "g", "ph", "f", "th", "t", "dh", "d", "zh", "s", "dj", "j", "ck", "k", "ts", "c", "tz", "c", "cz", "c",
	"ce", "si", "ci", "si", "cy", "si", "c", "k", "q", "k", "x", "ks", "w", "v", "z", "s", "y", "i", "o", "u", "e", "i",
)

// fold returns how a word sounds, roughly: words that are one name in different
// spellings mostly have one, and few others do.
func fold(raw string) string {
	s := raw
	for _, end := range []string{"off", "eff"} { // as the French wrote Russians
		if cut, ok := strings.CutSuffix(s, end); ok && len(cut) > 1 {
			s = cut + end[:1] + "v"
		}
	}
	s = sounds.Replace(s)
	var b strings.Builder
	runes := []rune(s)
	var last rune
	for i, r := range runes {
		silent := r == 'h' && i > 0 && vowel(runes[i-1]) && (i+1 == len(runes) || !vowel(runes[i+1]))
		if r == last || silent {
			continue
		}
		b.WriteRune(r)
		last = r
	}
	return b.String()
}

func vowel(r rune) bool { return r == 'a' || r == 'i' || r == 'u' }

// forms returns a name's words, and each way to write two neighbours as one:
// Abdul Rahman is Abdulrahman.
func forms(words []token) [][]token {
	all := [][]token{words}
	if len(words) > mostJoined {
		return all
	}
	for i := 0; i+1 < len(words); i++ {
		if words[i].initial() || words[i+1].initial() {
			continue
		}
		raw := words[i].raw + words[i+1].raw
		form := append(append([]token{}, words[:i]...), token{raw, fold(raw)})
		all = append(all, append(form, words[i+2:]...))
	}
	return all
}
