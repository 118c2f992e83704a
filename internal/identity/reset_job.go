package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/mail"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// ResetArgs asks for a mail with a link to choose another password.
type ResetArgs struct {
	User id.User `json:"user"`
}

// Kind names the job.
func (ResetArgs) Kind() string { return "identity.reset" }

// InsertOpts lets one such mail a minute leave for one person, whoever asks.
func (ResetArgs) InsertOpts() river.InsertOpts { return oncePer(time.Minute) }

// SetupArgs asks for the mail of an invitation.
type SetupArgs struct {
	User id.User `json:"user"`
}

// Kind names the job.
func (SetupArgs) Kind() string { return "identity.setup" }

// InsertOpts puts it with the mails.
func (SetupArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Mail) }

// ResetWorker sends mails with reset links. The token is made here and now, so
// that none waits in a queue.
type ResetWorker struct {
	queue.Defaults[ResetArgs]
	Service *Service
	Sender  mail.Sender
}

// Work makes a token and sends it. It does nothing for a person who is gone or
// banned by now.
func (w *ResetWorker) Work(ctx context.Context, job *river.Job[ResetArgs]) error {
	return w.Service.sendLink(ctx, w.Sender, job.Args.User, ResetPassword, resetTTL, mail.Letter{
		Subject: "Choose another password",
		Paragraphs: []string{
			"Somebody, hopefully you, asked to choose another password for the Flint account with this e-mail address.",
			"The link works once, within an hour. Choosing another password signs you out everywhere.",
		},
		Action:   mail.Action{Label: "Choose a password", Link: "/reset"},
		Footnote: "If it wasn't you, ignore this mail: your password stays as it is.",
	})
}

// SetupWorker sends invitations.
type SetupWorker struct {
	queue.Defaults[SetupArgs]
	Service *Service
	Sender  mail.Sender
}

// Work makes a token and sends it, unless the person is gone or banned.
func (w *SetupWorker) Work(ctx context.Context, job *river.Job[SetupArgs]) error {
	return w.Service.sendLink(ctx, w.Sender, job.Args.User, SetupPassword, setupTTL, mail.Letter{
		Subject: "Your Flint account is ready",
		Paragraphs: []string{
			"A Flint account was opened for you. Choose a password to begin.",
			"The link works once, within three days. After that, ask for another on the sign-in page (“Forgot your password?”).",
		},
		Action:   mail.Action{Label: "Choose a password", Link: "/setup-password"},
		Footnote: "If you don't know what this is about, ignore this mail; without a password nobody gets in.",
	})
}

// sendLink makes a token and sends l with it, to the person's address. l's link
// is the path of the page that takes the token. It does nothing for a person who
// is gone or banned, or has nothing to confirm any more.
func (s *Service) sendLink(ctx context.Context, sender mail.Sender, user id.User, purpose Purpose, ttl time.Duration, l mail.Letter) error {
	ctx = postgres.AsUser(ctx, user)
	if _, off := sender.(mail.Unset); off {
		return later() // before a token is made for nothing
	}
	var token config.Secret
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		l.To = ""
		p, err := find(ctx, tx, user)
		if errors.Is(err, fault.ErrNotFound) || (err == nil && (p.Banned() || purpose == ConfirmEmail && p.Confirmed())) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("find person: %w", err)
		}
		l.To = p.Email
		token, err = s.MakeToken(ctx, tx, user, purpose, ttl)
		return err
	})
	if err != nil || l.To == "" {
		return err
	}
	l.Action.Link = s.cfg.Origin.Link(l.Action.Link, token)
	return Post(ctx, sender, l)
}
