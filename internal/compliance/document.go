package compliance

import (
	"embed"
	"encoding/hex"
	"fmt"
	"slices"

	"flint/internal/fault"
)

// The texts that people are asked to accept. A text that was ever in force stays
// here as it was: a change is another file with another date, and a line in
// Documents. Everybody is asked again then.

//go:embed documents/*.md
var texts embed.FS

// Document is a version of a text.
type Document struct {
	Name     string
	Version  string // its date
	Title    string
	Summary  string
	Required bool // to use Flint at all; the others are asked for where they matter
	Digest   string
}

// Documents lists every version of every text, of each text the present one last.
// The digests are those of the files: a text that is changed without a new version
// fails a test.
func Documents() []Document {
	return []Document{
		{"terms", "2026-11-23", "Terms of use", "What you may expect of Flint, and what is expected of you.", true, "27e78584b8f4940818338f88a5742a871e8baad9f9232b7f73c58914fa9f27eb"},
		{"privacy", "2026-11-23", "Privacy notice", "What is kept of you, why, for how long, and what you can ask for.", true, "f829c17ed62e160b569f0d7b5ee252099d85f5c1ec617e21c6990b8b9adc0c05"},
		{"general", "2026-11-23", "What Flint is not", "No bank, broker, custodian or adviser; nothing here is advice.", true, "f1ae2e0c89b23afc6cd829308812611938c3a0146f4f8e9d8de6cd43ca0a2253"},
		{"trading", "2026-11-23", "About orders", "Your broker carries orders out, and you can lose money.", false, "52ca72c83576406bd571dd29b2e3cd1a01e667b76a239ecf7f40147d128b6cb5"},
		{"connect", "2026-11-23", "About connecting an institution", "Who reads what when you connect a bank or a broker.", false, "db0148378d3d63a6b84d96d49628edfeb085bf94c8edead4c647b5793a356b0e"},
		{"data", "2026-11-23", "About the figures", "Where figures come from, and what they are good for.", false, "8d500c0853a8c8b6f48ae572f45af7408339f84ae04f1b11c21ebf02353f933a"},
	}
}

// Current lists the present version of each text.
func Current() []Document {
	var list []Document
	for _, d := range Documents() {
		if i := slices.IndexFunc(list, func(x Document) bool { return x.Name == d.Name }); i >= 0 {
			list[i] = d
		} else {
			list = append(list, d)
		}
	}
	return list
}

// ErrNotCurrent says that somebody accepts a text that isn't in force.
var ErrNotCurrent = fault.New(fault.Conflict, "not_current", "There is a newer version of this text. Read that one.")

// current returns the present version of a text, if that is the one.
func current(name, version string) (Document, error) {
	for _, d := range Current() {
		switch {
		case d.Name == name && d.Version == version:
			return d, nil
		case d.Name == name:
			return d, ErrNotCurrent
		}
	}
	return Document{}, fault.ErrNotFound
}

// CheckTerms returns ErrNotCurrent unless version is the present one of the terms.
func CheckTerms(version string) error {
	_, err := current("terms", version)
	return err
}

// documentOf returns a version of a text; the present one if none is named.
func documentOf(name, version string) (Document, error) {
	for _, d := range slices.Backward(Documents()) {
		if d.Name == name && (version == "" || d.Version == version) {
			return d, nil
		}
	}
	return Document{}, fault.ErrNotFound
}

// Text returns what d says, in Markdown.
func (d Document) Text() (string, error) {
	text, err := texts.ReadFile("documents/" + d.Name + "." + d.Version + ".md")
	if err != nil {
		return "", fmt.Errorf("read a document: %w", err)
	}
	return string(text), nil
}

// digest returns the hash that is in the table, as bytes.
func (d Document) digest() []byte {
	b, _ := hex.DecodeString(d.Digest) // a test reads them all
	return b
}

func (d Document) url() string { return "/api/privacy/documents/" + d.Name }
