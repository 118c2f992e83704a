// Package rotation exchanges keys when their time is over, by a table
// (schedule.go), and all of them at once after an incident.
//
// The life of a rotation: a row of key_rotations says that a layer is to be
// exchanged, with an entry in the audit log; a new key is made and used from then
// on (made_at); what the old one sealed is moved to it in small transactions, while
// both open (package envelope); the row is finished, with another entry. Whoever is
// killed in between leaves a row without finished_at, and the next look, on
// whichever node, goes on with it. One node at a time does any of this.
//
// A job looks once a day and at each start. What Flint can't exchange by itself is
// told in the log instead when it is overdue.
package rotation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// Config is what a Service needs.
type Config struct {
	Pool   *pgxpool.Pool
	Keys   *envelope.Keys
	Places []envelope.Place // of all that is sealed
	Jobs   queue.Inserter
	Now    func() time.Time
	Log    *slog.Logger
	// Renew makes a new key that signs access tokens, and voids what earlier ones
	// signed; SignsSince says when the one in use was made.
	Renew      func(ctx context.Context, actor access.Actor) error
	SignsSince func(ctx context.Context) (time.Time, error)
}

// Service exchanges keys. It is safe for use by many goroutines, and on many nodes.
type Service struct{ cfg Config }

// New returns a Service. Nothing is exchanged before Turn or Begin.
func New(cfg Config) *Service { return &Service{cfg} }

// Cause is why keys are exchanged.
type Cause string

// The causes.
const (
	Scheduled Cause = "schedule"
	Ordered   Cause = "operator"
	Incident  Cause = "incident"
)

const (
	// turn bounds one run. Another node may go on after that.
	turn = 5 * time.Minute
	// kept is how long a retired data key stays although nothing stored names it: a
	// job that waits may.
	kept = 30 * day
)

// ErrBusy says that another node is exchanging keys.
var ErrBusy = errors.New("another node is exchanging keys")

// Begin asks for layers to be exchanged now: whichever node looks next does it, at
// the latest when its job of this transaction runs. A layer that is being
// exchanged already begins anew: what the earlier rotation made may be what was
// stolen.
func (s *Service) Begin(ctx context.Context, actor access.Actor, cause Cause, reason string, layers ...Layer) error {
	ctx = postgres.AsSystem(ctx, "keys are everybody's")
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		for _, layer := range layers {
			if err := s.begin(ctx, tx, actor, layer, cause, reason); err != nil {
				return err
			}
		}
		_, err := s.cfg.Jobs.InsertTx(ctx, tx, TurnArgs{}, nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("begin to exchange keys: %w", err)
	}
	return nil
}

func (s *Service) begin(ctx context.Context, tx pgx.Tx, actor access.Actor, layer Layer, cause Cause, reason string) error {
	now := s.cfg.Now().UTC()
	n, err := insertRotation(ctx, tx, id.New[id.Entry](), layer, cause, now)
	if err != nil || n == 0 {
		return err
	}
	detail := map[string]any{"how": string(cause), "outcome": "begun"}
	if reason != "" {
		detail["reason"] = reason
	}
	return audit.Record(ctx, tx, now, audit.Entry{Actor: actor, Verb: "key.rotate", Object: string(layer), Detail: detail})
}

// Turn begins what the schedule says is due, and goes on with what was begun, for
// some minutes at most. tell, if it isn't nil, is asked for what is to be told of
// each step's progress. It returns whether something is left to do, ErrBusy if
// another node is at it.
func (s *Service) Turn(ctx context.Context, tell func(what string) envelope.Progress) (left bool, err error) {
	ctx = postgres.AsSystem(ctx, "keys are everybody's")
	over := false
	ran, err := queue.Alone(ctx, s.cfg.Pool, "rotation of keys", turn, s.cfg.Now, func(ctx context.Context) error {
		err := s.due(ctx)
		if err == nil {
			err = s.goOn(ctx, tell)
		}
		over = errors.Is(ctx.Err(), context.DeadlineExceeded)
		return err
	})
	switch {
	case err == nil && !ran:
		return true, ErrBusy
	case over && ctx.Err() == nil: // the turn's time, not the caller's
		return true, nil
	case err != nil:
		return true, err
	}
	open, err := openRotations(ctx, s.cfg.Pool)
	return len(open) > 0, err
}

