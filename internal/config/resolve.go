package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Reference is what a variable holds instead of a value that a store keeps:
// secret://STORE/PATH#FIELD. Several, comma separated, make a list.
const Reference = "secret://"

// Store keeps secrets, each with named fields: Vault, Secrets Manager. A path is
// what stands between the store's name and the #.
type Store interface {
	Fetch(ctx context.Context, path string) (Kept, error)
}

// Kept is one version of a secret.
type Kept struct {
	Fields  map[string]Secret
	Version string
	Made    time.Time // when this version was written; zero if the store doesn't say
}

// Kinds of origins of a value.
const (
	FromDefault     = "default"
	FromEnvironment = "environment"
	FromFile        = "file"
	FromStore       = "store"
)

// Provenance says where the value of one variable came from.
type Provenance struct {
	Name string
	Kind string // FromDefault, FromEnvironment, …
	// Where is the file, or the references that the value was read by. Neither is
	// secret.
	Where string
	// Version and Made are those of a store's secret; Made is also a file's last
	// change. Of several references the oldest counts.
	Version string
	Made    time.Time
}

// Resolved is an environment whose references were followed.
type Resolved struct {
	env  Lookuper
	read map[string]string // by name; what a reference stood for
	from map[string]Provenance
}

// Resolve finds out where each of the variables comes from, and reads those that
// are references from stores, by name; each secret is asked for once. A reference
// that can't be followed is an error: no default takes its place.
func Resolve(ctx context.Context, env Lookuper, names []string, stores map[string]Store) (*Resolved, error) {
	r := &Resolved{env: env, read: map[string]string{}, from: map[string]Provenance{}}
	asked := map[string]Kept{}
	var faults []error
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		raw, p, err := locate(env, name)
		if err == nil && strings.HasPrefix(raw, Reference) {
			raw, err = follow(ctx, stores, asked, raw, &p)
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
			r.read[name] = raw
		}
		if err != nil {
			faults = append(faults, err)
		}
		r.from[name] = p
	}
	return r, errors.Join(faults...)
}

// locate returns what a variable holds, and where.
func locate(env Lookuper, name string) (string, Provenance, error) {
	from := &source{env: env, raw: true}
	text, set := from.Lookup(name)
	p := Provenance{Name: name, Kind: FromDefault}
	if !set {
		return "", p, from.err
	}
	p.Kind = FromEnvironment
	if path, _ := env.Lookup(name + "_FILE"); path != "" {
		p.Kind, p.Where = FromFile, path
		if info, err := os.Stat(path); err == nil {
			p.Made = info.ModTime()
		}
	}
	return text, p, nil
}

// follow reads what comma separated references stand for.
func follow(ctx context.Context, stores map[string]Store, asked map[string]Kept, list string, p *Provenance) (string, error) {
	*p = Provenance{Name: p.Name, Kind: FromStore, Where: list}
	var values, versions []string
	for ref := range strings.SplitSeq(list, ",") {
		kind, path, field, err := ParseReference(strings.TrimSpace(ref))
		if err != nil {
			return "", err
		}
		store, known := stores[kind]
		if !known {
			return "", fmt.Errorf("there is no store of secrets %q that could be asked for it", kind)
		}
		kept, done := asked[kind+"/"+path]
		if !done {
			if kept, err = store.Fetch(ctx, path); err != nil {
				return "", err
			}
			asked[kind+"/"+path] = kept
		}
		value, there := kept.Fields[field]
		if !there || value.IsZero() {
			return "", fmt.Errorf("the secret %s has no field %q", path, field)
		}
		values, versions = append(values, value.Reveal()), append(versions, kept.Version)
		if p.Made.IsZero() || kept.Made.Before(p.Made) && !kept.Made.IsZero() {
			p.Made = kept.Made
		}
	}
	p.Version = strings.Join(versions, ",")
	return strings.Join(values, ","), nil
}

// ParseReference takes a reference apart: "secret://vault/secret/flint/prod#KEY"
// is the field KEY of secret/flint/prod in the store vault. Its errors don't
// quote it, since a secret may have been meant.
func ParseReference(text string) (store, path, field string, err error) {
	rest, is := strings.CutPrefix(text, Reference)
	rest, field, _ = strings.Cut(rest, "#")
	store, path, _ = strings.Cut(rest, "/")
	if !is || store == "" || path == "" || field == "" || strings.ContainsAny(text, " \t\r\n?,") ||
		strings.Contains(path, "//") || strings.HasSuffix(path, "/") || strings.Contains("/"+path+"/", "/../") || strings.Contains(field, "#") {
		return "", "", "", badValue("a reference reads secret://STORE/PATH#FIELD")
	}
	return store, path, field, nil
}

// Lookup implements Lookuper.
func (r *Resolved) Lookup(name string) (string, bool) {
	if text, is := r.read[name]; is {
		return text, true
	}
	if base, is := strings.CutSuffix(name, "_FILE"); is {
		if _, is := r.read[base]; is {
			return "", false // the file held the reference
		}
	}
	return r.env.Lookup(name)
}

// From says where the value of a variable came from.
func (r *Resolved) From(name string) Provenance { return r.from[name] }

// Fetched returns the variables that were read from stores, by name.
func (r *Resolved) Fetched() []Provenance {
	var all []Provenance
	for name := range r.read {
		all = append(all, r.from[name])
	}
	slices.SortFunc(all, func(a, b Provenance) int { return strings.Compare(a.Name, b.Name) })
	return all
}
