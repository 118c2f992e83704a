package mail

import (
	_ "embed"
	"fmt"
	html "html/template"
	"strings"
	text "text/template"
)

// Letter is what a message says, before it is laid out.
type Letter struct {
	Job        int64 // that sends it; see Message.Job
	To         string
	Subject    string
	Paragraphs []string // plain sentences
	Action     Action   // at most one thing to do
	Footnote   string   // why the person gets this, and what to do if it wasn't them
}

// Action is a button, or in plain text a link on its own line.
type Action struct{ Label, Link string }

//go:embed letter.html.tmpl
var letterHTML string

//go:embed letter.txt.tmpl
var letterText string

var (
	asHTML = html.Must(html.New("letter").Parse(letterHTML))
	asText = text.Must(text.New("letter").Parse(letterText))
)

// Render lays l out in both forms. Whatever it holds appears as text: markup in
// a paragraph stays visible markup.
func Render(l Letter) (Message, error) {
	var h, t strings.Builder
	if err := asHTML.Execute(&h, l); err != nil {
		return Message{}, fmt.Errorf("lay out a letter as HTML: %w", err)
	}
	if err := asText.Execute(&t, l); err != nil {
		return Message{}, fmt.Errorf("lay out a letter as text: %w", err)
	}
	return Message{Job: l.Job, To: l.To, Subject: l.Subject, Text: t.String(), HTML: h.String()}, nil
}
