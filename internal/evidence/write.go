package evidence

import (
	"bytes"
	_ "embed" // the page
	"encoding/json"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed report.html
var page string

// Write writes the report as compliance.json and compliance.html into dir, which
// is made if it isn't there. It returns the files' paths.
func (r Report) Write(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	html, err := r.HTML()
	if err != nil {
		return nil, err
	}
	paths := []string{filepath.Join(dir, "compliance.json"), filepath.Join(dir, "compliance.html")}
	for i, content := range [][]byte{append(data, '\n'), html} {
		if err := os.WriteFile(paths[i], content, 0o600); err != nil {
			return nil, fmt.Errorf("write the report: %w", err)
		}
	}
	return paths, nil
}

// HTML returns the report as a page that needs nothing else.
func (r Report) HTML() ([]byte, error) {
	t, err := template.New("report").Funcs(template.FuncMap{
		"class":    func(s any) string { return strings.ReplaceAll(fmt.Sprint(s), " ", "-") },
		"statuses": Statuses,
		"of": func(s Status, results []Result) []Result {
			return slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.Status != s })
		},
		"percent": func(part, whole int) string {
			if whole == 0 {
				return "–"
			}
			return fmt.Sprintf("%d %%", part*100/whole) // rounded down
		},
	}).Parse(page)
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, r); err != nil {
		return nil, fmt.Errorf("make the page: %w", err)
	}
	return out.Bytes(), nil
}
