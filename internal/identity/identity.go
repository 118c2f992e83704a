// Package identity keeps people: who they are, how they prove it, and whether
// their e-mail address is theirs.
//
// The life of a person here: Register stores them with an Argon2id hash of
// their password and queues a mail. The job makes a single-use token, keeps its
// hash and mails the link; so no token is ever stored or queued in the clear.
// ConfirmEmail takes the token back and from then on the person may use Flint
// fully. Package session asks Check who stands behind an address and a password.
//
// Nothing here tells a stranger whether an address is known. Registering a
// known address, asking for a link for an unknown one, a wrong password and a
// banned person each get the answer of their harmless twin, after the same
// work: one hash, one audit entry, one job. What happened is told by mail, to
// the owner of the address.
//
// Changes that others keep copies of (confirmation, ban) are announced on the
// Postgres channel Changed, with the person's id, in the transaction that makes
// them.
package identity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/bot"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/queue"
	"flint/internal/platform/web"
	"flint/internal/ratelimit"
)

// Changed is the channel on which a person's id is sent when something about
// them changes that a session depends on.
const Changed = "flint_people"

// The faults of identity.
var (
	ErrLink = fault.New(fault.Gone, "link_invalid", "This link doesn't work any more. Ask for a new one.")
	ErrBusy = fault.New(fault.Unavailable, "busy", "Many people are signing in right now. Try again in a moment.")
)

// Config is what the operator decides about people.
type Config struct {
	// Origin is where links in mails lead; never what a request calls its host.
	Origin config.Origin `env:"FLINT_ORIGIN"`
	// NewUserTier is what a person has before they buy anything.
	NewUserTier access.Tier `env:"FLINT_NEW_USER_TIER,default=free"`
	// HashSlots is how many passwords are hashed at once, HashMemory each. 0:
	// one per core, or one less without HashCommand.
	HashSlots int `env:"FLINT_HASH_SLOTS,default=0"`
	// HashMemory and HashPasses are Argon2id's parameters, the memory in MiB. A
	// password gets a new hash at the first sign-in after they change.
	HashMemory int `env:"FLINT_HASH_MEMORY,default=19"`
	HashPasses int `env:"FLINT_HASH_PASSES,default=2"`

	// Admins are the addresses that may belong to administrators; being named here
	// is one layer of three, see access.RoleOf.
	Admins []string `env:"FLINT_ADMINS"`
	// Traders are the addresses that may trade, or "*" for everybody whose plan
	// includes it.
	Traders []string `env:"FLINT_TRADERS"`

	// HashCommand starts a process that calls HashFor, by its path and arguments: a
	// server lets that one hash. Nil: passwords are hashed in here.
	HashCommand []string

	// EndSessions ends every session of user but one in tx, with everything
	// that hangs on them. It must be set for passwords to be changed: package
	// session stands below this one, so the app plugs it in.
	EndSessions func(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, except id.Session, reason string) (int, error)

	// Bots guards the public forms; nil does without.
	Bots *bot.Guard

	// Breaches knows lost passwords; nil does without.
	Breaches Breaches

	// ForgetFactors removes in tx the second factors that were added to user since
	// then; package mfa stands below this one too. Nil: there are none.
	ForgetFactors func(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, since time.Time) error

	// Joined is told in tx of whoever is new here, with the version of the terms
	// that they accepted, perhaps none; the zero user is somebody who was here
	// before, for whom it must do as much work. CheckTerms says what is wrong with a
	// version. Both belong to packages below this one. Nil: nobody is told.
	Joined     func(ctx context.Context, tx pgx.Tx, user id.User, terms string) error
	CheckTerms func(version string) error

	Now func() time.Time // default: time.Now
	Log *slog.Logger     // default: slog.Default()
}

