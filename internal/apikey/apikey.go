// Package apikey lets people's own programs read their data.
//
// The life of a key: a person whose plan has API access makes it, after proving
// anew that it's them. The key is shown once; what is kept is its hash and its
// first letters. A program sends it as "Authorization: Bearer flint_key_…". It
// stops working when it expires (a year at most), when its owner removes it,
// when their password or address is changed under suspicion, when they are
// banned, and for as long as their plan has no API access.
//
// A key is not a session. It reads what operations declare as readable by keys
// (web.Op.Keys) and nothing else: it changes nothing, sees no sessions, makes no
// other key, and proves nothing about who holds it.
//
// Each use reads the database, one row by the hash, so that a key that was
// removed is refused at once on every node.
package apikey

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/telemetry"
)

// begin is how every key begins, so that people and scanners for lost secrets
// know one when they see it.
const begin = "flint_key_"

const (
	most    = 10 // live keys of one person
	maxDays = 365
	shown   = 6 // letters of the random part that are kept to tell keys apart
	usedAt  = time.Minute
)

// The faults of apikey.
var (
	ErrKey  = fault.New(fault.Unauthenticated, "key_invalid", "This API key doesn't work, or doesn't any more.")
	ErrPlan = fault.New(fault.Forbidden, "api_access", "Your plan doesn't include API keys.")
	ErrMany = fault.New(fault.Conflict, "too_many_keys", "You have as many API keys as one person may. Remove one first.")
)

// Config is what Service needs.
type Config struct {
	Pool   *pgxpool.Pool
	People *identity.Service
	Now    func() time.Time // default: time.Now
}

// Service is apikey at work. It is safe for use by many goroutines.
type Service struct{ cfg Config }

// New returns a Service.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{cfg}
}

func (s *Service) now() time.Time { return s.cfg.Now().UTC() }

// Key is a key as its owner sees it.
type Key struct {
	ID          id.APIKey
	Name        string `db:"-"` // sealed where it is stored
	Hint        string // how it begins
	CreatedAt   time.Time
	ExpiresAt   time.Time
	LastUsedAt  *time.Time
	LastAddress string `db:"-"`
}

// Is reports whether r comes with an API key, good or not.
func Is(r *http.Request) bool {
	for _, given := range r.Header.Values("Authorization") {
		if _, token, _ := strings.Cut(given, " "); strings.HasPrefix(token, begin) {
			return true
		}
	}
	return false
}

// Authenticate says on whose behalf r comes, by its key; ErrKey if by nobody's.
func (s *Service) Authenticate(r *http.Request) (access.Actor, error) {
	given := r.Header.Values("Authorization")
	scheme, token, _ := strings.Cut(given[0], " ")
	if len(given) != 1 || !strings.EqualFold(scheme, "Bearer") || len(token) > 200 {
		return access.Actor{}, fault.Because(ErrKey, errors.New("not one key, or not as a bearer"))
	}
	ctx, now := postgres.AsSystem(r.Context(), "authentication: the key says who it is"), s.now()
	k, err := findLive(ctx, s.cfg.Pool, hash(config.NewSecret(token)), now)
	if errors.Is(err, fault.ErrNotFound) {
		return access.Actor{}, fault.Because(ErrKey, err)
	}
	if err != nil {
		return access.Actor{}, fmt.Errorf("find key: %w", err)
	}
	p, err := s.cfg.People.Person(ctx, k.UserID)
	if err != nil {
		return access.Actor{}, fmt.Errorf("find person: %w", err)
	}
	if p.Banned() || !s.cfg.People.Role(p).Has(access.APIAccess) {
		return access.Actor{}, fault.Because(ErrKey, errors.New("its owner may not use keys"))
	}
	if k.LastUsedAt == nil || now.Sub(*k.LastUsedAt) >= usedAt { // not a write for each request
		address := ""
		if a := telemetry.Address(ctx); a.IsValid() {
			address = a.String()
		}
		if err := touch(ctx, s.cfg.Pool, k.UserID, k.ID, now, address); err != nil {
			return access.Actor{}, fmt.Errorf("note use of key: %w", err)
		}
	}
	a := s.cfg.People.Actor(p, now)
	a.Key, a.Level = k.ID, access.AAL1
	return a, nil
}

// Make makes a key for actor that works for days (1 to 365). It is returned once
// and never again.
func (s *Service) Make(ctx context.Context, actor access.Actor, name string, days int) (Key, config.Secret, error) {
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n < 1 || n > 80 || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return Key{}, config.Secret{}, fault.BadField("body.name", "must be a name of 1 to 80 characters")
	}
	if days < 1 || days > maxDays {
		return Key{}, config.Secret{}, fault.BadField("body.expiresInDays", "must be between 1 and 365")
	}
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails; it ends the program if the system has no randomness
	random := base64.RawURLEncoding.EncodeToString(b[:])
	secret := config.NewSecret(begin + random)
	now := s.now()
	k := Key{ID: id.New[id.APIKey](), Name: name, Hint: begin + random[:shown], CreatedAt: now, ExpiresAt: now.AddDate(0, 0, days)}
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if err := postgres.Serialize(ctx, tx, "api keys of "+actor.User.String()); err != nil {
			return err
		}
		p, err := s.cfg.People.PersonIn(ctx, tx, actor.User)
		if err != nil {
			return fmt.Errorf("find person: %w", err)
		}
		if !s.cfg.People.Role(p).Has(access.APIAccess) {
			return ErrPlan
		}
		live, err := list(ctx, tx, actor.User, now)
		if err != nil {
			return fmt.Errorf("list keys: %w", err)
		}
		if len(live) >= most {
			return ErrMany
		}
		if err := insert(ctx, tx, actor.User, k, hash(secret)); err != nil {
			return fmt.Errorf("store key: %w", err)
		}
		return s.cfg.People.Tell(ctx, tx, audit.Entry{
			Actor: actor, Subject: actor.User, Verb: "api_key.create", Object: k.ID.String(), Detail: map[string]any{"days": days},
		})
	})
	if err != nil {
		return Key{}, config.Secret{}, err
	}
	return k, secret, nil
}

// List returns actor's keys that work or would with another plan, the newest
// first.
func (s *Service) List(ctx context.Context, actor access.Actor) ([]Key, error) {
	keys, err := list(ctx, s.cfg.Pool, actor.User, s.now())
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return keys, nil
}

// Revoke ends one key of actor's. One that isn't theirs, or is over, is
// fault.ErrNotFound.
func (s *Service) Revoke(ctx context.Context, actor access.Actor, key id.APIKey) error {
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		now := s.now()
		n, err := end(ctx, tx, actor.User, key, now)
		if err != nil {
			return fmt.Errorf("end key: %w", err)
		}
		if n == 0 {
			return fault.ErrNotFound
		}
		return audit.Record(ctx, tx, now, audit.Entry{Actor: actor, Subject: actor.User, Verb: "api_key.revoke", Object: key.String()})
	})
}

// EndAll ends every key of user within tx: what ends their sessions for safety's
// sake calls it.
func (s *Service) EndAll(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User) error {
	now := s.now()
	ended, err := endAll(ctx, tx, user, now)
	if err != nil {
		return fmt.Errorf("end keys: %w", err)
	}
	for _, k := range ended {
		err := audit.Record(ctx, tx, now, audit.Entry{Actor: actor, Subject: user, Verb: "api_key.revoke", Object: k.ID.String()})
		if err != nil {
			return err
		}
	}
	return nil
}

func hash(key config.Secret) []byte {
	h := sha256.Sum256([]byte(key.Reveal()))
	return h[:]
}
