// Package internal_test holds the map of Flint: one ordered list of packages, in
// which each imports only from above. It is acyclic by construction, and a new
// package is one line in the list.
package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// order is the map. A package may import those above it, and none below.
var order = []string{
	"internal/fault",  // the one error vocabulary
	"internal/id",     // typed identifiers
	"internal/money",  // exact amounts
	"internal/access", // who may do what
	"internal/device", // names of browsers and systems
	"internal/geo",    // where addresses are

	"internal/config",             // settings and secrets
	"internal/platform/telemetry", // logs, request ids
	"db/migrations",               // the schema
	"internal/platform/postgres/private",
	"internal/platform/postgres",
	"internal/platform/postgres/pgtest",
	"internal/platform/redis", // what nodes share and may lose
	"internal/platform/redis/redistest",
	"internal/platform/web",
	"internal/platform/web/webtest",
	"internal/platform/queue",
	"internal/platform/outbound",
	"internal/platform/vault",
	"internal/platform/aws",
	"internal/platform/mail",
	"internal/platform/mail/mailtest",

	"internal/envelope", // seal and open
	"internal/envelope/envelopetest",
	"internal/audit",      // what was done, by whom
	"internal/audit/tlog", // proof that nobody changed it
	"internal/siem",       // the log told elsewhere
	"internal/rotation",   // keys exchanged when their time is over
	"internal/ratelimit",  // how often

	"internal/provider/teller",
	"internal/provider/snaptrade",
	"internal/provider/marketdata",
	"internal/provider/hibp",
	"internal/provider/captcha",
	"internal/statement", // OFX, QFX and CSV files
	"internal/bot",       // people and programs told apart

	"internal/identity",   // people
	"internal/mfa",        // second factors
	"internal/risk",       // how unusual a sign-in is
	"internal/session",    // sign-in
	"internal/apikey",     // people's own programs
	"internal/market",     // exchange rates
	"internal/connection", // linked institutions
	"internal/portfolio",  // accounts, net worth
	"internal/activity",   // transactions, imports
	"internal/ingest",     // syncing
	"internal/notify",     // live events
	"internal/webhook",    // what providers tell us
	"internal/compliance", // what people and the law want of data
	"internal/screening",  // who is on a list
	"internal/admin",      // what staff do for people
	"internal/evidence",   // what shows that controls hold

	"web",          // the embedded web app
	"internal/app", // puts it all together
}

// standard lists what the pure packages may import beyond the standard library.
var standard = map[string][]string{
	"internal/fault":  {},
	"internal/id":     {"github.com/google/uuid"},
	"internal/money":  {"github.com/shopspring/decimal"},
	"internal/access": {},
	"internal/device": {},
}

type file struct {
	folder  string // "internal/fault"
	name    string
	test    bool
	imports []string
	doc     bool
	pkg     string
}

func source(t *testing.T) []file {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	var files []file
	set := token.NewFileSet()
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if name := d.Name(); rel != "." && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "testdata" || name == "bin" || rel == "tools") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(set, path, text, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		f := file{folder: filepath.ToSlash(filepath.Dir(rel)), name: d.Name(), test: strings.HasSuffix(path, "_test.go"), pkg: parsed.Name.Name, doc: hasDoc(parsed)}
		for _, i := range parsed.Imports {
			f.imports = append(f.imports, strings.Trim(i.Path.Value, `"`))
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func hasDoc(f *ast.File) bool { return f.Doc != nil && strings.TrimSpace(f.Doc.Text()) != "" }

// ours returns the folder of one of our own packages, or "".
func ours(path string) string {
	folder, ok := strings.CutPrefix(path, "flint/")
	if !ok {
		return ""
	}
	return folder
}

func isTestPackage(folder string) bool {
	return strings.HasSuffix(filepath.Base(folder), "test") && folder != "internal/platform/test"
}

func TestEveryPackageIsOnTheMap(t *testing.T) {
	for _, f := range source(t) {
		inside := strings.HasPrefix(f.folder, "internal/") || strings.HasPrefix(f.folder, "db/") || f.folder == "web"
		if inside && !slices.Contains(order, f.folder) {
			t.Errorf("%s isn't in the ordered list of internal/order_test.go: add one line where it belongs", f.folder)
		}
	}
	for _, p := range order {
		if _, err := os.Stat(filepath.Join("..", p)); err != nil {
			t.Errorf("%s is on the map, but isn't there", p)
		}
	}
}

func TestPackagesImportOnlyFromAbove(t *testing.T) {
	for _, f := range source(t) {
		at := slices.Index(order, f.folder)
		if at < 0 || f.test {
			continue
		}
		for _, path := range f.imports {
			to := ours(path)
			if to == "" {
				continue
			}
			if i := slices.Index(order, to); i < 0 || i >= at {
				t.Errorf("%s/%s imports %s, which doesn't stand above it", f.folder, f.name, to)
			}
		}
	}
}

func TestKindsOfPackageKeepTheirPlace(t *testing.T) {
	for _, f := range source(t) {
		if f.test {
			continue
		}
		for _, path := range f.imports {
			to := ours(path)
			switch {
			case to == "internal/app" || to == "sandbox" || strings.HasPrefix(to, "sandbox/"):
				if f.folder != "cmd/flint" && !(strings.HasPrefix(f.folder, "sandbox") && to != "internal/app") {
					t.Errorf("%s/%s imports %s, which only cmd/flint may", f.folder, f.name, to)
				}
			case strings.HasPrefix(f.folder, "sandbox") && to != "" && to != "internal/money":
				t.Errorf("%s/%s: the sandbox is the far end and imports nothing of the product, not %s", f.folder, f.name, to)
			case to != "" && isTestPackage(to) && !isTestPackage(f.folder):
				t.Errorf("%s/%s imports %s, which is for tests", f.folder, f.name, to)
			case strings.HasPrefix(f.folder, "internal/provider/") && (strings.HasPrefix(path, "github.com/jackc/") || to == "internal/platform/postgres"):
				t.Errorf("%s/%s: a provider touches no database, but imports %s", f.folder, f.name, path)
			case strings.HasPrefix(path, "github.com/danielgtaylor/huma") && f.folder != "internal/platform/web":
				t.Errorf("%s/%s imports huma, which only platform/web may", f.folder, f.name)
			}
			if allowed, pure := standard[f.folder]; pure && to == "" && strings.Contains(strings.Split(path, "/")[0], ".") && !slices.Contains(allowed, path) {
				t.Errorf("%s/%s is pure, but imports %s", f.folder, f.name, path)
			}
		}
	}
}

func TestEveryPackageTellsItsStory(t *testing.T) {
	told := map[string]bool{}
	seen := map[string]bool{}
	for _, f := range source(t) {
		if f.test {
			continue
		}
		seen[f.folder] = true
		told[f.folder] = told[f.folder] || f.doc
	}
	for folder := range seen {
		if !told[folder] && folder != "." {
			t.Errorf("%s has no package comment", folder)
		}
	}
}
