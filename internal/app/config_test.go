package app_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
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

func TestNothingSecretIsServedInPlainToEverybody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		origin, listen, proxies string
		good                    bool
	}{
		"at home":                       {"http://localhost:8080", "127.0.0.1:8080", "", true},
		"on every address":              {"https://flint.example", ":8080", "", false},
		"on every address, written out": {"https://flint.example", "0.0.0.0:8080", "", false},
		"the same by IPv6":              {"https://flint.example", "[::]:8080", "", false},
		"on a public one":               {"https://flint.example", "203.0.113.7:443", "", false},
		"on a name":                     {"https://flint.example", "flint.example:443", "", false},
		"behind a proxy, which is said": {"https://flint.example", "0.0.0.0:8080", "10.0.0.0/8", true},
		"behind a proxy of the machine": {"https://flint.example", "127.0.0.1:8080", "", true},
		"in a private network":          {"https://flint.example", "10.1.2.3:8080", "", true},
	} {
		var cfg app.Config
		err := config.Load(t.Context(), config.Map(map[string]string{"FLINT_ORIGIN": c.origin, "FLINT_LISTEN": c.listen, "FLINT_TRUSTED_PROXIES": c.proxies}), &cfg)
		if (err == nil) != c.good || err != nil && !strings.Contains(err.Error(), "FLINT_LISTEN") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
