package screening

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// ErrOwn says that nobody decides about themself.
var ErrOwn = fault.New(fault.Forbidden, "own_screening", "Somebody else has to decide that about you.")

// person compares user with the list and keeps what is alike. Somebody who is
// gone is nobody to compare.
func (s *Service) person(ctx context.Context, user id.User, why Occasion) error {
	p, err := s.cfg.People.Person(ctx, user)
	if errors.Is(err, fault.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find person: %w", err)
	}
	_, err = s.compare(ctx, user, Subject{Name: p.Name()}, why)
	return err
}

// compare screens who on behalf of user, and keeps what is new. It returns the
// marks of all that was found.
func (s *Service) compare(ctx context.Context, user id.User, who Subject, why Occasion) ([][]byte, error) {
	matches, err := s.cfg.Screener.Screen(ctx, who)
	if err != nil {
		return nil, fmt.Errorf("screen: %w", err)
	}
	if len(matches) == 0 {
		return nil, nil
	}
	marks := make([][]byte, len(matches))
	for i, m := range matches {
		if marks[i], err = s.mark(user, who, m.Entry, why); err != nil {
			return nil, err
		}
	}
	err = postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		known, err := standings(ctx, tx, user, marks)
		if err != nil {
			return fmt.Errorf("look for what is known: %w", err)
		}
		for i, m := range matches {
			if slices.ContainsFunc(known, func(k standing) bool { return slices.Equal(k.Mark, marks[i]) }) {
				continue
			}
			if err := s.keep(ctx, tx, user, who, m, why, marks[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("keep a screening: %w", err)
	}
	return marks, nil
}

func (s *Service) keep(ctx context.Context, tx pgx.Tx, user id.User, who Subject, m Match, why Occasion, mark []byte) error {
	r := row{ID: id.New[id.Screening](), UserID: user, Occasion: why, CreatedAt: s.now()}
	var err error
	if r.Sealed, err = s.seal(ctx, r, Finding{Name: who.Name, Entry: m.Entry, Alike: m.Name, Score: m.Score}); err != nil {
		return err
	}
	added, err := insert(ctx, tx, r, mark)
	if err != nil || added == 0 { // another job was quicker
		return err
	}
	return audit.Record(ctx, tx, r.CreatedAt, audit.Entry{
		Actor: access.SystemActor("screening", id.User{}), Verb: "screening.match", Object: r.ID.String(),
		Detail: map[string]any{"user": user.String(), "how": string(why)},
	})
}

// mark is what a decision is about: whose it is, the name's words and all that is
// known of the entry. A payee isn't the person, whatever they are called.
func (s *Service) mark(user id.User, who Subject, e Entry, why Occasion) ([]byte, error) {
	about := "person"
	if why == Transfer {
		about = "payee"
	}
	words := []string{}
	for _, t := range tokens(who.Name) {
		words = append(words, t.raw)
	}
	text, err := json.Marshal([]any{user.String(), about, words, e})
	if err != nil {
		return nil, fmt.Errorf("write a mark: %w", err)
	}
	return s.cfg.Keys.Mac("screenings.mark", text), nil
}

func (s *Service) seal(ctx context.Context, r row, f Finding) ([]byte, error) {
	return s.cfg.Keys.Pack(ctx, ref(r.UserID, r.ID), f)
}

func (s *Service) open(ctx context.Context, r row) (Screening, error) {
	is := Screening{ID: r.ID, User: r.UserID, Occasion: r.Occasion, State: r.State, CreatedAt: r.CreatedAt, DecidedAt: r.DecidedAt, DecidedBy: r.DecidedBy}
	if err := s.cfg.Keys.Unpack(ctx, ref(r.UserID, r.ID), r.Sealed, &is.Finding); err != nil {
		return is, fmt.Errorf("open a screening: %w", err)
	}
	return is, nil
}

// Gate is what orders and transfers of user must pass: nil, or ErrHeld if it was
// confirmed that the person is on a list. It doesn't say so. Everything else
// stays as it was: an account that closes tells, too.
func (s *Service) Gate(ctx context.Context, db postgres.DB, user id.User) error {
	held, err := isHeld(ctx, db, user)
	if err != nil {
		return fmt.Errorf("look for a screening: %w", err)
	}
	if held {
		return ErrHeld
	}
	return nil
}

// Clearance is what a transfer may do as to whom it pays.
type Clearance string

// The clearances.
const (
	Clear   Clearance = "clear"
	Waiting Clearance = "waiting" // staff have to decide; ask again
	Refused Clearance = "refused" // it was confirmed that the payee is on a list
)

// Payee compares whom user wants to pay, for the feature that moves money: before
// a transfer leaves, and again while it waits. ErrHeld: user may pay nobody.
// Without a list everybody is clear.
func (s *Service) Payee(ctx context.Context, user id.User, payee Subject) (Clearance, error) {
	ctx = postgres.AsSystem(ctx, "a transfer: what is found is not for the person")
	if err := s.Gate(ctx, s.cfg.Pool, user); err != nil {
		return Refused, err
	}
	if s.cfg.Screener == nil {
		return Clear, nil
	}
	marks, err := s.compare(ctx, user, payee, Transfer)
	if err != nil {
		return Waiting, err
	}
	found, err := standings(ctx, s.cfg.Pool, user, marks)
	if err != nil {
		return Waiting, fmt.Errorf("look for what was decided: %w", err)
	}
	is := Clear
	for _, f := range found {
		switch {
		case f.State == Confirmed:
			return Refused, nil
		case f.State != Cleared:
			is = Waiting
		}
	}
	return is, nil
}

// List returns screenings for staff, the newest first: those that are open, or
// all; those before one, if it is given.
func (s *Service) List(ctx context.Context, actor access.Actor, all bool, before id.Screening, limit int) ([]Screening, error) {
	ctx = postgres.AsSystem(ctx, "staff look at who may be on a list")
	rows, err := list(ctx, s.cfg.Pool, all, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list screenings: %w", err)
	}
	sealed := make([][]byte, 0, len(rows))
	for _, r := range rows {
		sealed = append(sealed, r.Sealed)
	}
	if err := s.cfg.Keys.Ahead(ctx, sealed...); err != nil {
		return nil, err
	}
	found := []Screening{}
	for _, r := range rows {
		is, err := s.open(ctx, r)
		if err != nil {
			return nil, err
		}
		found = append(found, is)
	}
	return found, postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		return audit.Record(ctx, tx, s.now(), audit.Entry{Actor: actor, Verb: "screening.look", Detail: map[string]any{"found": len(found)}})
	})
}

