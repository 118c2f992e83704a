package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// dangers are what can go badly wrong where it is used without care. Each place
// that does one of them is a row of docs/security/dangers.md, with its reason; a
// use that has no row, and a row without a use, fail the test.
var dangers = map[string]func(*code) bool{
	"starts programs":    func(s *code) bool { return s.imports("os/exec") },
	"leaves Go's safety": func(s *code) bool { return s.imports("unsafe", "C", "plugin") },
	"asks the system":    func(s *code) bool { return s.imports("syscall", "golang.org/x/sys/") },
	"guessable chance":   func(s *code) bool { return s.imports("math/rand") },
	"cryptography":       func(s *code) bool { return s.imports("crypto/", "golang.org/x/crypto/", "github.com/tink-crypto/") },
	"trusts anybody":     func(s *code) bool { return s.mentions("InsecureSkipVerify", "InsecureIgnoreHostKey") },
	"fills templates":    func(s *code) bool { return s.imports("text/template", "html/template") },
	"passes text as HTML": func(s *code) bool {
		return s.mentions("HTMLAttr", "JSStr") || s.calls("html/template", "HTML", "JS", "URL")
	},
	"writes files": func(s *code) bool {
		return s.calls("os", "Create", "CreateTemp", "OpenFile", "WriteFile", "Rename", "Mkdir", "MkdirAll", "MkdirTemp")
	},
	"unpacks archives": func(s *code) bool { return s.imports("archive/", "compress/") },
	"reads pictures":   func(s *code) bool { return s.imports("image/", "golang.org/x/image/") },
	"reads XML":        func(s *code) bool { return s.imports("encoding/xml") },
	"decodes objects":  func(s *code) bool { return s.imports("encoding/gob") },
	"expressions made of values": func(s *code) bool {
		return s.callsWithValue("regexp", "Compile", "MustCompile", "CompilePOSIX", "MustCompilePOSIX", "Match", "MatchString")
	},
	"connects by itself": func(s *code) bool {
		return s.calls("net", "Dial", "DialTimeout") || s.calls("net/http", "Get", "Post", "PostForm", "Head") || s.literal("net/http", "Client") || s.literal("net", "Dialer")
	},
}

// webDangers are the same for the web app, found by their spelling.
var webDangers = map[string]*regexp.Regexp{
	"HTML from text":                   regexp.MustCompile(`dangerouslySetInnerHTML|\.(inner|outer)HTML\b|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment`),
	"code from text":                   regexp.MustCompile(`\beval\(|new Function\(|setTimeout\(\s*["'` + "`" + `]`),
	"expressions made of values (web)": regexp.MustCompile(`new RegExp\(`),
	"scripts from elsewhere":           regexp.MustCompile(`createElement\("script"\)`),
	"messages between windows":         regexp.MustCompile(`\.postMessage\(|\bpostMessage\(|addEventListener\("message"|\.onmessage\b`),
	"keeps things in the browser":      regexp.MustCompile(`\b(local|session)Storage\b|indexedDB|document\.cookie|\bcaches\.`),
	"opens windows":                    regexp.MustCompile(`window\.open\(`),
	"objects by names from outside":    regexp.MustCompile(`__proto__|\.prototype\b|setPrototypeOf`),
}

// code is one file of Go.
type code struct {
	file  *ast.File
	names map[string]string // what an import is called here
}

func readCode(t *testing.T, path string) *code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	s := &code{file: file, names: map[string]string{}}
	for _, i := range file.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		name := p[strings.LastIndex(p, "/")+1:]
		if i.Name != nil {
			name = i.Name.Name
		}
		s.names[name] = p
	}
	return s
}

// imports reports whether one of paths is imported; one that ends in "/" stands
// for all below it.
func (s *code) imports(paths ...string) bool {
	for _, have := range s.names {
		for _, p := range paths {
			if have == p || strings.HasSuffix(p, "/") && strings.HasPrefix(have, p) || p == "math/rand" && have == "math/rand/v2" {
				return true
			}
		}
	}
	return false
}

func (s *code) mentions(names ...string) (found bool) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		if i, ok := n.(*ast.Ident); ok {
			for _, name := range names {
				found = found || i.Name == name
			}
		}
		return !found
	})
	return found
}

// selects reports whether e is one of names of the package at path.
func (s *code) selects(e ast.Expr, path string, names ...string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	if !ok || s.names[pkg.Name] != path {
		return false
	}
	for _, name := range names {
		if sel.Sel.Name == name {
			return true
		}
	}
	return false
}

func (s *code) finds(match func(ast.Node) bool) (found bool) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		found = found || match(n)
		return !found
	})
	return found
}

func (s *code) calls(path string, names ...string) bool {
	return s.finds(func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && s.selects(call.Fun, path, names...)
	})
}

// callsWithValue is calls whose first argument isn't a constant string, or put
// together from such.
func (s *code) callsWithValue(path string, names ...string) bool {
	return s.finds(func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && s.selects(call.Fun, path, names...) && len(call.Args) > 0 && !constant(call.Args[0])
	})
}

func constant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.BinaryExpr:
		return constant(e.X) && constant(e.Y)
	case *ast.ParenExpr:
		return constant(e.X)
	}
	return false
}

func (s *code) literal(path string, names ...string) bool {
	return s.finds(func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		return ok && s.selects(lit.Type, path, names...)
	})
}

// done looks for what the program does: "what | where".
func done(t *testing.T, root string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	note := func(what, path string) {
		where, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		found[what+" | "+filepath.ToSlash(where)] = true
	}
	walk := func(dir string, fn func(path string)) {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				fn(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	look := func(path string) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(filepath.Dir(path), "test") {
			return
		}
		s := readCode(t, path)
		for what, does := range dangers {
			if does(s) {
				note(what, path)
			}
		}
	}
	walk("internal", look)
	walk("cmd", look)
	walk("web/src", func(path string) {
		if !strings.HasSuffix(path, ".ts") && !strings.HasSuffix(path, ".tsx") || strings.Contains(path, ".test.") || strings.Contains(path, "/testing/") {
			return
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for what, spelled := range webDangers {
			if spelled.Match(text) {
				note(what, path)
			}
		}
	})
	return found
}

func TestWhatIsDangerousIsListedWithItsReason(t *testing.T) {
	t.Parallel()
	const page = "../docs/security/dangers.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 {
			continue
		}
		what, where, why := strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])
		if dangers[what] == nil && webDangers[what] == nil {
			continue // the table's head
		}
		if len(why) < 10 {
			t.Errorf("%s gives no reason for %q in %s", page, what, where)
		}
		listed[what+" | "+where] = true
	}
	found := done(t, "..")
	for use := range found {
		if !listed[use] {
			t.Errorf("not in %s: %s", page, use)
		}
	}
	for row := range listed {
		if !found[row] {
			t.Errorf("in %s, and nothing does it any more: %s", page, row)
		}
	}
}
