// Package session keeps people signed in, and signs them out within a second.
//
// The life of a session: SignIn (or a one-time link) makes it, with an access
// token and a refresh token. The access token is a JWT signed with Ed25519, good
// for 20 minutes, and carries who it is and which session it belongs to. The
// refresh token is 256 random bits, of which only the hash is stored; each use
// replaces it by its child. The session ends when it wasn't refreshed for 7
// days, when it is 30 days old, or when somebody revokes it.
//
// Two deliveries, and nothing between them. Web: both tokens are cookies that
// no script reads. Mobile (X-Mobile-App: true): both are in the body, and no
// cookie is set. A request with an Authorization header, or from the mobile
// app, never has its cookies looked at; a token of one delivery is nothing to
// the other.
//
// Refreshing twice is not an attack: two tabs do it, a phone in a tunnel does.
// The child of a refresh token is derived from it (envelope.Mac), so the same
// client that comes again within 20 seconds gets the same child. After that, or
// from another client, the token must have been copied: the session is revoked.
//
// A browser that is in use needn't refresh all the time: its access cookie is
// renewed by the answers to ordinary requests; see slide.go.
//
// Who has a second factor (package mfa) gets no session for the password or the
// link alone, but a challenge, good for five minutes: the session begins with
// the factor, see challenge.go.
//
// A session also knows when its person last proved who they are: by password,
// by second factor (access.Proofs). Operations that demand a fresh proof are
// refused with step_up_required until StepUp renews it; see stepup.go.
//
// No request reads the database to know that a session is alive. What is known
// about a session is cached, and every change announced by Postgres (channels
// Revoked and identity.Changed) drops it; see live.go. A node that isn't sure of
// hearing every announcement reads the database instead.
package session

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/bot"
	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/geo"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/mfa"
	"flint/internal/platform/queue"
	"flint/internal/risk"
)

// Revoked is the channel on which the ids of sessions are sent that were
// revoked, or whose person proved themselves anew.
const Revoked = "flint_sessions"

// KeysChanged is the channel on which the id of a signing key is sent that takes
// the place of others at once.
const KeysChanged = "flint_signing_keys"

// The faults of session. Old clients know the codes in capitals.
var (
	ErrNoToken     = fault.New(fault.Unauthenticated, "NO_TOKEN", "Sign in first.")
	ErrExpired     = fault.New(fault.Unauthenticated, "TOKEN_EXPIRED", "The access token has expired. Refresh it.")
	ErrToken       = fault.New(fault.Unauthenticated, "INVALID_TOKEN", "You are not signed in any more. Sign in again.")
	ErrCredentials = fault.New(fault.Unauthenticated, "bad_credentials", "The e-mail address or the password is wrong.")
)

// Delivery is how a session's tokens reach its client.
type Delivery string

// The deliveries.
const (
	Web    Delivery = "web"
	Mobile Delivery = "mobile"
)

// Config is how long sessions live. The defaults are those of the package
// comment.
type Config struct {
	// Origin is the issuer of access tokens; https makes cookies Secure.
	Origin config.Origin `env:"FLINT_ORIGIN"`
	// AccessTTL is the life of an access token.
	AccessTTL time.Duration `env:"FLINT_ACCESS_TTL,default=20m"`
	// IdleTTL is how long a session lives without being refreshed.
	IdleTTL time.Duration `env:"FLINT_SESSION_IDLE,default=168h"`
	// MaxTTL is how long a session lives at most.
	MaxTTL time.Duration `env:"FLINT_SESSION_MAX,default=720h"`
	// Grace is how long a used refresh token still gives the same child to the
	// same client.
	Grace time.Duration `env:"FLINT_REFRESH_GRACE,default=20s"`

	// KeyAge is how old a signing key gets before a newer one takes its place.
	KeyAge time.Duration `env:"FLINT_SIGNING_KEY_AGE,default=720h"`
	// KeyReload is how often a node looks for newer signing keys, at least. One
	// signs when it is twice that old, so it must be the same on every node.
	KeyReload time.Duration // default: a minute

	Factors *mfa.Service // nil: nobody has a second factor
	Bots    *bot.Guard   // nil: nobody is asked to show that they aren't one
	Atlas   *geo.Atlas   // where addresses are; nil: nowhere

	// Risk judges sign-ins; nil allows what is proven.
	Risk *risk.Service
	// Queue takes the mails of sign-ins that wait for one. Mails says that they
	// arrive: without a mail server nothing may wait for a mail.
	Queue queue.Inserter
	Mails bool

	Now func() time.Time // default: time.Now
	Log *slog.Logger     // default: slog.Default()
}

