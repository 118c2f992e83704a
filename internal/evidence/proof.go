package evidence

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Kind is how something is shown.
type Kind string

// The kinds, from the strongest to the weakest.
const (
	ACheck    Kind = "check"    // of the configured system, now
	ATest     Kind = "test"     // of the source
	AStep     Kind = "CI"       // a step that every change passes
	ADocument Kind = "document" // a section that people read
)

// State is what came of looking at a proof.
type State string

// The states.
const (
	Holds   State = "holds"
	Fails   State = "fails"
	NotSeen State = "not looked at"
)

// Proof is one thing that shows a control, looked at.
type Proof struct {
	Kind   Kind   `json:"kind"`
	Ref    string `json:"ref"`
	State  State  `json:"state"`
	Detail string `json:"detail,omitempty"`
}

// best returns the strongest kind of proof there is.
func best(proofs []Proof) Kind {
	for _, k := range []Kind{ACheck, ATest, AStep} {
		if slices.ContainsFunc(proofs, func(p Proof) bool { return p.Kind == k }) {
			return k
		}
	}
	return ADocument
}

func has(proofs []Proof, s State) bool {
	return slices.ContainsFunc(proofs, func(p Proof) bool { return p.State == s })
}

// Source is what tests and documents are looked for in.
type Source struct {
	// Tree is Flint's source; nil: there is none here, and nothing in it is
	// looked at.
	Tree fs.FS
	Name string
	// Results are those of `go test -json`: "package TestName" to pass, fail or
	// skip. Nil: not known; then a test that exists holds, and the report says so.
	Results map[string]string
}

// String says what the source is.
func (s Source) String() string {
	if s.Tree == nil {
		return "none: tests, documents and CI weren't looked at"
	}
	return s.Name
}

func (s Source) resultsNote() string {
	switch {
	case s.Tree == nil:
		return "not looked at"
	case s.Results == nil:
		return "each test named here exists in the source; no results were given, so that they pass is for CI to say"
	}
	return fmt.Sprintf("a test counts only if it passed in the run of %d tests that was given; those of the web app and in the browser only exist in the source, and that they pass is for CI to say", len(s.Results))
}

// ReadResults reads what `go test -json` wrote.
func ReadResults(r io.Reader) (map[string]string, error) {
	results := map[string]string{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "{") {
			continue // what make says
		}
		var ev struct{ Action, Package, Test string }
		if err := json.Unmarshal(lines.Bytes(), &ev); err != nil {
			return nil, fmt.Errorf("read the results of the tests: %w", err)
		}
		if ev.Test != "" && slices.Contains([]string{"pass", "fail", "skip"}, ev.Action) {
			results[ev.Package+" "+ev.Test] = ev.Action
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the results of the tests: %w", err)
	}
	if len(results) == 0 {
		return nil, errors.New("read the results of the tests: there are none; go test -json writes them")
	}
	return results, nil
}

// looker looks at proofs.
type looker struct {
	live map[string]Proof // by name of the check
	src  Source
}

// look looks at the proof that ref names.
func (l looker) look(ref string) Proof {
	if name, ok := strings.CutPrefix(ref, "live:"); ok {
		if p, ok := l.live[name]; ok {
			return p
		}
		return Proof{ACheck, ref, Fails, "there is no such check"}
	}
	p := Proof{Kind: kindOf(ref), Ref: ref, State: NotSeen, Detail: "there is no source here"}
	if l.src.Tree == nil {
		return p
	}
	var err error
	switch p.Kind {
	case AStep:
		p.Detail, err = l.src.step(strings.TrimPrefix(ref, "ci:"))
	case ATest:
		p.Detail, p.State, err = l.src.test(ref)
		if err == nil {
			return p
		}
	default:
		p.Detail, err = l.src.section(ref)
	}
	if p.State = Holds; err != nil {
		p.State, p.Detail = Fails, err.Error()
	}
	return p
}

func kindOf(ref string) Kind {
	switch {
	case strings.HasPrefix(ref, "ci:"):
		return AStep
	case strings.Contains(ref, "_test.go:"), strings.HasPrefix(ref, "web/"):
		return ATest
	}
	return ADocument
}

// test finds a test, and what came of it if that is known.
func (s Source) test(ref string) (string, State, error) {
	file, name, _ := strings.Cut(ref, ":")
	text, err := fs.ReadFile(s.Tree, file)
	if err != nil {
		return "", "", fmt.Errorf("%s isn't there", file)
	}
	if strings.HasPrefix(file, "web/") {
		return "runs in CI (make test)", Holds, nil
	}
	if !strings.Contains(string(text), "\nfunc "+name+"(") {
		return "", "", errors.New("there is no such test in the file")
	}
	if s.Results == nil {
		return "is in the source", Holds, nil
	}
	switch s.result(path.Dir(file), name) {
	case "pass":
		return "passed", Holds, nil
	case "fail":
		return "", "", errors.New("failed in the run that was given")
	case "skip":
		return "was skipped in the run that was given", NotSeen, nil
	}
	return "wasn't in the run that was given", NotSeen, nil
}

func (s Source) result(dir, name string) string {
	if r := s.Results["flint/"+dir+" "+name]; r != "" {
		return r
	}
	for key, r := range s.Results { // a module of its own, as deploy/validate is
		if pkg, test, _ := strings.Cut(key, " "); test == name && path.Base(pkg) == path.Base(dir) {
			return r
		}
	}
	return ""
}

// section finds a document, and in it a heading.
func (s Source) section(ref string) (string, error) {
	file, heading, _ := strings.Cut(ref, "#")
	text, err := fs.ReadFile(s.Tree, file)
	if err != nil {
		return "", fmt.Errorf("%s isn't there", file)
	}
	if heading == "" {
		return "is there", nil
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") && strings.TrimSpace(strings.TrimLeft(line, "#")) == heading {
			return "is there", nil
		}
	}
	return "", fmt.Errorf("%s has no section of that name", file)
}

// step finds a command in what CI runs.
func (s Source) step(command string) (string, error) {
	text, err := fs.ReadFile(s.Tree, ".ci/run")
	if err != nil {
		return "", errors.New(".ci/run isn't there")
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") && strings.Contains(line, command) {
			return "every change passes it", nil
		}
	}
	return "", errors.New("CI doesn't run it")
}
