package compliance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// The faults of legal holds.
var (
	ErrHeld   = fault.New(fault.Conflict, "already_held", "There is a legal hold on this account.")
	ErrUnheld = fault.New(fault.NotFound, "not_held", "There is no legal hold on this account.")
)

// LegalHold keeps somebody's data. The reason is sealed where it is stored.
type LegalHold struct {
	ID         id.LegalHold
	Reason     string `db:"-"`
	PlacedAt   time.Time
	PlacedBy   *id.User // one of the staff; nil: an operator, on the command line
	ReleasedAt *time.Time
}

// Hold keeps user's data from retention and from deletion until Release. The
// person isn't told.
func (s *Service) Hold(ctx context.Context, actor access.Actor, user id.User, reason string) (LegalHold, error) {
	ctx = postgres.AsSystem(ctx, "a legal hold: the entry about it is not for the person")
	hold := LegalHold{ID: id.New[id.LegalHold](), Reason: reason, PlacedAt: s.now()}
	if !actor.User.IsZero() && actor.System == "" {
		hold.PlacedBy = &actor.User
	}
	return hold, postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if _, err := s.cfg.People.Lock(ctx, tx, user); err != nil {
			return fmt.Errorf("lock person: %w", err)
		}
		held, err := isHeld(ctx, tx, user)
		if err != nil {
			return fmt.Errorf("look for a legal hold: %w", err)
		}
		if held {
			return ErrHeld
		}
		sealed, err := s.cfg.Keys.Seal(ctx, holdRef(user, hold.ID), []byte(reason))
		if err != nil {
			return fmt.Errorf("seal a reason: %w", err)
		}
		if err := insertHold(ctx, tx, user, hold, sealed); err != nil {
			return fmt.Errorf("store hold: %w", err)
		}
		return audit.Record(ctx, tx, hold.PlacedAt, audit.Entry{
			Actor: actor, Verb: "hold.place", Object: hold.ID.String(), Detail: map[string]any{"user": user.String(), "reason": reason},
		})
	})
}

// Release ends the hold on user's data: the one that is named, or whichever there
// is. ErrUnheld: there is none.
func (s *Service) Release(ctx context.Context, actor access.Actor, user id.User, hold id.LegalHold, reason string) (LegalHold, error) {
	ctx = postgres.AsSystem(ctx, "a legal hold: the entry about it is not for the person")
	var was LegalHold
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		row, err := releaseHold(ctx, tx, user, hold, s.now())
		if errors.Is(err, fault.ErrNotFound) {
			return ErrUnheld
		}
		if err != nil {
			return fmt.Errorf("release hold: %w", err)
		}
		if was, err = s.openHold(ctx, user, row); err != nil {
			return err
		}
		return audit.Record(ctx, tx, s.now(), audit.Entry{
			Actor: actor, Verb: "hold.release", Object: was.ID.String(), Detail: map[string]any{"user": user.String(), "reason": reason},
		})
	})
	return was, err
}

// Holds lists the holds on user's data, the newest first, those that ended too.
func (s *Service) Holds(ctx context.Context, actor access.Actor, user id.User) (holds []LegalHold, err error) {
	ctx = postgres.AsSystem(ctx, "a legal hold: the entry about it is not for the person")
	err = postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if _, err := s.cfg.People.PersonIn(ctx, tx, user); err != nil {
			return fmt.Errorf("find person: %w", err)
		}
		rows, err := listHolds(ctx, tx, user)
		if err != nil {
			return fmt.Errorf("list holds: %w", err)
		}
		holds = nil
		for _, row := range rows {
			h, err := s.openHold(ctx, user, row)
			if err != nil {
				return err
			}
			holds = append(holds, h)
		}
		return audit.Record(ctx, tx, s.now(), audit.Entry{Actor: actor, Verb: "hold.look", Object: user.String()})
	})
	return holds, err
}

func holdPlace() envelope.Place {
	return envelope.Place{Table: "legal_holds", Column: "sealed", Row: "id", Owner: "user_id"}
}

func holdRef(owner id.User, hold id.LegalHold) envelope.Ref {
	return envelope.Ref{Owner: owner, Place: "legal_holds.sealed", Row: hold.String()}
}

// Inherited says what older versions left in clear.
func Inherited() []envelope.Inherited {
	return []envelope.Inherited{{
		Place: holdPlace(), Clear: []string{"clear_reason"},
		Pack: func(clear []*string) ([]byte, error) { return []byte(*clear[0]), nil },
	}}
}

// holdRow is a LegalHold as it is stored.
type holdRow struct {
	LegalHold
	Sealed []byte
}

func (s *Service) openHold(ctx context.Context, owner id.User, row holdRow) (LegalHold, error) {
	reason, err := s.cfg.Keys.Open(ctx, holdRef(owner, row.ID), row.Sealed)
	if err != nil {
		return row.LegalHold, fmt.Errorf("open a reason: %w", err)
	}
	row.Reason = string(reason)
	return row.LegalHold, nil
}

const holdColumns = `id, sealed, placed_at, placed_by, released_at`

func listHolds(ctx context.Context, db postgres.DB, owner id.User) ([]holdRow, error) {
	return postgres.Many[holdRow](ctx, db, `
		select `+holdColumns+` from legal_holds where user_id = @owner order by placed_at desc, id desc limit 100`,
		postgres.Args{"owner": owner})
}

func insertHold(ctx context.Context, tx pgx.Tx, owner id.User, h LegalHold, sealed []byte) error {
	return postgres.Exec(ctx, tx, `
		insert into legal_holds (id, user_id, sealed, placed_at, placed_by) values (@id, @owner, @sealed, @now, @by)`,
		postgres.Args{"id": h.ID, "owner": owner, "sealed": sealed, "now": h.PlacedAt, "by": h.PlacedBy})
}

// releaseHold ends the one that is named, or whichever there is.
func releaseHold(ctx context.Context, tx pgx.Tx, owner id.User, hold id.LegalHold, now time.Time) (holdRow, error) {
	return postgres.One[holdRow](ctx, tx, `
		update legal_holds set released_at = @now
		where user_id = @owner and released_at is null and (@hold::uuid is null or id = @hold)
		returning `+holdColumns,
		postgres.Args{"owner": owner, "hold": hold, "now": now})
}
