package config

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const masked = "[secret]"

// Secret is text that can't be printed, logged or marshalled by accident: all
// of these show "[secret]". Reveal is the only way to the text, so that every
// use can be found by name.
type Secret struct{ text string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the text.
func (s Secret) Reveal() string { return s.text }

// IsZero reports whether there is no text.
func (s Secret) IsZero() bool { return s.text == "" }

// Equal compares in constant time.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.text), []byte(t.text)) == 1
}

// String returns "[secret]", or nothing if there is no text.
func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return masked
}

// Format is String for every verb of fmt, %d and %x included.
func (s Secret) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, s.String()) }

// GoString is String, for %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue is String, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is String, for JSON and every other encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// EnvDecode reads the text from the environment (sethvargo/go-envconfig).
func (s *Secret) EnvDecode(text string) error {
	s.text = text
	return nil
}
