package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"flint/internal/platform/postgres"
)

// description is what the API says about itself.
type description struct {
	Paths      map[string]map[string]any
	Components struct{ Schemas map[string]any }
}

func (sys System) describe(ctx context.Context) (description, error) {
	a := sys.ask(ctx, "GET", "/api/openapi.json")
	var d description
	if err := json.Unmarshal(a.Body.Bytes(), &d); err != nil || a.Code != http.StatusOK || len(d.Paths) == 0 {
		return d, fmt.Errorf("the description of the API can't be read (%d)", a.Code)
	}
	return d, nil
}

// fields adds the names of all properties within node to names, through the
// schemas it refers to.
func (d description) fields(node any, names, seen map[string]bool) {
	switch v := node.(type) {
	case []any:
		for _, e := range v {
			d.fields(e, names, seen)
		}
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			if name := ref[strings.LastIndex(ref, "/")+1:]; !seen[name] {
				seen[name] = true
				d.fields(d.Components.Schemas[name], names, seen)
			}
		}
		if props, ok := v["properties"].(map[string]any); ok {
			for name := range props {
				names[name] = true
			}
		}
		for _, e := range v {
			d.fields(e, names, seen)
		}
	}
}

// taken returns what the operations under prefix take in their bodies.
func (d description) taken(prefix string) (names map[string]bool, operations int) {
	names = map[string]bool{}
	for path, methods := range d.Paths {
		if !strings.HasPrefix(path, prefix) {
			continue
		}
		for _, op := range methods {
			if o, ok := op.(map[string]any); ok {
				d.fields(o["requestBody"], names, map[string]bool{})
				operations++
			}
		}
	}
	return names, operations
}

func like(names map[string]bool, pattern string) []string {
	var found []string
	for name := range names {
		if regexp.MustCompile(`(?i)` + pattern).MatchString(name) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// asks looks for fields in what operations under prefix take.
func (sys System) asks(ctx context.Context, prefix, pattern string) (string, error) {
	d, err := sys.describe(ctx)
	if err != nil {
		return "", err
	}
	names, operations := d.taken(prefix)
	if operations == 0 {
		return "", errors.New("there are no operations to look at")
	}
	if found := like(names, pattern); len(found) > 0 {
		return "", fmt.Errorf("there is %s", strings.Join(found, ", "))
	}
	return fmt.Sprintf("%d operations with %d fields", operations, len(names)), nil
}

func noQuestions(ctx context.Context, sys System) (string, error) {
	return sys.asks(ctx, "/api/", `question|hint|maiden`)
}

func staffChooseNone(ctx context.Context, sys System) (string, error) {
	return sys.asks(ctx, "/api/admin/", `passw|secret`)
}

// noCardData looks for fields and columns that would hold a card's number, its
// expiry or its security code.
func noCardData(ctx context.Context, sys System) (string, error) {
	const card = `card.?(number|no|holder)|cvv|cvc|security.?code|expir(y|ation).?(month|year)|^pan$|track.?data`
	seen, err := sys.asks(ctx, "/api/", card)
	if err != nil {
		return "", err
	}
	type column struct{ Name string }
	list, err := postgres.Many[column](ctx, sys.Pool, `
		select distinct a.attname::text as name from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped and n.nspname not like 'pg\_%' and n.nspname <> 'information_schema'`, nil)
	if err != nil {
		return "", fmt.Errorf("list the columns: %w", err)
	}
	names := map[string]bool{}
	for _, c := range list {
		names[c.Name] = true
	}
	if found := like(names, card); len(found) > 0 {
		return "", fmt.Errorf("there is a column %s", strings.Join(found, ", "))
	}
	return fmt.Sprintf("%s, columns of %d names", seen, len(names)), nil
}
