package envelope_test

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/platform/aws"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/vault"
	faraws "flint/sandbox/aws"
	farvault "flint/sandbox/vault"
)

// house is a KMS of each kind, and what makes it unreachable.
type house struct {
	kms  envelope.KMS
	down func(bool)
}

func houses(t *testing.T) map[string]house {
	t.Helper()
	ring, err := envelope.OpenRing(filepath.Join(t.TempDir(), "ring"), config.Secret{})
	if err != nil {
		t.Fatal(err)
	}

	v := farvault.New(farvault.Config{Token: "root"})
	vaultServer := httptest.NewServer(v.Handler())
	t.Cleanup(vaultServer.Close)
	client, err := vault.Open(t.Context(), vault.Config{Address: vaultServer.URL, Token: config.NewSecret("root")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)

	a := faraws.New(faraws.Config{AccessKey: "AKIDFLINT", SecretKey: "s", Region: "eu-central-1"}, "alias/flint")
	awsServer := httptest.NewServer(a.Handler())
	t.Cleanup(awsServer.Close)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDFLINT", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "", "AWS_MAX_ATTEMPTS": "1",
		"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	} {
		t.Setenv(name, value)
	}
	amazon, err := aws.Open(t.Context(), aws.Config{Region: "eu-central-1", Endpoint: awsServer.URL})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]house{
		"ring": {kms: ring}, "vault": {client.Transit("transit", "flint"), v.Seal}, "aws": {amazon.Key("alias/flint"), a.Down},
	}
}

func TestEveryKMSHoldsTheMasterKey(t *testing.T) {
	for name, h := range houses(t) {
		t.Run(name, func(t *testing.T) {
			pool := pgtest.New(t)
			open := func() (*envelope.Keys, error) {
				return envelope.Open(t.Context(), envelope.Config{KMS: h.kms, Pool: pool})
			}
			k, err := open()
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			ref := envelope.Ref{Owner: id.New[id.User](), Place: "p", Row: "r"}
			sealed := seal(t, k, ref, "x")
			if err := k.RotateMaster(t.Context()); err != nil {
				t.Fatal(err)
			}
			again, err := open()
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			if got, err := again.Open(t.Context(), ref, sealed); err != nil || string(got) != "x" {
				t.Errorf("%q, %v", got, err)
			}
			if h.down == nil {
				return
			}
			// Without its KMS a node that runs goes on, and none starts.
			h.down(true)
			defer h.down(false)
			seal(t, k, envelope.Ref{Owner: id.New[id.User](), Place: "p", Row: "another"}, "y")
			if _, err := open(); err == nil {
				t.Error("a node started without its KMS")
			}
		})
	}
}

func TestTheMasterKeyMovesToAnotherKMS(t *testing.T) {
	all := houses(t)
	pool := pgtest.New(t)
	k, err := envelope.Open(t.Context(), envelope.Config{KMS: all["ring"].kms, Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	ref := envelope.Ref{Owner: id.New[id.User](), Place: "p", Row: "r"}
	sealed := seal(t, k, ref, "x")
	if err := k.Move(t.Context(), all["vault"].kms); err != nil {
		t.Fatal(err)
	}
	_, err = envelope.Open(t.Context(), envelope.Config{KMS: all["ring"].kms, Pool: pool})
	if err == nil || !strings.Contains(err.Error(), "vault:transit/flint") {
		t.Errorf("the ring still opens it, or nobody says what does: %v", err)
	}
	moved, err := envelope.Open(t.Context(), envelope.Config{KMS: all["vault"].kms, Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer moved.Close()
	if got, err := moved.Open(t.Context(), ref, sealed); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}
