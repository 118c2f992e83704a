package app_test

import (
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flint/internal/app"
	"flint/internal/config"
	faraws "flint/sandbox/aws"
	farvault "flint/sandbox/vault"
)

// strong are secrets that nobody objects to.
const (
	strong      = "Vw8zq3LtN5xPf0RkYb2s"
	otherStrong = "cK7mJd4HgT9uXa6EoZ1n"
)

func environ(vars map[string]string) []string {
	var all []string
	for name, value := range vars {
		all = append(all, name+"="+value)
	}
	return all
}

// fileOf writes a file with a mode, whatever the umask says.
func fileOf(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestProductionRefusesWeakSettings is the table of what keeps Flint from
// starting where people come by https. Each case adds to settings that are fine.
func TestProductionRefusesWeakSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set  map[string]string
		want string // the variable that is named; empty: it starts
		says string
	}{
		"good settings":                     {nil, "", ""},
		"a good password":                   {map[string]string{"DATABASE_URL": "postgres://u:" + strong + "@db/flint?sslmode=verify-full"}, "", ""},
		"sslmode absent":                    {map[string]string{"DATABASE_URL": "postgres://u:" + strong + "@db/flint"}, "DATABASE_URL", "sslmode is prefer"},
		"sslmode prefer":                    {map[string]string{"DATABASE_URL": "postgres://u:" + strong + "@db/flint?sslmode=prefer"}, "DATABASE_URL", "sslmode is prefer"},
		"sslmode allow":                     {map[string]string{"DATABASE_URL": "host=db sslmode=allow user=u password=" + strong}, "DATABASE_URL", "sslmode is allow"},
		"sslmode disable":                   {map[string]string{"DATABASE_MIGRATE_URL": "postgres://u:" + strong + "@db/flint?sslmode=disable"}, "DATABASE_MIGRATE_URL", "sslmode is disable"},
		"sslmode of the second host":        {map[string]string{"DATABASE_URL": "postgres://u:" + strong + "@localhost,db/flint?sslmode=disable"}, "DATABASE_URL", "sslmode is disable"},
		"sslmode require":                   {map[string]string{"DATABASE_URL": "postgres://u:" + strong + "@db/flint?sslmode=require"}, "", ""},
		"no sslmode on this machine":        {map[string]string{"DATABASE_URL": "postgres://u:" + strong + "@127.0.0.1/flint"}, "", ""},
		"no password":                       {map[string]string{"DATABASE_URL": "postgres://u@/flint?host=/run/postgresql"}, "", ""},
		"a password in the other form":      {map[string]string{"DATABASE_URL": "host=db sslmode=verify-full user=u password=" + strong}, "", ""},
		"a short password":                  {map[string]string{"DATABASE_URL": "postgres://u:a8Xq@db/flint"}, "DATABASE_URL", "fewer than 12"},
		"the same in the other form":        {map[string]string{"DATABASE_URL": "host=db password=a8Xq user=u"}, "DATABASE_URL", "fewer than 12"},
		"a default password":                {map[string]string{"DATABASE_URL": "postgres://u:postgres-password@db/flint"}, "DATABASE_URL", "default"},
		"a placeholder":                     {map[string]string{"RESEND_API_KEY": "re_your-key-goes-here"}, "RESEND_API_KEY", "placeholder"},
		"a pattern":                         {map[string]string{"TELLER_WEBHOOK_SECRETS": "0000000000000000"}, "TELLER_WEBHOOK_SECRETS", "pattern"},
		"a word with digits":                {map[string]string{"TELLER_WEBHOOK_SECRETS": "password12345678"}, "TELLER_WEBHOOK_SECRETS", "default"},
		"one of two that is weak":           {map[string]string{"TELLER_WEBHOOK_SECRETS": strong + ",short"}, "TELLER_WEBHOOK_SECRETS", "fewer than 16"},
		"a short key of SnapTrade's":        {map[string]string{"SNAPTRADE_CLIENT_ID": "C", "SNAPTRADE_CONSUMER_KEY": "a8Xq"}, "SNAPTRADE_CONSUMER_KEY", "fewer"},
		"one secret for two things":         {map[string]string{"TELLER_WEBHOOK_SECRETS": strong, "FLINT_KEYRING_PASSPHRASE": strong}, "TELLER_WEBHOOK_SECRETS", "same secret as FLINT_KEYRING_PASSPHRASE"},
		"one password for owner and app":    {map[string]string{"DATABASE_URL": "postgres://u:" + strong + "@db/f", "DATABASE_MIGRATE_URL": "postgres://o:" + strong + "@db/f"}, "DATABASE_URL", "same secret"},
		"two secrets for two things":        {map[string]string{"TELLER_WEBHOOK_SECRETS": strong, "FLINT_KEYRING_PASSPHRASE": otherStrong}, "", ""},
		"a file for everybody":              {map[string]string{"RESEND_API_KEY_FILE": fileOf(t, "re_"+strong, 0o644)}, "RESEND_API_KEY_FILE", "0644"},
		"a file that everybody may write":   {map[string]string{"RESEND_API_KEY_FILE": fileOf(t, "re_"+strong, 0o602)}, "RESEND_API_KEY_FILE", "0602"},
		"a file for its group":              {map[string]string{"RESEND_API_KEY_FILE": fileOf(t, "re_"+strong, 0o640)}, "", ""},
		"a file that holds nothing secret":  {map[string]string{"MAIL_FROM_FILE": fileOf(t, "a@flint.example", 0o644)}, "", ""},
		"a key ring for everybody":          {map[string]string{"FLINT_KEYRING": fileOf(t, "", 0o644)}, "FLINT_KEYRING", "0644"},
		"a slip of the pen":                 {map[string]string{"FLINT_RISK_HOLDS": "1"}, "FLINT_RISK_HOLDS", "FLINT_RISK_HOLD may have been meant"},
		"a slip in the name of a file":      {map[string]string{"FLINT_KMSS_FILE": "/x"}, "FLINT_KMSS_FILE", "nothing reads"},
		"what Kubernetes says of a service": {map[string]string{"FLINT_SERVICE_HOST": "10.0.0.1", "FLINT_PORT_8080_TCP": "tcp://10.0.0.1"}, "", ""},
		"Vault in clear":                    {map[string]string{"VAULT_ADDR": "http://vault.example:8200", "VAULT_TOKEN": strong}, "VAULT_ADDR", "in clear"},
		"Vault in clear on this machine":    {map[string]string{"VAULT_ADDR": "http://127.0.0.1:8200", "VAULT_TOKEN": strong}, "", ""},
		"Vault's root of a trial":           {map[string]string{"VAULT_ADDR": "https://vault.example:8200", "VAULT_TOKEN": "root"}, "VAULT_TOKEN", "fewer"},
		"the banner of the demo":            {map[string]string{"FLINT_DEMO_SANDBOX": "http://localhost:1"}, "FLINT_DEMO_SANDBOX", "demo"},
	} {
		for origin, production := range map[string]bool{"https://flint.example": true, "http://localhost:8080": false} {
			vars := map[string]string{"FLINT_ORIGIN": origin}
			maps.Copy(vars, c.set)
			s, err := app.ReadSettings(t.Context(), environ(vars))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			err = app.Refusals(s.Check(time.Now()))
			switch {
			case !production || c.want == "":
				if err != nil {
					t.Errorf("%s at %s: %v", name, origin, err)
				}
			case err == nil || !strings.Contains(err.Error(), c.want+": ") || !strings.Contains(err.Error(), c.says):
				t.Errorf("%s: %v, want %s: …%s…", name, err, c.want, c.says)
			}
			for _, value := range []string{strong, otherStrong, "a8Xq", "your-key", "12345678"} {
				if err != nil && strings.Contains(err.Error(), value) {
					t.Errorf("%s: a value is quoted: %v", name, err)
				}
			}
		}
	}
}

