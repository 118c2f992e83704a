package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"flint/internal/platform/postgres"
)

// Alone runs fn unless somebody else, on whichever node, is at what has this name;
// then it returns false. The context of fn ends after most, and only then may
// somebody else begin although fn hasn't returned: the node may have been killed.
func Alone(ctx context.Context, db postgres.DB, name string, most time.Duration, now func() time.Time, fn func(context.Context) error) (ran bool, err error) {
	holder := uuid.New()
	mine, err := holdLease(ctx, db, name, holder, now().UTC(), most)
	if err != nil || !mine {
		return false, err
	}
	defer func() {
		err = errors.Join(err, endLease(context.WithoutCancel(ctx), db, name, holder))
	}()
	within, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return true, fn(within)
}

func holdLease(ctx context.Context, db postgres.DB, name string, holder uuid.UUID, now time.Time, most time.Duration) (bool, error) {
	n, err := postgres.Touch(ctx, db, `
		insert into leases as l (name, holder, until) values (@name, @holder, @until)
		on conflict (name) do update set holder = @holder, until = @until where l.until <= @now`,
		postgres.Args{"name": name, "holder": holder, "now": now, "until": now.Add(most)})
	if err != nil {
		return false, fmt.Errorf("hold the lease of %s: %w", name, err)
	}
	return n == 1, nil
}

func endLease(ctx context.Context, db postgres.DB, name string, holder uuid.UUID) error {
	err := postgres.Exec(ctx, db, `delete from leases where name = @name and holder = @holder`, postgres.Args{"name": name, "holder": holder})
	if err != nil {
		return fmt.Errorf("end the lease of %s: %w", name, err)
	}
	return nil
}
