package identity

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn"

	"flint/internal/config"
)

// commonFile is the list of the passwords that are tried first; see
// wordlist/README.md.
//
//go:embed wordlist/passwords.txt.gz
var commonFile []byte

// readCommon unpacks the list, which is sorted and in lower case.
func readCommon() ([]string, error) {
	packed, err := gzip.NewReader(bytes.NewReader(commonFile))
	if err != nil {
		return nil, fmt.Errorf("unpack common passwords: %w", err)
	}
	text, err := io.ReadAll(packed)
	if err != nil {
		return nil, fmt.Errorf("unpack common passwords: %w", err)
	}
	list := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if !slices.IsSorted(list) {
		return nil, fmt.Errorf("unpack common passwords: the list isn't sorted")
	}
	return list, nil
}

// Strength is how hard a password is to guess, as far as can be said.
type Strength struct {
	// Score goes from 0, guessed at once, to 4, very hard: powers of ten of
	// guesses below 3, 6, 8, 10, and beyond (zxcvbn).
	Score   int
	Common  bool // it is on the list of those that are tried first
	Own     bool // it is little but the person's own words
	Message string
}

// Guessable reports whether it would fall to somebody who tries patiently, at
// the rate that Flint's limits allow.
func (s Strength) Guessable() bool { return s.Score < 2 }

const (
	estimated = 40 // characters that are looked at: the worst of them take a tenth of a second, twice as many four times that
	shortWord = 3  // words below this are in every password
	remainder = 5  // characters besides own words that make a password
	ownMost   = 40 // own words that are looked for
)

// strength estimates p for somebody whose own words (name, address, whatever
// they type next to it) are given.
func (s *Service) strength(p config.Secret, words []string) Strength {
	text := []rune(p.Reveal())
	text = text[:min(len(text), estimated)]
	lower := strings.ToLower(string(text))
	own := ownWords(words)
	_, common := slices.BinarySearch(s.common, strings.ToLower(p.Reveal()))
	e := Strength{
		Score:  zxcvbn.PasswordStrength(string(text), own).Score,
		Common: common,
		Own:    mostlyOwn(lower, own),
	}
	switch {
	case e.Common:
		e.Score, e.Message = 0, "It is one of the passwords that are tried first."
	case e.Own:
		e.Score, e.Message = min(e.Score, 1), "It is little more than your own name or address."
	default:
		e.Message = []string{
			"It would be guessed at once.", "It would be guessed soon. Add a word or two.",
			"It will do, but a longer one is better.", "It is hard to guess.", "It is very hard to guess.",
		}[e.Score]
	}
	return e
}

// ownWords splits what is known of a person into words, in lower case; "flint"
// is everybody's.
func ownWords(given []string) []string {
	words := []string{"flint"}
	for _, g := range given {
		lower := strings.ToLower(g)
		parts := strings.FieldsFunc(lower, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for _, w := range append(parts, lower) {
			if n := utf8.RuneCountInString(w); n >= shortWord && n <= estimated && len(words) < ownMost && !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
	}
	return words
}

// mostlyOwn reports whether less than a handful of letters and digits is left
// of p without own words. Longer words go first: "example" before "exam".
func mostlyOwn(p string, own []string) bool {
	own = slices.Clone(own)
	slices.SortFunc(own, func(a, b string) int { return len(b) - len(a) })
	rest := p
	for _, w := range own {
		rest = strings.ReplaceAll(rest, w, " ")
	}
	left := 0
	for _, r := range rest {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			left++
		}
	}
	return rest != p && left < remainder
}
