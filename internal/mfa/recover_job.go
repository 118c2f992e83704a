package mfa

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/identity"
	"flint/internal/platform/mail"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// The steps of a recovery that happen by themselves.
const (
	mailAsked   = "asked"
	mailHalfway = "halfway"
	mailDue     = "due"
)

// The pages that take the tokens.
const (
	stopPage   = "/stop-recovery"
	finishPage = "/finish-recovery"
)

// InsertOpts puts it with the mails.
func (RecoveryArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Mail) }

// RecoveryWorker takes those steps.
type RecoveryWorker struct {
	queue.Defaults[RecoveryArgs]
	Service *Service
	Sender  mail.Sender
}

// Work does nothing for a recovery that is over, or whose person is gone.
func (w *RecoveryWorker) Work(ctx context.Context, job *river.Job[RecoveryArgs]) error {
	s := w.Service
	ctx = postgres.AsUser(ctx, job.Args.User)
	row, err := waitingRecovery(ctx, s.cfg.Pool, job.Args.User)
	if errors.Is(err, fault.ErrNotFound) || (err == nil && row.ID != job.Args.Recovery) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find recovery: %w", err)
	}
	if job.Args.Step == mailDue && row.AskedBy == "operator" {
		return s.reset(ctx, row)
	}
	p, err := s.cfg.People.Person(ctx, row.UserID)
	if errors.Is(err, fault.ErrNotFound) || (err == nil && p.Banned()) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find person: %w", err)
	}
	l := s.recoveryLetter(job.Args.Step, row, p)
	l.Job, l.To = job.ID, p.Email
	return identity.Post(ctx, w.Sender, l)
}

// reset removes the factors as an operator has asked, now that it is due.
func (s *Service) reset(ctx context.Context, row recoveryRow) error {
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		row, err := lockRecovery(ctx, tx, row.ID)
		if errors.Is(err, fault.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("find recovery: %w", err)
		}
		if s.now().Before(row.DueAt) {
			return river.JobSnooze(row.DueAt.Sub(s.now()))
		}
		return s.finishRecovery(ctx, tx, access.SystemActor("operator", row.UserID), row)
	})
}

func (s *Service) recoveryLetter(step string, row recoveryRow, p identity.Person) mail.Letter {
	where, err := time.LoadLocation(p.TimeZone)
	if err != nil {
		where = time.UTC
	}
	due := row.DueAt.In(where).Format("2 January 2006 at 15:04 MST")
	link := func(path, purpose string) string { return s.cfg.Origin.Link(path, s.recoveryToken(row.ID, purpose)) }
	if step == mailDue {
		return mail.Letter{
			Subject: "You can remove the second step now",
			Paragraphs: []string{
				"You asked to sign in to your Flint account without the second step, because it is lost. Nobody has objected.",
				"The link removes your authenticator app, passkeys and backup codes, and signs you out everywhere. It works once, within a week. Then sign in with your password, and set up a second step again.",
			},
			Action:   mail.Action{Label: "Remove the second step", Link: link(finishPage, toFinish)},
			Footnote: "If it wasn't you, don't open the link, and choose another password at once: somebody knows yours.",
		}
	}
	who := "Somebody who knows the password of your Flint account says that the second step is lost, and asks to remove it. On " + due + " we will send you a mail with a link to do so."
	otherwise := "If it wasn't you, stop it, and choose another password at once: somebody knows yours. Signing in with your second step stops it too."
	if row.AskedBy == "operator" {
		who = "Our support was told that you have lost the second step of signing in to your Flint account. It will be removed on " + due + "."
		otherwise = "If you didn't ask for it, stop it. Signing in with your second step stops it too."
	}
	subject := "The second step of your account is to be removed"
	if step == mailHalfway {
		subject = "Reminder: the second step of your account is to be removed"
	}
	return mail.Letter{
		Subject: subject, Paragraphs: []string{who, "If that was you, there is nothing to do."},
		Action:   mail.Action{Label: "It wasn't me: stop it", Link: link(stopPage, toStop)},
		Footnote: otherwise,
	}
}
