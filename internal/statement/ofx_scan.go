package statement

import (
	"html"
	"regexp"
	"strings"
)

// scanner cuts the text of an OFX file into tags and what stands between them.
// It serves both forms: in SGML (1.x) the closing tag of a value is left out, in
// XML (2.x) it isn't; the difference is the tree's affair.
type scanner struct {
	text string
	pos  int
	line int // where pos is, from 1
}

// advance passes over n bytes.
func (s *scanner) advance(n int) {
	s.line += strings.Count(s.text[s.pos:s.pos+n], "\n")
	s.pos += n
}

type tokenKind int

const (
	openTag tokenKind = iota
	closeTag
	emptyTag // <NAME/>
	words
	endOfFile
)

type token struct {
	kind tokenKind
	text string // the name in upper case, or the unescaped text
	line int
}

var tagName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._\-]{0,63}$`)

func (s *scanner) next() (token, error) {
	if s.pos >= len(s.text) {
		return token{kind: endOfFile}, nil
	}
	rest := s.text[s.pos:]
	if rest[0] != '<' {
		end := strings.IndexByte(rest, '<')
		if end < 0 {
			end = len(rest)
		}
		s.advance(end)
		text := strings.TrimSpace(rest[:end])
		if len(text) > maxText {
			return token{}, refuse("A value on line %d has more than 4,096 characters.", s.line)
		}
		return token{kind: words, text: unescape(text)}, nil
	}
	switch {
	case strings.HasPrefix(rest, "<!--"):
		return s.skip(rest, "-->", "comment")
	case strings.HasPrefix(rest, "<![CDATA["):
		end := strings.Index(rest, "]]>")
		if end < 0 || end > maxText {
			return token{}, refuse("A CDATA section on line %d is too long or never ends.", s.line)
		}
		s.advance(end + 3)
		return token{kind: words, text: strings.TrimSpace(rest[len("<![CDATA["):end])}, nil
	case strings.HasPrefix(rest, "<!"):
		return token{}, refuse("The file brings a document type or entities of its own (line %d), which is how files attack programs. A bank's file has none.", s.line)
	case strings.HasPrefix(rest, "<?"):
		return s.skip(rest, "?>", "instruction")
	}
	return s.tag(rest)
}

// skip passes over what ends with end.
func (s *scanner) skip(rest, end, what string) (token, error) {
	i := strings.Index(rest, end)
	if i < 0 {
		return token{}, refuse("A %s on line %d never ends.", what, s.line)
	}
	s.advance(i + len(end))
	return token{kind: words}, nil
}

// tag reads <NAME>, </NAME>, <NAME/> and <NAME attribute="…">.
func (s *scanner) tag(rest string) (token, error) {
	const longest = 1024
	end := strings.IndexByte(rest[:min(len(rest), longest)], '>')
	if end < 0 {
		return token{}, refuse("A tag on line %d never ends.", s.line)
	}
	inner := rest[1:end]
	t := token{kind: openTag, line: s.line}
	if after, ok := strings.CutPrefix(inner, "/"); ok {
		t.kind, inner = closeTag, after
	} else if before, ok := strings.CutSuffix(inner, "/"); ok {
		t.kind, inner = emptyTag, before
	}
	name, _, _ := strings.Cut(strings.TrimSpace(inner), " ")
	if !tagName.MatchString(name) {
		return token{}, refuse("Line %d has %.30q where a tag should be.", s.line, rest[:end+1])
	}
	t.text = strings.ToUpper(name)
	s.advance(end + 1)
	return t, nil
}

// unescape resolves the few predefined entities. A lone & is what banks make of
// "AT&T", and stays.
func unescape(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	return strings.TrimSpace(strings.ReplaceAll(html.UnescapeString(s), "\u00a0", " "))
}
