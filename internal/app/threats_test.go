package app_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestTheThreatModelNamesTestsThatExist looks for each test that the threat model
// calls a proof, in the file where it says it is, and for each file it links to.
func TestTheThreatModelNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/security/threat-model.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z0-9_/]+_test\\.go):((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 60 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, n := range named {
		source, err := os.ReadFile("../../" + n[1])
		if err != nil || !strings.Contains(string(source), "\nfunc "+n[2]+"(") {
			t.Errorf("%s isn't in %s (%v)", n[2], n[1], err)
		}
	}
	for _, n := range regexp.MustCompile("`(web/journey/[a-z]+\\.mjs)`").FindAllStringSubmatch(string(page), -1) {
		if _, err := os.Stat("../../" + n[1]); err != nil {
			t.Errorf("%s isn't there", n[1])
		}
	}
	for _, n := range regexp.MustCompile(`\]\(([a-z-]+\.md)\)`).FindAllStringSubmatch(string(page), -1) {
		if _, err := os.Stat("../../docs/security/" + n[1]); err != nil {
			t.Errorf("%s isn't there", n[1])
		}
	}
	// Rows of the tables end with a proof, or say that there is none.
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) == 4 && strings.HasPrefix(line, "| ") && !strings.Contains(line, "_test.go:") && !strings.Contains(line, "| shown by |") && !strings.HasPrefix(line, "| |") &&
			!regexp.MustCompile(`^\| [A-Z]\d? \|`).MatchString(line) && !strings.Contains(cells[2], "**not yet**") {
			t.Errorf("no test: %s", cells[0])
		}
	}
}
