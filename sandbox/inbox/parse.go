package inbox

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"slices"
	"strings"
)

// Limits of what is read of one mail.
const (
	maxParts = 20
	maxDepth = 4
	maxText  = 256 << 10 // bytes of each body
)

var link = regexp.MustCompile(`https?://[^\s<>"']+`)

// parse reads a mail as far as it can. What can't be read is shown as it came:
// losing a mail would hide the very bug that somebody looks for.
func parse(raw []byte) Message {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Message{Subject: "(unreadable mail)", Text: strings.ToValidUTF8(cut(string(raw)), "�")}
	}
	out := Message{Subject: m.Header.Get("Subject")}
	if s, err := new(mime.WordDecoder).DecodeHeader(out.Subject); err == nil {
		out.Subject = s
	}
	left := maxParts
	out.read(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body, maxDepth, &left)
	out.Subject = strings.ToValidUTF8(cut(out.Subject), "�")
	out.Links = links(out.Text)
	return out
}

// links returns the addresses in a text, each once.
func links(text string) []string {
	found := []string{}
	for _, l := range link.FindAllString(text, 50) {
		l = strings.TrimRight(l, ".,;:!?)")
		if !slices.Contains(found, l) {
			found = append(found, l)
		}
	}
	return found
}

func (m *Message) read(contentType, encoding string, body io.Reader, depth int, left *int) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") && depth > 0 {
		parts := multipart.NewReader(body, params["boundary"])
		for ; *left > 0; *left-- {
			part, err := parts.NextRawPart()
			if err != nil {
				return
			}
			m.read(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part, depth-1, left)
		}
		return
	}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	data, _ := io.ReadAll(io.LimitReader(body, maxText)) // what came before a fault is worth showing
	text := strings.ReplaceAll(strings.ToValidUTF8(string(data), "�"), "\r\n", "\n")
	switch {
	case kind == "text/html" && m.HTML == "":
		m.HTML = text
	case kind == "text/plain" && m.Text == "":
		m.Text = text
	}
}

func cut(s string) string { return s[:min(len(s), maxText)] }
