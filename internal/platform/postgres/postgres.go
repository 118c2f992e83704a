// Package postgres is the way to the database: a pool, transactions, a handful
// of query helpers and the migrations.
//
// Open makes the pool, Migrate brings the schema up to date, and from then on
// features pass constant SQL with named arguments to One, Many, Scalar, Exec
// and Touch. Those take a DB, which a pool and a transaction both are, so the
// same store function serves a read alone and a read within a change. A test
// collects every statement in the program and prepares it on the real schema.
//
// Rows are collected by name into structs (field OwnerID reads column owner_id;
// a db tag says otherwise); a missing or surplus column is an error. Times come
// back in UTC. A query for one row that finds none returns fault.ErrNotFound.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/config"
)

// Config says where the database is and how hard it may be worked.
type Config struct {
	// URL is the connection string that the program works with: of AppRole, or of
	// a member of it. Empty: the caller runs a private cluster.
	URL config.Secret `env:"DATABASE_URL"`
	// MigrateURL is that of the tables' owner, who migrates them. Empty: URL's.
	MigrateURL config.Secret `env:"DATABASE_MIGRATE_URL"`
	// AllowOwner lets the program work in production as a role that row-level
	// security can't hold back.
	AllowOwner bool `env:"DATABASE_ALLOW_OWNER,default=false"`
	// MaxConns bounds the pool. Two to four per core of the database server is
	// plenty; more only queue inside Postgres.
	MaxConns int32 `env:"DATABASE_MAX_CONNS,default=16"`
	// StatementTimeout ends a statement that runs away.
	StatementTimeout time.Duration `env:"DATABASE_STATEMENT_TIMEOUT,default=30s"`
	// Login names who lends the user that the program works as, instead of one in
	// URL: "vault:MOUNT/ROLE".
	Login string `env:"DATABASE_LOGIN"`

	// Logins, if there are any, say as whom to connect, instead of URL.
	Logins *Logins
}

// Validate reports what is wrong with the settings, by variable.
func (c Config) Validate() error {
	if c.Login == "" {
		return nil
	}
	mount, role, ok := c.Lender()
	switch {
	case !ok || mount == "" || role == "":
		return errors.New(`DATABASE_LOGIN: reads "vault:MOUNT/ROLE"`)
	case c.URL.IsZero():
		return errors.New("DATABASE_URL: must say where the database is, since DATABASE_LOGIN says as whom to use it")
	case c.MigrateURL.IsZero():
		return errors.New("DATABASE_MIGRATE_URL: must be set with DATABASE_LOGIN: whoever is lent owns no tables")
	}
	return nil
}

// Lender takes Login apart.
func (c Config) Lender() (mount, role string, ok bool) {
	rest, ok := strings.CutPrefix(c.Login, "vault:")
	mount, role, _ = strings.Cut(rest, "/")
	return mount, role, ok && !strings.Contains(role, "/")
}

// DB runs statements: *pgxpool.Pool or pgx.Tx.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Args are the named arguments of a statement: @owner takes Args{"owner": …}.
type Args = pgx.NamedArgs

// Open connects to the database and makes sure that it answers and is new
// enough. The caller closes the pool.
func Open(ctx context.Context, cfg Config) (*pgxpool.Pool, error) {
	if cfg.URL.IsZero() {
		return nil, errors.New("open database: DATABASE_URL is not set")
	}
	c, err := pgxpool.ParseConfig(cfg.URL.Reveal())
	if err != nil {
		// pgx masks the password, but not one that makes the URL unreadable.
		return nil, fmt.Errorf("open database: %w", errUnreadable)
	}
	if cfg.MaxConns > 0 {
		c.MaxConns = cfg.MaxConns
	}
	c.MaxConnLifetime = 30 * time.Minute
	c.MaxConnLifetimeJitter = 5 * time.Minute
	setDefault(c.ConnConfig.RuntimeParams, "application_name", "flint")
	setDefault(c.ConnConfig.RuntimeParams, "timezone", "UTC")
	setDefault(c.ConnConfig.RuntimeParams, "idle_in_transaction_session_timeout", "60s")
	if cfg.StatementTimeout > 0 {
		setDefault(c.ConnConfig.RuntimeParams, "statement_timeout", fmt.Sprint(cfg.StatementTimeout.Milliseconds()))
	}
	c.AfterConnect = prepareConn(&companions{})
	if cfg.Logins != nil {
		cfg.Logins.attach(c)
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := checkVersion(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	if cfg.Logins != nil {
		cfg.Logins.add(pool)
	}
	return pool, nil
}

var errUnreadable = errors.New("DATABASE_URL is not a connection string such as postgres://user:password@host/name")

// MinVersion is the oldest PostgreSQL that Flint's SQL runs on.
const MinVersion = 15

func checkVersion(ctx context.Context, pool *pgxpool.Pool) error {
	version, err := Scalar[int](ctx, pool, `select current_setting('server_version_num')::int`, nil)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if version/10000 < MinVersion {
		return fmt.Errorf("open database: the server runs PostgreSQL %d, Flint needs %d or newer", version/10000, MinVersion)
	}
	return nil
}

func setDefault(params map[string]string, key, value string) {
	if _, set := params[key]; !set {
		params[key] = value
	}
}

// prepareConn makes times come back in UTC, whatever the machine's zone, and
// gives each connection what goes with its pool.
func prepareConn(with *companions) func(context.Context, *pgx.Conn) error {
	return func(_ context.Context, conn *pgx.Conn) error {
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name: "timestamptz", OID: pgtype.TimestamptzOID,
			Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		conn.PgConn().CustomData()[companionsOf] = with
		return nil
	}
}
