package identity

import (
	"unicode/utf8"

	"flint/internal/config"
	"flint/internal/fault"
)

// The bounds of a password, in characters of any kind. There are no rules about
// which characters: length is what counts, and rules make people choose worse.
const (
	minPassword = 8
	maxPassword = 256
)

// The faults of a password that somebody chooses. Each names the field.
var (
	ErrPasswordShort     = fault.New(fault.Invalid, "password_too_short", "A password has at least 8 characters.")
	ErrPasswordLong      = fault.New(fault.Invalid, "password_too_long", "A password has at most 256 characters.")
	ErrPasswordCommon    = fault.New(fault.Invalid, "password_common", "That is one of the passwords that are tried first. Choose another.")
	ErrPasswordGuessable = fault.New(fault.Invalid, "password_guessable", "That password is easy to guess. Add a word or two.")
	ErrPasswordUsed      = fault.New(fault.Invalid, "password_reused", "You have used that password before. Choose a new one.")
	ErrPasswordWrong     = fault.New(fault.Invalid, "password_wrong", "That isn't your present password.")
)

// in names the field that f is about.
func in(field string, f *fault.Fault) error { return fault.About(f, field, f.Detail) }

// checkLength refuses what is too short or too long. The password is used
// exactly as it was sent: not trimmed, not normalised, not cut.
func checkLength(field string, p config.Secret) error {
	n := utf8.RuneCountInString(p.Reveal())
	switch {
	case !utf8.ValidString(p.Reveal()):
		return fault.BadField(field, "must be text")
	case n < minPassword:
		return in(field, ErrPasswordShort)
	case n > maxPassword:
		return in(field, ErrPasswordLong)
	}
	return nil
}

// checkChoice refuses a password that guessing would find: by its length, by
// the list of common ones, by an estimate that knows the person's own words.
func (s *Service) checkChoice(field string, p config.Secret, words ...string) error {
	if err := checkLength(field, p); err != nil {
		return err
	}
	e := s.strength(p, words)
	switch {
	case e.Common:
		return in(field, ErrPasswordCommon)
	case e.Guessable():
		return in(field, fault.Saying(ErrPasswordGuessable, "That password is easy to guess. "+e.Message))
	}
	return nil
}
