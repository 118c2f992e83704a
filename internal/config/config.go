// Package config reads settings from the environment into structs, and holds
// the types that settings are made of: Secret, which can't be printed by
// accident, and Origin, the one place that links start from.
//
// Each package that needs settings declares its own Config struct with env
// tags; the app composes them and calls Load once, at start. Load reports every
// mistake at once, each by the name of its variable and never with its value.
//
//   - An empty variable counts as one that isn't set, so its default holds.
//   - NAME_FILE=/path works for every NAME: the value is the file's content
//     without white space around it, the way secrets are mounted into a
//     container. A file that is missing, or NAME and NAME_FILE together, is an
//     error: guessing which was meant could start Flint with the wrong secret.
//   - secret://STORE/PATH#FIELD as a value stands for what a store keeps. Resolve
//     follows such references before Load sees them, and knows where each value
//     came from.
//   - A struct that has Validate() error is asked once its fields are read.
package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sethvargo/go-envconfig"
)

// Lookuper finds a variable by name.
type Lookuper = envconfig.Lookuper

// Environment looks variables up in the environment of the process.
func Environment() Lookuper { return envconfig.OsLookuper() }

// Map looks variables up in m; for tests and for settings that the program
// makes itself.
func Map(m map[string]string) Lookuper { return envconfig.MapLookuper(m) }

// Validator is a struct of settings that knows more about them than their
// types say. Its errors name the variables.
type Validator interface{ Validate() error }

// maxFile is the most that a NAME_FILE may hold, in bytes.
const maxFile = 1 << 20

// Load fills cfg, a pointer to a struct, from env. What cfg already holds stays
// where env says nothing. The error joins everything that is wrong.
func Load(ctx context.Context, env Lookuper, cfg any) error {
	v := reflect.ValueOf(cfg)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("load settings: %T is not a pointer to a struct", cfg)
	}
	return errors.Join(load(ctx, env, "", v.Elem())...)
}

// load fills one struct, field by field, so that one bad value doesn't hide
// the next, and then asks it whether it makes sense.
func load(ctx context.Context, env Lookuper, prefix string, s reflect.Value) []error {
	var faults []error
	read := true // every variable of this very struct could be read
	for i := range s.NumField() {
		field, value := s.Type().Field(i), s.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("env"), ",")
		name = strings.TrimSpace(name)
		switch {
		case !field.IsExported():
		case name != "":
			if err := loadField(ctx, env, prefix, name, field, value); err != nil {
				faults, read = append(faults, err), false
			}
		case value.Kind() == reflect.Struct:
			faults = append(faults, load(ctx, env, prefix+prefixIn(options), value)...)
		}
	}
	if c, ok := s.Addr().Interface().(Validator); ok && read {
		if err := c.Validate(); err != nil {
			faults = append(faults, err)
		}
	}
	return faults
}

func prefixIn(options string) string {
	for o := range strings.SplitSeq(options, ",") {
		if p, ok := strings.CutPrefix(strings.TrimSpace(o), "prefix="); ok {
			return p
		}
	}
	return ""
}

// loadField reads one variable. It goes through a struct of that one field,
// since envconfig stops at the first fault of whatever it is given.
func loadField(ctx context.Context, env Lookuper, prefix, name string, field reflect.StructField, value reflect.Value) error {
	alone := reflect.New(reflect.StructOf([]reflect.StructField{{Name: field.Name, Type: field.Type, Tag: field.Tag}}))
	alone.Elem().Field(0).Set(value)
	from := &source{env: env, prefix: prefix}
	err := envconfig.ProcessWith(ctx, &envconfig.Config{Target: alone.Interface(), Lookuper: from, DefaultOverwrite: true})
	full := prefix + name
	switch {
	case from.err != nil:
		return from.err
	case errors.Is(err, envconfig.ErrMissingRequired):
		return fmt.Errorf("%s: must be set", full)
	case err != nil:
		return fmt.Errorf("%s: %s", full, why(err, field.Type))
	}
	value.Set(alone.Elem().Field(0))
	return nil
}

// why says what is wrong with a value, without the value: it may be a secret
// that was put into the wrong variable.
func why(err error, t reflect.Type) string {
	if n, ok := errors.AsType[*strconv.NumError](err); ok {
		if errors.Is(n.Err, strconv.ErrRange) {
			return "the number is out of range"
		}
		return "not a valid " + t.String()
	}
	if t == reflect.TypeFor[time.Duration]() {
		return `not a duration such as "90s" or "24h"`
	}
	if u := faultIn(err); u != "" {
		return u
	}
	return "not a valid " + t.String()
}

// badValue is an error of a type of this package, safe to show.
type badValue string

func (b badValue) Error() string { return string(b) }

func faultIn(err error) string {
	if b, ok := errors.AsType[badValue](err); ok {
		return string(b)
	}
	return ""
}

// source looks a variable up under its full name, or in its file.
type source struct {
	env    Lookuper
	prefix string
	raw    bool // references stay what they are
	err    error
}

// Lookup implements envconfig.Lookuper.
func (s *source) Lookup(name string) (string, bool) {
	name = s.prefix + name
	direct, _ := s.env.Lookup(name)
	path, _ := s.env.Lookup(name + "_FILE")
	switch {
	case path == "" && strings.HasPrefix(direct, Reference) && !s.raw:
		s.err = fmt.Errorf("%s: a reference to a secret isn't followed here", name)
		return "", false
	case path == "":
		return direct, direct != ""
	case direct != "":
		s.err = fmt.Errorf("%s: set it or %s_FILE, not both", name, name)
		return "", false
	}
	text, err := readFile(path)
	if err != nil {
		s.err = fmt.Errorf("%s_FILE: %w", name, err)
		return "", false
	}
	if strings.HasPrefix(text, Reference) && !s.raw {
		s.err = fmt.Errorf("%s_FILE: a reference to a secret isn't followed here", name)
		return "", false
	}
	return text, text != ""
}

func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxFile {
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return strings.TrimSpace(string(b)), nil
}

// Names returns the variables that cfg, a pointer to a struct, is filled from,
// sorted.
func Names(cfg any) []string {
	names := namesIn("", reflect.TypeOf(cfg).Elem())
	slices.Sort(names)
	return slices.Compact(names)
}

func namesIn(prefix string, t reflect.Type) []string {
	var names []string
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("env"), ",")
		name = strings.TrimSpace(name)
		switch {
		case !field.IsExported():
		case name != "":
			names = append(names, prefix+name)
		case field.Type.Kind() == reflect.Struct:
			names = append(names, namesIn(prefix+prefixIn(options), field.Type)...)
		}
	}
	return names
}
