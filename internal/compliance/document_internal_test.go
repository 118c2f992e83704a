package compliance

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestNoTextChangesWithoutANewVersion compares every text with its digest, and
// finds those that no line is about.
func TestNoTextChangesWithoutANewVersion(t *testing.T) {
	t.Parallel()
	files, err := texts.ReadDir("documents")
	if err != nil {
		t.Fatal(err)
	}
	listed := []string{}
	last := map[string]string{}
	for _, d := range Documents() {
		listed = append(listed, d.Name+"."+d.Version+".md")
		text, err := d.Text()
		if err != nil {
			t.Error(err)
			continue
		}
		if sum := sha256.Sum256([]byte(text)); hex.EncodeToString(sum[:]) != d.Digest || len(d.digest()) != 32 {
			t.Errorf("%s of %s was changed: make it another file with another date, and a line for that (its digest is %x)", d.Name, d.Version, sum)
		}
		if _, err := time.Parse(time.DateOnly, d.Version); err != nil || d.Version <= last[d.Name] {
			t.Errorf("%s: the version %s isn't a date, or isn't after %s", d.Name, d.Version, last[d.Name])
		}
		last[d.Name] = d.Version
		if !strings.HasPrefix(text, "# ") || d.Title == "" || d.Summary == "" {
			t.Errorf("%s of %s lacks a title or a summary", d.Name, d.Version)
		}
	}
	for _, f := range files {
		if !slices.Contains(listed, f.Name()) {
			t.Errorf("%s is of no version", f.Name())
		}
	}
	if len(Current()) != len(last) {
		t.Errorf("%d texts are in force, of %d", len(Current()), len(last))
	}
}
