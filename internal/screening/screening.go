// Package screening compares people with lists of those whom one may not do
// business with: sanctions, wanted persons, or an operator's own.
//
// The life of a screening: somebody registers, and in the same transaction a job
// is queued that compares their name with the list; nobody waits for it, and
// nobody is told. Each entry that is alike enough becomes a screening that is
// open. Staff look at it (package admin) and clear or confirm it. What was
// cleared isn't asked again unless the entry or the name changes. When it is
// confirmed the account is held: its person reads everything as before, but Gate
// lets no order and no transfer through. When the list changes everybody is
// compared again, in batches, by jobs that go on where they were.
//
// The one who screens is a Screener. List (list.go) is one that needs nobody: a
// file, read at the start and again when it changes. A service of others would
// be a second one.
//
// A screening says of somebody that they may be a criminal, so all of it is
// sealed under that person's key. It isn't in the copy that people get of their
// data, nor in their log: to tell them is a crime in most countries. It goes when
// they are erased; who may not let that happen places a legal hold.
//
// What this isn't: it doesn't know who people are. It compares the name that they
// gave with a list that the operator brings. See docs/security/compliance.md.
package screening

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/queue"
)

// mostMatches is how many entries are kept of one comparison, the best ones.
const mostMatches = 20

// The faults of screening.
var (
	ErrHeld    = fault.New(fault.Forbidden, "not_available", "This isn't available for your account at the moment.")
	ErrDecided = fault.New(fault.Conflict, "already_decided", "That is what was decided already.")
)

// Subject is who is compared.
type Subject struct {
	Name string
}

// Entry is somebody on a list.
type Entry struct {
	ID        string   `json:"id"`
	List      string   `json:"list"`
	Name      string   `json:"name"`
	Aliases   []string `json:"aliases"`
	Born      string   `json:"born"` // year, month or day, as far as it is known
	Countries []string `json:"countries"`
}

// Match is an entry that somebody may be.
type Match struct {
	Entry Entry
	Name  string  // the one of its names that is alike
	Score float64 // 0 to 1
}

// Screener knows a list.
type Screener interface {
	// Screen returns the entries that who may be, the likeliest first.
	Screen(ctx context.Context, who Subject) ([]Match, error)
	// Version says what is known; with another one everybody is compared again.
	Version(ctx context.Context) (string, error)
}

// Settings are what an operator says.
type Settings struct {
	// List is the file with the list. Empty: nobody is screened.
	List string `env:"FLINT_SCREENING_LIST"`
	// Threshold is how alike names must be, 0.7 to 1.
	Threshold float64 `env:"FLINT_SCREENING_THRESHOLD,default=0.88"`
}

// Validate reports what is wrong with the settings, by variable.
func (s Settings) Validate() error {
	if s.Threshold < 0.7 || s.Threshold > 1 {
		return errors.New("FLINT_SCREENING_THRESHOLD: 0.7 to 1")
	}
	return nil
}

// Config is what Service needs.
type Config struct {
	Pool     *pgxpool.Pool
	Keys     *envelope.Keys
	Jobs     queue.Inserter
	People   *identity.Service
	Screener Screener         // nil: nobody is screened
	Now      func() time.Time // default: time.Now
	Log      *slog.Logger     // default: slog.Default()
}

// Service is screening at work. It is safe for use by many goroutines.
type Service struct{ cfg Config }

// New returns a Service.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Service{cfg}
}

func (s *Service) now() time.Time { return s.cfg.Now().UTC() }

// Occasion is why somebody was compared.
type Occasion string

// The occasions.
const (
	Registration Occasion = "registration"
	Transfer     Occasion = "transfer"
	ListChange   Occasion = "list"
)

// State is how a screening stands.
type State string

// The states.
const (
	Open      State = "open"
	Cleared   State = "cleared"
	Confirmed State = "confirmed"
)

// Screening is an entry that somebody may be, and what was decided.
type Screening struct {
	ID        id.Screening
	User      id.User
	Occasion  Occasion
	State     State
	CreatedAt time.Time
	DecidedAt *time.Time
	DecidedBy *id.User
	Finding
}

// Finding is what of a screening is sealed.
type Finding struct {
	Name  string  `json:"name"` // who was compared: the person, or whom they pay
	Entry Entry   `json:"entry"`
	Alike string  `json:"alike"` // the one of the entry's names that is
	Score float64 `json:"score"`
	Note  string  `json:"note"` // of who decided
}

// Places are where screening keeps sealed values.
func Places() []envelope.Place {
	return []envelope.Place{{Table: "screenings", Column: "sealed", Row: "id", Owner: "user_id"}}
}

func ref(user id.User, screening id.Screening) envelope.Ref {
	return envelope.Ref{Owner: user, Place: "screenings.sealed", Row: screening.String()}
}

func wrong(line int, format string, args ...any) error {
	return fmt.Errorf("line %d: %w", line, fmt.Errorf(format, args...))
}
