package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/mail"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// linkTTL is how long a sign-in link that somebody asked for works.
const linkTTL = 15 * time.Minute

// RequestLink queues a mail with a link that signs in once, if there is somebody
// with that address. The caller can't tell. The link stands in for the password
// and for nothing else: who has a second factor is asked for it all the same.
//
// The link's token stands behind #, which no server and no mail scanner sees;
// the page that it opens sends the token when it is told to. So nothing that
// merely fetches the link uses it up.
func (s *Service) RequestLink(ctx context.Context, email string) error {
	return s.ask(ctx, email, "session.ask_link", func(user id.User) river.JobArgs { return LinkArgs{User: user} })
}

// LinkArgs asks for a mail with a sign-in link.
type LinkArgs struct {
	User id.User `json:"user"`
}

// Kind names the job.
func (LinkArgs) Kind() string { return "identity.link" }

// InsertOpts lets one such mail a minute leave for one person, whoever asks.
func (LinkArgs) InsertOpts() river.InsertOpts { return oncePer(time.Minute) }

// LinkWorker sends sign-in links. The token is made here and now.
type LinkWorker struct {
	queue.Defaults[LinkArgs]
	Service *Service
	Sender  mail.Sender
}

// Work sends the link. Somebody who hasn't confirmed their address is sent the
// confirmation instead: the account may have been opened by another who knows
// its password, and a link must not make that one's account look like theirs.
func (w *LinkWorker) Work(ctx context.Context, job *river.Job[LinkArgs]) error {
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
	return w.Service.sendLink(ctx, w.Sender, p.ID, SignInLink, linkTTL, mail.Letter{
		Subject: "Your sign-in link",
		Paragraphs: []string{
			"Somebody, hopefully you, asked for a link to sign in to Flint.",
			"The link works once, within 15 minutes, and only the newest one does.",
		},
		Action:   mail.Action{Label: "Sign in", Link: "/signin/link"},
		Footnote: "If it wasn't you, delete this mail: nobody gets in without the link. Never pass it on.",
	})
}
