package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/mail"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// confirmTTL is how long a confirmation link works.
const confirmTTL = 24 * time.Hour

// ConfirmArgs asks for a mail with a confirmation link.
type ConfirmArgs struct {
	User id.User `json:"user"`
}

// Kind names the job.
func (ConfirmArgs) Kind() string { return "identity.confirm" }

// InsertOpts lets one such mail a minute leave for one person, whoever asks.
func (ConfirmArgs) InsertOpts() river.InsertOpts { return oncePer(time.Minute) }

// ConfirmWorker sends confirmation mails. The token is made here and now, so
// that none waits in a queue.
type ConfirmWorker struct {
	queue.Defaults[ConfirmArgs]
	Service *Service
	Sender  mail.Sender
}

// Work makes a token and sends it. It does nothing for a person who is gone,
// banned or confirmed by now.
func (w *ConfirmWorker) Work(ctx context.Context, job *river.Job[ConfirmArgs]) error {
	return w.Service.sendConfirmation(ctx, w.Sender, job.Args.User)
}

// NoticeArgs asks for a mail that tells the owner of an address that somebody
// tried to register it.
type NoticeArgs struct {
	User id.User `json:"user"`
}

// Kind names the job.
func (NoticeArgs) Kind() string { return "identity.known_address" }

// InsertOpts lets one such mail an hour leave for one person.
func (NoticeArgs) InsertOpts() river.InsertOpts { return oncePer(time.Hour) }

// NoticeWorker sends those notices.
type NoticeWorker struct {
	queue.Defaults[NoticeArgs]
	Service *Service
	Sender  mail.Sender
}

// Work sends the notice. A person who hasn't confirmed yet gets a confirmation
// mail instead: they have most likely signed up twice.
func (w *NoticeWorker) Work(ctx context.Context, job *river.Job[NoticeArgs]) error {
	ctx = postgres.AsUser(ctx, job.Args.User)
	p, err := w.Service.Person(ctx, job.Args.User)
	switch {
	case errors.Is(err, fault.ErrNotFound) || (err == nil && p.Banned()):
		return nil
	case err != nil:
		return fmt.Errorf("find person: %w", err)
	case !p.Confirmed():
		return w.Service.sendConfirmation(ctx, w.Sender, p.ID)
	}
	return Post(ctx, w.Sender, mail.Letter{
		Job:     job.ID,
		To:      p.Email,
		Subject: "You already have a Flint account",
		Paragraphs: []string{
			"Somebody, perhaps you, tried to open a Flint account with this e-mail address. You already have one, so nothing was changed.",
			"Sign in with the password that you chose back then.",
		},
		Action:   mail.Action{Label: "Sign in", Link: w.Service.cfg.Origin.Link("/signin", config.Secret{})},
		Footnote: "If it wasn't you, there is nothing to do: without your password nobody gets in.",
	})
}

// sendConfirmation holds no name: whoever registered chose it, and the address
// may be somebody else's.
func (s *Service) sendConfirmation(ctx context.Context, sender mail.Sender, user id.User) error {
	return s.sendLink(ctx, sender, user, ConfirmEmail, confirmTTL, mail.Letter{
		Subject: "Confirm your e-mail address",
		Paragraphs: []string{
			"Somebody, hopefully you, opened a Flint account with this e-mail address. Confirm it to connect your accounts.",
			"The link works once, within 24 hours.",
		},
		Action:   mail.Action{Label: "Confirm my address", Link: "/verify"},
		Footnote: "If it wasn't you, ignore this mail; the account stays locked.",
	})
}

// Post sends a letter for a job, and returns what the job should.
func Post(ctx context.Context, sender mail.Sender, l mail.Letter) error {
	m, err := mail.Render(l)
	if err != nil {
		return err
	}
	err = sender.Send(ctx, m)
	switch {
	case errors.Is(err, mail.ErrNoServer), errors.Is(err, mail.ErrSettings):
		return later()
	case errors.Is(err, mail.ErrRefused):
		return river.JobCancel(err)
	case mail.Wait(err) > 0:
		return river.JobSnooze(mail.Wait(err)) // asked to wait: no attempt is lost
	}
	return err
}

// oncePer lets one mail of a kind leave for one person in a while, whoever asks.
func oncePer(while time.Duration) river.InsertOpts {
	o := queue.Options(queue.Mail)
	o.UniqueOpts = river.UniqueOpts{ByArgs: true, ByPeriod: while}
	return o
}

// later puts a mail job back until there is a server to send through; that
// doesn't count as an attempt.
func later() error { return river.JobSnooze(5 * time.Minute) }