// due begins what is due, and tells what is overdue and not ours to do.
func (s *Service) due(ctx context.Context) error {
	ages, err := s.Ages(ctx)
	if err != nil {
		return err
	}
	for _, a := range ages {
		switch {
		case !a.Overdue:
		case a.By == Operator:
			s.cfg.Log.WarnContext(ctx, "a key is older than it should be", "key", a.Name, "days", int(a.Age/day), "should_change_after_days", int(a.Every/day), "how", a.Why)
		case a.Layer != Signing && !a.Going: // those exchange themselves: session.KeysWorker
			err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
				return s.begin(ctx, tx, access.SystemActor("rotation", id.User{}), a.Layer, Scheduled, "")
			})
			if err != nil {
				return fmt.Errorf("begin to exchange the %s: %w", a.Name, err)
			}
		}
	}
	return nil
}

// goOn does what was begun, from the top. A layer that fails doesn't hold up the
// others, but for time.
func (s *Service) goOn(ctx context.Context, tell func(string) envelope.Progress) error {
	if tell == nil {
		tell = func(string) envelope.Progress { return nil }
	}
	open, err := openRotations(ctx, s.cfg.Pool)
	if err != nil {
		return fmt.Errorf("list rotations: %w", err)
	}
	var faults []error
	for _, layer := range []Layer{Master, KEK, Data, Signing} {
		for _, r := range open {
			if r.Layer != layer {
				continue
			}
			if err := s.step(ctx, r, tell); err != nil {
				faults = append(faults, fmt.Errorf("exchange keys (%s): %w", r.Layer, err))
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(faults...)
}

// step does all that is left of one rotation. Each part can be done twice.
func (s *Service) step(ctx context.Context, r row, tell func(string) envelope.Progress) (err error) {
	s.cfg.Log.InfoContext(ctx, "keys are being exchanged", "layer", r.Layer, "cause", r.Cause, "since", r.BeganAt)
	if r.MadeAt == nil {
		if err := s.make(ctx, r); err != nil {
			return err
		}
		noted, err := markMade(ctx, s.cfg.Pool, r, s.cfg.Now().UTC())
		if err != nil {
			return fmt.Errorf("note that the new key is in use: %w", err)
		}
		if !noted { // it was begun anew meanwhile: the next turn's
			return nil
		}
	}
	switch r.Layer {
	case Master:
		err = s.cfg.Keys.Remaster(ctx)
	case KEK:
		err = s.cfg.Keys.RewrapDataKeys(ctx, tell("data keys"))
	case Data:
		err = s.cfg.Keys.Reseal(ctx, s.cfg.Places, kept, tell("values"))
	}
	if err != nil {
		return err
	}
	err = postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		now := s.cfg.Now().UTC()
		finished, err := finishRotation(ctx, tx, r, now)
		if err != nil || !finished {
			return err
		}
		return audit.Record(ctx, tx, now, audit.Entry{
			Actor: access.SystemActor("rotation", id.User{}), Verb: "key.rotate", Object: string(r.Layer),
			Detail: map[string]any{"how": string(r.Cause), "outcome": "finished"},
		})
	})
	if err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	s.cfg.Log.InfoContext(ctx, "keys were exchanged", "layer", r.Layer, "cause", r.Cause)
	return nil
}

// make puts a new key of a layer in use.
func (s *Service) make(ctx context.Context, r row) (err error) {
	switch r.Layer {
	case Master: // whoever is killed right after it makes another version, which does no harm
		err = s.cfg.Keys.NewMaster(ctx)
	case KEK:
		_, err = s.cfg.Keys.KEKSince(ctx, r.BeganAt)
	case Data:
		before := r.BeganAt
		if r.Cause == Scheduled {
			before = before.Add(together - After("data keys"))
		}
		_, err = s.cfg.Keys.RetireDataKeysOf(ctx, before)
	case Signing:
		err = s.cfg.Renew(ctx, access.SystemActor("rotation", id.User{}))
	}
	return err
}

// Finish takes turns until nothing is left to do, whoever does it.
func (s *Service) Finish(ctx context.Context, tell func(what string) envelope.Progress) error {
	for {
		left, err := s.Turn(ctx, tell)
		if err != nil && !errors.Is(err, ErrBusy) {
			return err
		}
		if !left {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}
