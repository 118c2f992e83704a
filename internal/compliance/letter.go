package compliance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/mail"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// The letters about a deletion.
const (
	stepAsked    = "asked"
	stepReminder = "reminder"
)

// undoPage takes the token that undoes a deletion.
const undoPage = "/undo-deletion"

// LetterArgs asks for a letter about a deletion.
type LetterArgs struct {
	Deletion id.Deletion `json:"deletion"`
	User     id.User     `json:"user"`
	Step     string      `json:"step"`
}

// Kind names the job.
func (LetterArgs) Kind() string { return "compliance.letter" }

// InsertOpts puts it with the mails.
func (LetterArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Mail) }

// LetterWorker sends them.
type LetterWorker struct {
	queue.Defaults[LetterArgs]
	Service *Service
	Sender  mail.Sender
}

// Work does nothing for a deletion that was undone or has begun.
func (w *LetterWorker) Work(ctx context.Context, job *river.Job[LetterArgs]) error {
	s := w.Service
	ctx = postgres.AsUser(ctx, job.Args.User)
	d, err := waiting(ctx, s.cfg.Pool, job.Args.User)
	if errors.Is(err, fault.ErrNotFound) || (err == nil && (d.ID != job.Args.Deletion || d.BegunAt != nil)) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find deletion: %w", err)
	}
	p, err := s.cfg.People.Person(ctx, d.UserID)
	if errors.Is(err, fault.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find person: %w", err)
	}
	l := s.letter(job.Args.Step, d, p)
	l.Job = job.ID
	return identity.Post(ctx, w.Sender, l)
}

func (s *Service) letter(step string, d Deletion, p identity.Person) mail.Letter {
	where, err := time.LoadLocation(p.TimeZone)
	if err != nil {
		where = time.UTC
	}
	subject, says := "Your Flint account is to be deleted", "Somebody who is signed in to your Flint account asked to delete it."
	if step == stepReminder {
		subject, says = "Reminder: your Flint account is to be deleted", "You asked to delete your Flint account."
	}
	otherwise := "If it wasn't you, keep the account, and choose another password at once."
	if d.AskedBy == "retention" {
		otherwise = "If you don't need the account any more, there is nothing to do."
		says = "Nobody has used your Flint account for seven years."
	}
	return mail.Letter{
		To: p.Email, Subject: subject,
		Paragraphs: []string{
			says + " On " + d.DueAt.In(where).Format("2 January 2006 at 15:04 MST") + " we disconnect your institutions and erase what you have here. Until then everything works as before.",
			"Afterwards nobody can bring it back, we neither.",
		},
		Action:   mail.Action{Label: "Keep my account", Link: s.cfg.Origin.Link(undoPage, s.token(d.ID))},
		Footnote: otherwise,
	}
}
