package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"flint/internal/access"
	"flint/internal/config"
)

// stopTime is how long running jobs may take to end when the program stops.
const stopTime = 25 * time.Second

// Run serves on ln and works until ctx ends, then stops in the opposite order:
// the door first, the database connections last (by the caller). ready, if it
// isn't nil, is called in a goroutine of its own once everything has started;
// Run waits for it.
func (a *App) Run(ctx context.Context, ln net.Listener, ready func()) error {
	defer a.Close()
	if err := a.hub.Start(ctx); err != nil {
		return fmt.Errorf("start live events: %w", err)
	}
	defer a.hub.Stop()
	if err := a.Sessions.Start(ctx); err != nil {
		return err
	}
	defer a.Sessions.Stop()
	a.Proof.Start(ctx)
	defer func() {
		if err := a.Proof.Stop(context.WithoutCancel(ctx)); err != nil { // the next node that runs signs the rest
			a.log.WarnContext(ctx, "the last audit entries aren't signed yet", "error", err)
		}
	}()
	if err := a.Jobs.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start background work: %w", err)
	}
	if ready != nil {
		told := make(chan struct{})
		go func() {
			defer close(told)
			ready()
		}()
		defer func() { <-told }()
	}
	err := a.Web.Serve(ctx, ln)

	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if stopErr := a.Jobs.Stop(stop); stopErr != nil {
		err = errors.Join(err, fmt.Errorf("stop background work: %w", stopErr))
	}
	return err
}

// Close lets go of what Build opened. Run does it by itself.
func (a *App) Close() {
	for i := len(a.release) - 1; i >= 0; i-- {
		a.release[i]()
	}
	a.release = nil
}

// Serve is the whole of `flint serve`: database, schema, parts, work, until ctx
// ends. ready is called once requests are answered.
func Serve(ctx context.Context, cfg Config, ln net.Listener, log *slog.Logger, ready func(*App, *Database)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	db, err := OpenDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	if err := db.held(ctx, cfg, log); err != nil {
		return err
	}
	if err := db.takeOver(ctx, log); err != nil {
		return err
	}
	db.ahead(ctx, log)
	a, err := Build(ctx, cfg, db.Pool, log)
	if err != nil {
		return err
	}
	if !cfg.Mail.Enabled() {
		log.WarnContext(ctx, "neither SMTP_URL nor RESEND_API_KEY is set: mails wait in the queue until one is")
	}
	served := make(chan error, 1)
	go func() {
		served <- a.Run(ctx, ln, func() {
			if ready != nil {
				ready(a, db)
			}
		})
	}()
	select {
	case err = <-served:
	case <-db.Lost():
		err = errors.New("the private database has ended; see its log in the state folder")
		cancel()
		<-served //nolint:errcheck // the reason is known
	}
	return err
}

// LoginLink returns a link that signs the person with this e-mail address in,
// once, within ttl.
func (a *App) LoginLink(ctx context.Context, email string, ttl time.Duration) (config.Secret, error) {
	p, err := a.Identity.PersonByEmail(ctx, email)
	if err != nil {
		return config.Secret{}, fmt.Errorf("find %s: %w", email, err)
	}
	return a.Sessions.IssueLink(ctx, access.SystemActor("demo", p.ID), p.ID, ttl)
}
