package web_test

import (
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/platform/web"
)

var update = flag.Bool("update", false, "write golden files anew")

const problemsIntro = `# Problems

Every refusal and failure of the API is a problem (RFC 9457, ` + "`application/problem+json`" + `). Clients switch on
` + "`code`" + `, show ` + "`detail`" + `, mark what ` + "`errors`" + ` names, wait for ` + "`retryAfter`" + ` seconds and quote ` + "`instance`" + `. A code never
changes its meaning; some details are worded for the occasion.

This list is generated from the source: ` + "`go test ./internal/platform/web -run TestProblemsAreListed -update`" + `.

| code | status | where | says |
|---|---|---|---|
`

// kinds are the names of fault's kinds in source.
var kinds = map[string]fault.Kind{
	"Internal": fault.Internal, "Invalid": fault.Invalid, "Malformed": fault.Malformed, "Unauthenticated": fault.Unauthenticated,
	"Forbidden": fault.Forbidden, "NotFound": fault.NotFound, "Gone": fault.Gone, "Conflict": fault.Conflict,
	"TooLarge": fault.TooLarge, "TooMany": fault.TooMany, "Unavailable": fault.Unavailable,
}

// declared is one fault.New in the source.
type declared struct {
	code, detail, where string
	kind                fault.Kind
}

func TestProblemsAreListed(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..")
	found := map[string]declared{}
	for _, d := range faults(t, filepath.Join(root, "internal")) {
		if other, twice := found[d.code]; twice {
			if other.kind != d.kind {
				t.Errorf("the code %s means two things: in %s and in %s", d.code, other.where, d.where)
			}
			if !strings.Contains(other.where, d.where) {
				other.where += ", " + d.where
			}
			found[d.code] = other
			continue
		}
		// What is Internal is answered as "internal"; who has gone reads nothing.
		if d.kind != fault.Internal && d.code != "client_gone" || d.code == web.ErrInternal.Code {
			found[d.code] = d
		}
	}
	var list []declared
	for _, d := range found {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b declared) int { return cmp.Compare(strings.ToLower(a.code), strings.ToLower(b.code)) })
	var page strings.Builder
	page.WriteString(problemsIntro)
	for _, d := range list {
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", d.code, status(d), d.where, strings.ReplaceAll(d.detail, "|", `\|`))
	}
	golden(t, filepath.Join(root, "docs", "problems.md"), page.String())
}

// status asks the package itself.
func status(d declared) string {
	s := web.New(web.Config{Origin: origin, Log: slog.New(slog.DiscardHandler)})
	web.Raw(s, web.Op{Method: "GET", Path: "/api/problem", Summary: "Refuse", Needs: access.Public, Limit: "none"},
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { web.Problem(w, r, fault.New(d.kind, d.code, d.detail)) }))
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", origin+"/api/problem", nil))
	return strconv.Itoa(w.Code)
}

// faults collects the declarations below dir, tests left out.
func faults(t *testing.T, dir string) []declared {
	t.Helper()
	var list []declared
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		pkg, err := filepath.Rel(dir, filepath.Dir(path))
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if d, ok := declaration(t, n, path, file.Name.Name); ok {
				d.where = filepath.ToSlash(pkg)
				list = append(list, d)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(list, func(a, b declared) int { return cmp.Compare(a.where, b.where) })
	return list
}

// declaration reads n, if it's a call of fault.New.
func declaration(t *testing.T, n ast.Node, path, pkg string) (declared, bool) {
	t.Helper()
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) != 3 {
		return declared{}, false
	}
	name := func(e ast.Expr) string {
		switch e := e.(type) {
		case *ast.Ident:
			if pkg == "fault" {
				return "fault." + e.Name
			}
		case *ast.SelectorExpr:
			if x, ok := e.X.(*ast.Ident); ok {
				return x.Name + "." + e.Sel.Name
			}
		}
		return ""
	}
	if name(call.Fun) != "fault.New" {
		return declared{}, false
	}
	kind, known := kinds[strings.TrimPrefix(name(call.Args[0]), "fault.")]
	code, detail := text(call.Args[1]), text(call.Args[2])
	if !known || code == "" || detail == "" {
		t.Errorf("%s: a fault is declared with a kind and constant texts, so that it can be listed", path)
		return declared{}, false
	}
	return declared{kind: kind, code: code, detail: detail}, true
}

// text returns the value of a string literal, or of several added up.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		if err != nil {
			return ""
		}
		return s
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return text(e.X) + text(e.Y)
		}
	}
	return ""
}

// golden compares text with a file that is part of the repository.
func golden(t *testing.T, path, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != text {
		t.Errorf("%s isn't up to date (%v); run this test with -update and look at the difference", path, err)
	}
}
