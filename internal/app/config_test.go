package app_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"flint/internal/app"
	"flint/internal/config"
)

// TestEveryVariableIsExplained compares the settings that the program reads with
// those that docs/CONFIGURATION.md explains, both ways.
func TestEveryVariableIsExplained(t *testing.T) {
	text, err := os.ReadFile("../../docs/CONFIGURATION.md")
	if err != nil {
		t.Fatal(err)
	}
	var explained []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		explained = append(explained, m[1])
	}
	read := config.Names(&app.Config{})
	for _, name := range read {
		if !slices.Contains(explained, name) {
			t.Errorf("%s is read but not explained in docs/CONFIGURATION.md", name)
		}
	}
	for _, name := range explained {
		if !slices.Contains(read, name) {
			t.Errorf("docs/CONFIGURATION.md explains %s, which nothing reads", name)
		}
	}
}

func TestServeRefusesToStartWithoutAnOrigin(t *testing.T) {
	var cfg app.Config
	err := config.Load(t.Context(), config.Map(map[string]string{"FLINT_NEW_USER_TIER": "gold"}), &cfg)
	if err == nil {
		t.Fatal("it would start")
	}
	for _, want := range []string{"FLINT_ORIGIN", "FLINT_NEW_USER_TIER"} {
		if !regexp.MustCompile(want).MatchString(err.Error()) {
			t.Errorf("%q doesn't name %s: all mistakes are told at once", err, want)
		}
	}
}