func TestSettingsComeFromVaultAndSecretsManagerWithOriginVersionAndAge(t *testing.T) {
	made := time.Now().Add(-200 * 24 * time.Hour)
	v := farvault.New(farvault.Config{Token: strong, Now: func() time.Time { return made }})
	v.Put("secret", "flint/prod", map[string]string{"smtp": "old"})
	v.Put("secret", "flint/prod", map[string]string{"smtp": "smtp://u:" + strong + "@mail.example:587", "teller": otherStrong + "x," + otherStrong + "y", "from": "Flint <a@flint.example>"})
	a := faraws.New(faraws.Config{AccessKey: "AKIDFLINT", SecretKey: "right", Region: "eu-central-1"})
	a.Put("flint/prod", `{"url":"postgres://u:`+otherStrong+`@db/flint","port":5432}`)
	atVault, atAWS := httptest.NewServer(v.Handler()), httptest.NewServer(a.Handler())
	t.Cleanup(atVault.Close)
	t.Cleanup(atAWS.Close)
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDFLINT", "AWS_SECRET_ACCESS_KEY": "right", "AWS_SESSION_TOKEN": "", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	} {
		t.Setenv(name, value)
	}
	vars := map[string]string{
		"FLINT_ORIGIN": "https://flint.example", "VAULT_ADDR": atVault.URL, "VAULT_TOKEN": strong + "t", "AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": atAWS.URL,
		"SMTP_URL": "secret://vault/secret/flint/prod#smtp", "MAIL_FROM": "secret://vault/secret/flint/prod#from",
		"TELLER_WEBHOOK_SECRETS": "secret://vault/secret/flint/prod#teller", "DATABASE_URL": "secret://aws/flint/prod#url",
	}
	if _, err := app.ReadSettings(t.Context(), environ(vars)); err == nil || strings.Contains(err.Error(), strong) {
		t.Errorf("a wrong token: %v", err)
	}
	vars["VAULT_TOKEN"] = strong
	s, err := app.ReadSettings(t.Context(), environ(vars))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Config.Teller.WebhookSecrets); n != 2 || s.Config.Mail.From != "Flint <a@flint.example>" || !strings.Contains(s.Config.Database.URL.Reveal(), otherStrong) {
		t.Errorf("%d webhook secrets, from %q", n, s.Config.Mail.From)
	}
	if calls := v.Calls("read"); calls != 1 {
		t.Errorf("one secret was read %d times", calls)
	}
	rows := map[string]app.Row{}
	for _, r := range s.Rows(time.Now()) {
		rows[r.Setting.Name] = r
		if strings.Contains(r.Text, strong) || strings.Contains(r.Text, otherStrong) || r.Setting.Name == "MAIL_FROM" && r.Text != "[secret]" {
			t.Errorf("%s shows %q", r.Setting.Name, r.Text)
		}
	}
	if r := rows["SMTP_URL"]; r.Kind != config.FromStore || r.Version != "2" || r.Age != 200 || r.Rotation.Days != 180 {
		t.Errorf("%+v", r)
	}
	if r := rows["DATABASE_URL"]; r.Where != "secret://aws/flint/prod#url" || r.Version == "" || r.Age != 0 || r.Rotation.Days != 90 {
		t.Errorf("%+v", r)
	}
	if r := rows["FLINT_LISTEN"]; r.Kind != config.FromDefault || r.Text != "127.0.0.1:8080" || r.Age != -1 {
		t.Errorf("%+v", r)
	}
	old := false
	for _, f := range s.Check(time.Now()) {
		old = old || f.Name == "SMTP_URL" && strings.Contains(f.Text, "200 days old") && !f.Refused
	}
	if !old {
		t.Error("nobody is told of the old secret")
	}
	v.Seal(true)
	if _, err := app.ReadSettings(t.Context(), environ(vars)); err == nil {
		t.Error("a sealed Vault: Flint would start without its secrets")
	}
	for _, name := range []string{"VAULT_TOKEN", "VAULT_ADDR", "AWS_REGION"} {
		if _, err := app.ReadSettings(t.Context(), environ(map[string]string{"FLINT_ORIGIN": "http://localhost", name: "secret://vault/a/b#c"})); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s by reference: %v", name, err)
		}
	}
}

func TestSlipsAreToldWithEverythingElseThatIsWrong(t *testing.T) {
	t.Parallel()
	s, err := app.ReadSettings(t.Context(), []string{"FLINT_ORGIN=https://flint.example", "DATABASE_MAX_CONNS=many"})
	if err == nil || !strings.Contains(err.Error(), "FLINT_ORIGIN") || !strings.Contains(err.Error(), "DATABASE_MAX_CONNS") {
		t.Errorf("%v", err)
	}
	if len(s.Unknown) != 1 || s.Unknown[0] != "FLINT_ORGIN" {
		t.Errorf("unknown: %v", s.Unknown)
	}
}
