package postgres

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// companions are what goes with every connection of one pool: the keys, say, that
// its values are sealed under. Whoever has a transaction has them, so that none
// has to be handed through every feature and none can be forgotten.
type companions struct {
	mu   sync.RWMutex
	list []any
}

const companionsOf = "flint companions" // in the custom data of a connection

// Accompany lets v go with the connections of pool, which Open made, until done
// is called. Of several values of a type, the last counts.
func Accompany(ctx context.Context, pool *pgxpool.Pool, v any) (done func(), err error) {
	var c *companions
	err = pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		c, _ = conn.Conn().PgConn().CustomData()[companionsOf].(*companions)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, errors.New("the pool wasn't opened by this package")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, v)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if i := slices.Index(c.list, v); i >= 0 {
			c.list = slices.Delete(c.list, i, i+1)
		}
	}, nil
}

// Companion returns the T that goes with db; ok is false if there is none.
func Companion[T any](ctx context.Context, db DB) (v T, ok bool, err error) {
	from := func(conn *pgx.Conn) error {
		c, _ := conn.PgConn().CustomData()[companionsOf].(*companions)
		if c == nil {
			return nil
		}
		c.mu.RLock()
		defer c.mu.RUnlock()
		for _, each := range slices.Backward(c.list) {
			if v, ok = each.(T); ok {
				break
			}
		}
		return nil
	}
	switch db := db.(type) {
	case *pgxpool.Pool:
		err = db.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return from(conn.Conn()) })
	case pgx.Tx:
		err = from(db.Conn())
	}
	return v, ok, err
}