// Validate reports what is wrong with the settings, by variable.
func (c Config) Validate() error {
	var faults []error
	if c.AccessTTL < time.Minute || c.AccessTTL > time.Hour {
		faults = append(faults, errors.New("FLINT_ACCESS_TTL: between 1m and 1h"))
	}
	if c.IdleTTL < c.AccessTTL || c.IdleTTL > c.MaxTTL {
		faults = append(faults, errors.New("FLINT_SESSION_IDLE: between FLINT_ACCESS_TTL and FLINT_SESSION_MAX"))
	}
	if c.MaxTTL > 90*24*time.Hour {
		faults = append(faults, errors.New("FLINT_SESSION_MAX: at most 2160h (90 days)"))
	}
	if c.Grace < 0 || c.Grace > time.Minute {
		faults = append(faults, errors.New("FLINT_REFRESH_GRACE: at most 1m"))
	}
	if c.KeyAge < 24*time.Hour || c.KeyAge > 365*24*time.Hour {
		faults = append(faults, errors.New("FLINT_SIGNING_KEY_AGE: between 24h and 8760h (a year)"))
	}
	return errors.Join(faults...)
}

// Client is who asks for a session, as far as it shows.
type Client struct {
	Delivery Delivery
	Device   string // User-Agent, shortened
	cookie   string // Cookie header of a browser, for what it knows the device by
	token    string // by which an app knows the device
	hints    []byte // what it says about itself, hashed; see bot.Hints
}

// Grant is what a client gets that has proven who it is.
type Grant struct {
	Person  identity.Person
	Session id.Session
	Access  config.Secret
	Refresh config.Secret
	Device  config.Secret // what a browser is recognised by next time; see devices.go
}

// Service is session at work. It is safe for use by many goroutines.
type Service struct {
	cfg    Config
	pool   *pgxpool.Pool
	keys   *envelope.Keys
	people *identity.Service
	tokens *tokens
	live   *live
	slides *lru.Cache[slide, struct{}]
	jar    cookies
	asking chan struct{} // holds one: who asks about an unknown key
	asked  time.Time     // when that was; read and set by who holds it
	unsure sync.Mutex    // one look at the keys at a time, while announcements are lost
	sure   time.Time     // when that was
	load   sync.Mutex    // one load at a time, so that none puts back older keys
	stop   func()
	done   sync.WaitGroup
}

// New returns a Service. Nobody can sign in before Start.
func New(cfg Config, pool *pgxpool.Pool, keys *envelope.Keys, people *identity.Service) (*Service, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	cfg.AccessTTL = cmp.Or(cfg.AccessTTL, 20*time.Minute)
	cfg.IdleTTL = cmp.Or(cfg.IdleTTL, 7*24*time.Hour)
	cfg.MaxTTL = cmp.Or(cfg.MaxTTL, 30*24*time.Hour)
	cfg.Grace = cmp.Or(cfg.Grace, 20*time.Second)
	cfg.KeyAge = cmp.Or(cfg.KeyAge, 30*24*time.Hour)
	cfg.KeyReload = cmp.Or(cfg.KeyReload, time.Minute)
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Origin.IsZero() {
		return nil, errors.New("FLINT_ORIGIN: must be set, it is the issuer of access tokens")
	}
	tokens, err := newTokens(cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare access tokens: %w", err)
	}
	live, err := newLive(cfg.Now)
	if err != nil {
		return nil, fmt.Errorf("prepare the session cache: %w", err)
	}
	slides, err := lru.New[slide, struct{}](cacheSize)
	if err != nil {
		return nil, fmt.Errorf("prepare the renewal of cookies: %w", err)
	}
	return &Service{
		cfg: cfg, pool: pool, keys: keys, people: people, tokens: tokens, live: live, slides: slides, jar: cookiesFor(cfg),
		asking: make(chan struct{}, 1),
	}, nil
}

func (s *Service) now() time.Time { return s.cfg.Now().UTC() }
