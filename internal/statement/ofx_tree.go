package statement

import "strings"

// element is a piece of the file's tree. A transaction is read and let go as
// soon as its closing tag comes, so the tree holds one at a time.
type element struct {
	name  string
	value string
	kids  []*element
	line  int
	size  int // elements below, itself included
}

// get returns the value of the first child called name.
func (e *element) get(name string) string {
	if k := e.kid(name); k != nil {
		return k.value
	}
	return ""
}

func (e *element) kid(name string) *element {
	for _, k := range e.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

// tree builds elements from tokens and hands finished ones to read.
type tree struct {
	strict      bool // XML: every tag is closed, in order
	stack       []*element
	passing     int            // depth at which a passed-over aggregate began; 0: none
	live        int            // elements in memory
	unknown     map[string]int // skipped, by name
	quicken     bool           // saw an element of Quicken's
	closed      bool           // </OFX> has come
	investments int            // statements that were passed over
	read        func(*element) (keep bool, err error)
}

func (t *tree) top() *element {
	if len(t.stack) == 0 {
		return nil
	}
	return t.stack[len(t.stack)-1]
}

func (t *tree) add(tok token) error {
	switch tok.kind {
	case openTag:
		return t.open(tok)
	case emptyTag:
		if err := t.open(tok); err != nil {
			return err
		}
		return t.close(tok)
	case closeTag:
		return t.close(tok)
	case words:
		return t.say(tok.text)
	}
	return nil
}

func (t *tree) open(tok token) error {
	if t.closed {
		return refuse("Something follows after the end of the statement (line %d).", tok.line)
	}
	if top := t.top(); top != nil && (top.value != "" || leaves[top.name]) {
		if t.strict && t.passing == 0 {
			return refuse("Line %d: <%s> stands inside of <%s>, which holds a value.", tok.line, tok.text, top.name)
		}
		if t.strict {
			top.value = "" // passed over anyway
		} else if err := t.finish(); err != nil { // the closing tag was left out
			return err
		}
	}
	if len(t.stack) == 0 && tok.text != "OFX" {
		return refuse("The statement begins with <%s> instead of <OFX>.", tok.text)
	}
	if len(t.stack) >= maxDepth {
		return refuse("Line %d: elements are nested more than %d deep, which no statement is.", tok.line, maxDepth)
	}
	if strings.HasPrefix(tok.text, "INTU.") {
		t.quicken = true
	}
	e := &element{name: tok.text, line: tok.line, size: 1}
	if t.live++; t.live > maxLive {
		return refuse("Line %d: one part of the statement has more than %d elements.", tok.line, maxLive)
	}
	t.stack = append(t.stack, e)
	if t.passing == 0 && passedOver[e.name] {
		t.passing = len(t.stack)
	}
	return nil
}

func (t *tree) say(text string) error {
	if text == "" {
		return nil
	}
	top := t.top()
	switch {
	case top == nil:
		if t.closed {
			return nil // banks append all sorts of things
		}
		return refuse("There is text before the statement begins.")
	case len(top.kids) > 0 && t.strict:
		return refuse("Line %d: <%s> mixes text and elements.", top.line, top.name)
	case len(top.value)+len(text) > maxText:
		return refuse("The value of <%s> on line %d has more than %d characters.", top.name, top.line, maxText)
	case len(top.kids) == 0:
		top.value += text
	}
	return nil
}

func (t *tree) close(tok token) error {
	at := len(t.stack) - 1
	for at >= 0 && t.stack[at].name != tok.text {
		at--
	}
	if at < len(t.stack)-1 && t.strict {
		return refuse("Line %d: </%s> closes something that isn't open there.", tok.line, tok.text)
	}
	if at < 0 { // closes a value that was closed by what followed; banks do that
		return nil
	}
	for len(t.stack)-1 > at {
		if err := t.finishUnclosed(); err != nil {
			return err
		}
	}
	return t.finish()
}

// finishUnclosed ends an element whose closing tag never came. If it has no
// value it was an empty one, and what followed it belongs to its parent.
func (t *tree) finishUnclosed() error {
	e := t.top()
	if len(e.kids) == 0 || e.value != "" {
		return t.finish()
	}
	if elements[e.name] != nil {
		return refuse("Line %d: <%s> is never closed.", e.line, e.name)
	}
	kids := e.kids
	e.kids, e.size = nil, 1
	if err := t.finish(); err != nil {
		return err
	}
	parent := t.top()
	for _, k := range kids {
		parent.kids = append(parent.kids, k)
		parent.size += k.size
	}
	return nil
}

// finish takes the top element off the stack and gives it to its parent, unless
// it has been read.
func (t *tree) finish() error {
	e := t.top()
	t.stack = t.stack[:len(t.stack)-1]
	passing := t.passing > 0
	if passing && len(t.stack) < t.passing {
		t.passing = 0
	}
	if passing {
		if e.name == "INVSTMTRS" {
			t.investments++
		}
		t.live -= e.size
		return nil
	}
	t.countUnknown(e)
	keep, err := t.read(e)
	if err != nil {
		return err
	}
	parent := t.top()
	if parent == nil {
		t.closed = true
	}
	if parent == nil || !keep {
		t.live -= e.size
		return nil
	}
	parent.kids = append(parent.kids, e)
	parent.size += e.size
	return nil
}

// countUnknown counts the children of a known aggregate that don't belong there.
func (t *tree) countUnknown(e *element) {
	known := elements[e.name]
	if known == nil {
		return
	}
	const most = 100 // names; the rest are counted together
	for _, k := range e.kids {
		switch {
		case known[k.name]:
		case t.unknown[k.name] > 0 || len(t.unknown) < most:
			t.unknown[k.name]++
		default:
			t.unknown["…"]++
		}
	}
}
