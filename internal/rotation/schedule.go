package rotation

import "time"

// Layer is a kind of key that Flint exchanges.
type Layer string

// The layers, from the top. What an upper one wraps is moved before a lower one is
// begun.
const (
	Master  Layer = "master"
	KEK     Layer = "kek"
	Data    Layer = "data"
	Signing Layer = "signing" // access tokens
)

// Who exchanges a key.
type Who string

// Nobody does it for keys that can't be exchanged; Why says the reason.
const (
	Flint    Who = "flint"    // by itself
	Operator Who = "operator" // is reminded
	Nobody   Who = "nobody"
)

const day = 24 * time.Hour

// Rule says how old one kind of key or secret may get (PRD 3.1).
type Rule struct {
	Name  string
	Layer Layer // empty for what Flint doesn't make
	Every time.Duration
	By    Who
	Why   string // why not Flint
}

// Kinds of secrets that other people make.
const (
	Databases  = "database credentials"
	APIKeys    = "API keys and provider secrets" //nolint:gosec // a name
	Passphrase = "passphrase of the key ring"
)

// Schedule is the table of all rules, for a master key that this KMS holds. A test
// holds docs/security/keys.md to it.
func Schedule(kms string) []Rule {
	master := Rule{"master key", Master, 365 * day, Flint, ""}
	if kms == "ring" {
		master.By = Operator
		master.Why = "copies of the key ring, backups and other nodes', would no longer open what it wraps: flint keys rotate --master, then copy the file again"
	}
	return []Rule{
		master,
		{"key-encryption key", KEK, 365 * day, Flint, ""},
		{"data keys", Data, 365 * day, Flint, ""},
		{"keys that sign access tokens", Signing, 30 * day, Flint, ""},
		{"hashing key", "", 0, Nobody, "what it hashed can't be computed again: tokens and codes aren't kept in clear"},
		{"key that signs the audit log", "", 0, Nobody, "who verifies the log keeps its public half apart; a new one would be the mark of a forger"},
		{Databases, "", 90 * day, Operator, "flint config print shows their age; or lend them by Vault (DATABASE_LOGIN)"},
		{APIKeys, "", 180 * day, Operator, "others make them; flint config print shows their age"},
		{Passphrase, "", 365 * day, Operator, "it is chosen by people; flint config print shows its age"},
	}
}

// After is how old secrets of a kind may get that others make.
func After(kind string) time.Duration {
	for _, r := range Schedule("") {
		if r.Name == kind {
			return r.Every
		}
	}
	return 0
}

// together is how far ahead data keys are exchanged with those that are due: else
// people who came on different days would keep a table busy every day.
const together = 30 * day
