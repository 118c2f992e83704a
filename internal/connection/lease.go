package connection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// LeaseTime is how long a sync may go on without renewing its lease, which it
// does several times in that span. After a crash the connection waits that long
// at most; then it is due (ClaimDue).
const LeaseTime = 30 * time.Second

// Lease is the right to sync a connection. The network is used while it is
// held, so it can't be a transaction's lock; instead each lease has a higher
// fence than the one before, and a write under an older fence is refused.
//
//	TakeLease -> fetch (Renew now and then) -> in one transaction: Hold, apply, Finish
//
// Whoever can't finish calls Release, or lets it run out.
type Lease struct {
	// Connection is as it was when the lease was taken, with this lease's
	// fence and with LastAttemptAt at its start.
	Connection
	Started time.Time
}

// TakeLease takes the lease of a connection that is neither deleted nor
// disconnected. It returns ErrBusy while another holds it, ErrEnded for a
// disconnected connection and fault.ErrNotFound for a deleted one.
func TakeLease(ctx context.Context, db postgres.DB, connection id.Connection, now time.Time) (Lease, error) {
	c, err := takeLease(ctx, db, connection, now, now.Add(LeaseTime))
	if err == nil {
		return Lease{Connection: c, Started: now}, nil
	}
	if !errors.Is(err, fault.ErrNotFound) {
		return Lease{}, fmt.Errorf("take lease: %w", err)
	}
	switch c, err := byID(ctx, db, connection); {
	case err != nil:
		return Lease{}, fmt.Errorf("take lease: %w", err)
	case c.Status == Disconnected:
		return Lease{}, ErrEnded
	}
	return Lease{}, ErrBusy
}

// Renew prolongs the lease by LeaseTime from now, or returns ErrLeaseLost.
func (l Lease) Renew(ctx context.Context, db postgres.DB, now time.Time) error {
	return l.stillOurs(renewLease(ctx, db, l.ID, l.UserID, l.Fence, now.Add(LeaseTime)))
}

// Hold locks the connection until tx ends and returns it as it is now. It
// returns ErrLeaseLost when another lease was taken since, or the person
// deleted the connection: then nothing of this sync may be stored.
func (l Lease) Hold(ctx context.Context, tx pgx.Tx) (Connection, error) {
	c, err := holdLease(ctx, tx, l.ID, l.UserID, l.Fence)
	if errors.Is(err, fault.ErrNotFound) {
		return c, ErrLeaseLost
	}
	if err != nil {
		return c, fmt.Errorf("hold lease: %w", err)
	}
	return c, nil
}

// Release gives the lease up and changes nothing else. A lease that was lost
// needs no release and is no error.
func (l Lease) Release(ctx context.Context, db postgres.DB) error {
	if _, err := releaseLease(ctx, db, l.ID, l.UserID, l.Fence); err != nil {
		return fmt.Errorf("release lease: %w", err)
	}
	return nil
}

// ReleaseAll gives up all leases and returns how many there were. It is for the
// start of a program that has the database to itself: what holds a lease then
// was killed.
func ReleaseAll(ctx context.Context, db postgres.DB) (int64, error) {
	ctx = postgres.AsSystem(ctx, "the program starts and takes over what was left")
	n, err := releaseAll(ctx, db)
	if err != nil {
		return 0, fmt.Errorf("release leases: %w", err)
	}
	return n, nil
}

// Outcome is how a sync ended.
type Outcome struct {
	At        time.Time // now
	Succeeded bool
	Full      bool      // the whole overlap was walked
	Next      time.Time // when to sync again
	Status    Status
	Reason    string // of the status
}

// Finish stores a sync's outcome in tx and gives the lease up. dirty says that
// the provider told of something new after the sync began: queue another one.
// It returns ErrLeaseLost as Hold does.
func (l Lease) Finish(ctx context.Context, tx pgx.Tx, o Outcome) (dirty bool, err error) {
	dirty, err = finishLease(ctx, tx, l, o)
	if errors.Is(err, fault.ErrNotFound) {
		return false, ErrLeaseLost
	}
	if err != nil {
		return false, fmt.Errorf("finish lease: %w", err)
	}
	if o.Status != l.Status || o.Reason != l.StatusReason {
		return dirty, announce(ctx, tx, l.UserID, l.ID, o.Status)
	}
	return dirty, nil
}

func (l Lease) stillOurs(rows int64, err error) error {
	if err != nil {
		return fmt.Errorf("renew lease: %w", err)
	}
	if rows == 0 {
		return ErrLeaseLost
	}
	return nil
}

// SetStatus changes a connection's status in tx, announces it to the person's
// open pages, and reports whether it was another before. It never touches data.
func SetStatus(ctx context.Context, tx pgx.Tx, owner id.User, connection id.Connection, status Status, reason string) (changed bool, err error) {
	n, err := setStatus(ctx, tx, owner, connection, status, reason)
	if err != nil {
		return false, fmt.Errorf("set status: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	return true, announce(ctx, tx, owner, connection, status)
}
