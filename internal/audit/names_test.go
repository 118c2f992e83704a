package audit_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"flint/internal/audit"
)

// verbLike also fits other things, which notVerbs names by their beginning.
var (
	verbLike = regexp.MustCompile(`^[a-z][a-z_]*\.[a-z][a-z_]*$`)
	notVerbs = regexp.MustCompile(`^(body|query|path|user_action|river_job|snaptrade_users|connections|activity|mfa|mfa_totp|passkeys|audit_keys|users|email_changes)\.`)
)

// TestEveryVerbHasAName finds the verbs in the source. Where an entry's verb is
// a variable, every text of its package that looks like a verb counts as one,
// but those that are known to be something else.
func TestEveryVerbHasAName(t *testing.T) {
	t.Parallel()
	named := map[string]bool{}
	for _, n := range audit.Names() {
		if named[n.Verb] || n.Title == "" {
			t.Errorf("%s is named twice, or not at all", n.Verb)
		}
		named[n.Verb] = true
	}
	written := map[string]string{}
	for folder, files := range packages(t) {
		sure, maybe, computed := verbsIn(files)
		if computed {
			sure = append(sure, maybe...)
		}
		for _, v := range sure {
			written[v] = folder
		}
	}
	for v, folder := range written {
		if !named[v] {
			t.Errorf("%s writes %q, which has no name in internal/audit/names.go: people would read that something happened", folder, v)
		}
	}
	if len(written) < 20 {
		t.Errorf("only %d verbs were found: the search can't be right", len(written))
	}
}

// packages parses the product's source, by folder.
func packages(t *testing.T) map[string][]*ast.File {
	t.Helper()
	found := map[string][]*ast.File{}
	set := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || filepath.Dir(path) == "../audit" {
			return err
		}
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder := filepath.Dir(path)
		found[folder] = append(found[folder], f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// verbsIn returns the verbs that stand in entries, the texts that look like
// verbs, and whether some entry's verb is computed.
func verbsIn(files []*ast.File) (sure, maybe []string, computed bool) {
	text := func(e ast.Expr) string {
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return ""
		}
		s, _ := strconv.Unquote(lit.Value)
		return s
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				return n.Name.Name != "Kind" // of a job
			case *ast.CallExpr:
				sel, _ := n.Fun.(*ast.SelectorExpr)
				return sel == nil || sel.Sel.Name != "SystemActor" && sel.Sel.Name != "Mac"
			case *ast.KeyValueExpr:
				key, _ := n.Key.(*ast.Ident)
				switch {
				case key != nil && key.Name == "Verb" && text(n.Value) != "":
					sure = append(sure, text(n.Value))
				case key != nil && key.Name == "Verb":
					computed = true
				}
				return key == nil || key.Name != "ID" && key.Name != "Place"
			case *ast.BasicLit:
				if s := text(n); verbLike.MatchString(s) && !notVerbs.MatchString(s) {
					maybe = append(maybe, s)
				}
			}
			return true
		})
	}
	return sure, maybe, computed
}
