package postgres_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"flint/internal/platform/postgres/pgtest"
)

// TestEveryStatementFitsTheSchema finds every SQL text that the program hands to
// Postgres and prepares it on the migrated schema: a typo, a dropped column or a
// parameter without a type fails here and not at night.
func TestEveryStatementFitsTheSchema(t *testing.T) {
	t.Parallel()
	root := moduleRoot(t)
	statements, dynamic := collectStatements(t, root)
	for _, at := range dynamic {
		t.Errorf("%s: the SQL is no constant, so it can't be checked", at)
	}
	conn, err := pgtest.New(t).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, s := range statements {
		if star.MatchString(s.sql) {
			t.Errorf("%s: spell the columns out; with * a new column breaks programs that still run", s.at)
		}
		sql, _, err := pgx.NamedArgs{}.RewriteQuery(t.Context(), conn.Conn(), s.sql, nil)
		if err != nil {
			t.Errorf("%s: %v", s.at, err)
			continue
		}
		if _, err := conn.Conn().Prepare(t.Context(), "", sql); err != nil {
			t.Errorf("%s: %v", s.at, err)
		}
	}
	t.Logf("%d statements prepared", len(statements))
}

var star = regexp.MustCompile(`(?i)(select|returning)\s+(distinct\s+)?(\w+\.)?\*`)

type statement struct{ at, sql string }

// helpers take their SQL as the third argument: ctx, db, sql.
var helpers = []string{"One", "Many", "Scalar", "Exec", "Touch"}

// methods of pgx take it as the second (ctx, sql) or, for a batch, the first.
var methods = map[string]int{"Exec": 1, "Query": 1, "QueryRow": 1, "Queue": 0}

var looksLikeSQL = regexp.MustCompile(`(?is)^\s*(select|insert|update|delete|with|merge|lock|truncate)\b`)

// collectStatements reads all Go files of the program, without its tests and its
// test packages, and returns the constant statements and the places of others.
func collectStatements(t *testing.T, root string) (list []statement, dynamic []string) {
	t.Helper()
	set := token.NewFileSet()
	packages := map[string][]*ast.File{}
	for _, top := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			switch {
			case os.IsNotExist(err):
				return nil
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || d.Name() == "pgtest"):
				return filepath.SkipDir
			case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			dir := filepath.Dir(path)
			packages[dir] = append(packages[dir], file)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for dir, files := range packages {
		known := constants(files)
		for _, file := range files {
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				arg, sure := sqlArgument(call)
				if arg == nil {
					return true
				}
				pos := set.Position(arg.Pos())
				at := fmt.Sprintf("%s:%d", strings.TrimPrefix(pos.Filename, root+"/"), pos.Line)
				sql, constant := fold(arg, known)
				switch {
				case constant && (sure || looksLikeSQL.MatchString(sql)):
					list = append(list, statement{at, sql})
				case !constant && sure && filepath.Base(dir) != "postgres":
					dynamic = append(dynamic, at)
				}
				return true
			})
		}
	}
	return list, dynamic
}

// sqlArgument returns the argument of call that holds SQL, or nil. It is sure
// for our helpers; a method called Exec may be anybody's.
func sqlArgument(call *ast.CallExpr) (arg ast.Expr, sure bool) {
	fun := call.Fun
	switch generic := fun.(type) {
	case *ast.IndexExpr:
		fun = generic.X
	case *ast.IndexListExpr:
		fun = generic.X
	}
	switch f := fun.(type) {
	case *ast.SelectorExpr:
		if pkg, ok := f.X.(*ast.Ident); ok && pkg.Name == "postgres" && slices.Contains(helpers, f.Sel.Name) && len(call.Args) == 4 {
			return call.Args[2], true
		}
		if i, ok := methods[f.Sel.Name]; ok && len(call.Args) > i {
			return call.Args[i], false
		}
	case *ast.Ident: // within package postgres itself
		if slices.Contains(helpers, f.Name) && len(call.Args) == 4 {
			return call.Args[2], true
		}
	}
	return nil, false
}

// constants collects the string constants of a package by name, those within
// functions too.
func constants(files []*ast.File) map[string]string {
	type pending struct {
		name  string
		value ast.Expr
	}
	var todo []pending
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			decl, ok := n.(*ast.GenDecl)
			if !ok || decl.Tok != token.CONST {
				return true
			}
			for _, spec := range decl.Specs {
				v, ok := spec.(*ast.ValueSpec)
				if !ok {
					continue
				}
				for i, name := range v.Names {
					if i < len(v.Values) {
						todo = append(todo, pending{name.Name, v.Values[i]})
					}
				}
			}
			return true
		})
	}
	known := map[string]string{}
	for changed := true; changed; {
		changed = false
		for _, p := range todo {
			if _, done := known[p.name]; done {
				continue
			}
			if s, ok := fold(p.value, known); ok {
				known[p.name], changed = s, true
			}
		}
	}
	return known
}

// fold computes a constant string of literals, constants and +.
func fold(e ast.Expr, known map[string]string) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.Ident:
		s, ok := known[e.Name]
		return s, ok
	case *ast.ParenExpr:
		return fold(e.X, known)
	case *ast.BinaryExpr:
		left, ok1 := fold(e.X, known)
		right, ok2 := fold(e.Y, known)
		return left + right, ok1 && ok2 && e.Op == token.ADD
	}
	return "", false
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("go.mod is nowhere above")
		}
		dir = up
	}
}
