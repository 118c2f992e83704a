package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"flint/internal/config"
	"flint/internal/rotation"
)

// Finding is something that is wrong with the settings, or could be better.
type Finding struct {
	Name    string // the variable
	Text    string // never with a value
	Refused bool   // Flint doesn't start with it where people come by https
}

func (f Finding) String() string { return f.Name + ": " + f.Text }

// Refusals returns the findings that keep Flint from starting, as one error.
// Where people don't come by https nothing does: it is somebody's own machine.
func Refusals(found []Finding) error {
	var b strings.Builder
	for _, f := range found {
		if f.Refused {
			fmt.Fprintf(&b, "\n%s", f)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return fmt.Errorf("these settings are too weak for production:%s", b.String())
}

// Warn logs what the settings could do better, and returns what keeps Flint from
// starting.
func (s *Settings) Warn(ctx context.Context, now time.Time, log *slog.Logger) error {
	found := s.Check(now)
	for _, f := range found {
		if !f.Refused {
			log.WarnContext(ctx, "a setting could be safer", "variable", f.Name, "because", f.Text)
		}
	}
	return Refusals(found)
}

// Rotation is how old a secret should get, by what it is (PRD 3.1).
type Rotation struct {
	Kind string
	Days int
}

// Rotations of the variables that hold secrets.
func rotationOf(name string) Rotation {
	switch name {
	case "DATABASE_URL", "DATABASE_MIGRATE_URL", "REDIS_URL":
		return Rotation{"database credentials", days(rotation.Databases)}
	case "FLINT_KEYRING_PASSPHRASE":
		return Rotation{"encryption key", days(rotation.Passphrase)}
	}
	return Rotation{"API key", days(rotation.APIKeys)}
}

func days(kind string) int { return int(rotation.After(kind) / (24 * time.Hour)) }

// Row is a line of `flint config print`.
type Row struct {
	config.Setting
	config.Provenance
	Rotation Rotation // zero for what isn't secret
	Age      int      // in days; -1 if nobody knows
}

// Rows lists every setting with its origin, what is secret masked.
func (s *Settings) Rows(now time.Time) []Row {
	var rows []Row
	for _, setting := range config.Settings(&s.Config) {
		r := Row{Setting: setting, Provenance: s.From.From(setting.Name), Age: -1}
		if r.Kind == config.FromStore && !setting.Secret { // whoever keeps it in a store means it to be secret
			r.Text = config.NewSecret(setting.Text).String()
		}
		if setting.Secret && len(setting.Values) > 0 {
			r.Rotation = rotationOf(setting.Name)
			if !r.Made.IsZero() {
				r.Age = max(0, int(now.Sub(r.Made)/(24*time.Hour)))
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// Check looks at settings that could be loaded for what is unsafe.
func (s *Settings) Check(now time.Time) []Finding {
	var found []Finding
	production := s.Config.Origin.Secure()
	refuse := func(name, text string, args ...any) {
		found = append(found, Finding{Name: name, Text: fmt.Sprintf(text, args...), Refused: production})
	}
	warn := func(name, text string, args ...any) {
		found = append(found, Finding{Name: name, Text: fmt.Sprintf(text, args...)})
	}
	for _, name := range s.Unknown {
		refuse(name, "nothing reads a variable of this name%s", near(name))
	}
	rows := s.Rows(now)
	secrets(rows, refuse, warn)
	s.files(refuse)
	s.ways(refuse)
	s.databases(refuse, warn)
	s.choices(refuse, warn)
	slices.SortStableFunc(found, func(a, b Finding) int { return strings.Compare(a.Name, b.Name) })
	return found
}

type say func(name, text string, args ...any)

// ours are secrets that people choose or that Flint's providers make long: what
// is shorter than this was cut off, or made up.
var ours = map[string]int{
	"FLINT_KEYRING_PASSPHRASE": 16, "TELLER_WEBHOOK_SECRETS": 16, "SNAPTRADE_CONSUMER_KEY": 16,
	"SNAPTRADE_PREVIOUS_CONSUMER_KEY": 16, "CAPTCHA_SECRET": 16, "FLINT_SIEM_TOKEN": 16, "RESEND_API_KEY": 16, "VAULT_TOKEN": 16, "VAULT_SECRET_ID": 16,
	"DATABASE_URL": 12, "DATABASE_MIGRATE_URL": 12, "REDIS_URL": 12, "SMTP_URL": 8,
}

// secrets looks for those that are short, guessable, used twice or old.
func secrets(rows []Row, refuse, warn say) {
	first := map[string]string{} // by the secret
	for _, r := range rows {
		for _, v := range r.Values {
			text, is := essence(v)
			if !is {
				continue
			}
			if least := ours[r.Setting.Name]; len(text) < least {
				refuse(r.Setting.Name, "its secret has fewer than %d characters", least)
			} else if guessable(text) {
				refuse(r.Setting.Name, "its secret is a placeholder, a default, or a pattern that anybody guesses")
			}
			if other, taken := first[text]; taken {
				refuse(r.Setting.Name, "has the same secret as %s: whoever learns one has both", other)
			} else {
				first[text] = r.Setting.Name
			}
		}
		if r.Age > r.Rotation.Days && r.Rotation.Days > 0 {
			warn(r.Setting.Name, "is %d days old; a %s should change every %d", r.Age, r.Rotation.Kind, r.Rotation.Days)
		}
	}
}

// essence returns what is secret in a value: of a connection string its password.
func essence(v config.Secret) (string, bool) {
	text := v.Reveal()
	if scheme, _, is := strings.Cut(text, "://"); is && !strings.ContainsAny(scheme, " =@") {
		u, err := url.Parse(text)
		if err != nil || u.User == nil {
			return "", false
		}
		return u.User.Password()
	}
	if _, rest, is := strings.Cut(text, "password="); is && strings.Contains(text, "host=") {
		password, _, _ := strings.Cut(rest, " ")
		return strings.Trim(password, "'"), true
	}
	return text, !strings.Contains(text, "host=")
}

var placeholders = []string{"changeme", "change-me", "change_me", "changeit", "replaceme", "replace-me", "your-", "your_", "<", "placeholder", "dummy", "insecure"}

var defaults = []string{
	"password", "passwort", "secret", "postgres", "root", "admin", "flint", "test", "example", "default", "guest", "redis", "vault",
	"letmein", "qwerty", "hunter", "dev", "demo", "sandbox", "token", "key", "api", "my", "the", "super",
}

// guessable reports whether a secret is put together of words that stand in
// examples, of digits that count, or of few different characters.
func guessable(text string) bool {
	low := strings.ToLower(text)
	for _, p := range placeholders {
		if strings.Contains(low, p) {
			return true
		}
	}
	different := map[rune]bool{}
	for _, r := range low {
		different[r] = true
	}
	if len(different) < 6 {
		return true
	}
	for _, w := range slices.SortedFunc(slices.Values(defaults), func(a, b string) int { return len(b) - len(a) }) {
		low = strings.ReplaceAll(low, w, "")
	}
	rest := strings.Trim(low, "0123456789-_.!?*# ")
	return len(rest) <= 2
}

// files looks for secrets in files that everybody on the machine may read.
func (s *Settings) files(refuse say) {
	look := func(name, path string) {
		info, err := os.Stat(path)
		if path == "" || err != nil {
			return // what needs the file says so itself
		}
		if info.Mode().Perm()&0o007 != 0 {
			refuse(name, "everybody on the machine may open its file (mode %04o): chmod o= it", info.Mode().Perm())
		}
	}
	for _, setting := range config.Settings(&s.Config) {
		if from := s.From.From(setting.Name); setting.Secret && from.Kind == config.FromFile {
			look(setting.Name+"_FILE", from.Where)
		}
	}
	look("FLINT_TLS_KEY", s.Config.Web.TLSKey)
	look("TELLER_KEY_FILE", s.Config.Teller.KeyFile)
	look("FLINT_KEYRING", s.Config.Keys.Ring)
}

// ways looks for secrets that travel in clear.
func (s *Settings) ways(refuse say) {
	for _, w := range []struct{ name, address string }{
		{"VAULT_ADDR", s.Config.Vault.Address}, {"AWS_ENDPOINT_URL", s.Config.AWS.Endpoint},
		{"TELLER_BASE_URL", s.Config.Teller.BaseURL}, {"SNAPTRADE_BASE_URL", s.Config.Snaptrade.BaseURL},
		{"RESEND_BASE_URL", s.Config.Mail.ResendBaseURL}, {"CAPTCHA_BASE_URL", s.Config.Captcha.BaseURL},
	} {
		if u, err := url.Parse(w.address); err == nil && u.Scheme == "http" && !here(u.Hostname()) {
			refuse(w.name, "secrets would travel there in clear: use https")
		}
	}
}

// here reports whether a host is this machine.
func here(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// choices looks at what is switched off.
func (s *Settings) choices(refuse, warn say) {
	c := s.Config
	if c.Demo.SandboxURL != "" {
		refuse("FLINT_DEMO_SANDBOX", "is for flint demo alone")
	}
	if c.Database.AllowOwner {
		warn("DATABASE_ALLOW_OWNER", "row-level security may not hold Flint back")
	}
	if c.Origin.Secure() && (c.Keys.KMS == "" || c.Keys.KMS == "ring") && c.Keys.Passphrase.IsZero() {
		warn("FLINT_KEYRING_PASSPHRASE", "isn't set: whoever copies the key ring can open what it seals; or let FLINT_KMS name a key in Vault or AWS")
	}
	for _, sink := range c.SIEM.Sinks {
		if u, err := url.Parse(sink); err == nil && u.Scheme == "syslog" && !here(u.Hostname()) {
			warn("FLINT_SIEM", "the audit log travels in clear to %s, and whoever is on the way may change it: syslog+tls", u.Host)
		}
	}
	if c.Risk.Mode == "off" {
		warn("FLINT_RISK", "unusual sign-ins aren't noticed")
	}
	if c.Bots.When == "off" {
		warn("FLINT_BOTS", "programs may fill the public forms in")
	}
	if !c.Breaches.Enabled() {
		warn("HIBP_BASE_URL", "passwords known from breaches are taken")
	}
	if c.Session.KeyAge > 30*24*time.Hour {
		warn("FLINT_SIGNING_KEY_AGE", "a session secret should change every 30 days")
	}
}

// near says which variable may have been meant.
func near(name string) string {
	best, least := "", 3
	for _, known := range config.Names(&Config{}) {
		if d := distance(name, known); d < least {
			best, least = known, d
		}
	}
	if best == "" {
		return ""
	}
	return "; " + best + " may have been meant"
}

// distance counts the letters that must be changed, added or left out (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
