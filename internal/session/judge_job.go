package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/riverqueue/river"

	"flint/internal/config"
	"flint/internal/device"
	"flint/internal/fault"
	"flint/internal/geo"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/mail"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// HoldArgs asks for the mail with the code that a sign-in waits for.
type HoldArgs struct {
	Hold id.Hold `json:"hold"`
}

// Kind names the job.
func (HoldArgs) Kind() string { return "session.hold" }

// InsertOpts puts it with the mails.
func (HoldArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Mail) }

// HoldWorker sends those mails. The code is made here and now.
type HoldWorker struct {
	queue.Defaults[HoldArgs]
	Service *Service
	Sender  mail.Sender
	Atlas   *geo.Atlas // where addresses are; nil: nowhere
}

// Work makes a code and sends it. It does nothing for a sign-in that went on, or
// waits no more.
func (w *HoldWorker) Work(ctx context.Context, job *river.Job[HoldArgs]) error {
	s := w.Service
	ctx = postgres.AsSystem(ctx, "a mail job: the sign-in that waits says whose it is")
	h, err := waiting(ctx, s.pool, job.Args.Hold, s.now())
	if errors.Is(err, fault.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find a sign-in that waits: %w", err)
	}
	p, err := s.people.Person(ctx, h.UserID)
	if err != nil {
		return fmt.Errorf("find person: %w", err)
	}
	code, err := newCode()
	if err != nil {
		return err
	}
	mac := s.codeMac(h.ID, code) // a later attempt makes another code, and another mail
	if n, err := setHoldCode(ctx, s.pool, h.ID, mac, s.now()); err != nil || n == 0 {
		return err
	}
	from := "with " + device.Of(h.Agent).String()
	if h.Address != "" {
		from += ", from the IP address " + h.Address
		if place, ok := w.Atlas.PlaceOf(h.Address); ok {
			from += ", which is probably in " + place.Name
		}
	}
	return identity.Post(ctx, w.Sender, mail.Letter{
		Job: job.ID, To: p.Email, Subject: "Your code to sign in to Flint",
		Paragraphs: []string{
			"Somebody, hopefully you, is signing in to your Flint account with the right password, " + from + ". That is unusual for you, so we ask for more.",
			"The code is " + code + ". It works for ten minutes, where it was asked for and nowhere else. Nobody from Flint will ever ask you for it.",
		},
		Action:   mail.Action{Label: "It isn't me", Link: s.cfg.Origin.Link("/forgot", config.Secret{})},
		Footnote: "If it isn't you, somebody knows your password. They don't get in without the code; choose another password at once, which signs everybody out.",
	})
}
