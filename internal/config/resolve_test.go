package config_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flint/internal/config"
)

// shelf is a store in memory.
type shelf struct {
	kept  map[string]config.Kept
	asked map[string]int
}

func (s shelf) Fetch(_ context.Context, path string) (config.Kept, error) {
	s.asked[path]++
	k, ok := s.kept[path]
	if !ok {
		return config.Kept{}, errors.New(path + ": nothing there")
	}
	return k, nil
}

func TestReferencesAreFollowedAndOriginsKnown(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	s := shelf{asked: map[string]int{}, kept: map[string]config.Kept{
		"a/b": {Fields: map[string]config.Secret{"key": config.NewSecret("canary one"), "wait": config.NewSecret("9s")}, Version: "3", Made: made},
		"old": {Fields: map[string]config.Secret{"key": config.NewSecret("two")}, Version: "x", Made: made.Add(-time.Hour)},
	}}
	file := filepath.Join(t.TempDir(), "ref")
	if err := os.WriteFile(file, []byte("secret://box/a/b#wait\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := config.Map(map[string]string{
		"NEED": "x", "KEY": "secret://box/a/b#key", "WAIT_FILE": file, "SECRETS": "secret://box/a/b#key, secret://box/old#key", "PORT_FILE": "/dev/null",
	})
	r, err := config.Resolve(t.Context(), env, config.Names(&settings{}), map[string]config.Store{"box": s})
	if err != nil {
		t.Fatal(err)
	}
	var got settings
	if err := config.Load(t.Context(), r, &got); err != nil {
		t.Fatal(err)
	}
	if got.Plain.Key.Reveal() != "canary one" || got.Wait != 9*time.Second || len(got.Secrets) != 2 || got.Secrets[1].Reveal() != "two" {
		t.Errorf("read %+v", got)
	}
	if s.asked["a/b"] != 1 {
		t.Errorf("one secret was asked for %d times", s.asked["a/b"])
	}
	if p := r.From("SECRETS"); p.Kind != config.FromStore || p.Version != "3,x" || !p.Made.Equal(made.Add(-time.Hour)) {
		t.Errorf("%+v", p)
	}
	if r.From("NEED").Kind != config.FromEnvironment || r.From("PORT").Kind != config.FromDefault || len(r.Fetched()) != 3 {
		t.Errorf("%+v %+v %+v", r.From("NEED"), r.From("PORT"), r.Fetched())
	}
	for _, setting := range config.Settings(&got) {
		if strings.Contains(setting.Text, "canary") {
			t.Errorf("%s shows %q", setting.Name, setting.Text)
		}
	}
}

func TestAReferenceThatCannotBeFollowedIsAnError(t *testing.T) {
	t.Parallel()
	s := shelf{asked: map[string]int{}, kept: map[string]config.Kept{"a": {Fields: map[string]config.Secret{"key": config.NewSecret("v"), "empty": {}}}}}
	for text, want := range map[string]string{
		"secret://box/none#key":          "nothing there",
		"secret://box/a#other":           "no field",
		"secret://box/a#empty":           "no field",
		"secret://elsewhere/a#key":       "no store",
		"secret://box/a":                 "reads secret://",
		"secret://canary":                "reads secret://",
		"secret://box/../a#key":          "reads secret://",
		"secret://box/a#key,plaincanary": "reads secret://",
	} {
		_, err := config.Resolve(t.Context(), config.Map(map[string]string{"KEY": text}), []string{"KEY"}, map[string]config.Store{"box": s})
		if err == nil || !strings.HasPrefix(err.Error(), "KEY: ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", text, err)
		}
	}
	var got settings // whoever loads without following takes no reference for the secret
	if err := config.Load(t.Context(), config.Map(map[string]string{"NEED": "x", "KEY": "secret://box/a#key"}), &got); err == nil {
		t.Errorf("the reference itself became the key %q", got.Plain.Key.Reveal())
	}
}

func TestPasswordsInPlainSettingsAreMasked(t *testing.T) {
	t.Parallel()
	s := struct {
		A string   `env:"A"`
		B []string `env:"B"`
	}{"https://u:hunter2@x/y", []string{"ok", "http://hunter2@%zz/"}}
	for _, setting := range config.Settings(&s) {
		if strings.Contains(setting.Text, "hunter2") || setting.Text == "" {
			t.Errorf("%s: %q", setting.Name, setting.Text)
		}
	}
}

func FuzzParseReference(f *testing.F) {
	for _, s := range []string{"secret://vault/secret/flint#K", "secret://aws/arn:aws:x:1:secret:n-AbC#K", "secret://", "secret://a/b#c#d", "secret://a//b#c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		store, path, field, err := config.ParseReference(text)
		if err == nil && config.Reference+store+"/"+path+"#"+field != text {
			t.Errorf("%q became %q %q %q", text, store, path, field)
		}
	})
}
