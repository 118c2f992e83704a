package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/config"
)

// Logins says as whom pools connect, where that changes while they are open:
// the user is lent, or the password is rotated. Use changes it for connections
// that are made from then on; those of before end when they are given back. End
// closes what was never given back, such as a connection that listens.
//
// It is safe for use by many goroutines. Make one with NewLogins.
type Logins struct {
	mu       sync.Mutex
	name     string
	password config.Secret
	pools    map[*pgxpool.Pool]bool
	open     map[*pgx.Conn]string // by whom; what Alone made or a pool did
}

// NewLogins returns Logins that connect as name.
func NewLogins(name string, password config.Secret) *Logins {
	return &Logins{name: name, password: password, pools: map[*pgxpool.Pool]bool{}, open: map[*pgx.Conn]string{}}
}

// LoginsOf returns Logins that connect as a connection string says.
func LoginsOf(url config.Secret) (*Logins, error) {
	c, err := pgx.ParseConfig(url.Reveal())
	if err != nil {
		return nil, errUnreadable
	}
	return NewLogins(c.User, config.NewSecret(c.Password)), nil
}

// Follow connects from now on as a new connection string says, which must name
// the same database. It returns the user of before, and whether it is another.
func (l *Logins) Follow(before, url config.Secret) (old string, other bool, err error) {
	a, errA := pgx.ParseConfig(before.Reveal())
	b, errB := pgx.ParseConfig(url.Reveal())
	switch {
	case errA != nil || errB != nil:
		return "", false, errUnreadable
	case a.Host != b.Host || a.Port != b.Port || a.Database != b.Database || !maps.Equal(a.RuntimeParams, b.RuntimeParams):
		return "", false, errors.New("DATABASE_URL names another server or database now")
	}
	l.Use(b.User, config.NewSecret(b.Password))
	return a.User, a.User != b.User, nil
}

// Use makes new connections as name. Idle ones of before are closed, and those
// at work when they are given back.
func (l *Logins) Use(name string, password config.Secret) {
	l.mu.Lock()
	l.name, l.password = name, password
	var pools []*pgxpool.Pool
	for p := range l.pools {
		pools = append(pools, p)
	}
	l.mu.Unlock()
	for _, p := range pools {
		p.Reset()
	}
}

// End closes the connections that are still open as name, whatever they do, and
// returns how many there were. Who listens on one of them connects again.
func (l *Logins) End(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for conn, as := range l.open {
		if as != name {
			continue
		}
		_ = conn.PgConn().Conn().Close() // the socket: the connection itself belongs to another goroutine
		delete(l.open, conn)
		n++
	}
	return n
}

// As returns the user of new connections.
func (l *Logins) As() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.name
}

// attach makes the pools of c connect as l says.
func (l *Logins) attach(c *pgxpool.Config) {
	c.BeforeConnect = func(_ context.Context, cc *pgx.ConnConfig) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		cc.User, cc.Password = l.name, l.password.Reveal()
		return nil
	}
	prepare := c.AfterConnect
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		l.noted(conn)
		return prepare(ctx, conn)
	}
	// A connection that was begun before Use and came up after it isn't kept.
	c.PrepareConn = func(_ context.Context, conn *pgx.Conn) (bool, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.open[conn] == l.name, nil
	}
	c.BeforeClose = l.forget
}

// noted remembers conn, and forgets those that have ended meanwhile.
func (l *Logins) noted(conn *pgx.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		select {
		case <-c.PgConn().CleanupDone():
			delete(l.open, c)
		default:
		}
	}
	l.open[conn] = conn.Config().User
}

func (l *Logins) forget(conn *pgx.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, conn)
}

func (l *Logins) add(p *pgxpool.Pool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pools[p] = true
}

// Alone makes a connection that isn't the pool's, in the pool's way and as whom
// the pool connects now. The caller closes it.
func Alone(ctx context.Context, pool *pgxpool.Pool, application string) (*pgx.Conn, error) {
	c := pool.Config()
	if application != "" {
		c.ConnConfig.RuntimeParams["application_name"] = application
	}
	if c.BeforeConnect != nil {
		if err := c.BeforeConnect(ctx, c.ConnConfig); err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
	}
	conn, err := pgx.ConnectConfig(ctx, c.ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if c.AfterConnect != nil {
		if err := c.AfterConnect(ctx, conn); err != nil {
			_ = conn.Close(ctx)
			return nil, fmt.Errorf("connect: %w", err)
		}
	}
	return conn, nil
}
