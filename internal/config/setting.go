package config

import (
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Setting is the value of one variable.
type Setting struct {
	Name   string
	Text   string   // as it may be shown
	Secret bool     // it is of the type Secret, and Text doesn't show it
	Values []Secret // what is secret in it, for checks
}

// Settings lists what cfg, a pointer to a struct that Load filled, holds: every
// variable once, by name.
func Settings(cfg any) []Setting {
	all := settingsIn("", reflect.ValueOf(cfg).Elem())
	slices.SortStableFunc(all, func(a, b Setting) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(all, func(a, b Setting) bool { return a.Name == b.Name })
}

func settingsIn(prefix string, s reflect.Value) []Setting {
	var all []Setting
	for i := range s.NumField() {
		field, value := s.Type().Field(i), s.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("env"), ",")
		name = strings.TrimSpace(name)
		switch {
		case !field.IsExported():
		case name != "":
			all = append(all, settingOf(prefix+name, value.Interface()))
		case value.Kind() == reflect.Struct:
			all = append(all, settingsIn(prefix+prefixIn(options), value)...)
		}
	}
	return all
}

func settingOf(name string, value any) Setting {
	s := Setting{Name: name}
	switch v := value.(type) {
	case Secret:
		s.Secret, s.Text = true, v.String()
		if !v.IsZero() {
			s.Values = []Secret{v}
		}
	case []Secret:
		s.Secret, s.Values = true, v
		s.Text = strings.TrimSuffix(strings.Repeat(masked+",", len(v)), ",")
	default:
		if r := reflect.ValueOf(value); r.Kind() == reflect.Slice {
			parts := make([]string, r.Len())
			for i := range parts {
				parts[i] = withoutPassword(fmt.Sprint(r.Index(i).Interface()))
			}
			s.Text = strings.Join(parts, ",")
			return s
		}
		s.Text = withoutPassword(fmt.Sprint(value))
	}
	return s
}

// inURL finds the password of what doesn't parse as a URL either.
var inURL = regexp.MustCompile(`://[^/@]*@`)

// withoutPassword masks who signs in to the address of a setting that isn't
// meant to hold a secret.
func withoutPassword(text string) string {
	if u, err := url.Parse(text); err == nil && u.User == nil {
		return text
	}
	return inURL.ReplaceAllString(text, "://"+masked+"@")
}
