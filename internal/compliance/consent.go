package compliance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
	"flint/internal/platform/telemetry"
)

// Acceptance is that somebody accepted a version of a text. It isn't changed and
// not taken back: who doesn't agree any more leaves, and who accepted what stays
// true. It names the request; the address that it came from is in the log's entry
// of that request, sealed. All of it goes with the person, but the entry.
type Acceptance struct {
	ID         id.Acceptance
	Document   string
	Version    string
	AcceptedAt time.Time
}

// Asked is a text as somebody is asked for it. AcceptedAt is nil if they haven't
// accepted any version of it; AcceptedVersion is the latest that they have.
type Asked struct {
	Document
	AcceptedVersion string
	AcceptedAt      *time.Time
}

// Consents lists the present texts, and what actor accepted of each.
func (s *Service) Consents(ctx context.Context, actor access.Actor) ([]Asked, error) {
	accepted, err := acceptances(ctx, s.cfg.Pool, actor.User)
	if err != nil {
		return nil, fmt.Errorf("list what was accepted: %w", err)
	}
	var list []Asked
	for _, d := range Current() {
		is := Asked{Document: d}
		for _, a := range accepted { // the latest first
			if a.Document == d.Name {
				is.AcceptedVersion, is.AcceptedAt = a.Version, &a.AcceptedAt
				break
			}
		}
		list = append(list, is)
	}
	return list, nil
}

// Awaited is a text that Flint can't be used without, of which somebody hasn't
// accepted the present version.
type Awaited struct {
	Document string `json:"document" enum:"terms,privacy,general,trading,connect,data"`
	Title    string `json:"title"`
	Changed  bool   `json:"changed" doc:"An earlier version was accepted"`
}

// Awaited lists what actor has yet to accept.
func (s *Service) Awaited(ctx context.Context, actor access.Actor) ([]Awaited, error) {
	texts, err := s.Consents(ctx, actor)
	list := []Awaited{}
	for _, t := range texts {
		if t.Required && t.AcceptedVersion != t.Version {
			list = append(list, Awaited{t.Name, t.Title, t.AcceptedAt != nil})
		}
	}
	return list, err
}

// Accept records that actor accepts the present version of a text. Once more is
// the first time. ErrNotCurrent: it is another version.
func (s *Service) Accept(ctx context.Context, actor access.Actor, name, version string) (Asked, error) {
	d, err := current(name, version)
	if err != nil {
		return Asked{}, err
	}
	at, err := s.accept(ctx, actor, d, "asked", telemetry.RequestID(ctx))
	return Asked{Document: d, AcceptedVersion: d.Version, AcceptedAt: &at}, err
}

func (s *Service) accept(ctx context.Context, actor access.Actor, d Document, occasion, request string) (at time.Time, err error) {
	err = postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		a := Acceptance{ID: id.New[id.Acceptance](), Document: d.Name, Version: d.Version, AcceptedAt: s.now().Truncate(time.Microsecond)} // as it is stored
		added, err := insertAcceptance(ctx, tx, actor.User, a, d.digest(), occasion, request)
		if err != nil {
			return fmt.Errorf("store an acceptance: %w", err)
		}
		if added == 0 {
			at, err = acceptedAt(ctx, tx, actor.User, d.Name, d.Version)
			return err
		}
		at = a.AcceptedAt
		return audit.Record(ctx, tx, at, audit.Entry{
			Actor: actor, Subject: actor.User, Verb: "consent.accept", Object: a.ID.String(),
			Detail: map[string]any{"document": d.Name, "version": d.Version},
		})
	})
	return at, err
}

// Accepted reports whether user has accepted the present version of a text. It is
// for features that mustn't begin before: trading, connect.
func Accepted(ctx context.Context, db postgres.DB, user id.User, name string) (bool, error) {
	d, err := documentOf(name, "")
	if err != nil {
		return false, err
	}
	return hasAccepted(ctx, db, user, d.Name, d.Version)
}

