// Package compliance does what people and the law want of data: that it goes
// when somebody leaves, that it goes when its time is over, and that it stays as
// long as a court says.
//
// The life of a deletion (deletion.go, erase.go):
//
//	asked for   after a fresh proof; a mail brings a link that undoes it
//	waits       14 days, in which everything works, and undoing takes one call
//	begun       the account is closed, sessions and API keys end, and the jobs
//	            that tell the providers are queued
//	erased      once no such job waits any more: the rows go, and in the same
//	            transaction the data keys, so that what is sealed in backups can't
//	            be opened either
//
// The order matters: the jobs that revoke a credential need the person's data
// key, so the keys go last. A provider that can't be told within the job's
// attempts doesn't keep anybody's data here; how many those were is recorded.
//
// A legal hold keeps a person's data from all of this until it is released.
//
// What remains says nothing of what the person had: see Kept.
package compliance

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/queue"
)

// The faults of compliance.
var (
	ErrNoDeletion = fault.New(fault.NotFound, "no_deletion", "This account isn't about to be deleted.")
	ErrTooLate    = fault.New(fault.Conflict, "deletion_begun", "The deletion has begun and can't be undone any more.")
	ErrLink       = fault.New(fault.Gone, "deletion_over", "This link doesn't work any more: the deletion is undone already, or it is done.")
)

// Config is what Service needs.
type Config struct {
	Pool   *pgxpool.Pool
	Keys   *envelope.Keys
	Jobs   queue.Inserter
	People *identity.Service
	Origin config.Origin
	// EndSessions ends in tx whatever user is signed in with, API keys too.
	EndSessions func(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, except id.Session, reason string) (int, error)
	// Leave deletes user's connections in tx, and queues what tells the providers.
	Leave func(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User) error
	// Untold counts the jobs that tell providers: those that wait, and those that
	// gave up.
	Untold func(ctx context.Context, tx pgx.Tx, user id.User) (waiting, failed int, err error)
	Now    func() time.Time // default: time.Now
	Log    *slog.Logger     // default: slog.Default()
}

// Service is compliance at work. It is safe for use by many goroutines.
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

// Remains is something that stays when an account is erased.
type Remains struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Kept lists what stays of an erased account.
func Kept() []Remains {
	return []Remains{
		{"That there was an account and when it was erased, under a random number", "To show that the deletion was carried out"},
		{"The entries of the audit log about the account: what was done and when, under random numbers, and the network address where it was somebody who was not signed in", "The log proves what happened; an entry that is taken out would break the proof"},
		{"Copies in backups, until those are replaced", "Backups can't be edited. What was sealed in them can't be opened any more"},
		{"Everything, as long as a court or an authority says so", "A legal hold; the deletion goes on when it is released"},
	}
}
