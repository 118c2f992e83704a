package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"flint/internal/config"
)

type part struct {
	Key     config.Secret `env:"KEY"`
	Retries int           `env:"RETRIES,default=3"`
}

func (p *part) Validate() error {
	if p.Retries > 9 {
		return errors.New("RETRIES: at most 9")
	}
	return nil
}

type settings struct {
	Origin  config.Origin   `env:"ORIGIN"`
	Port    int             `env:"PORT,default=8080"`
	Wait    time.Duration   `env:"WAIT,default=5s"`
	Need    string          `env:"NEED,required"`
	Secrets []config.Secret `env:"SECRETS"`
	Plain   part
	Other   part `env:", prefix=OTHER_"`
	Now     func() time.Time
}

func (s *settings) Validate() error {
	if s.Port < 1024 {
		return errors.New("PORT: below 1024")
	}
	return nil
}

func load(t *testing.T, m map[string]string) (settings, error) {
	t.Helper()
	var s settings
	err := config.Load(t.Context(), config.Map(m), &s)
	return s, err
}

func TestDefaultsHoldAndTheEnvironmentWins(t *testing.T) {
	t.Parallel()
	s, err := load(t, map[string]string{"NEED": "x", "OTHER_RETRIES": "7", "PORT": "", "SECRETS": "a,b", "ORIGIN": "https://Flint.example/"})
	if err != nil {
		t.Fatal(err)
	}
	if s.Port != 8080 || s.Wait != 5*time.Second || s.Plain.Retries != 3 || s.Other.Retries != 7 {
		t.Errorf("read %+v", s)
	}
	if len(s.Secrets) != 2 || s.Secrets[1].Reveal() != "b" || s.Origin.String() != "https://flint.example" {
		t.Errorf("read %v %v", s.Secrets, s.Origin)
	}
	kept := settings{Port: 9999}
	if err := config.Load(t.Context(), config.Map(map[string]string{"NEED": "x"}), &kept); err != nil || kept.Port != 9999 {
		t.Errorf("port %d, error %v: what was set stays where the environment says nothing", kept.Port, err)
	}
}

func TestEveryMistakeIsReportedAtOnceByNameAndNeverByValue(t *testing.T) {
	t.Parallel()
	_, err := load(t, map[string]string{
		"PORT": "canary1", "WAIT": "canary2", "RETRIES": "99999999999999999999", "OTHER_RETRIES": "10",
		"ORIGIN": "ftp://canary3", "KEY_FILE": "/does/not/exist",
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"PORT:", "WAIT:", "NEED: must be set", "RETRIES: the number is out of range", "RETRIES: at most 9", "ORIGIN:", "KEY_FILE:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("a value is quoted:\n%v", err)
	}
}

func TestValidateSeesTheWholeStruct(t *testing.T) {
	t.Parallel()
	if _, err := load(t, map[string]string{"NEED": "x", "PORT": "80"}); err == nil || err.Error() != "PORT: below 1024" {
		t.Errorf("error %v", err)
	}
}

func TestAFileStandsInForAnyVariable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s, err := load(t, map[string]string{
		"NEED": "x", "KEY_FILE": file("key", "  hunter2\n"), "OTHER_RETRIES_FILE": file("retries", "4\n"), "PORT_FILE": file("empty", "\n"),
	})
	if err != nil || s.Plain.Key.Reveal() != "hunter2" || s.Other.Retries != 4 || s.Port != 8080 {
		t.Errorf("read %+v, error %v", s, err)
	}
	if _, err := load(t, map[string]string{"NEED": "x", "KEY": "a", "KEY_FILE": file("b", "b")}); err == nil || !strings.Contains(err.Error(), "not both") {
		t.Errorf("both: error %v", err)
	}
	if _, err := load(t, map[string]string{"NEED": "x", "KEY_FILE": file("huge", strings.Repeat("x", 2<<20))}); err == nil {
		t.Error("a huge file was read")
	}
	if _, err := load(t, map[string]string{"NEED": "x", "KEY_FILE": dir}); err == nil {
		t.Error("a folder was read")
	}
}

func TestNamesListsTheVariables(t *testing.T) {
	t.Parallel()
	want := []string{"KEY", "NEED", "ORIGIN", "OTHER_KEY", "OTHER_RETRIES", "PORT", "RETRIES", "SECRETS", "WAIT"}
	if got := config.Names(&settings{}); !slices.Equal(got, want) {
		t.Errorf("names %v, want %v", got, want)
	}
}

func TestLoadNeedsAPointerToAStruct(t *testing.T) {
	t.Parallel()
	n := 1
	for _, target := range []any{nil, settings{}, &n, (*settings)(nil)} {
		if err := config.Load(t.Context(), config.Map(nil), target); err == nil {
			t.Errorf("%T was accepted", target)
		}
	}
}

func TestSecretsNeverPrint(t *testing.T) {
	t.Parallel()
	s := config.NewSecret("hunter2")
	b, _ := json.Marshal(map[string]any{"a": s, "b": []config.Secret{s}, "c": &s})
	all := fmt.Sprintf("%v %+v %#v %s %q %x %d %s", s, s, s, s, s, s, s, b)
	if strings.Contains(all, "hunter2") || strings.Contains(all, fmt.Sprintf("%x", "hunter2")) {
		t.Errorf("it shows: %s", all)
	}
	if !s.Equal(config.NewSecret("hunter2")) || s.Equal(config.NewSecret("hunter3")) || s.IsZero() {
		t.Error("comparison is wrong")
	}
}

func TestOriginsAreExactlyOneSchemeHostAndPort(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://flint.example":      "https://flint.example",
		"HTTPS://Flint.Example:8443": "https://flint.example:8443",
		"http://localhost:8080/":     "http://localhost:8080",
		"http://127.0.0.1:1":         "http://127.0.0.1:1",
		"http://[::1]:9":             "http://[::1]:9",
		"http://192.168.1.4":         "http://192.168.1.4",
		"http://a.localhost":         "http://a.localhost",
		"":                           "", "flint.example": "", "//flint.example": "", "https://": "", "https://:443": "",
		"http://flint.example": "", "https://a@flint.example": "", "https://flint.example/app": "", "https://flint.example?x": "",
		"https://flint.example#x": "", "https://flint.example?": "", "javascript:alert(1)": "", "ftp://localhost": "", "http://8.8.8.8": "",
		"http://localhost.evil.example": "", "https://fl int.example": "",
	} {
		o, err := config.ParseOrigin(text)
		if (err == nil) != (want != "") || o.String() != want {
			t.Errorf("%q became %q, error %v; want %q", text, o, err, want)
		}
	}
}

func TestLinksKeepTheirSecretInTheFragment(t *testing.T) {
	t.Parallel()
	o, err := config.ParseOrigin("https://flint.example")
	if err != nil {
		t.Fatal(err)
	}
	if got := o.Link("/verify", config.NewSecret("abc-_")); got != "https://flint.example/verify#abc-_" {
		t.Error(got)
	}
	if got := o.Link("/a b", config.Secret{}); got != "https://flint.example/a%20b" || !o.Secure() {
		t.Error(got)
	}
}

func FuzzParseOriginRoundTrips(f *testing.F) {
	for _, s := range []string{"https://flint.example", "http://localhost:8080", "http://[::1]", "x", "https://a%2fb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := config.ParseOrigin(text)
		if err != nil {
			return
		}
		if again, err := config.ParseOrigin(o.String()); err != nil || again != o {
			t.Errorf("%q became %q, which reads as %q (%v)", text, o, again, err)
		}
	})
}