// Validate reports what is wrong with the settings, by variable.
func (c Config) Validate() error {
	var tier, slots error
	if !c.NewUserTier.Valid() {
		tier = errors.New("FLINT_NEW_USER_TIER: free, basic, pro or premium")
	}
	if c.HashSlots < 0 || c.HashSlots > 1024 {
		slots = errors.New("FLINT_HASH_SLOTS: 0 to 1024")
	}
	var work error
	if m, n := c.HashMemory, c.HashPasses; m < minMemory || m > maxMemory || n < 1 || n > maxPasses || m*n < leastWork {
		work = fmt.Errorf("FLINT_HASH_MEMORY, FLINT_HASH_PASSES: %d to %d MiB, 1 to %d passes, and their product at least %d", minMemory, maxMemory, maxPasses, leastWork)
	}
	_, admins := newRoll("FLINT_ADMINS", c.Admins, false)
	_, traders := newRoll("FLINT_TRADERS", c.Traders, true)
	return errors.Join(tier, slots, work, admins, traders)
}

// Person is what Flint knows about somebody, without how they prove it.
type Person struct {
	ID              id.User
	Email           string `db:"-"` // canonical; see CanonicalEmail. Sealed where it is stored, as is
	FirstName       string `db:"-"`
	LastName        string `db:"-"` // empty: not given
	Tier            access.Tier
	IsAdmin         bool
	IsSuperAdmin    bool
	EmailVerifiedAt *time.Time
	Currency        string
	TimeZone        string
	CreatedAt       time.Time
	BannedAt        *time.Time
	SecondFactor    bool // kept by package mfa
	PasswordVersion int  // goes up with each change of the password
}

// Name returns the whole name, as far as it was given.
func (p Person) Name() string { return strings.TrimSpace(p.FirstName + " " + p.LastName) }

// Confirmed reports whether the person's address is known to be theirs.
func (p Person) Confirmed() bool { return p.EmailVerifiedAt != nil }

// Banned reports whether the person may not sign in.
func (p Person) Banned() bool { return p.BannedAt != nil }

// LogValue shows the id alone in logs.
func (p Person) LogValue() slog.Value { return slog.StringValue(p.ID.String()) }

// Service is identity at work. It is safe for use by many goroutines.
type Service struct {
	cfg    Config
	pool   *pgxpool.Pool
	queue  queue.Inserter
	limits *ratelimit.Limiter
	hasher *hasher
	common []string // passwords that are tried first
	beat   time.Duration

	admins, traders roll

	again   chan struct{} // one token per look at a password after its sign-in
	running sync.WaitGroup

	unanswered atomic.Int64
}

// New returns a Service. It hashes one password, to have a dummy to compare
// with when nobody is behind an address.
func New(cfg Config, pool *pgxpool.Pool, jobs queue.Inserter, limits *ratelimit.Limiter) (*Service, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.HashMemory, cfg.HashPasses = cmp.Or(cfg.HashMemory, 19), cmp.Or(cfg.HashPasses, 2)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	cfg.NewUserTier = cmp.Or(cfg.NewUserTier, access.Free)
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Origin.IsZero() {
		return nil, errors.New("FLINT_ORIGIN: must be set, links in mails start with it")
	}
	admins, err := newRoll("FLINT_ADMINS", cfg.Admins, false)
	if err != nil {
		return nil, err
	}
	traders, err := newRoll("FLINT_TRADERS", cfg.Traders, true)
	if err != nil {
		return nil, err
	}
	var apart *helper
	if len(cfg.HashCommand) > 0 {
		apart = &helper{command: cfg.HashCommand, log: cfg.Log}
	}
	h, err := newHasher(cfg.HashSlots, hashing(cfg.HashMemory, cfg.HashPasses), apart)
	if err != nil {
		return nil, fmt.Errorf("prepare password hashing: %w", err)
	}
	common, err := readCommon()
	if err != nil {
		return nil, err
	}
	return &Service{cfg: cfg, pool: pool, queue: jobs, limits: limits, hasher: h, common: common, beat: beat, again: make(chan struct{}, 8), admins: admins, traders: traders}, nil
}

// mayMail counts one mail to an address, known or not; to one that gets too many
// it says when the next may leave.
func (s *Service) mayMail(ctx context.Context, email string) error {
	const policy = "mail-recipient"
	d, err := s.limits.AllowFor(ctx, policy, email)
	switch {
	case err != nil:
		return fmt.Errorf("count against limit %s: %w", policy, err)
	case !d.Allowed:
		return web.Refuse(d)
	}
	return nil
}

func (s *Service) now() time.Time { return s.cfg.Now().UTC() }
