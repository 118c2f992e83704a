package postgres_test

import (
	"bytes"
	"flag"
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
)

var update = flag.Bool("update", false, "write what is listed anew")

// TestWhoeverSeesMoreThanTheirOwnIsListed compares the places where the program
// widens its scope with testdata/system.txt: a new one shows in the review.
func TestWhoeverSeesMoreThanTheirOwnIsListed(t *testing.T) {
	t.Parallel()
	const golden = "testdata/system.txt"
	var lines []string
	eachFile(t, func(path string, file *ast.File, _ []byte) {
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				sel, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if pkg, ok := sel.X.(*ast.Ident); !ok || pkg.Name != "postgres" || len(call.Args) != 2 {
					return true
				}
				switch sel.Sel.Name {
				case "AsUser":
					lines = append(lines, fmt.Sprintf("%s %s: one person", path, fn.Name.Name))
				case "AsSystem":
					why, constant := fold(call.Args[1], nil)
					if !constant {
						t.Errorf("%s: %s: the reason must be a text that can be read here", path, fn.Name.Name)
					}
					lines = append(lines, fmt.Sprintf("%s %s: everybody: %s", path, fn.Name.Name, why))
				}
				return true
			})
		}
	})
	slices.Sort(lines)
	got := []byte("Where the program works on the rows of others than who asks, and why.\n" +
		"Made by: go test ./internal/platform/postgres -run TestWhoeverSees -update\n\n" + strings.Join(lines, "\n") + "\n")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(golden); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s isn't up to date (%v): run this test with -update and look whether each new line must be", golden, err)
	}
}

var direct = regexp.MustCompile(`(?i)\bpool\.(Query|QueryRow|Exec|Begin|BeginTx|SendBatch|CopyFrom|Acquire)\(|pgx\.Begin|Pool\.(BeginFunc|AcquireFunc)\(`)

// TestNothingGoesPastTheScope finds uses of a pool that say nothing of whose
// rows they are about.
func TestNothingGoesPastTheScope(t *testing.T) {
	t.Parallel()
	eachFile(t, func(path string, _ *ast.File, source []byte) {
		if strings.HasPrefix(path, "internal/platform/postgres/") {
			return
		}
		for i, line := range strings.Split(string(source), "\n") {
			if direct.MatchString(line) {
				t.Errorf("%s:%d goes to the pool directly: use One, Many, Scalar, Exec, Touch, Together or InTx of package postgres", path, i+1)
			}
		}
	})
}

// eachFile calls fn for each Go file of the program that isn't a test.
func eachFile(t *testing.T, fn func(path string, file *ast.File, source []byte)) {
	t.Helper()
	root := moduleRoot(t)
	set := token.NewFileSet()
	for _, top := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			file, err := parser.ParseFile(set, path, source, parser.SkipObjectResolution)
			if err != nil {
				return fmt.Errorf("%s: %w", strconv.Quote(path), err)
			}
			rel, err := filepath.Rel(root, path)
			fn(filepath.ToSlash(rel), file, source)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
