package connection

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// Leave deletes all of owner's connections in tx, since owner leaves Flint, and
// queues what tells the providers. The jobs need owner's data keys, so these must
// stay until Untold counts none that waits.
func (s *Service) Leave(ctx context.Context, tx pgx.Tx, actor access.Actor, owner id.User) error {
	if err := postgres.Serialize(ctx, tx, "connections:"+owner.String()); err != nil {
		return err
	}
	live, err := lockAll(ctx, tx, owner)
	if err != nil {
		return fmt.Errorf("lock connections: %w", err)
	}
	for _, c := range live {
		if c.Provider != SnapTrade { // there everything goes with the user
			if err := s.queueRevoke(ctx, tx, c); err != nil {
				return err
			}
		}
		if err := s.remove(ctx, tx, actor, c, true); err != nil {
			return err
		}
	}
	u, err := findUser(ctx, tx, owner)
	if errors.Is(err, fault.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find SnapTrade's user: %w", err)
	}
	if _, err := s.queue.InsertTx(ctx, tx, LeaveArgs{Owner: owner, UserID: u.SnaptradeUserID}, nil); err != nil {
		return fmt.Errorf("queue the end of SnapTrade's user: %w", err)
	}
	return nil
}

// Untold counts the jobs that are to tell a provider that something of owner's
// has ended: those that still try, and those that gave up.
func Untold(ctx context.Context, db postgres.DB, owner id.User) (waiting, failed int, err error) {
	type counts struct{ Waiting, Failed int }
	n, err := postgres.One[counts](ctx, db, `
		select count(*) filter (where state not in ('completed', 'cancelled', 'discarded'))::int as waiting,
		       count(*) filter (where state in ('cancelled', 'discarded'))::int as failed
		from river_job where kind in ('connection.revoke', 'connection.leave') and args->>'owner' = @owner::text`,
		postgres.Args{"owner": owner.String()})
	if err != nil {
		return 0, 0, fmt.Errorf("count revocations: %w", err)
	}
	return n.Waiting, n.Failed, nil
}

func lockAll(ctx context.Context, tx pgx.Tx, owner id.User) ([]Connection, error) {
	return postgres.Many[Connection](ctx, tx, `
		select `+columns+` from connections where user_id = @owner and deleted_at is null
		order by id for update`,
		postgres.Args{"owner": owner})
}

// LeaveArgs deletes a person's user at SnapTrade, with all that hangs on it.
type LeaveArgs struct {
	Owner  id.User `json:"owner"`
	UserID string  `json:"user_id"` // SnapTrade's, which is made from ours
}

// Kind names the job.
func (LeaveArgs) Kind() string { return "connection.leave" }

// InsertOpts tries as long as RevokeArgs.
func (LeaveArgs) InsertOpts() river.InsertOpts { return RevokeArgs{}.InsertOpts() }

// LeaveWorker works LeaveArgs.
type LeaveWorker struct {
	queue.Defaults[LeaveArgs]
	Service *Service
}

// Work tells SnapTrade. That the user is gone there is no error.
func (w *LeaveWorker) Work(ctx context.Context, job *river.Job[LeaveArgs]) error {
	if w.Service.cfg.SnapTrade == nil {
		return errors.New("SnapTrade is switched off")
	}
	return w.Service.cfg.SnapTrade.DeleteUser(ctx, job.Args.UserID)
}
