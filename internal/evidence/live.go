package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/envelope"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web"
	"flint/internal/ratelimit"
	"flint/internal/rotation"
	"flint/internal/siem"
)

// System is the configured system that checks look at. None of them changes
// anything, and none needs it to be serving. The context of a report must see
// everybody's rows.
type System struct {
	Version string
	Origin  string // as people reach it
	Pool    *pgxpool.Pool
	Handler http.Handler
	Routes  []web.Route

	Limits   []ratelimit.Policy
	Loosened []string // limits against guessing that are weaker than Flint's own

	Layers func(context.Context) ([]envelope.Layer, error)   // of keys
	Ages   func(context.Context) ([]rotation.Age, error)     // of keys, by their schedule
	Opens  func(context.Context) ([]envelope.Finding, error) // every sealed value
	Ring   string                                            // file of the master key; empty: it is in a key service

	Export   func(context.Context, io.Writer) error // of the audit log
	Mirror   string                                 // file of its checkpoints
	AuditKey string                                 // its public key, kept apart; empty: the log's own is believed

	Receivers func(context.Context) ([]siem.Status, error) // of the audit log

	Migrations func(context.Context) ([]postgres.Migration, error)

	HashMemory, HashPasses     int // of passwords: MiB, passes
	AccessTTL, IdleTTL, MaxTTL time.Duration
	SigningKeyAge              time.Duration
	Breaches                   bool     // passwords are looked for among leaked ones
	Modules                    []Module // see the func Modules
	Now                        func() time.Time
}

// check is one look at the system. It returns what it saw; an error says what is
// wrong.
type check struct {
	name, what string
	run        func(context.Context, System) (string, error)
}

// checks lists them in the order of a report.
func checks() []check {
	return []check{
		{"row-policies", "every table with rows of people is under policies that bind its owner too", rowPolicies},
		{"role", "the program's database role can't get around the policies", roleIsHeld},
		{"audit-append", "the program's role can add to the audit log and not change it", auditAppends},
		{"audit-proof", "the audit log is whole, by its signatures and its mirror", auditHolds},
		{"sealed-values", "every sealed value opens in its place", valuesOpen},
		{"key-age", "the key-encryption key in use is less than a year old, the signing key less than its age", keyAges},
		{"rotation", "no key is older than the schedule says, and no exchange of keys hangs", rotationHolds},
		{"receivers", "every receiver of the audit log takes it, none is an hour behind", receiversFollow},
		{"master-key", "the master key is in a key service, or in a file that nobody else reads", masterKey},
		{"schema", "every migration of the schema has run", schemaIsCurrent},
		{"database-wire", "the database is reached on this machine or by TLS", databaseWire},
		{"sessions", "idle and absolute lifetimes are set, and no stored session goes beyond", sessionsEnd},
		{"password-hash", "passwords are hashed by Argon2id with enough memory and passes", passwordHash},
		{"breached-passwords", "chosen passwords are looked for among leaked ones", breachedPasswords},
		{"limits", "every operation has a limit, and none against guessing is loosened", limitsHold},
		{"doors", "what isn't public refuses strangers, and isn't stored by caches", doorsAreShut},
		{"step-up", "what changes how people sign in demands a fresh proof", stepUps},
		{"staff", "what staff do demands a second factor", staffProve},
		{"origin-check", "only signed webhooks are exempt from the check of the origin", exemptions},
		{"headers", "every answer carries the guarding headers", headersGuard},
		{"hsts", "every answer demands HTTPS for a year and more", hstsHolds},
		{"signing-keys", "the keys that sign are Ed25519, their private halves sealed, and public halves alone are published", signingKeys},
		{"nothing-extra", "no debugging, monitoring or source control is served", nothingExtra},
		{"no-questions", "no operation takes a hint or the answer to a secret question", noQuestions},
		{"staff-passwords", "no operation of staff takes a password", staffChooseNone},
		{"card-data", "no operation and no table has a field for a card's number, expiry or security code", noCardData},
		{"methods", "TRACE and CONNECT are refused", methodsRefused},
		{"components", "every module is known by version and checksum", componentsKnown},
	}
}

// errNothingYet is returned by a check that has nothing to look at.
var errNothingYet = errors.New("there is nothing to look at: no server has run yet")

// runChecks runs all of them, one after the other.
func runChecks(ctx context.Context, sys System) map[string]Proof {
	seen := map[string]Proof{}
	for _, c := range checks() {
		p := Proof{ACheck, "live:" + c.name, Holds, ""}
		detail, err := c.run(ctx, sys)
		if p.Detail = c.what + ": " + detail; err != nil {
			p.State, p.Detail = Fails, "it doesn't hold that "+c.what+": "+err.Error()
		}
		if errors.Is(err, errNothingYet) {
			p.State, p.Detail = NotSeen, c.what+": "+err.Error()
		}
		if ctx.Err() != nil {
			p.State, p.Detail = NotSeen, fmt.Sprintf("the report was stopped (%v)", ctx.Err())
		}
		seen[c.name] = p
	}
	return seen
}