// Decide says whether somebody is whom a list names. A decision can be made again
// the other way; the same again is ErrDecided.
func (s *Service) Decide(ctx context.Context, actor access.Actor, screening id.Screening, to State, note string) (Screening, error) {
	ctx = postgres.AsSystem(ctx, "staff decide who is on a list: the entry about it is not for the person")
	var is Screening
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		r, err := lock(ctx, tx, screening)
		if err != nil {
			return fmt.Errorf("find a screening: %w", err)
		}
		switch {
		case r.UserID == actor.User:
			return ErrOwn
		case r.State == to:
			return ErrDecided
		}
		if is, err = s.open(ctx, r); err != nil {
			return err
		}
		now, before := s.now(), r.State
		r.State, r.DecidedAt, r.DecidedBy = to, &now, &actor.User
		is.State, is.DecidedAt, is.DecidedBy, is.Note = to, &now, &actor.User, note
		if r.Sealed, err = s.seal(ctx, r, is.Finding); err != nil {
			return err
		}
		if err := decide(ctx, tx, r); err != nil {
			return fmt.Errorf("store a decision: %w", err)
		}
		return audit.Record(ctx, tx, now, audit.Entry{
			Actor: actor, Verb: "screening.decide", Object: r.ID.String(),
			Detail: map[string]any{"user": r.UserID.String(), "before": string(before), "after": string(to)},
		})
	})
	return is, err
}
