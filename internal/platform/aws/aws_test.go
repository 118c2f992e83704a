package aws_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"flint/internal/platform/aws"
	far "flint/sandbox/aws"
)

func open(t *testing.T, secret string) (*far.API, *aws.Client) {
	t.Helper()
	a := far.New(far.Config{AccessKey: "AKIDFLINT", SecretKey: "right", Region: "eu-central-1"}, "alias/flint")
	server := httptest.NewServer(a.Handler())
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDFLINT")
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_SESSION_TOKEN", "")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	c, err := aws.Open(t.Context(), aws.Config{Region: "eu-central-1", Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return a, c
}

func TestKMSWrapsAndRotates(t *testing.T) {
	_, c := open(t, "right")
	key := c.Key("alias/flint")
	old, err := key.Wrap(t.Context(), []byte("a key"), []byte("bound"))
	if err != nil || strings.Contains(string(old), "a key") {
		t.Fatalf("%q, %v", old, err)
	}
	if err := key.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh, err := key.Wrap(t.Context(), []byte("a key"), []byte("bound"))
	if err != nil {
		t.Fatal(err)
	}
	for _, wrapped := range [][]byte{old, fresh} {
		if got, err := key.Unwrap(t.Context(), wrapped, []byte("bound")); err != nil || string(got) != "a key" {
			t.Errorf("%q, %v", got, err)
		}
		if got, err := key.Unwrap(t.Context(), wrapped, []byte("elsewhere")); err == nil || got != nil {
			t.Errorf("bound to something else it opened: %q", got)
		}
	}
	if _, err := c.Key("alias/other").Wrap(t.Context(), []byte("k"), nil); err == nil {
		t.Error("a key that isn't there")
	}
}

func TestSecretsManagerIsReadWithItsVersion(t *testing.T) {
	a, c := open(t, "right")
	if _, err := c.Fetch(t.Context(), "flint/prod"); !errors.Is(err, aws.ErrNoSecret) {
		t.Error(err)
	}
	a.Put("flint/prod", `{"STRIPE_SECRET_KEY":"one"}`)
	first, err := c.Fetch(t.Context(), "flint/prod")
	if err != nil {
		t.Fatal(err)
	}
	a.Put("flint/prod", `{"STRIPE_SECRET_KEY":"two"}`)
	kept, err := c.Fetch(t.Context(), "flint/prod")
	if err != nil || kept.Version == first.Version || kept.Made.IsZero() || kept.Fields["STRIPE_SECRET_KEY"].Reveal() != "two" {
		t.Errorf("%v, %v", kept, err)
	}
	a.Put("flint/prod", `not json`)
	if _, err := c.Fetch(t.Context(), "flint/prod"); err == nil || strings.Contains(err.Error(), "not json\"") {
		t.Error(err)
	}
}

func TestAWrongSignatureIsRefused(t *testing.T) {
	_, c := open(t, "wrong")
	if _, err := c.Key("alias/flint").Wrap(t.Context(), []byte("k"), nil); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Error(err)
	}
}
