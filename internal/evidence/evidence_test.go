package evidence_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"flint/internal/evidence"
)

func controls(t *testing.T, standard string) []evidence.Control {
	t.Helper()
	for _, s := range evidence.Standards() {
		if strings.Contains(s.Name, standard) {
			return s.Controls
		}
	}
	t.Fatalf("there is no %s", standard)
	return nil
}

// TestEveryRequirementIsThereOnce counts as OWASP does: chapters and levels of
// ASVS 5.0.0, so that none is left out silently.
func TestEveryRequirementIsThereOnce(t *testing.T) {
	t.Parallel()
	chapters, levels, seen := map[string]int{}, map[int]int{}, map[string]bool{}
	for _, c := range controls(t, "ASVS") {
		if seen[c.ID] || !regexp.MustCompile(`^V\d+\.\d+\.\d+$`).MatchString(c.ID) {
			t.Errorf("%s is there twice, or is no id", c.ID)
		}
		seen[c.ID] = true
		chapter, _, _ := strings.Cut(c.ID, ".")
		chapters[chapter]++
		levels[c.Level]++
	}
	for chapter, want := range map[string]int{
		"V1": 30, "V2": 13, "V3": 31, "V4": 16, "V5": 13, "V6": 47, "V7": 19, "V8": 13, "V9": 7, "V10": 36, "V11": 24, "V12": 12, "V13": 21, "V14": 13, "V15": 21, "V16": 17, "V17": 12,
	} {
		if chapters[chapter] != want {
			t.Errorf("%s has %d requirements, not %d", chapter, chapters[chapter], want)
		}
	}
	if levels[1] != 70 || levels[2] != 183 || levels[3] != 92 {
		t.Errorf("levels: %v", levels)
	}
	criteria := map[string]int{}
	for _, c := range controls(t, "SOC 2") {
		criteria[c.ID[:3]]++
	}
	for id, want := range map[string]int{"CC1": 5, "CC2": 3, "CC3": 4, "CC4": 2, "CC5": 3, "CC6": 8, "CC7": 5, "CC8": 1, "CC9": 2} {
		if criteria[id] != want {
			t.Errorf("%s has %d criteria, not %d", id, criteria[id], want)
		}
	}
}

// TestNothingIsClaimedWithoutAProof holds for the tables: whoever has no proof
// says what is missing, whoever doesn't apply says why and has none.
func TestNothingIsClaimedWithoutAProof(t *testing.T) {
	t.Parallel()
	for _, s := range evidence.Standards() {
		for _, c := range s.Controls {
			switch {
			case c.What == "":
				t.Errorf("%s says nothing", c.ID)
			case c.Inapplicable != "" && (len(c.By) > 0 || c.Gap != ""):
				t.Errorf("%s doesn't apply, and is shown or open", c.ID)
			case c.Inapplicable == "" && len(c.By) == 0 && c.Gap == "":
				t.Errorf("%s has no proof and doesn't say so", c.ID)
			}
			if slices.Sort(c.By); len(slices.Compact(slices.Clone(c.By))) != len(c.By) {
				t.Errorf("%s names a proof twice", c.ID)
			}
		}
	}
}

// TestEveryBoundProofIsThere looks for every test, section and step of CI that a
// control names, in this source.
func TestEveryBoundProofIsThere(t *testing.T) {
	t.Parallel()
	src := evidence.Source{Tree: os.DirFS("../.."), Name: "this source"}
	for _, s := range evidence.Standards() {
		for _, c := range s.Controls {
			for _, ref := range c.By {
				if strings.HasPrefix(ref, "live:") {
					continue // run in internal/app
				}
				if p := src.Look(ref); p.State != evidence.Holds {
					t.Errorf("%s: %s: %s", c.ID, ref, p.Detail)
				}
			}
		}
	}
}

