package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/geo"
	"flint/internal/id"
	"flint/internal/platform/mail"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// Tell records e and queues a mail about it to its subject, both in tx: what
// people should know at once, such as a sign-in on a new device. The verb needs
// a letter in notice_letter.go. The job carries the entry's id; time, device and
// address are read from the entry.
//
// There is no switch to turn these mails off, so a thief can't either. Beyond
// thirty a day (limit "notice") the entry in the security log must do.
func (s *Service) Tell(ctx context.Context, tx pgx.Tx, e audit.Entry) error {
	if _, ok := letterFor(e.Verb); !ok {
		return fmt.Errorf("tell of %q: there is no letter for it", e.Verb)
	}
	entry, err := audit.Write(ctx, tx, s.now(), e)
	if err != nil {
		return err
	}
	d, err := s.limits.AllowFor(ctx, "notice", e.Subject.String())
	if err != nil {
		return fmt.Errorf("count against limit notice: %w", err)
	}
	if !d.Allowed {
		return nil
	}
	_, err = s.queue.InsertTx(ctx, tx, TellArgs{Entry: entry}, nil)
	return err
}

// TellArgs asks for a mail about an entry of the audit log.
type TellArgs struct {
	Entry id.Entry `json:"entry"`
}

// Kind names the job.
func (TellArgs) Kind() string { return "identity.tell" }

// InsertOpts says where it runs.
func (TellArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Mail) }

// TellWorker sends those mails.
type TellWorker struct {
	queue.Defaults[TellArgs]
	Service *Service
	Sender  mail.Sender
	Atlas   *geo.Atlas // where addresses are; nil: nowhere
}

// Work sends the mail. Nobody is told who is gone, banned, or hasn't confirmed
// that the address is theirs.
func (w *TellWorker) Work(ctx context.Context, job *river.Job[TellArgs]) error {
	ctx = postgres.AsSystem(ctx, "a mail job: the entry says whom it is about")
	s := w.Service
	line, err := audit.Find(ctx, s.pool, job.Args.Entry)
	if err != nil {
		return fmt.Errorf("find what to tell: %w", err)
	}
	p, err := find(ctx, s.pool, line.SubjectID)
	if errors.Is(err, fault.ErrNotFound) || (err == nil && (p.Banned() || !p.Confirmed())) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find person: %w", err)
	}
	l, _ := letterFor(line.Verb)
	return Post(ctx, w.Sender, mail.Letter{
		Job: job.ID, To: p.Email, Subject: l.subject, Paragraphs: []string{l.says, circumstances(line, p.TimeZone, w.Atlas)},
		Action:   mail.Action{Label: l.label, Link: s.cfg.Origin.Link(l.path, config.Secret{})},
		Footnote: l.otherwise,
	})
}

// circumstances says when, on what and from where something was done.
func circumstances(l audit.Line, zone string, atlas *geo.Atlas) string {
	where, err := time.LoadLocation(zone)
	if err != nil {
		where = time.UTC
	}
	s := "It happened on " + l.At.In(where).Format("2 January 2006 at 15:04 MST")
	if d := l.Device(); d != "" {
		s += ", with " + d
	}
	if l.Address != "" {
		s += ", from the IP address " + l.Address
		if p, ok := atlas.PlaceOf(l.Address); ok {
			s += ", which is probably in " + p.Name
		}
	}
	return s + "."
}
