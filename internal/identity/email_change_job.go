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

// The mails of a change.
const (
	mailConfirm = "confirm" // to the new address: open this
	mailAsked   = "asked"   // to the old one: stop this, if it wasn't you
	mailDone    = "done"    // to the old one: undo this, if it wasn't you
	mailUndone  = "undone"  // to the new one: it was undone
)

// EmailChangeArgs asks for one of the mails of a change.
type EmailChangeArgs struct {
	Change id.EmailChange `json:"change"`
	Mail   string         `json:"mail"`
}

// Kind names the job.
func (EmailChangeArgs) Kind() string { return "identity.email_change" }

// InsertOpts puts it with the mails.
func (EmailChangeArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Mail) }

func (s *Service) changeMail(ctx context.Context, tx pgx.Tx, c emailChange, which string) error {
	_, err := s.queue.InsertTx(ctx, tx, EmailChangeArgs{Change: c.ID, Mail: which}, nil)
	return wrap("queue mail", err)
}

// EmailChangeWorker sends them. Tokens are made here and now.
type EmailChangeWorker struct {
	queue.Defaults[EmailChangeArgs]
	Service *Service
	Sender  mail.Sender
}

// Work sends the mail, unless it has lost its meaning.
func (w *EmailChangeWorker) Work(ctx context.Context, job *river.Job[EmailChangeArgs]) error {
	ctx = postgres.AsSystem(ctx, "a mail job: the change says whose it is, and somebody else may have the address")
	if _, off := w.Sender.(mail.Unset); off {
		return later() // before a token is made for nothing
	}
	var l mail.Letter
	err := postgres.InTx(ctx, w.Service.pool, func(tx pgx.Tx) (err error) {
		l, err = w.Service.changeLetter(ctx, tx, job.Args)
		return err
	})
	if err != nil || l.To == "" {
		return err
	}
	l.Job = job.ID
	return Post(ctx, w.Sender, l)
}

// changeLetter returns the letter that args ask for, with its token stored; one
// to nobody if there is nothing to say any more.
func (s *Service) changeLetter(ctx context.Context, tx pgx.Tx, args EmailChangeArgs) (mail.Letter, error) {
	c, err := findChange(ctx, tx, args.Change)
	if errors.Is(err, fault.ErrNotFound) {
		return mail.Letter{}, nil
	}
	if err != nil {
		return mail.Letter{}, fmt.Errorf("find change: %w", err)
	}
	p, err := find(ctx, tx, c.UserID)
	if err != nil || p.Banned() {
		return mail.Letter{}, wrap("find person", err)
	}
	now := s.now()
	link := func(path, purpose string) (string, error) {
		token := newToken()
		err := insertChangeToken(ctx, tx, tokenHash(token), c.ID, purpose, now)
		return s.cfg.Origin.Link(path, token), wrap("store token", err)
	}
	var l mail.Letter
	switch {
	case args.Mail == mailConfirm && c.waits(now):
		other, err := s.holder(ctx, tx, c, now)
		if err != nil {
			return l, err
		}
		if other {
			return s.known(c.NewEmail), nil
		}
		l = confirmLetter(c.NewEmail)
		l.Action.Link, err = link("/verify-email-change", "confirm")
		return l, err
	case args.Mail == mailAsked && c.waits(now) && p.Confirmed():
		l = askedLetter(c.OldEmail)
		l.Action.Link, err = link("/undo-email-change", "undo")
	case args.Mail == mailDone && c.undoable(now):
		l = doneLetter(c.OldEmail)
		l.Action.Link, err = link("/undo-email-change", "undo")
	case args.Mail == mailUndone:
		l = undoneLetter(c.NewEmail)
	}
	return l, err
}

// holder reports whether somebody else has the new address, or can get it back.
func (s *Service) holder(ctx context.Context, tx pgx.Tx, c emailChange, now time.Time) (bool, error) {
	taken, err := reserved(ctx, tx, c.NewEmail, c.UserID, now)
	if err != nil || taken {
		return taken, wrap("look who has the address", err)
	}
	who, err := ownerOf(ctx, tx, c.NewEmail)
	return !who.IsZero() && who != c.UserID, wrap("look who has the address", err)
}

func confirmLetter(to string) mail.Letter {
	return mail.Letter{
		To:      to,
		Subject: "Confirm your new e-mail address",
		Paragraphs: []string{
			"Somebody, hopefully you, wants to use this e-mail address for their Flint account.",
			"The link works once, within 24 hours. Until you open it nothing changes.",
		},
		Action:   mail.Action{Label: "Use this address"},
		Footnote: "If it wasn't you, ignore this mail; nothing happens.",
	}
}

func askedLetter(to string) mail.Letter {
	return mail.Letter{
		To:      to,
		Subject: "Your e-mail address is about to change",
		Paragraphs: []string{
			"Somebody who is signed in to your Flint account asked to change its e-mail address. It changes once the new address is confirmed.",
			"If it was you, there is nothing to do. If it wasn't, stop it: the change is called off, everybody is signed out, and the password doesn't work any more until you choose another.",
		},
		Action:   mail.Action{Label: "It wasn't me, stop it"},
		Footnote: "You get this because it is the address of your account until then.",
	}
}

func doneLetter(to string) mail.Letter {
	return mail.Letter{
		To:      to,
		Subject: "Your e-mail address was changed",
		Paragraphs: []string{
			"The e-mail address of your Flint account was changed to another one. From now on mails go there.",
			"If it was you, there is nothing to do. If it wasn't, undo it within three days: this address is put back, everybody is signed out, and the password doesn't work any more until you choose another.",
		},
		Action:   mail.Action{Label: "It wasn't me, undo it"},
		Footnote: "You get this because it was the address of your account until now.",
	}
}

func undoneLetter(to string) mail.Letter {
	return mail.Letter{
		To:      to,
		Subject: "The change of your e-mail address was undone",
		Paragraphs: []string{
			"From the mailbox that your Flint account had before, somebody has undone the change to this e-mail address. It isn't used for the account any more, and everybody was signed out.",
		},
		Footnote: "If you don't know why, and the earlier mailbox is yours, look who else can read it.",
	}
}

// known is what the owner of an address reads when somebody else wants to use it.
func (s *Service) known(to string) mail.Letter {
	return mail.Letter{
		To:      to,
		Subject: "You already have a Flint account",
		Paragraphs: []string{
			"Somebody, perhaps you, wanted to use this e-mail address for another Flint account. It belongs to one already, so nothing was changed.",
		},
		Action:   mail.Action{Label: "Sign in", Link: s.cfg.Origin.Link("/signin", config.Secret{})},
		Footnote: "If it wasn't you, there is nothing to do: without your password nobody gets in.",
	}
}