// AcceptArgs asks for it to be recorded that a newcomer accepted the terms, and
// with them the other texts that the form names, in the versions of that moment.
type AcceptArgs struct {
	User    id.User           `json:"user"`
	Version string            `json:"version"`
	Others  map[string]string `json:"others,omitempty"` // versions by name
	Request string            `json:"request"`
}

// Kind names the job.
func (AcceptArgs) Kind() string { return "compliance.accept" }

// InsertOpts says where it runs. It mustn't give up: who accepted is told that
// they did.
func (AcceptArgs) InsertOpts() river.InsertOpts {
	o := queue.Options(queue.Default)
	o.MaxAttempts = 25
	return o
}

// Joined records by a job of tx that a newcomer accepted a version of the terms,
// and with it every other text that is required, as it is in force; an empty one:
// they weren't asked. With the zero user it does the same work, and
// nothing comes of it: registering tells nobody whether an address is known.
func (s *Service) Joined(ctx context.Context, tx pgx.Tx, user id.User, terms string) error {
	if terms == "" {
		return nil
	}
	others := map[string]string{}
	for _, d := range Current() {
		if d.Required && d.Name != "terms" {
			others[d.Name] = d.Version
		}
	}
	if _, err := s.cfg.Jobs.InsertTx(ctx, tx, AcceptArgs{User: user, Version: terms, Others: others, Request: telemetry.RequestID(ctx)}, nil); err != nil {
		return fmt.Errorf("queue an acceptance: %w", err)
	}
	return nil
}

// AcceptWorker runs AcceptArgs.
type AcceptWorker struct {
	queue.Defaults[AcceptArgs]
	Service *Service
}

// Work records it.
func (w *AcceptWorker) Work(ctx context.Context, job *river.Job[AcceptArgs]) error {
	a := job.Args
	if a.User.IsZero() {
		return nil
	}
	ctx = telemetry.WithRequest(postgres.AsUser(ctx, a.User), a.Request, telemetry.Address(ctx))
	if _, err := w.Service.cfg.People.Person(ctx, a.User); errors.Is(err, fault.ErrNotFound) {
		return nil // erased meanwhile
	} else if err != nil {
		return fmt.Errorf("find person: %w", err)
	}
	texts := map[string]string{"terms": a.Version}
	maps.Copy(texts, a.Others)
	for name, version := range texts {
		d, err := documentOf(name, version)
		if err != nil {
			return err
		}
		if _, err := w.Service.accept(ctx, access.Actor{User: a.User}, d, "registration", a.Request); err != nil {
			return err
		}
	}
	return nil
}

func insertAcceptance(ctx context.Context, tx pgx.Tx, owner id.User, a Acceptance, digest []byte, occasion, request string) (int64, error) {
	return postgres.Touch(ctx, tx, `
		insert into consents (id, user_id, document, version, digest, accepted_at, occasion, request_id)
		values (@id, @owner, @document, @version, @digest, @at, @occasion, @request)
		on conflict on constraint consents_once do nothing`,
		postgres.Args{"id": a.ID, "owner": owner, "document": a.Document, "version": a.Version, "digest": digest, "at": a.AcceptedAt, "occasion": occasion, "request": request})
}

func acceptances(ctx context.Context, db postgres.DB, owner id.User) ([]Acceptance, error) {
	return postgres.Many[Acceptance](ctx, db, `
		select id, document, version, accepted_at from consents where user_id = @owner order by accepted_at desc, id desc`,
		postgres.Args{"owner": owner})
}

func acceptedAt(ctx context.Context, db postgres.DB, owner id.User, document, version string) (time.Time, error) {
	return postgres.Scalar[time.Time](ctx, db, `
		select accepted_at from consents where user_id = @owner and document = @document and version = @version`,
		postgres.Args{"owner": owner, "document": document, "version": version})
}

func hasAccepted(ctx context.Context, db postgres.DB, owner id.User, document, version string) (bool, error) {
	return postgres.Scalar[bool](ctx, db, `
		select exists (select from consents where user_id = @owner and document = @document and version = @version)`,
		postgres.Args{"owner": owner, "document": document, "version": version})
}