// TestAProofThatIsGoneFails takes away what a control names.
func TestAProofThatIsGoneFails(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		"internal/a/a_test.go": {Data: []byte("package a\n\nfunc TestIt(t *testing.T) {}\n// func TestOld(t *testing.T) {}\n")},
		"docs/a.md":            {Data: []byte("# A\n\n## Here\ntext: Gone\n")},
		".ci/run":              {Data: []byte("go vet ./...\n# go mod verify\n")},
	}
	passed := map[string]string{"flint/internal/a TestIt": "pass"}
	for _, c := range []struct {
		ref     string
		results map[string]string
		tree    bool
		want    evidence.State
	}{
		{"internal/a/a_test.go:TestIt", nil, true, evidence.Holds},
		{"internal/a/a_test.go:TestIt", passed, true, evidence.Holds},
		{"internal/a/a_test.go:TestIt", map[string]string{"flint/internal/a TestIt": "fail"}, true, evidence.Fails},
		{"internal/a/a_test.go:TestIt", map[string]string{"flint/internal/a TestIt": "skip"}, true, evidence.NotSeen},
		{"internal/a/a_test.go:TestIt", map[string]string{"flint/internal/b TestIt": "pass"}, true, evidence.NotSeen},
		{"internal/a/a_test.go:TestI", nil, true, evidence.Fails},
		{"internal/a/a_test.go:TestOld", nil, true, evidence.Fails},
		{"internal/b/b_test.go:TestIt", nil, true, evidence.Fails},
		{"internal/a/a_test.go:TestIt", nil, false, evidence.NotSeen},
		{"docs/a.md#Here", nil, true, evidence.Holds},
		{"docs/a.md#Gone", nil, true, evidence.Fails},
		{"docs/b.md", nil, true, evidence.Fails},
		{"ci:go vet", nil, true, evidence.Holds},
		{"ci:go mod verify", nil, true, evidence.Fails},
		{"live:nothing", nil, true, evidence.Fails},
		{"../../etc/passwd", nil, true, evidence.Fails},
	} {
		src := evidence.Source{Results: c.results}
		if c.tree {
			src.Tree = tree
		}
		if p := src.Look(c.ref); p.State != c.want {
			t.Errorf("%s (%v): %s, %s", c.ref, c.results, p.State, p.Detail)
		}
	}
}

// TestTheWorstProofDecides never lets a control look better than its proofs.
func TestTheWorstProofDecides(t *testing.T) {
	t.Parallel()
	src := evidence.Source{Tree: fstest.MapFS{"docs/a.md": {Data: []byte("# A\n")}}}
	for want, c := range map[evidence.Status]evidence.Control{
		evidence.Covered:      {By: []string{"docs/a.md"}},
		evidence.Partly:       {By: []string{"docs/a.md#A"}, Gap: "the rest"},
		evidence.Failed:       {By: []string{"docs/a.md", "docs/b.md"}, Gap: "the rest"},
		evidence.NotCovered:   {Gap: "all of it"},
		evidence.Inapplicable: {Inapplicable: "there is none"},
	} {
		if r := src.Judge(c); r.Status != want {
			t.Errorf("%v is %s, not %s", c, r.Status, want)
		}
	}
	if r := (evidence.Source{}).Judge(evidence.Control{By: []string{"docs/a.md"}}); r.Status != evidence.Unseen {
		t.Errorf("without a source: %s", r.Status)
	}
}

func TestResultsOfTestsAreRead(t *testing.T) {
	t.Parallel()
	got, err := evidence.ReadResults(strings.NewReader("make: hello\n" +
		`{"Action":"run","Package":"flint/a","Test":"TestX"}` + "\n" + `{"Action":"pass","Package":"flint/a","Test":"TestX"}` + "\n" +
		`{"Action":"fail","Package":"flint/a","Test":"TestY/sub"}` + "\n" + `{"Action":"pass","Package":"flint/a"}` + "\n"))
	if err != nil || len(got) != 2 || got["flint/a TestX"] != "pass" {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []string{"", "nothing\n", "{broken\n"} {
		if _, err := evidence.ReadResults(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is taken for results", bad)
		}
	}
}
