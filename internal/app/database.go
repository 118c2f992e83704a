package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/config"
	"flint/internal/connection"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/private"
	"flint/internal/platform/queue"
	"flint/internal/platform/vault"
)

// Database is an open database: somebody's server, or our own.
type Database struct {
	Pool    *pgxpool.Pool    // of the role that the program works as
	cluster *private.Cluster // nil if DATABASE_URL named a server
	lent    *vault.Lender    // keeps the user that Pool connects as; nil if URL names one
	vault   *vault.Client    // lends it
	logins  *postgres.Logins // as whom Pool connects, if URL says so
	owner   postgres.Config  // how the tables' owner connects; zero: as Pool does
}

// OpenDatabase connects to DATABASE_URL. Without one it starts a private
// cluster in the state folder, which ends with the program.
func OpenDatabase(ctx context.Context, cfg Config) (*Database, error) {
	db := &Database{}
	if cfg.Database.URL.IsZero() {
		dir, err := cfg.stateDir()
		if err != nil {
			return nil, err
		}
		if db.cluster, err = private.Start(ctx, private.Config{Dir: filepath.Join(dir, "postgres")}); err != nil {
			return nil, err
		}
		cfg.Database.URL, cfg.Database.MigrateURL = config.NewSecret(db.cluster.AppURL()), config.NewSecret(db.cluster.URL())
	}
	if !cfg.Database.MigrateURL.IsZero() {
		db.owner = cfg.Database
		db.owner.URL = cfg.Database.MigrateURL
	}
	switch {
	case cfg.Database.Login != "":
		if err := db.borrow(ctx, &cfg); err != nil {
			return nil, err
		}
	case db.cluster == nil:
		var err error
		if db.logins, err = postgres.LoginsOf(cfg.Database.URL); err != nil {
			return nil, fmt.Errorf("open database: %w", err)
		}
		cfg.Database.Logins = db.logins
	}
	pool, err := postgres.Open(ctx, cfg.Database)
	if err != nil {
		db.Close()
		return nil, err
	}
	db.Pool = pool
	return db, nil
}

// borrow connects the pool as a user that Vault lends, and keeps it in hand.
func (d *Database) borrow(ctx context.Context, cfg *Config) (err error) {
	if !cfg.Vault.Enabled() {
		return errors.New("VAULT_ADDR: must be set, since DATABASE_LOGIN is in Vault")
	}
	if d.vault, err = vault.Open(ctx, cfg.Vault); err != nil {
		return err
	}
	mount, role, _ := cfg.Database.Lender()
	logins := postgres.NewLogins("", config.Secret{})
	d.lent, err = d.vault.Lend(ctx, mount, role, vault.LenderConfig{
		Use:   func(l vault.Login) { logins.Use(l.Name, l.Password) },
		End:   func(l vault.Login) { logins.End(l.Name) },
		Grace: cfg.Database.StatementTimeout + 30*time.Second, // what runs may end
	})
	if err != nil {
		d.vault.Close()
		return err
	}
	cfg.Database.Logins = logins
	return nil
}

// Migrate brings the schema up to date, as its owner.
func (d *Database) Migrate(ctx context.Context) error {
	err := d.asOwner(ctx, func(pool *pgxpool.Pool) error { return postgres.Migrate(ctx, pool) })
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42501" && d.owner.URL.IsZero() { // insufficient_privilege
		return fmt.Errorf("DATABASE_URL's user may not change the schema; let DATABASE_MIGRATE_URL log in as its owner: %w", err)
	}
	return err
}

// Migrations lists what Migrate does and has done.
func (d *Database) Migrations(ctx context.Context) (list []postgres.Migration, err error) {
	err = d.asOwner(ctx, func(pool *pgxpool.Pool) error {
		list, err = postgres.Status(ctx, pool)
		return err
	})
	return list, err
}

func (d *Database) asOwner(ctx context.Context, fn func(*pgxpool.Pool) error) error {
	if d.owner.URL.IsZero() {
		return fn(d.Pool)
	}
	pool, err := postgres.Open(ctx, d.owner)
	if err != nil {
		return fmt.Errorf("connect by DATABASE_MIGRATE_URL: %w", err)
	}
	defer pool.Close()
	return fn(pool)
}

// held makes sure that row-level security holds the program back. Where people
// come by https it must, unless the operator says otherwise.
func (d *Database) held(ctx context.Context, cfg Config, log *slog.Logger) error {
	why, err := postgres.Unheld(ctx, d.Pool)
	if err != nil || why == "" {
		return err
	}
	if cfg.Origin.Secure() && !cfg.Database.AllowOwner {
		return fmt.Errorf("DATABASE_URL: its user %s, so row-level security doesn't hold Flint back: "+
			"let DATABASE_URL log in as %s or a member of it, and DATABASE_MIGRATE_URL as the owner (docs/security/rows.md), or set DATABASE_ALLOW_OWNER=true", why, postgres.AppRole)
	}
	log.WarnContext(ctx, "ROW-LEVEL SECURITY DOES NOT HOLD: one wall less between people; see docs/security/rows.md", "because", why)
	return nil
}

// ahead makes the partitions of now and of the time to come, which the daily job
// does too: after a year of being switched off the first rows have somewhere to
// go. Without them they would wait where strays do, so it is no reason not to start.
func (d *Database) ahead(ctx context.Context, log *slog.Logger) {
	made, err := postgres.MakePartitions(postgres.AsSystem(ctx, "partitions are of everybody's tables"), d.Pool)
	switch {
	case err != nil:
		log.WarnContext(ctx, "partitions can't be made ahead; the daily job tries again", "err", err)
	case made > 0:
		log.InfoContext(ctx, "partitions were made", "count", made)
	}
}

// takeOver lets what a killed program left half done go on at once. Nobody else
// works on a private cluster, so what is marked as running there isn't. Nodes
// that share a server take over from each other too, within a minute.
func (d *Database) takeOver(ctx context.Context, log *slog.Logger) error {
	if d.cluster == nil {
		return nil
	}
	jobs, err := queue.Reclaim(ctx, d.Pool, time.Now())
	if err != nil {
		return fmt.Errorf("reclaim jobs: %w", err)
	}
	leases, err := connection.ReleaseAll(ctx, d.Pool)
	if err == nil && jobs+leases > 0 {
		log.InfoContext(ctx, "the program was killed; its work goes on", "jobs", jobs, "syncs", leases)
	}
	return err
}

// URL returns the connection string of the private cluster, or nothing: the
// string of somebody else's server holds a password.
func (d *Database) URL() string {
	if d.cluster == nil {
		return ""
	}
	return d.cluster.URL()
}

// Lost is closed when the private cluster has ended by itself; it is nil, and
// so never ready, for somebody else's server.
func (d *Database) Lost() <-chan struct{} {
	if d.cluster == nil {
		return nil
	}
	return d.cluster.Done()
}

// Close ends the connections and the private cluster.
func (d *Database) Close() {
	if d.Pool != nil {
		d.Pool.Close()
	}
	if d.lent != nil {
		d.lent.Close()
		d.vault.Close()
	}
	if d.cluster != nil {
		_ = d.cluster.Stop() // nothing can be done about it at the end
	}
}
